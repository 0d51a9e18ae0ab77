package mlcheck

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/nemesis"
)

// A run with every shape of a partition, or with a profile, is proved, and comes out
// the same when it is run again from its folder.
func TestRunsWithEveryShapeAndProfileAreProvedAndReplayed(t *testing.T) {
	var sources []string
	for _, p := range nemesis.Profiles() {
		sources = append(sources, p.Name)
	}
	partition, _ := nemesis.Lookup(nemesis.Partition)
	for _, shape := range slices.Concat(partition.Shapes, partition.Asked) {
		sources = append(sources, "partition:"+shape+":every=1s:for=500ms")
	}
	sources = append(sources, "link:clients:every=1s:for=500ms")
	for _, source := range sources {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			test := Test{Time: 3 * time.Second, Leaders: 5, Nemesis: []string{source, "clock:bump:every=2s"}, Options: opts("policy", "lww-hlc"), Seed: 2}
			if strings.Contains(source, "hub") {
				test.Topology = "star"
			}
			r := replayed(t, test, nil)
			if !r.Same {
				t.Fatal(r.Why)
			}
			shapes := 0
			for _, f := range r.Results.Faults {
				if f.State != "effective" && f.State != "idle" {
					t.Errorf("%+v", f)
				}
				shapes++
			}
			if shapes < 2 {
				t.Errorf("%d faults", shapes)
			}
		})
	}
}

func TestADocumentNamesSourcesFieldByField(t *testing.T) {
	doc := `
leaders: 5
nemesis:
  - gentle
  - {kind: partition, shapes: [bridge, halves], every: 6s, for: 2s, first: 1s, until: 15s}
  - clock:drift:every=8s
  - clock
  - clock
`
	path := filepath.Join(t.TempDir(), "test.yaml")
	if err := os.WriteFile(path, []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := ReadTest(path)
	if err != nil {
		t.Fatal(err)
	}
	full, err := read.Complete()
	if err != nil {
		t.Fatal(err)
	}
	want := nemesis.Sources{"gentle", "partition:bridge+halves:every=6s:for=2s:first=1s:until=15s", "clock:drift:every=8s", "clock"}
	if diff := cmp.Diff(want, full.Nemesis); diff != "" {
		t.Error(diff)
	}
	if c := full.Command(); !strings.Contains(c, "--nemesis "+strings.Join(want, ",")) {
		t.Error(c)
	}
	stored, err := full.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, stored, 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := ReadTest(path); err != nil || !slices.Equal(again.Nemesis, want) || !sameFaults(again, full) {
		t.Errorf("%v: stored and read again it is %v", err, again.Nemesis)
	}
}

func TestACampaignVariesWhatGoesWrongAndHowManyFollow(t *testing.T) {
	s, err := Campaign{Test: Test{Leaders: 5}, Axes: []Axis{
		{Name: "nemesis", Values: []string{NoFaults, "partition,clock", "split-brain"}},
		{Name: "followers", Values: []string{"0", "2"}},
	}}.Plan()
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, c := range s.Configurations {
		commands = append(commands, c.Name+": "+c.Command())
	}
	for i, want := range []string{
		"nemesis=none followers=0: mlcheck run", "nemesis=none followers=2: mlcheck run",
		"--nemesis partition,clock", "--followers 2 --", "--nemesis split-brain", "--followers 2",
	} {
		if i >= len(commands) || !strings.Contains(commands[i], want) {
			t.Errorf("want %q in configuration %d of %q", want, i, commands)
		}
	}
	if strings.Contains(commands[0], "--nemesis") {
		t.Error(commands[0])
	}
	for _, bad := range []Axis{{Name: "followers", Values: []string{"x"}}, {Name: "nemesis", Values: []string{"fire"}}} {
		if _, err := (Campaign{Axes: []Axis{bad}}).Plan(); err == nil {
			t.Errorf("%+v", bad)
		}
	}
}
