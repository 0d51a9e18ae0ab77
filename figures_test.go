package mlcheck

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	oracle "github.com/mlcheck/mlcheck/internal/truth"
)

var keepFigures = flag.Bool("truth", false, "keep what the rows of the truth table that run have found, and write docs/truth-table.md from all that is kept")

// defectFigures is what the seeds of one defect have found.
type defectFigures struct {
	Row    string // what it was measured of, see mark
	Commit string
	Seeds  int
	Hits   int // seeds with which the property fired that must
	Named  int // of these, those whose findings name operations that the defect hit
	Broken map[string]int
	// Claimed are the properties that the store promises there and the workload decides.
	Claimed  []string
	Compared map[string]oracle.Case // with what really happened, by property
}

// rowFigures is how a row of promises was kept.
type rowFigures struct {
	Row    string
	Commit string
	Seeds  uint64           // of each workload
	Holds  map[string]share // by property: the workload in which it had chances most often
	Breaks map[string]share // by property: the one in which it broke most often
}

// share is in how many of the runs of a workload that can decide it something was seen.
type share struct {
	Workload string
	N, Of    int
}

func (s share) of100() float64 { return 100 * float64(s.N) / float64(max(s.Of, 1)) }

// figures are what is kept between tests, a file for each part of the table.
type figures[T any] struct {
	path string
	mu   sync.Mutex
}

var (
	keptDefects  = &figures[defectFigures]{path: "testdata/truth/defects.json"}
	keptPromises = &figures[rowFigures]{path: "testdata/truth/promises.json"}
)

func (f *figures[T]) read(t *testing.T) map[string]T {
	t.Helper()
	all := map[string]T{}
	data, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return all
	}
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		t.Fatalf("%s: %v", f.path, err)
	}
	return all
}

// keep replaces the figures of one row. Each is kept when it is known, so that a
// campaign may be ended early and goes on with the rows that are missing.
func (f *figures[T]) keep(t *testing.T, name string, row T) {
	t.Helper()
	if !*keepFigures {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.read(t)
	all[name] = row
	data, err := json.MarshalIndent(all, "", " ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(f.path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(f.path, append(data, '\n'), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// mark tells rows apart: figures of a row that has since become another are none of
// it. What a row leaves at its zero value does not count, so that a Test may get more
// fields.
func mark(row ...any) string {
	data, err := json.Marshal(row)
	var fields any
	if err == nil {
		err = json.Unmarshal(data, &fields)
	}
	if err == nil {
		data, err = json.Marshal(said(fields))
	}
	if err != nil {
		panic(err) // rows are plain data
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// said is a JSON value without what is zero in its objects.
func said(v any) any {
	fields, ok := v.(map[string]any)
	if !ok {
		if list, ok := v.([]any); ok {
			for i := range list {
				list[i] = said(list[i])
			}
		}
		return v
	}
	for name, f := range fields {
		switch f {
		case nil, false, 0.0, "":
			delete(fields, name)
		default:
			fields[name] = said(f)
		}
	}
	return fields
}

// commit is that of the sources, where git knows them. The figures themselves, and the
// page, are no sources.
var commit = sync.OnceValue(func() string {
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	if exec.Command("git", "diff", "--quiet", "HEAD", "--", ".", ":!testdata", ":!docs").Run() != nil {
		name += "-dirty"
	}
	return name
})
