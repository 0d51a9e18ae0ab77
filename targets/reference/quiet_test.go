package reference

import (
	"context"
	"net"
	"testing"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// teller is a leader that has its answers by heart: one for each question.
type teller struct {
	name    string
	answers []status
}

func (l *teller) Name() string { return l.name }
func (l *teller) Peer() string { return l.name }
func (l *teller) Dial(context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	e := enc{}
	e.byte(tellOK)
	e.status(l.answers[0])
	l.answers = l.answers[1:]
	go func() {
		defer theirs.Close()
		if _, err := targets.ReadFrame(theirs); err == nil {
			theirs.Write(targets.AppendFrame(nil, e.b))
		}
	}()
	return ours, nil
}

// An update of n3 goes to n2 by way of n1. n1 is asked before it comes, n3 after it
// was confirmed: none of the answers shows it.
func TestAnUpdateThatIsPassedOnBehindTheQuestionsIsNotTakenForRest(t *testing.T) {
	s := configured(t, "star", nil)
	before, after := []uint64{0, 0, 0}, []uint64{0, 0, 1}
	for name, second := range map[string][3]status{
		"on its way to n2":  {{applied: after, held: 1}, {applied: before}, {applied: after}},
		"through meanwhile": {{applied: after}, {applied: after}, {applied: after}},
	} {
		first := [3]status{{applied: before}, {applied: before}, {applied: after}}
		var nodes []targets.Node
		for i, n := range s.cfg.nodes {
			nodes = append(nodes, &teller{n, []status{first[i], second[i]}})
		}
		state, why, err := s.Quiet(t.Context(), nodes)
		if state != history.QuietMoving || why == "" || err != nil {
			t.Errorf("%s: %s, %q, %v", name, state, why, err)
		}
	}
	rest := status{applied: after}
	var nodes []targets.Node
	for _, n := range s.cfg.nodes {
		nodes = append(nodes, &teller{n, []status{rest, rest}})
	}
	if state, why, err := s.Quiet(t.Context(), nodes); state != history.QuietYes || err != nil {
		t.Errorf("at rest: %s, %q, %v", state, why, err)
	}
}
