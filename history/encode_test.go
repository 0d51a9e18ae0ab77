package history

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestStringsAreWrittenAsEncodingJSONWritesThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })
		s := rapid.OneOf(rapid.String(), raw, rapid.SampledFrom([]string{"\u2028\u2029", "\x7f", "a\xffb", "<&>", "\\\"\b\f\n\r\t\x00"})).Draw(t, "s")
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(s); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(strings.TrimSuffix(want.String(), "\n"), string(appendString(nil, s))); d != "" {
			t.Fatal(d)
		}
	})
}

func TestLinesLookAsTheFormatSays(t *testing.T) {
	at := 1200345 * time.Nanosecond
	steps := []Step{{F: Read, Key: "x"}, {F: Write, Key: "x", Value: Int(17)}}
	done := []Step{{F: Read, Key: "x", Value: Int(12)}, steps[1]}
	lists := []Step{{F: Read, Key: "s", Value: List(1, 2)}, {F: Read, Key: "s", Value: List()}, {F: Read, Key: "x"}, {F: Delete, Key: "x"}, {F: Insert, Key: "t", Value: List(5, 4)}}
	for _, c := range []struct {
		want string
		got  []byte
	}{
		{`{"i":1,"t":1200345,"type":"invoke","session":3,"node":"n2","ops":[["r","x"],["w","x",17]]}`, appendInvoke(nil, 1, at, 3, "n2", steps, false, Meta{})},
		{`{"i":1,"t":1200345,"type":"invoke","session":3,"node":"n2","ops":[["r","x"]],"final":true}`, appendInvoke(nil, 1, at, 3, "n2", steps[:1], true, Meta{})},
		{`{"i":2,"t":1200345,"type":"ok","session":3,"node":"n2","ops":[["r","x",12],["w","x",17]],"by":"n1","ctx":"a","stamp":"b","token":"c"}`, appendComplete(nil, 2, at, 3, "n2", OK, done, Meta{By: "n1", Ctx: "a", Stamp: "b", Token: "c"})},
		{`{"i":2,"t":1200345,"type":"ok","session":3,"node":"n2","ops":[["r","s",[1,2]],["r","s",[]],["r","x",null],["d","x"],["ins","t",[5,4]]]}`, appendComplete(nil, 2, at, 3, "n2", OK, lists, Meta{})},
		{`{"i":2,"t":1200345,"type":"info","session":3,"node":"n2","ops":[["r","x"],["w","x",17]],"error":"time \"out\""}`, appendComplete(nil, 2, at, 3, "n2", Info, steps, Meta{Error: `time "out"`})},
		{`{"i":2,"t":1200345,"type":"fail","session":3,"node":"n2"}`, appendComplete(nil, 2, at, 3, "n2", Fail, nil, Meta{})},
		{
			`{"i":3,"t":1200345,"type":"fault","fault":1,"kind":"partition","phase":"planned","links":[["n1","n2"],["n2","n1"]]}`,
			appendEvent(nil, Event{Index: 3, T: at, Type: FaultEvent, Fault: 1, Kind: "partition", Phase: Planned, Links: []Link{{"n1", "n2"}, {"n2", "n1"}}}),
		},
		{
			`{"i":4,"t":1200345,"type":"fault","fault":2,"kind":"clock","phase":"effective","nodes":["n1"],"offsets":{"n1":-5,"n2":7},"ppm":100,"dropped":-1}`,
			appendEvent(nil, Event{Index: 4, T: at, Type: FaultEvent, Fault: 2, Kind: "clock", Phase: Effective, Nodes: []string{"n1"}, Offsets: map[string]int64{"n2": 7, "n1": -5}, PPM: 100, Dropped: -1}),
		},
		{`{"i":4,"t":1200345,"type":"fault","fault":2,"kind":"kill","phase":"healing","nodes":["n1"],"met":7}`, appendEvent(nil, Event{Index: 4, T: at, Type: FaultEvent, Fault: 2, Kind: "kill", Phase: Healing, Nodes: []string{"n1"}, Met: 7})},
		{`{"i":5,"t":1200345,"type":"stage","stage":"quiet","state":"stopped","why":"n1: error 1062"}`, appendEvent(nil, Event{Index: 5, T: at, Type: StageEvent, Stage: StageQuiet, State: QuietStopped, Why: "n1: error 1062"})},
		{`{"i":6,"t":1200345,"type":"move","session":0,"from":"n1","to":"n2"}`, appendEvent(nil, Event{Index: 6, T: at, Type: MoveEvent, From: "n1", To: "n2"})},
	} {
		if d := cmp.Diff(c.want+"\n", string(c.got)); d != "" {
			t.Error(d)
		}
	}
}
