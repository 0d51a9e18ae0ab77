package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// A machine is told of what a cut refuses, once it could have come back, and of what
// a silent cut swallows it is not.
func TestACutThatRejectsTellsTheSender(t *testing.T) {
	for _, rejects := range []bool{true, false} {
		play(t, func(s scene) {
			st := nemesis.State{Cut: []history.Link{there}}
			if rejects {
				st.Reject = st.Cut
			}
			s.apply(st)
			n1, n2 := s.nodes["n1"], s.nodes["n2"].machine.(*clerk)
			n1.send("n2", []byte("told refused"))
			if told := n1.machine.(*clerk).kept; len(told) > 0 {
				t.Errorf("it is told at once: %v", told)
			}
			s.wait(10 * time.Millisecond)
			if told := slices.Contains(n1.machine.(*clerk).kept, "refused"); told != rejects || len(n2.kept) > 0 {
				t.Errorf("rejects %v: the sender has %v, the other %v", rejects, n1.machine.(*clerk).kept, n2.kept)
			}
			if m := s.measure(); m.Refused[there] != rejects || m.Refused[back] || m.Dropped[there] != 1 {
				t.Errorf("rejects %v: %v, %v", rejects, m.Refused, m.Dropped)
			}
		})
	}
}
