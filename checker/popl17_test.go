package checker

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/skip"
)

// TestPublishedHistoriesGetTheirVerdicts judges the histories of the figures of
// Bouajjani et al. (POPL 2017), as others wrote them down.
func TestPublishedHistoriesGetTheirVerdicts(t *testing.T) {
	folder := filepath.Join("..", "..", "shared", "data", "popl17")
	if _, err := os.Stat(folder); err != nil {
		skip.Because(t, "the published histories are not beside this repository: %v", err)
	}
	for _, tc := range []struct {
		figure      string
		cc, ccv, cm Verdict
		byCCv, byCM string // labels
	}{
		{"a", Holds, Violated, Holds, "CyclicCF", ""},
		{"b", Holds, Holds, Violated, "", "WriteHBInitRead"},
		{"c", Holds, Violated, Violated, "CyclicCF", "CyclicHB"},
		{"d", Holds, Holds, Holds, "", ""},
		{"e", Violated, Violated, Violated, "WriteCORead", "WriteCORead"},
	} {
		t.Run(tc.figure, func(t *testing.T) {
			h := published(t, filepath.Join(folder, "paper_history_"+tc.figure+".edn"))
			res := Check(context.Background(), h, Options{Only: []string{"cc", "ccv", "cm"}})
			for _, want := range []struct {
				name    string
				verdict Verdict
				label   string
			}{{"cc", tc.cc, ""}, {"ccv", tc.ccv, tc.byCCv}, {"cm", tc.cm, tc.byCM}} {
				d := res.Properties[want.name]
				if d.Verdict != want.verdict {
					t.Errorf("%s: %s, want %s", want.name, d.Reason, want.verdict)
				}
				if want.label != "" && (len(d.Findings) == 0 || d.Findings[0].Label != want.label) {
					t.Errorf("%s: want a finding %s: %+v", want.name, want.label, d.Findings)
				}
			}
		})
	}
}

var publishedLine = regexp.MustCompile(`:type :ok, :f :(read|write), :value \[(\w+) (\d+)\], :process (\d+),`)

// published reads the lines of one figure.
func published(t *testing.T, file string) *history.History {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, i := history.NewBuilder(history.Header{Nodes: []string{"n1"}}), 0
	for _, line := range strings.Split(string(text), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		m := publishedLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%s: cannot read %q", file, line)
		}
		v, _ := strconv.ParseInt(m[3], 10, 64)
		session, _ := strconv.Atoi(m[4])
		asked := history.Step{F: history.Read, Key: m[2]}
		done := asked
		if v != 0 {
			done.Value = history.Int(v)
		}
		if m[1] == "write" {
			done.F = history.Write
			asked = done
		}
		at := time.Duration(i) * time.Millisecond
		if err := b.Invoke(2*i+1, at, session, "n1", []history.Step{asked}, false); err != nil {
			t.Fatal(err)
		}
		if err := b.Complete(2*i+2, at, session, history.OK, []history.Step{done}, history.Meta{}); err != nil {
			t.Fatal(err)
		}
		i++
	}
	return b.History()
}
