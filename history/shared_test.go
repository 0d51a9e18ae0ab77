package history_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/skip"
)

// recorded are the files of a folder of histories that others recorded. They
// lie beside the repository, where there are any.
func recorded(t *testing.T, pattern string) []string {
	t.Helper()
	root := filepath.Join("..", "..", "shared", "data")
	if _, err := os.Stat(root); err != nil {
		skip.Because(t, "the histories that others recorded are not beside the repository: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no file matches %s below %s (%v)", pattern, root, err)
	}
	return files
}

func verdicts(t *testing.T, path string) map[string]*checker.Decided {
	t.Helper()
	h, err := history.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return checker.Check(t.Context(), h, checker.Options{}).Properties
}

func TestGaleraHistoriesOfPlumeViolateCausalityWhereOthersFoundIt(t *testing.T) {
	for _, path := range recorded(t, "plume/galera/*.txt") {
		want, name := checker.Holds, filepath.Base(path)
		if name == "00074.txt" || name == "00098.txt" {
			want = checker.Violated
		}
		cc := verdicts(t, path)["cc"]
		if cc.Verdict != want || want == checker.Violated && cc.Counts["WriteCOInitRead"] == 0 {
			t.Errorf("%s: cc is %s (%s, %v), want %s", name, cc.Verdict, cc.Reason, cc.Counts, want)
		}
	}
}

// The seven test cases of Plume violate transactional ccv. These are the ones
// that break what plain histories can break: b reads an aborted write, the
// others what their past rules out. a reads a value where nothing is written,
// and f an intermediate one of a transaction.
func TestTheTestCasesOfPlumeAreFound(t *testing.T) {
	by := map[string]string{"tap-b": "no-thin-air", "tap-d": "cc", "tap-h": "cc", "tap-k": "cc", "tap-m": "cc"}
	for _, path := range recorded(t, "plume/taps/*.txt") {
		name := filepath.Base(path[:len(path)-len(".txt")])
		d := verdicts(t, path)
		if p := by[name]; p != "" && d[p].Verdict != checker.Violated {
			t.Errorf("%s: %s is %s (%s)", name, p, d[p].Verdict, d[p].Reason)
		}
	}
}

func TestWhatPlumeTextCannotSayIsNotDecided(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.txt")
	if err := os.WriteFile(path, []byte("w(1,1,0,0)\nr(1,1,1,1)\nr(1,1,1,2)\nw(1,2,1,2)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := verdicts(t, path)
	for _, p := range []string{"convergence", "durability", "no-stale-wins", "no-lost-updates"} {
		if d[p].Verdict != checker.NotDecided {
			t.Errorf("%s is %s (%s)", p, d[p].Verdict, d[p].Reason)
		}
	}
	if d["cc"].Verdict != checker.Holds {
		t.Errorf("cc is %s (%s)", d["cc"].Verdict, d["cc"].Reason)
	}
}

func TestTheFiguresOfThePaperOnCausalConsistencyAreJudgedAsThere(t *testing.T) {
	for _, path := range recorded(t, "popl17/*.edn") {
		want, name := checker.Holds, filepath.Base(path)
		if name == "paper_history_e.edn" {
			want = checker.Violated
		}
		if cc := verdicts(t, path)["cc"]; cc.Verdict != want {
			t.Errorf("%s: cc is %s (%s), want %s", name, cc.Verdict, cc.Reason, want)
		}
	}
}

func TestJepsenHistoriesOfEveryKindAreRead(t *testing.T) {
	operations := map[string]int{
		"bank.edn": 321, "cas-register-bad.edn": 4, "cas-register-good.edn": 316, "counter.edn": 287, "list-append-gh-30.edn": 5,
		"paper-example.edn": 4, "rw-register.edn": 3, "set.edn": 4, "set_full.edn": 294,
	}
	values := map[string]string{"bank.edn": history.ValuesBalances, "cas-register-good.edn": history.ValuesRepeat}
	for _, path := range recorded(t, "edn/*.edn") {
		name := filepath.Base(path)
		h, err := history.Open(path)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case h.Len() != operations[name]:
			t.Errorf("%s: %d operations, want %d", name, h.Len(), operations[name])
		case h.Header.Values != values[name]:
			t.Errorf("%s: its numbers tell %q, want %q", name, h.Header.Values, values[name])
		}
	}
}

// Where numbers name no writes, nothing that rests on reads-from is judged.
func TestWhereNumbersRepeatNothingRestsOnWhatTheyName(t *testing.T) {
	for _, name := range []string{"cas-register-good.edn", "bank.edn"} {
		for property, d := range verdicts(t, recorded(t, "edn/"+name)[0]) {
			if may := []string{"linearizable", "conserved", "non-negative"}; d.Verdict != checker.NotDecided && !slices.Contains(may, property) {
				t.Errorf("%s: %s is %s (%s)", name, property, d.Verdict, d.Reason)
			}
		}
	}
}
