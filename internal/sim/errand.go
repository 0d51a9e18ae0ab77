package sim

import (
	"time"

	"github.com/mlcheck/mlcheck/targets"
)

// errand is what this machine is to do: take something in, or let out what one of
// its steps has said. It waits while the machine is paused, and comes to nothing
// once the machine has ended. There is one for every step, so they are used again.
type errand struct {
	n    *node
	life int
	in   targets.In
	outs []targets.Out // messages and replies; none: take in
}

func (n *node) errand() *errand {
	free := n.c.errands
	if len(free) == 0 {
		return &errand{n: n, life: n.life}
	}
	e := free[len(free)-1]
	n.c.errands = free[:len(free)-1]
	e.n, e.life = n, n.life
	return e
}

// later hands the machine something, by itself: a timer, its start.
func (n *node) later(d time.Duration, in targets.In) {
	e := n.errand()
	e.in = in
	n.c.agenda.add(n.c.now, n.c.now+d, e)
}

// leave lets messages and replies out of the node.
func (n *node) leave(d time.Duration, e *errand) {
	if e != nil {
		n.c.agenda.add(n.c.now, n.c.now+d, e)
	}
}

func (e *errand) happen() {
	n := e.n
	switch {
	case n.life != e.life:
	case n.paused:
		n.held = append(n.held, e)
		return
	case len(e.outs) == 0:
		n.step(e.in)
	default:
		for i := range e.outs {
			if out := &e.outs[i]; out.Kind == targets.Message {
				n.send(out.To, out.Body)
			} else {
				n.reply(out.To, out.Body)
			}
		}
	}
	clear(e.outs)
	e.in, e.outs = targets.In{}, e.outs[:0]
	n.c.errands = append(n.c.errands, e)
}
