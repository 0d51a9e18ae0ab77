package history_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// guessing is a history of sessions that write and read a few keys; what they
// read is any value that was written, so that most such histories are wrong.
func guessing(t *testing.T, rng *rand.Rand, hd history.Header, most int) *history.History {
	b, next, i := history.NewBuilder(hd), int64(0), 0
	for range 4 + rng.IntN(8) {
		var asked, done []history.Step
		for range 1 + rng.IntN(most) {
			s := history.Step{F: history.Read, Key: fmt.Sprint(rng.IntN(2))}
			if rng.IntN(2) == 0 {
				next++
				s.F, s.Value = history.Write, history.Int(next)
			}
			asked = append(asked, s)
			if s.F == history.Read && rng.IntN(5) > 0 {
				s.Value = history.Int(rng.Int64N(next + 1))
			}
			done = append(done, s)
		}
		session, outcome := rng.IntN(3), []history.Outcome{history.OK, history.OK, history.OK, history.Fail}[rng.IntN(4)]
		if outcome != history.OK {
			done = nil
		}
		at := time.Duration(i)
		if err := errors.Join(b.Invoke(i+1, at, session, "n1", asked, false), b.Complete(i+2, at, session, outcome, done, history.Meta{})); err != nil {
			t.Fatal(err)
		}
		i += 2
	}
	return b.History()
}

// What is wrong stays wrong in another format, and what is right stays right.
func TestAHistoryIsJudgedAlikeInEveryFormat(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	path := filepath.Join(t.TempDir(), "h")
	seen := map[string]int{}
	for range 400 {
		h := guessing(t, rng, history.Header{SessionScope: "client", Granularity: "transaction"}, 1+rng.IntN(3))
		want := checker.Check(t.Context(), h, checker.Options{}).Properties
		for format, write := range map[string]func(io.Writer) error{"EDN": h.WriteEDN, "Plume text": h.WritePlume, "own": h.WriteJSONL} {
			var text bytes.Buffer
			if err := write(&text); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			got := verdicts(t, path)
			for _, p := range []string{"cc", "ccv", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads", "no-thin-air"} {
				seen[p+" "+string(want[p].Verdict)]++
				// Failed operations that follow each other are one in Plume text, so only verdicts can be the same.
				if got[p].Verdict != want[p].Verdict || format != "Plume text" && got[p].Violations != want[p].Violations {
					t.Fatalf("%s: %s is %s (%s), want %s (%s)\n%s", format, p, got[p].Verdict, got[p].Reason, want[p].Verdict, want[p].Reason, text.String())
				}
			}
		}
	}
	for _, p := range []string{"cc violated", "cc holds", "ccv violated", "ccv holds", "monotonic-reads violated", "no-thin-air violated"} {
		if seen[p] == 0 {
			t.Errorf("no history of which %s: %v", p, seen)
		}
	}
}
