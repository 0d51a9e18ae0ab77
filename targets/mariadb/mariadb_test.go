package mariadb

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

func TestTopologiesAreTheirLinks(t *testing.T) {
	nodes := []string{"n1", "n2", "n3"}
	for topology, want := range map[string][]history.Link{
		ring:     {{From: "n1", To: "n2"}, {From: "n2", To: "n3"}, {From: "n3", To: "n1"}},
		allToAll: {{From: "n1", To: "n2"}, {From: "n1", To: "n3"}, {From: "n2", To: "n1"}, {From: "n2", To: "n3"}, {From: "n3", To: "n1"}, {From: "n3", To: "n2"}},
		"":       {{From: "n1", To: "n2"}, {From: "n2", To: "n3"}, {From: "n3", To: "n1"}},
	} {
		plan, err := New().Configure(targets.Config{Nodes: nodes, Topology: topology})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, plan.Links); diff != "" {
			t.Errorf("%s (-want +got):\n%s", topology, diff)
		}
	}
}

func TestWhatCannotBeIsRefusedWithASentence(t *testing.T) {
	three := []string{"n1", "n2", "n3"}
	for _, c := range []struct {
		name   string
		config targets.Config
		says   []string
	}{
		{"one leader", targets.Config{Nodes: []string{"n1"}}, []string{"2 to 9 leaders", "not 1"}},
		{"ten leaders", targets.Config{Nodes: make([]string, 10)}, []string{"2 to 9 leaders", "not 10"}},
		{"topology", targets.Config{Nodes: three, Topology: "star"}, []string{`"star"`, "ring, all-to-all"}},
		{"world", targets.Config{Nodes: three, World: "sim"}, []string{`"sim"`, "--world docker"}},
		{"option", targets.Config{Nodes: three, Options: map[string]string{"isolaton": "x"}}, []string{`"isolaton"`, "isolation"}},
		{"value", targets.Config{Nodes: three, Options: map[string]string{"rows": "insert"}}, []string{`rows="insert"`, "preload, upsert"}},
		{"image", targets.Config{Nodes: three, Options: map[string]string{"image": "a b"}}, []string{`image="a b"`}},
		{"relay", targets.Config{Nodes: three, Topology: ring, Options: map[string]string{"relay": "off"}}, []string{"relay=off", "all-to-all"}},
		{"statement", targets.Config{Nodes: three, Options: map[string]string{"isolation": "read-committed", "binlog-format": "statement"}}, []string{"1665"}},
	} {
		_, err := New().Configure(c.config)
		if err == nil {
			t.Errorf("%s was accepted", c.name)
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %q", c.name, err, s)
			}
		}
	}
}

func TestEveryOptionChangesTheServer(t *testing.T) {
	for _, c := range []struct{ option, value, flag, otherwise string }{
		{"exec-mode", "idempotent", "--slave-exec-mode=IDEMPOTENT", "--slave-exec-mode=STRICT"},
		{"isolation", "serializable", "--transaction-isolation=SERIALIZABLE", "--transaction-isolation=REPEATABLE-READ"},
		{"binlog-format", "mixed", "--binlog-format=MIXED", "--binlog-format=ROW"},
		{"flush", "relaxed", "--sync-binlog=0", "--sync-binlog=1"},
		{"relay", "off", "--log-slave-updates=OFF", "--log-slave-updates=ON"},
	} {
		command := func(options map[string]string) []string {
			plan, err := New().Configure(targets.Config{Nodes: []string{"n1", "n2"}, Topology: allToAll, Options: options})
			if err != nil {
				t.Fatal(err)
			}
			return plan.System.(targets.Containers).Spec("n1").Command
		}
		with, without := command(map[string]string{c.option: c.value}), command(nil)
		if !slices.Contains(with, c.flag) || slices.Contains(with, c.otherwise) {
			t.Errorf("%s=%s gives %q", c.option, c.value, with)
		}
		if !slices.Contains(without, c.otherwise) || slices.Contains(without, c.flag) {
			t.Errorf("without %s: %q", c.option, without)
		}
	}
}

func TestEveryNodeIsAServerOfItsOwn(t *testing.T) {
	s := plain(t, nil)
	for node, want := range map[string]string{"n1": "1", "n2": "2", "n3": "3"} {
		command := s.Spec(node).Command
		for _, flag := range []string{"--server-id=" + want, "--gtid-domain-id=" + want} {
			if !slices.Contains(command, flag) {
				t.Errorf("%s lacks %s: %q", node, flag, command)
			}
		}
	}
}

func TestTheClockIsSkewedByLibfaketimeOnlyWhereTheImageIsKnownToHaveIt(t *testing.T) {
	own := plain(t, map[string]string{"image": "mariadb:10.11"}).Spec("n1")
	if own.Image != "mariadb:10.11" || own.Build != nil || own.Clock != "vdso" || own.Undistorted || !strings.Contains(own.ClockNote, "error 1205") {
		t.Errorf("%+v", own)
	}
	for _, image := range []string{"", build().Tag} {
		built := plain(t, map[string]string{"image": image}).Spec("n1")
		if built.Build == nil || built.Image != built.Build.Tag || built.Clock != "libfaketime" || built.ClockNote != "" {
			t.Errorf("image %q: %+v", image, built)
		}
	}
}

func TestTheTagFollowsTheDockerfile(t *testing.T) {
	before := build().Tag
	defer func(d string) { dockerfile = d }(dockerfile)
	dockerfile += "# changed\n"
	if after := build().Tag; after == before {
		t.Errorf("another Dockerfile has the same tag %s", after)
	}
}

func TestPreloadInsertsEveryKeyAndKeepsLinesShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.StringN(0, 60, 255), 0, 600).Draw(t, "keys")
		rows := 0
		for _, line := range preload(keys) {
			if len(line) > initLine || strings.Contains(line, "\n") {
				t.Fatalf("a line of %d bytes: %.100q…", len(line), line)
			}
			rows += strings.Count(line, "(x'")
		}
		if rows != len(keys) {
			t.Fatalf("%d keys became %d rows", len(keys), rows)
		}
	})
}

func TestUpsertPreloadsNothing(t *testing.T) {
	for value, want := range map[string]bool{"preload": true, "upsert": false} {
		plan, err := New().Configure(targets.Config{Nodes: []string{"n1", "n2"}, Keys: []string{"x"}, Options: map[string]string{"rows": value}})
		if err != nil {
			t.Fatal(err)
		}
		sql := plan.System.(targets.Containers).Spec("n1").Files[initPath]
		if got := strings.Contains(sql, "INSERT IGNORE"); got != want {
			t.Errorf("rows=%s: rows are inserted: %v\n%s", value, got, sql)
		}
	}
}

func TestOnlySnapshotsAreDeclaredTransactions(t *testing.T) {
	for isolation, want := range map[string]string{"repeatable-read": "transaction", "serializable": "transaction", "read-committed": ""} {
		plan, err := New().Configure(targets.Config{Nodes: []string{"n1", "n2"}, Options: map[string]string{"isolation": isolation}})
		if err != nil {
			t.Fatal(err)
		}
		if plan.Granularity != want {
			t.Errorf("%s: %q, want %q", isolation, plan.Granularity, want)
		}
	}
}

func TestConflictsAreNotPromisedAway(t *testing.T) {
	plan, err := New().Configure(targets.Config{Nodes: []string{"n1", "n2"}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range plan.Claims {
		names = append(names, c.Property)
		if c.Source == "" {
			t.Errorf("%s has no source", c.Property)
		}
	}
	if diff := cmp.Diff([]string{"no-thin-air", "no-duplicates"}, names); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}
