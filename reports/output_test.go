package reports_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/reports"
)

func terminalText(t testing.TB, r *reports.Run, s reports.Style) string {
	t.Helper()
	var b bytes.Buffer
	if err := reports.Terminal(&b, r, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColourIsOnlyOnTopOfWords(t *testing.T) {
	for name, r := range allRuns(t) {
		plain := terminalText(t, r, reports.Style{})
		colored := terminalText(t, r, reports.Style{Color: true})
		if strings.Contains(plain, "\x1b") {
			t.Errorf("%s: there is an escape code in plain text", name)
		}
		if colored == plain {
			t.Errorf("%s: colour changes nothing", name)
		}
		if d := cmp.Diff(plain, escape.ReplaceAllString(colored, "")); d != "" {
			t.Errorf("%s: without its colours the text is another (-plain +stripped):\n%s", name, d)
		}
	}
}

func TestProseKeepsToTheWidth(t *testing.T) {
	for _, width := range []int{40, 60, 80, 100} {
		for _, l := range strings.Split(terminalText(t, staleWinRun(t), reports.Style{Width: width}), "\n") {
			toCopy := strings.HasPrefix(l, "Repeat:") || strings.HasPrefix(l, "Report:") || strings.HasPrefix(l, "Next:")
			heading := strings.HasPrefix(l, "read-your-writes:")
			if n := utf8.RuneCountInString(l); n > width && !toCopy && !heading {
				t.Errorf("width %d: a line of %d: %q", width, n, l)
			}
		}
	}
}

// anyResults draws results whose verdict follows from their properties, as a
// checker's does.
func anyResults(t *rapid.T) *checker.Results {
	res := &checker.Results{Verdict: checker.Holds, Properties: map[string]*checker.Decided{}}
	decided := false
	for i := range rapid.IntRange(0, 5).Draw(t, "properties") {
		d := &checker.Decided{
			Claimed: rapid.Bool().Draw(t, "claimed"), Decided: rapid.Bool().Draw(t, "decided"),
			Excused: rapid.SampledFrom([]string{"", "clock"}).Draw(t, "excused"),
			Result: checker.Result{
				Verdict:    rapid.SampledFrom([]checker.Verdict{checker.Holds, checker.Unknown, checker.Violated}).Draw(t, "verdict"),
				Violations: rapid.IntRange(0, 3).Draw(t, "violations"),
			},
		}
		if d.Verdict != checker.Violated {
			d.Excused = ""
		}
		decided = decided || d.Decided
		switch {
		case !d.Decided || !d.Claimed || d.Excused != "":
		case d.Verdict == checker.Violated:
			res.Verdict = checker.Violated
		case d.Verdict == checker.Unknown && res.Verdict == checker.Holds:
			res.Verdict = checker.Unknown
		}
		res.Properties[string(rune('a'+i))] = d
	}
	if res.Verdict == checker.Holds && (!decided || rapid.Bool().Draw(t, "a fault was absent")) {
		res.Verdict = checker.Unknown
	}
	return res
}

type suites struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Skipped  int `xml:"skipped,attr"`
	Cases    []struct {
		Name    string    `xml:"name,attr"`
		Failure *struct{} `xml:"failure"`
		Error   *struct{} `xml:"error"`
		Skipped *struct{} `xml:"skipped"`
	} `xml:"testsuite>testcase"`
}

func junit(t interface{ Fatal(...any) }, res *checker.Results) (s suites) {
	var b bytes.Buffer
	if err := reports.JUnit(&b, res, "law"); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(b.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestJUnitIsRedExactlyIfTheRunIsNoPass(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		res := anyResults(t)
		s := junit(t, res)
		if red := s.Failures+s.Errors > 0; red != (res.Verdict != checker.Holds) {
			t.Fatalf("the verdict is %s and the suite has %d failures and %d errors", res.Verdict, s.Failures, s.Errors)
		}
		if s.Tests != len(s.Cases) {
			t.Fatalf("%d tests are counted, %d are there", s.Tests, len(s.Cases))
		}
	})
}

func TestJUnitPassesOnlyWhatHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		res := anyResults(t)
		for _, c := range junit(t, res).Cases {
			d := res.Properties[c.Name]
			passed := c.Failure == nil && c.Error == nil && c.Skipped == nil
			if holds := d != nil && d.Decided && d.Verdict == checker.Holds; passed != holds {
				t.Fatalf("%s passes: %v, though it holds: %v", c.Name, passed, holds)
			}
		}
	})
}

func TestJSONIsReadBackAsItWas(t *testing.T) {
	for name, r := range allRuns(t) {
		if r.Results == nil || name == "hostile" {
			continue
		}
		var b bytes.Buffer
		if err := reports.JSON(&b, r.Results); err != nil {
			t.Fatal(err)
		}
		first := b.String()
		var back checker.Results
		if err := json.Unmarshal(b.Bytes(), &back); err != nil {
			t.Fatal(err)
		}
		b.Reset()
		if err := reports.JSON(&b, &back); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(first, b.String()); d != "" {
			t.Errorf("%s: written, read and written again it is another (-first +second):\n%s", name, d)
		}
	}
}

func TestAMeasureThatIsNoNumberDoesNotCostTheResults(t *testing.T) {
	res := &checker.Results{Measures: map[string]float64{"rate": math.NaN(), "max": math.Inf(1), "fine": 1}}
	var b bytes.Buffer
	if err := reports.JSON(&b, res); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"fine": 1`) || len(res.Measures) != 3 {
		t.Errorf("the other measures are gone, or the results were changed: %s", b.String())
	}
}

func TestWriteAllLeavesThreeFilesAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second time over the first
		if err := reports.WriteAll(dir, staleWinRun(t)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if d := cmp.Diff([]string{"junit.xml", "report.html", "results.json"}, got); d != "" {
		t.Errorf("the run folder holds other files (-want +got):\n%s", d)
	}
}

func TestWriteAllWithoutResultsWritesThePageOnly(t *testing.T) {
	dir := t.TempDir()
	if err := reports.WriteAll(dir, uncheckedRun(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "results.json")); err == nil {
		t.Error("there is a results.json for a run that nobody checked")
	}
	if _, err := os.Stat(filepath.Join(dir, "report.html")); err != nil {
		t.Error(err)
	}
}

func TestWriteAllNamesTheFolderThatIsNotThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	err := reports.WriteAll(dir, staleWinRun(t))
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "report.html")) {
		t.Errorf("the error does not say which file could not be written: %v", err)
	}
}
