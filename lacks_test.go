package mlcheck

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/nemesis"
)

// What containers, or a target in them, cannot do is not drawn and is said, in a profile and
// in a kind of many shapes; what is named is refused, before anything is deployed.
func TestWhatContainersLackIsLeftOutOrRefusedBeforeTheRun(t *testing.T) {
	foreign := opts("image", "somebody/mariadb:1")
	for _, c := range []struct {
		test Test
		left string // what is said to be left out; "": nothing
		no   string // what the refusal says; "": there is none
	}{
		{Test{World: "docker", Nemesis: []string{"datacenter-outage"}}, "crash of datacenter-outage is left out: a container cannot lose its power", ""},
		{Test{World: "sim", Nemesis: []string{"datacenter-outage", "disk"}}, "", ""},
		{Test{World: "docker", Nemesis: []string{"disk"}}, "disk:slow is left out: a container's disk cannot be slowed", ""},
		{Test{World: "docker", Nemesis: []string{"disk:slow"}}, "", "disk:slow cannot be had here"},
		{Test{World: "docker", Nemesis: []string{"crash"}}, "", "kill is the nearest"},
		{Test{Target: "mariadb", Nemesis: []string{"disk"}}, "", "MariaDB waits a minute"},
		{Test{Target: "mariadb", Nemesis: []string{"gentle"}}, "", ""},
		{Test{Target: "mariadb", Options: foreign, Nemesis: []string{"gentle", "clock"}}, "", ""},
	} {
		c.test.Leaders, c.test.Seed = 4, 3
		full, err := c.test.Complete()
		if u := new(UsageError); c.no != "" && (!errors.As(err, &u) || !strings.Contains(err.Error(), c.no)) || c.no == "" && err != nil {
			t.Errorf("%s: %v, want %q", c.test.Nemesis, err, c.no)
		}
		if err != nil {
			continue
		}
		left := strings.Join(full.LeftOut(), "; ")
		if c.left == "" && left != "" || !strings.HasPrefix(left, c.left) {
			t.Errorf("%s: left out %q, want %q", c.test.Nemesis, left, c.left)
		}
		for _, f := range full.Faults {
			if c.test.World != "sim" && (f.Kind == nemesis.Crash || f.Disk != nil && f.Disk.Slow > 0) {
				t.Errorf("%s: drawn is %s", c.test.Nemesis, f)
			}
		}
		again, err := full.Complete()
		if diff := cmp.Diff(full, again); err != nil || diff != "" {
			t.Errorf("%s: %v, and completed again (-want +got):\n%s", c.test.Nemesis, err, diff)
		}
	}
}

// Who has to leave a kind out of a profile is told what the profile stands for.
func TestARefusalSaysWhatProfilesStandFor(t *testing.T) {
	r, s := staged(t, with(func(t *Test) { t.Nemesis = []string{"gentle"} }))
	s.cannot = []string{"no link can be impaired at n1: no queue"}
	_, err := r.run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no queue; leave it out of --nemesis, where a kind's shapes can be named (disk:full); gentle stands for partition:link:for=1s,link:slow,") {
		t.Error(err)
	}
}
