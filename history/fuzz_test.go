package history

import (
	"bytes"
	"io"
	"testing"
)

// Whatever the bytes: no panic, no more memory than a small file may take, and
// no history that says more than its bytes. What was read can be written, and
// says the same when read again.

// fuzzed reads the bytes; nil: they are no history.
func fuzzed(t *testing.T, text []byte) *History {
	before := taken()
	h, err := readBytes(text)
	if got := taken(); got > mostMemory && got > before {
		t.Fatalf("%d bytes take %d MB of memory", len(text), got>>20)
	}
	if err != nil {
		return nil
	}
	for k := range h.Len() {
		_ = h.Op(k)
	}
	var lines bytes.Buffer
	if err := h.WriteJSONL(&lines); err != nil {
		t.Fatal(err)
	}
	again, err := readBytes(lines.Bytes())
	if err != nil || again.Damage != "" {
		t.Fatal(err, again)
	}
	if d := diff(h, again); d != "" {
		t.Fatal(d)
	}
	return h
}

func FuzzOpen(f *testing.F) {
	f.Add(plain(f, fixedCalls(3)))
	f.Add([]byte(header1 + `{"i":1,"t":5,"type":"invoke","session":0,"node":"n1","ops":[["ins","x",[1,2]],["r","\u0079"]],"final":true,"by":"a"}` + "\n" + `{"type":"fault","i":2,"t":5,"links":[["a","b"]],"offsets":{"a":1}}`))
	f.Add([]byte(`{"format":"mlcheck.history/1","nodes":[],"values":"repeat"}` + "\n" + `{"i":1,"t":5,"type":"invoke","session":0,"ops":[["cas","x",[1,2]]]}` + "\n" + `{"i":2,"t":5,"type":"ok","session":0}`))
	f.Fuzz(func(t *testing.T, text []byte) { fuzzed(t, text) })
}

func FuzzZstd(f *testing.F) {
	whole := slurp(f, record(f, f.TempDir(), fixedCalls(20)))
	f.Add(whole)
	f.Add(whole[:len(whole)-20])
	f.Add(packAs(f, plain(f, fixedCalls(3))))
	f.Add(packAs(f, []byte("r(1,1,1,1)\n")))
	f.Fuzz(func(t *testing.T, file []byte) { fuzzed(t, file) })
}

func FuzzPlume(f *testing.F) {
	f.Add([]byte("w(1,1,0,0)\nr(1,1,1,1)\n"))
	f.Add([]byte("w(1,1,0,-1)\nw(2,1,1,5)\nr(1048577,0,0,-1)"))
	f.Add([]byte("r(-9,0,2147483647,0)"))
	f.Fuzz(func(t *testing.T, text []byte) {
		h := fuzzed(t, text)
		if h == nil || h.Header.Granularity == "" {
			return
		}
		if lines := len(bytes.Fields(text)); h.NSteps() > lines && text[0] != '(' && bytes.IndexByte(text, ':') < 0 {
			t.Fatalf("%d operations, %d steps out of %d lines", h.Len(), h.NSteps(), lines)
		}
		writtenAgain(t, h, "Plume", h.WritePlume)
	})
}

func FuzzJepsen(f *testing.F) {
	f.Add([]byte(`{:type :invoke, :f :write, :value [x 3], :process 0, :time 5}` + "\n" + `{:type :info, :f :write, :value [x 3], :process 0, :error "lost"}`))
	f.Add([]byte(`[{:type :ok :f :cas :value [0 1] :process 1} {:type :ok :f :txn :value [[:append 1 2] [:r 1 [2]]] :process 0}]`))
	f.Add([]byte(`#a{:type :ok :f :add :value [1 0] :process 3} {:type :ok :f :read :value [1 #{0}] :process 3} ;c`))
	f.Add([]byte(`{:type :ok :f :transfer :value {:from 1 :to 2 :amount 3} :process 3} {:type :ok :f :read :value {1 5 2 0} :process 1}`))
	f.Add([]byte(`{:type :ok :f :write :value 0 :process 3} {:type :ok :f :write :value 0 :process 1} {:type :info :f :cas :value [1 [nil 3]] :process 1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		h := fuzzed(t, text)
		if h == nil || h.Header.Granularity == "" {
			return
		}
		if maps := bytes.Count(text, []byte("{")); maps > 0 && text[0] == '{' && (h.Len() > maps || h.NSteps() > len(text)) {
			t.Fatalf("%d operations, %d steps out of %d maps", h.Len(), h.NSteps(), maps)
		}
		writtenAgain(t, h, "EDN", h.WriteEDN)
	})
}

// writtenAgain writes a history in the format it was read from, if it has a
// place there, and reads that.
func writtenAgain(t *testing.T, h *History, format string, write func(w io.Writer) error) {
	var text bytes.Buffer
	if write(&text) != nil || h.Len() == 0 {
		return
	}
	again, err := readBytes(text.Bytes())
	if err != nil {
		t.Fatalf("%s: %v\n%s", format, err, text.Bytes())
	}
	if again.NSteps() != h.NSteps() {
		t.Fatalf("%s: %d steps, then %d\n%s", format, h.NSteps(), again.NSteps(), text.Bytes())
	}
}
