package mlcheck

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/workload"
)

// scriptedRun is a run's history, and the Test with its script.
func scriptedRun(t *testing.T, test Test) (*history.History, Test) {
	t.Helper()
	h, _, err := Judge(context.Background(), test)
	if err != nil {
		t.Fatal(err)
	}
	full, err := test.Complete()
	if err != nil {
		t.Fatal(err)
	}
	return h, full.scripted(h)
}

// ops are a history's operations, without final reads, and without the places that
// final reads and measurements take among them.
func ops(h *history.History) []history.Op {
	var all []history.Op
	for k := range h.Len() {
		if op := h.Op(k); !op.Final {
			op.Pos = 0
			all = append(all, op)
		}
	}
	return all
}

func TestTheScriptOfARunIsTheRun(t *testing.T) {
	for workload, policy := range map[string]string{"register": "lww-hlc", "rmw": "siblings", "set": "add-wins", "causal": "none", "counter-exact": "counter", "removals": "lww-hlc"} {
		test := Test{
			Workload: workload, Nemesis: []string{"partition", "clock"}, Time: 4 * time.Second, Leaders: 3, Moves: moving(workload), Seed: 5,
			Options: map[string]string{"policy": policy},
		}
		h, script := scriptedRun(t, test)
		again, _, err := Judge(context.Background(), script)
		if err != nil {
			t.Fatalf("%s: %v", workload, err)
		}
		if diff := cmp.Diff(ops(h), ops(again)); diff != "" || len(ops(h)) < 100 {
			t.Errorf("%s: of %d operations these differ: %s", workload, len(ops(h)), diff[:min(len(diff), 2000)])
		}
		if a, b := h.Header, again.Header; !cmp.Equal(a, b) {
			t.Errorf("%s: %s", workload, cmp.Diff(a, b))
		}
	}
}

func TestScriptsRoundTrip(t *testing.T) {
	h, script := scriptedRun(t, Test{Workload: "removals", Time: 2 * time.Second, Seed: 1})
	if len(script.Script) != len(ops(h)) {
		t.Fatal("not the script of the run")
	}
	script.Script = script.Script[:40]
	rapid.Check(t, func(rt *rapid.T) {
		test := script
		test.Faults = nil
		keep := rapid.SliceOfN(rapid.Bool(), len(script.Script), len(script.Script)).Draw(rt, "keep")
		keep[rapid.IntRange(0, len(keep)-1).Draw(rt, "kept")] = true // a script of nothing is none
		test.Script = slices.DeleteFunc(slices.Clone(script.Script), func(a workload.Ask) bool {
			return !keep[slices.IndexFunc(script.Script, func(b workload.Ask) bool { return a.At == b.At && a.Session == b.Session })]
		})
		test.Sessions = 0
		full, err := test.Complete()
		if err != nil {
			rt.Fatal(err)
		}
		for _, encode := range []func() ([]byte, error){full.JSON, full.YAML} {
			doc, err := encode()
			if err != nil {
				rt.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "test.json")
			if err := os.WriteFile(path, doc, 0o644); err != nil {
				rt.Fatal(err)
			}
			back, err := ReadTest(path)
			if err != nil {
				rt.Fatalf("%v\n%s", err, doc)
			}
			if back, err = back.Complete(); err != nil || !cmp.Equal(full, back) {
				rt.Fatalf("%v: %s", err, cmp.Diff(full, back))
			}
		}
	})
}

func TestScriptsAreCheckedStrictly(t *testing.T) {
	good := "target: reference\ntime: 2s\nscript:\n- {session: 0, at: 0s, node: n1, steps: [[w, x]]}\n"
	for line, want := range map[string]string{
		"- {session: 1, at: 1s, node: n2, steps: [[r, x]]}":         "",
		"- {session: 1, at: 1s, node: n2, steps: [[w, x, 7]]}":      "",
		"- {session: 1, at: 1s, node: n4, steps: [[r, x]]}":         `script[1]: there is no node "n4"`,
		"- {session: 1, at: 2s, node: n2, steps: [[r, x]]}":         "script[1]: it is asked at 2s, but sessions run from 0 to 2s",
		"- {session: 1, at: -1s, node: n2, steps: [[r, x]]}":        "from 0 to 2s",
		"- {session: -1, at: 1s, node: n2, steps: [[r, x]]}":        "numbered from 0",
		"- {session: 1, at: 1s, node: n2, steps: []}":               "it has no steps",
		"- {session: 1, at: 1s, node: n2}":                          "it has no steps",
		"- {session: 1, at: 1s, node: n2, steps: [[inc, x, 1]]}":    `"inc" is not among the steps of this workload`,
		"- {session: 1, at: 1s, node: n2, steps: [[r, x], [r, y]]}": "it has 2 steps",
		"- {session: 1, at: 1s, node: n2, steps: [[r, x, 3]]}":      "takes no number",
		"- {session: 1, at: 1s, node: n2, steps: [[w, x, 0]]}":      "begin at 1",
		"- {session: 1, at: 1s, node: n2, steps: [[w, x, -2]]}":     "begin at 1",
		"- {session: 1, at: 1s, node: n2, steps: [[w, x, y]]}":      "is no number",
		"- {session: 1, at: 1s, node: n2, steps: [[w, x, 7, 8]]}":   "a step is a list",
		"- {session: 1, at: 1s, node: n2, steps: [w x]}":            "a step is a list",
		"- {session: 1, at: 1s, node: n2, steps: [[write, x]]}":     "begins with a function and a key",
		"- {session: 1, at: 1s, node: n2, steps: [[w, 7]]}":         "begins with a function and a key",
		"- {session: 1, at: 1s, node: n2, steps: [[w, '']]}":        "names no key",
		"- {session: 1, at: 1s, node: n2, step: [[w, x]]}":          "step",
		"rate: 5":     "leave out keys, rate, reads and moves",
		"sessions: 4": "leave out sessions",
	} {
		path := filepath.Join(t.TempDir(), "test.yaml")
		if err := os.WriteFile(path, []byte(good+line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		test, err := ReadTest(path)
		if err == nil {
			_, err = test.Complete()
		}
		var usage *UsageError
		if want == "" && err != nil || want != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: want %q: %v", line, want, err)
		}
	}
	twice := Test{Script: []workload.Ask{
		{Node: "n1", Steps: []workload.Step{{F: history.Write, Key: "x", Value: history.Int(1)}}},
		{Node: "n1", Steps: []workload.Step{{F: history.Write, Key: "y", Value: history.Int(1)}}},
	}}
	if _, err := twice.Complete(); err == nil || !strings.Contains(err.Error(), "script[1]: 1 is written twice") {
		t.Error(err)
	}
}

func TestNumbersThatAScriptDoesNotNameComeAfterThoseItDoes(t *testing.T) {
	test := Test{Time: time.Second, Script: []workload.Ask{
		{Node: "n1", Steps: []workload.Step{{F: history.Write, Key: "x"}}},
		{Node: "n1", Steps: []workload.Step{{F: history.Write, Key: "x", Value: history.Int(7)}}},
		{Node: "n1", Steps: []workload.Step{{F: history.Write, Key: "x"}}},
	}}
	h, _, err := Judge(context.Background(), test)
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, op := range ops(h) {
		got = append(got, op.Steps[0].Value.N)
	}
	if diff := cmp.Diff([]int64{8, 7, 9}, got); diff != "" {
		t.Error(diff)
	}
}
