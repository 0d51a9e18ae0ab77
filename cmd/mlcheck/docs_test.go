package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/internal/dockertest"
)

// Docs are tested: every fenced block marked "sh" in the README and in docs/
// runs in a copy of the tracked files. Behind "sh" may stand "exit=N", what the
// last command ends with; "docker", it needs an engine; or "norun", which is
// for what cannot run inside of itself, and is listed here.
var norun = []string{"MLCHECK_DOCKER=required scripts/test"}

type block struct {
	file, text string
	line, exit int
	docker     bool
	norun      bool
}

var fence = regexp.MustCompile("(?ms)^```(\\w*)([^\n]*)\n(.*?)^```$")

func blocks(t *testing.T, file string) []block {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var bs []block
	for _, m := range fence.FindAllSubmatchIndex(text, -1) {
		if string(text[m[2]:m[3]]) != "sh" {
			continue
		}
		b := block{file: file, text: string(text[m[6]:m[7]]), line: 1 + bytes.Count(text[:m[0]], []byte("\n"))}
		for _, word := range strings.Fields(string(text[m[4]:m[5]])) {
			switch word {
			case "docker":
				b.docker = true
			case "norun":
				b.norun = true
			default:
				if _, err := fmt.Sscanf(word, "exit=%d", &b.exit); err != nil {
					t.Errorf("%s:%d: what is %q?", file, b.line, word)
				}
			}
		}
		bs = append(bs, b)
	}
	return bs
}

// copyOfTree is what a clone would hold.
func copyOfTree(t *testing.T) string {
	t.Helper()
	root, dir := filepath.Join("..", ".."), t.TempDir()
	cmd := exec.Command("sh", "-c", `git ls-files -z --cached --others --exclude-standard | xargs -0 tar -c | tar -x -C "$0"`, dir)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("copying the tree: %v: %s", err, out)
	}
	return dir
}

func TestTheCommandsInTheDocsRun(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	dir, ran := copyOfTree(t), 0
	for _, file := range append([]string{"../../README.md"}, files...) {
		for _, b := range blocks(t, file) {
			if b.norun {
				if !contains(norun, strings.TrimSpace(b.text)) {
					t.Errorf("%s:%d: a block that does not run, and is not on the list: %s", b.file, b.line, b.text)
				}
				continue
			}
			ran++
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(b.file), b.line), func(t *testing.T) {
				if b.docker {
					dockertest.Engine(t)
				}
				cmd := exec.Command("sh", "-ec", untilLast(b.text))
				cmd.Dir = dir
				out, err := cmd.CombinedOutput()
				if code := cmd.ProcessState.ExitCode(); code != b.exit {
					t.Errorf("exit status %d, want %d (%v)\n%s\n%s", code, b.exit, err, b.text, out)
				}
			})
		}
	}
	if ran < 5 {
		t.Errorf("only %d blocks ran: the fences are not found", ran)
	}
}

// untilLast lets the lines before the last one fail as the lesson does: with a
// verdict, never with an error.
func untilLast(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, l := range lines[:len(lines)-1] {
		if strings.Contains(l, "mlcheck run") || strings.Contains(l, "mlcheck soak") {
			lines[i] = l + " || [ $? -le 2 ]"
		}
	}
	return strings.Join(lines, "\n")
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func TestCIRunsTheTestsOfTheREADME(t *testing.T) {
	for _, file := range []string{"../../README.md", "../../.ci/run"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\n"+norun[0]+"\n") {
			t.Errorf("%s does not hold the line %q", file, norun[0])
		}
	}
}

// What the docs link to must be there.
var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

func TestTheDocsLinkToWhatIsThere(t *testing.T) {
	files, _ := filepath.Glob("../../docs/*.md")
	targets, _ := filepath.Glob("../../targets/*/README.md")
	for _, file := range append(append(files, targets...), "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), string(m[1]))); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

// What the README shows of the lesson is what the lesson prints. A line that
// ends with "…" is the beginning of one.
func TestTheREADMEShowsWhatTheLessonPrints(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, found := strings.Cut(string(text), "```text\n")
	shown, _, _ = strings.Cut(shown, "```")
	if !found || len(strings.Split(shown, "\n")) < 5 {
		t.Fatal("the README shows nothing of the lesson")
	}
	var out bytes.Buffer
	cmd := exec.Command(binary(t), "run", "--store", t.TempDir())
	cmd.Stdout = &out
	_ = cmd.Run() // it ends with 1, as the other tests make sure
	for _, line := range strings.Split(shown, "\n") {
		if !strings.Contains(out.String(), "\n"+strings.TrimSuffix(line, "…")) {
			t.Errorf("the lesson does not print %q", line)
		}
	}
}
