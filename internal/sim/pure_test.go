package sim

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What runs inside the simulated world: the sources that must not know real
// time, real concurrency, or a random order.
var inside = []string{"../../targets/reference", "../../workload", "../../nemesis"}

// forbidden finds what would make a run differ from another of the same seed.
func forbidden(fset *token.FileSet, files []*ast.File, info *types.Info) []string {
	var found []string
	say := func(n ast.Node, what string) {
		pos := fset.Position(n.Pos())
		found = append(found, fmt.Sprintf("%s:%d: %s", filepath.Base(pos.Filename), pos.Line, what))
	}
	calls := map[string][]string{
		"time":    {"Now", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Since", "Until"},
		"context": {"WithTimeout", "WithDeadline", "AfterFunc"},
		"net":     {"Dial", "DialTimeout", "Listen"},
	}
	for _, f := range files {
		for _, imp := range f.Imports {
			if p := strings.Trim(imp.Path.Value, `"`); p == "math/rand" || p == "database/sql" || p == "sync" || p == "net/http" {
				say(imp, "import of "+p)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				say(n, "go statement")
			case *ast.SelectStmt:
				say(n, "select")
			case *ast.ChanType:
				say(n, "channel")
			case *ast.RangeStmt:
				if _, isMap := info.TypeOf(n.X).Underlying().(*types.Map); isMap && !orderExcused(fset, f, n) {
					say(n, "iteration over a map without a word on why its order does not show")
				}
			case *ast.SelectorExpr:
				if fn, ok := info.Uses[n.Sel].(*types.Func); ok && fn.Pkg() != nil && fn.Signature().Recv() == nil {
					global := fn.Pkg().Path() == "math/rand/v2" && !strings.HasPrefix(fn.Name(), "New")
					if global || slices.Contains(calls[fn.Pkg().Path()], fn.Name()) {
						say(n, fn.Pkg().Path()+"."+fn.Name())
					}
				}
			}
			return true
		})
	}
	return found
}

// orderExcused allows a loop that says on the line before why the order does not show.
func orderExcused(fset *token.FileSet, f *ast.File, loop *ast.RangeStmt) bool {
	line := fset.Position(loop.Pos()).Line
	for _, g := range f.Comments {
		if fset.Position(g.End()).Line == line-1 && strings.Contains(g.Text(), "order") {
			return true
		}
	}
	return false
}

func load(t *testing.T, fset *token.FileSet, name string, files []*ast.File) *types.Info {
	t.Helper()
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "source", nil)}
	if _, err := conf.Check(name, fset, files, info); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return info
}

func TestWhatRunsInTheSimulatedWorldIsPure(t *testing.T) {
	for _, dir := range inside {
		fset := token.NewFileSet()
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no sources in %s: %v", dir, err)
		}
		var files []*ast.File
		for _, p := range paths {
			if strings.HasSuffix(p, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		for _, bad := range forbidden(fset, files, load(t, fset, dir, files)) {
			t.Errorf("%s: %s", dir, bad)
		}
	}
}

func TestThePurityTestFindsEveryKindOfOffence(t *testing.T) {
	const src = `package bad
import ("context"; "math/rand/v2"; "sync"; "time")
var mu sync.Mutex
func f(m map[int]int) int {
	go f(nil)
	var c chan int
	select { case <-c: default: }
	_, cancel := context.WithTimeout(context.Background(), time.Second)
	cancel()
	s := rand.IntN(3) + int(rand.New(rand.NewPCG(1, rand.Uint64())).Int32())
	for k := range m { s += k }
	time.Sleep(time.Until(time.Now()))
	return s
}`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "bad.go", src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"bad.go:2: import of sync", "bad.go:5: go statement", "bad.go:6: channel", "bad.go:7: select", "bad.go:8: context.WithTimeout",
		"bad.go:10: math/rand/v2.IntN", "bad.go:10: math/rand/v2.Uint64", "bad.go:11: iteration over a map without a word on why its order does not show",
		"bad.go:12: time.Sleep", "bad.go:12: time.Until", "bad.go:12: time.Now",
	}
	if diff := cmp.Diff(want, forbidden(fset, []*ast.File{f}, load(t, fset, "bad", []*ast.File{f}))); diff != "" {
		t.Error(diff)
	}
}
