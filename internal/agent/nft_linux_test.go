package agent

import (
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// ownNetwork gives the test's thread a network namespace of its own, so that no
// rule of the machine is touched; it skips where that is not allowed.
func ownNetwork(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip("a network namespace needs root")
	}
	// Not unlocked: the thread ends with the goroutine, and takes the namespace along.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		tb.Skipf("no network namespace: %v", err)
	}
}

func TestKernelKeepsTheRulesOfTheLastStateAlone(t *testing.T) {
	ownNetwork(t)
	p := newPackets()
	for _, s := range []State{
		{In: []string{"10.0.0.2", "10.0.0.3"}, Out: []string{"10.0.0.2"}},
		{Out: []string{"10.0.0.3"}},
		{In: []string{"10.0.0.3"}, Out: []string{"10.0.0.2", "10.0.0.3"}, Refuse: []string{"10.0.0.3"}},
		{},
	} {
		list, err := rules(s, map[cut]int64{{true, addr("10.0.0.3")}: 41})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.replace(list); err != nil {
			t.Fatal(err)
		}
		want := map[cut]int64{}
		for _, r := range list {
			if !r.own {
				want[cut{r.out, r.peer}] += r.counted
			}
		}
		got, err := p.counts()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(cut{}), compareAddr); diff != "" {
			t.Errorf("%+v: counters (-want +got):\n%s", s, diff)
		}
	}
	for range 2 { // the second time there is nothing to remove
		if err := p.remove(); err != nil {
			t.Error(err)
		}
	}
}

func BenchmarkFirewall(b *testing.B) {
	ownNetwork(b)
	f := newFirewall(newPackets())
	states := []State{{In: []string{"10.0.0.2", "10.0.0.3"}, Out: []string{"10.0.0.2", "10.0.0.3"}}, {}}
	for i := 0; b.Loop(); i++ {
		if err := f.apply(states[i%2]); err != nil {
			b.Fatal(err)
		}
	}
}
