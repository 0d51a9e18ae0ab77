package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// The campaigns of the examples are ones that mlcheck takes, and their shards
// together are all of it.
func TestTheExamplesForCISoakTheWholeCampaign(t *testing.T) {
	for file, env := range map[string]func(shard int) map[string]string{
		"github.yml": func(shard int) map[string]string { return map[string]string{"SHARD": strconv.Itoa(shard)} },
		"kubernetes.yaml": func(shard int) map[string]string {
			return map[string]string{"JOB_COMPLETION_INDEX": strconv.Itoa(shard - 1)}
		},
	} {
		text, err := os.ReadFile("../../examples/ci/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := yaml.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		command := soakIn(doc)
		command = strings.ReplaceAll(command, "${{ matrix.shard }}", "$SHARD")
		command = strings.ReplaceAll(strings.ReplaceAll(command, "./mlcheck", "mlcheck"), "exec mlcheck", "mlcheck")
		command = strings.Replace(command, "mlcheck", binary(t), 1) + " --dry-run"
		total, planned := 0, 0
		for shard := 1; shard <= 8; shard++ {
			cmd := exec.Command("sh", "-ec", command)
			cmd.Env = append(os.Environ(), "SHARDS=8")
			for name, value := range env(shard) {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			out, err := cmd.CombinedOutput()
			m := regexp.MustCompile(`(\d+) seeds × (\d+) configurations; shard (\d)/8 has (\d+) runs`).FindStringSubmatch(string(out))
			if err != nil || m == nil || m[3] != strconv.Itoa(shard) {
				t.Fatalf("%s, shard %d: %s\n%v\n%s", file, shard, command, err, out)
			}
			total = atoi(t, m[1]) * atoi(t, m[2])
			planned += atoi(t, m[4])
		}
		if planned != total || total < 10000 {
			t.Errorf("%s: the shards have %d of %d runs", file, planned, total)
		}
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// soakIn finds the command that soaks in a document.
func soakIn(doc any) string {
	switch d := doc.(type) {
	case string:
		if strings.Contains(d, "soak --seeds") {
			return d
		}
	case []any:
		for _, x := range d {
			if s := soakIn(x); s != "" {
				return s
			}
		}
	case map[string]any:
		for _, x := range d { // one of them has it
			if s := soakIn(x); s != "" {
				return s
			}
		}
	}
	return ""
}
