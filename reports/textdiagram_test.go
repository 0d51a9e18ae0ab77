package reports

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/checker"
)

func drawn() *checker.Diagram {
	return &checker.Diagram{
		Lanes: []string{"n1", "n2", "n3"},
		Ops: []checker.DiagramOp{
			{Index: 2, Lane: 0, Session: 1, Start: 1_200_000_000, End: 1_201_000_000, What: "w x=1", Outcome: "ok"},
			{Index: 4, Lane: 2, Session: 3, Start: 1_310_000_000, End: 1_311_000_000, What: "r x=1", Outcome: "ok"},
			{Index: 6, Lane: 2, Session: 3, Start: 1_400_000_000, End: -1, What: "w x=2", Outcome: "info"},
			{Index: 8, Lane: 1, Session: 9, Start: 20_000_000_000, End: 20_001_000_000, What: "r x=1", Outcome: "ok", Final: true},
		},
		Arrows: []checker.DiagramEdge{{From: 2, To: 4, Kind: "wr"}, {From: 4, To: 6, Kind: "so"}, {From: 8, To: 6, Kind: "cf"}, {From: 2, To: 99, Kind: "wr"}},
	}
}

func TestADiagramInText(t *testing.T) {
	want := `
time      n1                     n2                     n3
1.200 s   ● #2 w x=1 s1          │                      │
          ├────────────────── wr #2 ───────────────────>│
1.310 s   │                      │                      ● #4 r x=1 s3
          │                      │                      │ so #4
1.400 s   │                      │                      ○ #6 w x=2 s3 info
          │                      ├──── cf #8 to #6 ────>│
20.000 s  │                      ● #8 r x=1 final       │
`
	got := "\n" + strings.Join(textDiagram(drawn(), 80), "\n") + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestANarrowDiagramIsAList(t *testing.T) {
	want := `
1.200 s   ● n1 #2 w x=1 s1
1.310 s   ● n3 #4 r x=1 s3 <wr #2
1.400 s   ○ n3 #6 w x=2 s3 info <so #4 …
20.000 s  ● n2 #8 r x=1 final
`
	got := "\n" + strings.Join(textDiagram(drawn(), 40), "\n") + "\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestADiagramKeepsToItsWidth(t *testing.T) {
	d := drawn()
	for i := range d.Ops {
		d.Ops[i].What = strings.Repeat("r a-very-long-key=123456789, ", i*4)
	}
	for i := range 40 {
		d.Ops = append(d.Ops, checker.DiagramOp{Index: 100 + i, Lane: i % 3, What: "w \x1b[31mx=1\n", Outcome: "fail"})
		d.Arrows = append(d.Arrows, checker.DiagramEdge{From: 2, To: 100 + i, Kind: "a-long-kind"})
	}
	for width := 26; width < 130; width += 7 {
		lines := textDiagram(d, width)
		for _, l := range lines {
			if utf8.RuneCountInString(l) > width {
				t.Errorf("%d columns: %q", width, l)
			}
			if strings.ContainsAny(l, "\x1b\n") {
				t.Errorf("control characters: %q", l)
			}
		}
		if last := lines[len(lines)-1]; last != "… and 30 more operations" {
			t.Errorf("what is left out is not counted: %q", last)
		}
	}
}

func TestOneOperationIsNoDiagram(t *testing.T) {
	d := drawn()
	d.Ops = d.Ops[:1]
	if lines := textDiagram(d, 80); lines != nil {
		t.Error(lines)
	}
	if lines := textDiagram(nil, 80); lines != nil {
		t.Error(lines)
	}
}

func TestTheTerminalSaysWhatAFindingRestsOn(t *testing.T) {
	f := checker.Finding{ID: "0123456789ab", Label: "WriteCORead", Story: "It is so.", Ops: []int{2, 4}, Beside: []int{6}, Diagram: drawn()}
	sure, unsure := f, f
	sure.Confirmed, sure.File = true, "cc-0123456789ab.jsonl"
	unsure.Unconfirmed = "too large for the naive checker"
	show := func(claimed bool, evidence string, fs ...checker.Finding) string {
		var b bytes.Buffer
		run := &Run{Name: "a run", Evidence: evidence, Results: &checker.Results{Verdict: checker.Violated, Exit: 1, Properties: map[string]*checker.Decided{
			"cc": {Claimed: claimed, Decided: true, Result: checker.Result{Verdict: checker.Violated, Violations: 2, Findings: fs}},
		}}}
		if err := Terminal(&b, run, Style{Width: 80}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	out := show(true, "out", sure, unsure)
	for _, want := range []string{"● #2 w x=1 s1", "These 3 operations alone: mlcheck check out/cc-0123456789ab.jsonl", "Not confirmed: too large for the naive checker."} {
		if strings.Count(out, want) != 1 {
			t.Errorf("%q is there %d times:\n%s", want, strings.Count(out, want), out)
		}
	}
	if out := show(false, "out", sure); strings.Contains(out, "●") {
		t.Errorf("what is only observed is drawn:\n%s", out)
	}
	if out := show(true, "", sure); strings.Contains(out, "mlcheck check") {
		t.Errorf("a file that is nowhere is named:\n%s", out)
	}
}

func TestThePageSaysWhatAFindingRestsOn(t *testing.T) {
	sure := evidenceWords(checker.Finding{Confirmed: true, File: "cc-1.jsonl"})
	if !strings.Contains(sure, "Confirmed by a second checker") || !strings.Contains(sure, "findings/cc-1.jsonl shows it alone") {
		t.Error(sure)
	}
	if unsure := evidenceWords(checker.Finding{Unconfirmed: "too large"}); unsure != "Not confirmed: too large." {
		t.Error(unsure)
	}
	if none := evidenceWords(checker.Finding{}); none != "" {
		t.Error(none)
	}
}
