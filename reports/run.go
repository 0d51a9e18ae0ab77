package reports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// The files of a run folder that this package reads or writes. The history's
// own file is found by [history.Open].
const (
	testFile    = "test.json"
	infoFile    = "run.json"
	resultsFile = "results.json"
	htmlFile    = "report.html"
	junitFile   = "junit.xml"
	logsDir     = "logs"
)

// Run is what is known of a run. Every field may be missing: a page about an
// interrupted run shows what there is, and says what there is not.
type Run struct {
	Name    string            // "mariadb ring register"; empty: made of the history's header
	Dir     string            // the run folder as a person would type it; empty: not shown
	Test    json.RawMessage   // the Test document, shown as it is
	Results *checker.Results  // nil: not checked yet
	History *history.History  // nil: no operation and no time can be shown
	Logs    map[string][]byte // node → log; lines begin with an RFC 3339 time where the node's log has them
	Base    time.Time         // wall clock at the history's time 0; zero: unknown, so log lines cannot be matched
	Version string            // of the mlcheck that ran
	Next    []string          // what to try next, a line each
	Exit    int               // the exit status of a run that could not go on to its end; 0: that of the results

	// Evidence is the folder with the findings' own histories, as a person would
	// type it; empty: that of the run folder, if there is one.
	Evidence string
}

// Info is run.json: what a reader of a run wants to know and no checker may
// depend on, above all the wall clock, which a history deliberately lacks.
type Info struct {
	Name    string    `json:"name,omitempty"`
	Base    time.Time `json:"base,omitzero"`
	Version string    `json:"version,omitempty"`
	Next    []string  `json:"next,omitempty"`
}

// SaveInfo writes run.json into a run folder, for a later [Load].
func SaveInfo(dir string, in Info) error {
	b, err := json.MarshalIndent(in, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", infoFile, err)
	}
	return writeFile(filepath.Join(dir, infoFile), func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}

// Load reads a run folder. Only the history must be there; a folder without
// results.json has not been checked yet, and its Results are nil.
func Load(dir string) (*Run, error) {
	h, err := history.Open(dir)
	if err != nil {
		return nil, err
	}
	return loadBeside(dir, h)
}

// loadBeside reads what a run folder holds beside its history.
func loadBeside(dir string, h *history.History) (*Run, error) {
	r := &Run{Dir: dir, History: h}
	var err error
	if r.Test, err = readOptional(filepath.Join(dir, testFile)); err != nil {
		return nil, err
	}
	if err := loadJSON(filepath.Join(dir, resultsFile), &r.Results); err != nil {
		return nil, err
	}
	var in Info
	if err := loadJSON(filepath.Join(dir, infoFile), &in); err != nil {
		return nil, err
	}
	r.Name, r.Base, r.Version, r.Next = in.Name, in.Base, in.Version, in.Next
	if r.Logs, err = loadLogs(filepath.Join(dir, logsDir)); err != nil {
		return nil, err
	}
	return r, nil
}

func readOptional(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func loadJSON(path string, into any) error {
	b, err := readOptional(path)
	if err != nil || b == nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s is not what mlcheck wrote: %w; remove it and run `mlcheck check` on the folder", path, err)
	}
	return nil
}

func loadLogs(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	logs := map[string][]byte{}
	for _, e := range entries {
		node, isLog := strings.CutSuffix(e.Name(), ".log")
		if !isLog || e.IsDir() {
			continue
		}
		if logs[node], err = readEnds(filepath.Join(dir, e.Name()), maxLogBytes); err != nil {
			return nil, err
		}
	}
	return logs, nil
}

// readEnds reads a file whole, or its two ends where it is larger than limit
// bytes, with a line between them that says what is missing: a node that writes
// gigabytes must not take the report with it.
func readEnds(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() <= limit {
		return io.ReadAll(f)
	}
	half := limit / 2
	head, err := io.ReadAll(io.NewSectionReader(f, 0, half))
	if err != nil {
		return nil, err
	}
	tail, err := io.ReadAll(io.NewSectionReader(f, st.Size()-half, half))
	if err != nil {
		return nil, err
	}
	cut := fmt.Sprintf("\n[%d bytes of %s were left out here]\n", st.Size()-2*half, filepath.Base(path))
	return append(append(head, cut...), tail...), nil
}

// title is the run's name, or one made of what the history says of itself.
func (r *Run) title() string {
	if r.Name != "" {
		return r.Name
	}
	if r.History == nil {
		return "a run"
	}
	hd := r.History.Header
	if words := strings.Fields(hd.Target + " " + hd.Topology + " " + hd.Workload); len(words) > 0 {
		return strings.Join(words, " ")
	}
	return "a history"
}
