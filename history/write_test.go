package history

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWrittenLinesAreTheRecordedOnes(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		cs := calls(rt, 40)
		path := record(rt, fresh(rt, dir), cs)
		var recorded, written bytes.Buffer
		f, size, err := openFile(path)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if _, err := lines(f, size, func(b []byte, _ int64) error { recorded.Write(b); return nil }); err != nil {
			rt.Fatal(err)
		}
		if err := open(rt, path).WriteJSONL(&written); err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(recorded.String(), written.String()); d != "" {
			rt.Fatal(d)
		}
	})
}

func TestAReadThatAnUnknownOperationToldIsWritten(t *testing.T) {
	const text = header1 +
		`{"i":1,"t":5,"type":"invoke","session":0,"node":"n1","ops":[["r","x"],["r","y"],["w","x",17]]}` + "\n" +
		`{"i":4,"t":6,"type":"info","session":0,"node":"n1","ops":[["r","x",12],["r","y"],["w","x",17]],"error":"timeout"}` + "\n" +
		`{"i":9,"t":7,"type":"invoke","session":0,"node":"n1","ops":[["w","x",18]],"ctx":"v7"}` + "\n"
	h, err := readBytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := h.WriteJSONL(&b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(text, b.String()); d != "" {
		t.Error(d)
	}
}

func TestAPartKeepsIndexesAndEvents(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := want(rt, testHeader, calls(rt, 40))
		keep := []int{}
		for k := range h.Len() {
			if rapid.Bool().Draw(rt, "keep") {
				keep = append(keep, k)
			}
		}
		part := h.Only(keep)
		if part.Damage != "" || part.Len() != len(keep) {
			rt.Fatalf("%d of %d operations, %q", part.Len(), len(keep), part.Damage)
		}
		if d := cmp.Diff(h.Events, part.Events); d != "" {
			rt.Fatal(d)
		}
		for at, k := range keep {
			whole, op := h.Op(k), part.Op(at)
			if p, ok := part.Pos(whole.Index); !ok || p != at {
				rt.Fatalf("#%d is at %d, want %d", whole.Index, p, at)
			}
			op.Pos = whole.Pos
			if d := cmp.Diff(whole, op); d != "" {
				rt.Fatal(d)
			}
		}
	})
}

func TestWritingToAFullDiskFails(t *testing.T) {
	if err := want(t, testHeader, fixedCalls(10)).WriteJSONL(&badDisk{left: 100}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	if err := want(t, testHeader, fixedCalls(10_000)).WriteJSONL(&badDisk{left: 100}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}
