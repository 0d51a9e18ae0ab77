package mlcheck

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// inFile writes a history of one operation a line: invoke, ok, in its own
// format, and gives its path.
func inFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.jsonl")
	body := `{"format":"mlcheck.history/1","nodes":["n1"]}` + "\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func linearizable(t *testing.T, path string) *checker.Decided {
	t.Helper()
	res, err := Check(t.Context(), path, history.Claim{Property: "linearizable"})
	if err != nil {
		t.Fatal(err)
	}
	return res.Properties["linearizable"]
}

// setRead is a set that is read while an element is put into it, and afterwards.
func setRead(after string) []string {
	return []string{
		`{"i":1,"t":1,"type":"invoke","session":1,"node":"n1","ops":[["add","s",7]]}`,
		`{"i":2,"t":2,"type":"invoke","session":2,"node":"n1","ops":[["r","s"]]}`,
		`{"i":3,"t":3,"type":"ok","session":2,"node":"n1","ops":[["r","s",[7]]]}`,
		`{"i":4,"t":4,"type":"ok","session":1,"node":"n1"}`,
		`{"i":5,"t":5,"type":"invoke","session":2,"node":"n1","ops":[["r","s"]]}`,
		`{"i":6,"t":6,"type":"ok","session":2,"node":"n1","ops":[["r","s",` + after + `]]}`,
	}
}

func TestWhatZonesDoNotJudgeIsSearchedInAChild(t *testing.T) {
	if d := linearizable(t, inFile(t, setRead("[7]")...)); d.Verdict != checker.Holds {
		t.Errorf("%s: %s", d.Verdict, d.Reason)
	}
	d := linearizable(t, inFile(t, setRead("[]")...))
	if d.Verdict != checker.Violated || len(d.Findings) != 1 || d.Findings[0].Label != "no order" {
		t.Fatalf("%s: %s", d.Verdict, d.Reason)
	}
	if story := d.Findings[0].Story; !strings.Contains(story, "session 2 read s=[]") && !strings.Contains(story, "Session 2 read s=[]") {
		t.Error(story)
	}
}

// doubtful is a counter to which anything may have been added.
func doubtful() []string {
	var lines []string
	for i := range 50 {
		s := `"session":` + strconv.Itoa(i+1) + `,"node":"n1","ops":[["inc","c",` + strconv.Itoa(2<<i) + `]]}`
		lines = append(lines, `{"i":`+strconv.Itoa(i+1)+`,"t":`+strconv.Itoa(i+1)+`,"type":"invoke",`+s)
	}
	return append(lines,
		`{"i":101,"t":101,"type":"invoke","session":100,"node":"n1","ops":[["r","c"]]}`,
		`{"i":102,"t":102,"type":"ok","session":100,"node":"n1","ops":[["r","c",-1]]}`)
}

func TestASearchThatTakesTooMuchIsUnknownAndSaysHowToRaiseTheLimit(t *testing.T) {
	path := inFile(t, doubtful()...)
	for _, tc := range []struct{ time, mib, want string }{
		{"10m", "48", "the search for an order took more than 48 MiB; MLCHECK_SEARCH_MIB=192 lets it take more"},
		{"300ms", "1024", "the search for an order took more than 300ms; MLCHECK_SEARCH_TIME=3s lets it take more"},
		{"soon", "", "MLCHECK_SEARCH_TIME=soon is no time"},
		{"", "much", "MLCHECK_SEARCH_MIB=much is no number of MiB"},
	} {
		t.Setenv("MLCHECK_SEARCH_TIME", tc.time)
		t.Setenv("MLCHECK_SEARCH_MIB", tc.mib)
		if d := linearizable(t, path); d.Verdict != checker.Unknown || !strings.Contains(d.Reason, tc.want) {
			t.Errorf("%s: %s\nwant %s", d.Verdict, d.Reason, tc.want)
		}
	}
}

func TestWithoutAProcessToSearchInItIsUnknown(t *testing.T) {
	h, err := history.Open(inFile(t, setRead("[]")...))
	if err != nil {
		t.Fatal(err)
	}
	d := checker.Check(t.Context(), h, checker.Options{}).Properties["linearizable"]
	if d.Verdict != checker.Unknown || !strings.Contains(d.Reason, "there is no process to search in") {
		t.Errorf("%s: %s", d.Verdict, d.Reason)
	}
}
