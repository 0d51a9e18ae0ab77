package mlcheck

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mlcheck/mlcheck"

// may says what each of the packages may import of this project.
var may = map[string][]string{
	"history":        {},
	"checker/":       {"history"},
	"checker":        {"history", "checker/linear", "checker/naive"},
	"reports":        {"history", "checker"},
	"nemesis":        {"history", "internal/stream"},
	"targets":        {"history"},
	"workload":       {"history", "internal/stream"},
	"internal/truth": {"history", "targets/reference"},
	"internal/":      {"history", "nemesis", "targets", "internal/"},
	"targets/":       {"history", "targets", "targets/serve", "internal/dockertest"},
}

func TestImportsRunOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module+"/")
		allowed, ok := may[pkg]
		if i := strings.Index(pkg, "/"); !ok && i > 0 {
			allowed, ok = may[pkg[:i+1]]
		}
		if !ok {
			continue // the root package and the command may import everything
		}
		seen++
		for _, imp := range fields[1:] {
			name, ours := strings.CutPrefix(imp, module+"/")
			if ours && !slices.ContainsFunc(allowed, func(a string) bool { return name == a || strings.HasSuffix(a, "/") && strings.HasPrefix(name, a) }) {
				t.Errorf("%s imports %s", pkg, name)
			}
		}
	}
	if seen < len(may) {
		t.Errorf("only %d packages were looked at", seen)
	}
}
