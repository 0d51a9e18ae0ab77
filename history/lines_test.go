package history

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWrongContentIsNamedWithItsLine(t *testing.T) {
	const begin = header1 + `{"i":1,"t":5,"type":"invoke","session":0,"node":"n1","ops":[["w","x",17],["r","y"]]}` + "\n"
	for _, c := range []struct {
		line int
		file string
		want string
	}{
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":0,"node":"n1","ops":[["r","x"]]}`, "session 0 starts an operation while its operation 1 is still open"},
		{3, begin + `{"i":2,"t":5,"type":"ok","session":1,"node":"n1"}`, "session 1 completes an operation that it has not open"},
		{4, begin + `{"i":2,"t":5,"type":"info","session":0,"node":"n1"}` + "\n" + `{"i":3,"t":5,"type":"info","session":0,"node":"n1"}`, "completed it already"},
		{3, begin + `{"i":2,"t":5,"type":"info","session":0,"node":"n2"}`, "asked n1 but completes at n2"},
		{3, begin + `{"i":1,"t":5,"type":"info","session":0,"node":"n1"}`, "event 1 follows event 1: indexes must grow"},
		{3, begin + `{"i":2147483648,"t":5,"type":"info","session":0,"node":"n1"}`, "indexes must grow, up to 2147483647"},
		{3, begin + `{"i":2,"t":5,"type":"ok","session":0,"node":"n1","ops":[["w","x",17]]}`, "the completion has 1 steps, the operation 1 has 2"},
		{3, begin + `{"i":2,"t":5,"type":"ok","session":0,"node":"n1","ops":[["w","x",17],["r","z",1]]}`, "step 2 of the completion is not the one"},
		{3, begin + `{"i":2,"t":5,"type":"ok","session":0,"node":"n1","ops":[["w","x",18],["r","y",1]]}`, "has 18 where operation 1 was invoked with 17"},
		{3, begin + `{"i":2,"t":5,"type":"ok","session":0,"node":"n1","ops":[["w","x",17],["r","y"]]}`, `step 2: an ok read of "y" says what it returned`},
		{3, begin + `{"i":2,"t":5,"type":"ok","session":0,"node":"n1"}`, `"ops" is missing`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["q","x"]]}`, `there is no function "q": the functions are r, w, d, add, rem, app, inc, ins`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["w","x",0]]}`, `"w" on "x" writes 0`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["r","x"],["add","x",0]]}`, `step 2: "add" on "x" writes 0`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["w","x",17]]}`, `"w" writes 17 to "x" a second time`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["app","x",17]]}`, `"app" writes 17 to "x" a second time`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["app","z",3],["app","z",3]]}`, `step 2: "app" writes 3 to "z" a second time`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["w","x"]]}`, `"w" on "x" takes one number`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["w","x",null]]}`, `"w" on "x" takes one number`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["inc","x",[1]]]}`, `"inc" on "x" takes one number`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["ins","x",[1]]]}`, `"ins" on "x" takes a list of two numbers`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["w","x",1.5]]}`, "the value of a step is a whole number"},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["w","x","a"]]}`, "the value of a step is a whole number"},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["r","x",[1,null]]]}`, "a list in a step holds whole numbers"},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["w",5,1]]}`, "the key of a step is a string, not 5"},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[[5,"x",1]]}`, "the function of a step is a string, not 5"},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["w"]]}`, "a step has 1 parts"},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":-1,"node":"n1","ops":[["r","x"]]}`, "session -1 is out of range"},
		{3, begin + `{"i":2,"t":5,"type":"invoke","node":"n1","ops":[["r","x"]]}`, `"session" is missing`},
		{3, begin + `{"t":5,"type":"invoke","session":1,"node":"n1","ops":[["r","x"]]}`, `"i" is missing`},
		{3, begin + `{"i":2,"t":5}`, `"type" is missing`},
		{3, begin + `{"i":2,"t":5,"type":"weather"}`, `there is no type "weather"`},
		{3, begin + `{"i":2,"t":5,"type":"fault","links":[["n1"]]}`, `"links" has a link of 1 nodes`},
		{3, begin + `{"i":2,"t":"5","type":"fault"}`, "cannot unmarshal string"},
		{3, begin + header1, "a second header"},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["r","` + "\x80" + `"]]}`, "the line is not UTF-8"},
		{5, begin + "\n  \r\n" + `{"i":2,"type":"weather"}`, `there is no type "weather"`},
		{3, begin + `{"i":2,"t":4,"type":"invoke","session":1,"node":"n1","ops":[["r","x"]]}`, `"t" goes back, from 5 to 4`},
		{3, begin + `{"i":2,"t":4,"type":"stage","stage":"work"}`, `"t" goes back, from 5 to 4`},
		{2, header1 + `{"i":1,"t":-1,"type":"stage","stage":"work"}`, `"t" goes back, from 0 to -1`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["cas","x",[1,2]]]}`, `"cas" on "x" stands only where the header has "values":"repeat"`},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":1,"node":"n1","ops":[["r","x",99999999999999999999]]}`, "the value of a step is a whole number"},
		{3, begin + `{"i":2,"t":99999999999999999999,"type":"stage"}`, "cannot unmarshal number 99999999999999999999"},
		{3, begin + `{"i":2,"t":5,"type":"invoke","session":4294967296,"node":"n1","ops":[["r","x"]]}`, "session 4294967296 is out of range"},
		{1, `{"format":"mlcheck.history/1","nodes":["n1"],"values":"some"}`, `"values" is "some": it is "repeat" or "balances"`},
	} {
		_, err := readBytes([]byte(c.file + "\n"))
		var line *LineError
		if !errors.As(err, &line) || line.Line != c.line || !strings.Contains(line.Msg, c.want) {
			t.Errorf("want line %d: %s\n got %v", c.line, c.want, err)
		}
	}
}

// What other tools write: any order, white space, unknown fields, no last line end.
func TestUnusualLinesAreRead(t *testing.T) {
	h, err := readBytes([]byte(header1 +
		` { "ops" : [ [ "r" , "x" ] , [ "w" , "\u0079" , 17 ] ] , "node" : "n1", "unknown" : {"a":[1]}, "session":3, "type":"invoke", "t":5, "i":1 , "ctx": "v1"} ` + "\r\n" +
		"\n" +
		`{"i":7,"type":"ok","t":5,"session":3,"ops":[["r","x",[-1,2]],["w","y",17]],"stamp":"s"}` + "\n" +
		`{"i":8,"t":9,"type":"invoke","session":3,"node":"n2","ops":[["rem","s",9223372036854775807]],"final":true}` + "\n" +
		`{"type":"clock","i":9,"offsets":{"n2":-3},"t":10}`))
	if err != nil || h.Damage != "" {
		t.Fatal(err, h)
	}
	want := view{
		Header: Header{Nodes: []string{"n1", "n2"}}, Nodes: []string{"n1", "n2"}, Keys: []string{"x", "y", "s"},
		Ops: []Op{
			{Index: 1, Return: 7, Session: 3, Node: "n1", Start: 5, End: 5, Outcome: OK, Meta: Meta{Ctx: "v1", Stamp: "s"}, Steps: []Step{{Read, "x", List(-1, 2)}, {Write, "y", Int(17)}}},
			{Pos: 1, Index: 8, Session: 3, Node: "n2", Start: 9, Final: true, Steps: []Step{{Remove, "s", Int(1<<63 - 1)}}},
		},
		Events: []Event{{Index: 9, T: 10, Type: ClockEvent, Offsets: map[string]int64{"n2": -3}}},
	}
	if d := cmp.Diff(want, viewOf(h)); d != "" {
		t.Error(d)
	}
}

func TestSoMayNumbersMeetWhereTheyNameTheirWrite(t *testing.T) {
	h, err := readBytes([]byte(header1 +
		`{"i":1,"t":0,"type":"invoke","session":0,"node":"n1","ops":[["w","x",1],["w","y",1],["add","s",1],["add","s",1],["rem","s",1],["inc","c",1],["inc","c",1],["inc","c",0],["w","x",2]]}` + "\n" +
		`{"i":2,"t":0,"type":"invoke","session":1,"node":"n1","ops":[["w","y",2],["w","x",-1],["w","x",1000000000000],["app","l",1]]}` + "\n"))
	if err != nil || h.Damage != "" || h.NSteps() != 13 {
		t.Fatal(err, h)
	}
}

func TestTheFastReaderAndEncodingJSONAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := bytes.Split(bytes.TrimSpace(plain(rt, calls(rt, 20))), []byte("\n"))
		p, fast, slow := newParser(), batch{}, batch{}
		for _, text := range lines[1:] {
			var a, b line
			p.batch = &slow
			if err := p.slow(&b, text); err != nil {
				rt.Fatal(err)
			}
			if b.kind == eventLine {
				continue
			}
			p.batch = &fast
			before := fast
			if !p.fast(&a, text) {
				fast = before
				if !hasLongNumber(text) {
					rt.Fatalf("the fast reader does not know a line of ours: %s", text)
				}
				if err := p.slow(&a, text); err != nil {
					rt.Fatal(err)
				}
			}
			if d := cmp.Diff(b, a, cmp.AllowUnexported(line{})); d != "" {
				rt.Fatal(d)
			}
		}
		if d := cmp.Diff(slow.metas, fast.metas); d != "" || !sameSteps(slow.steps, fast.steps) {
			rt.Fatal(d, slow.steps, fast.steps)
		}
	})
}

func sameSteps(x, y []step) bool {
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i].f != y[i].f || x[i].has != y[i].has || x[i].key != y[i].key || x[i].n != y[i].n || fmt.Sprint(x[i].list) != fmt.Sprint(y[i].list) {
			return false
		}
	}
	return true
}

// hasLongNumber says whether a line may hold a number of 19 digits.
func hasLongNumber(l []byte) bool {
	digits := 0
	for _, c := range l {
		if digits++; c < '0' || c > '9' {
			digits = 0
		}
		if digits > 18 {
			return true
		}
	}
	return false
}
