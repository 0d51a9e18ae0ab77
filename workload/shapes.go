package workload

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/stream"
)

// A shape is a litmus test: what each of a few sessions does, so that a store
// which reorders shows it. A true breach of causality that random operations
// meet once in a hundred runs, a shape meets in most.
type shape struct {
	name  string
	roles [][]act
}

// act is one operation on one of the shape's two keys. With until, a read is
// asked again until it returns something new, a bounded number of times.
type act struct {
	f     history.F
	key   int
	until bool
}

const maxTries = 12

func w(key int) act     { return act{f: history.Write, key: key} }
func r(key int) act     { return act{f: history.Read, key: key} }
func await(key int) act { return act{f: history.Read, key: key, until: true} }

// shapes are the five classics; 0 and 1 are the keys x and y.
var shapes = []shape{
	{"message passing", [][]act{{w(0), w(1)}, {await(1), r(0)}}},
	{"WRC", [][]act{{w(0)}, {await(0), w(1)}, {await(1), r(0)}}},
	{"IRIW", [][]act{{w(0)}, {w(1)}, {await(0), r(1)}, {await(1), r(0)}}},
	{"store buffering", [][]act{{w(0), r(1)}, {w(1), r(0)}}},
	{"read before write", [][]act{{r(0), w(1)}, {r(1), w(0)}}},
}

// pairs is how many pairs of keys the shapes use in turn: many, so that slow
// replication does not mix two shapes and most pairs keep their traces.
const pairs = 64

func shapeKeys() []string {
	var keys []string
	for p := range pairs {
		keys = append(keys, fmt.Sprintf("p%dx", p), fmt.Sprintf("p%dy", p))
	}
	return keys
}

// plan is what all sessions know of the probing in one epoch without talking to
// each other: it is drawn from the run's seed and the epoch's number.
type plan struct {
	shape shape
	keys  [2]string
	roles []int // roles[i] is the session that plays role i
}

func planFor(p Params, epoch int) plan {
	rnd := stream.New(p.Seed, fmt.Sprintf("shape %d", epoch))
	fits := slices.Clone(shapes)
	fits = slices.DeleteFunc(fits, func(s shape) bool { return len(s.roles) > p.Sessions })
	if len(fits) == 0 {
		return plan{}
	}
	s := fits[rnd.IntN(len(fits))]
	pair := epoch % pairs
	return plan{
		shape: s, keys: [2]string{fmt.Sprintf("p%dx", pair), fmt.Sprintf("p%dy", pair)},
		roles: rnd.Perm(p.Sessions)[:len(s.roles)],
	}
}

// prober plays a session's roles.
type prober struct {
	p       Params
	session int
	every   time.Duration // length of an epoch
	epoch   int           // the next one to look at, from 0
	keys    [2]string
	script  []act
	tries   int
	asked   bool // the script's first act is under way

	// A pair of keys comes round again, with values of its last use. Numbers grow
	// through the whole run, so a read shows something of this shape only if it is
	// above every number that the session knew when the shape's epoch began.
	floor   int64
	known   int64 // the greatest number seen before the current epoch began
	newest  int64 // the greatest number seen
	current int   // the epoch of the last operation
}

// next gives the step of a role that is due before the time until, and when to
// do it: at the start of the epoch, so that the roles of a shape meet. Between
// the tries of a read there is a growing pause.
func (pr *prober) next(now, until time.Duration, r *rand.Rand) (history.Step, time.Duration, bool) {
	at := now
	for len(pr.script) == 0 && time.Duration(pr.epoch)*pr.every <= until {
		pl := planFor(pr.p, pr.epoch)
		if i := slices.Index(pl.roles, pr.session); i >= 0 {
			pr.script, pr.keys, pr.tries, pr.floor = pl.shape.roles[i], pl.keys, 0, pr.known
			at = max(now, time.Duration(pr.epoch)*pr.every)
		}
		pr.epoch++
	}
	if len(pr.script) == 0 {
		return history.Step{}, 0, false
	}
	at += time.Duration(float64(pr.tries) * (0.5 + r.Float64()) * float64(pr.every) / 100)
	if at >= pr.p.Time {
		return history.Step{}, 0, false // the run ends before it is due
	}
	pr.asked = true
	return history.Step{F: pr.script[0].f, Key: pr.keys[pr.script[0].key]}, at, true
}

// saw takes the outcome of an operation; if it is the step that next gave, the
// script goes on.
func (pr *prober) saw(op history.Op) {
	defer pr.remember(op)
	if !pr.asked || len(pr.script) == 0 {
		return
	}
	pr.asked = false
	a, s := pr.script[0], op.Steps[0]
	if a.f == history.Read && op.Outcome == history.OK {
		if a.until && s.Value.N <= pr.floor && pr.tries < maxTries {
			pr.tries++
			return
		}
	}
	pr.script, pr.tries = pr.script[1:], 0
}

func (pr *prober) remember(op history.Op) {
	if epoch := int(op.End / pr.every); epoch > pr.current {
		pr.current, pr.known = epoch, pr.newest
	}
	for _, s := range op.Steps {
		pr.newest = max(pr.newest, s.Value.N)
	}
}
