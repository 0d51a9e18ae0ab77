package checker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// driven is how clients use a simulated store of three leaders.
type driven struct {
	seed           uint64
	sessions, ops  int
	moves, info    bool
	fails          bool
	policy         string
	finalNodesLess int // so many leaders cannot be read at the end
}

// simStore is a store under simulation. It shares nothing with the checkers.
type simStore interface {
	// ask says what a session does next.
	ask(r *rand.Rand, op int) []history.Step
	// do performs it at a leader, at a time.
	do(node int, steps []history.Step, now time.Duration) ([]history.Step, history.Meta)
	// travel brings some of what is on its way to where it goes; rest, all of it.
	travel()
	rest()
	keys() []string
}

var leaders = []string{"n1", "n2", "n3"}

// drive runs clients against a store and records what they saw, up to the final
// reads of every leader.
func drive(o driven, st simStore) *history.History {
	r := rand.New(rand.NewPCG(o.seed, 7))
	d := &driver{b: history.NewBuilder(history.Header{Nodes: leaders, Policy: o.policy})}
	at := make([]int, o.sessions)
	for s := range at {
		at[s] = s % 3
	}
	for op := range o.ops {
		s := r.IntN(o.sessions)
		if o.moves && r.IntN(20) == 0 {
			at[s] = r.IntN(3)
		}
		st.travel()
		d.operation(o, r, st, s, at[s], op)
	}
	st.rest()
	for _, stage := range []string{history.StageHealed, history.StageClosed, history.StageQuiet} {
		d.stage(stage)
	}
	for node := range leaders[:len(leaders)-o.finalNodesLess] {
		for _, key := range st.keys() {
			d.final(st, node, key)
		}
	}
	d.stage(history.StageEnd)
	return d.b.History()
}

type driver struct {
	b   *history.Builder
	i   int
	now time.Duration
}

func (d *driver) next() (int, time.Duration) {
	d.i++
	d.now += 100 * time.Microsecond
	return d.i, d.now
}

func (d *driver) must(err error) {
	if err != nil {
		panic(err)
	}
}

func (d *driver) stage(name string) {
	n, t := d.next()
	d.must(d.b.Event(history.Event{Index: n, T: t, Type: history.StageEvent, Stage: name, State: history.QuietYes}))
}

func (d *driver) operation(o driven, r *rand.Rand, st simStore, s, node, op int) {
	steps := st.ask(r, op)
	writes := slices.ContainsFunc(steps, func(st history.Step) bool { return st.F.IsWrite() })
	n, t := d.next()
	d.must(d.b.Invoke(n, t, s, leaders[node], steps, false))
	outcome := history.OK
	switch {
	case writes && o.info && r.IntN(12) == 0:
		outcome = history.Info
	case writes && o.fails && r.IntN(12) == 0:
		outcome = history.Fail
	}
	var done []history.Step
	var m history.Meta
	if outcome == history.OK || outcome == history.Info && r.IntN(2) == 0 {
		done, m = st.do(node, slices.Clone(steps), d.now)
	}
	if outcome != history.OK {
		done, m = nil, history.Meta{}
	}
	n, t = d.next()
	d.must(d.b.Complete(n, t, s, outcome, done, m))
}

func (d *driver) final(st simStore, node int, key string) {
	steps := []history.Step{{F: history.Read, Key: key}}
	n, t := d.next()
	d.must(d.b.Invoke(n, t, 1000+node, leaders[node], steps, true))
	done, _ := st.do(node, slices.Clone(steps), d.now)
	n, t = d.next()
	d.must(d.b.Complete(n, t, 1000+node, history.OK, done, history.Meta{}))
}

// broadcast carries what each leader did to the others: each effect once, and,
// unless told otherwise, never before what its leader had seen.
type broadcast[E any] struct {
	r         *rand.Rand
	unordered bool
	apply     func(node int, e E)
	seen      [3][3]int // leader, origin → how many effects were applied
	flying    []parcel[E]
}

type parcel[E any] struct {
	to, origin, n int
	deps          [3]int
	e             E
}

// send applies an effect at its leader and sends it to the others.
func (b *broadcast[E]) send(node int, e E) {
	deps := b.seen[node]
	b.seen[node][node]++
	b.apply(node, e)
	for to := range 3 {
		if to != node {
			b.flying = append(b.flying, parcel[E]{to, node, b.seen[node][node], deps, e})
		}
	}
}

func (b *broadcast[E]) ready(p parcel[E]) bool {
	if b.unordered {
		return true
	}
	for origin, n := range p.deps {
		if origin != p.origin && b.seen[p.to][origin] < n {
			return false
		}
	}
	return b.seen[p.to][p.origin] == p.n-1
}

func (b *broadcast[E]) hand(i int) {
	p := b.flying[i]
	b.flying = slices.Delete(b.flying, i, i+1)
	b.seen[p.to][p.origin]++
	b.apply(p.to, p.e)
}

func (b *broadcast[E]) travel() {
	for range b.r.IntN(6) {
		if len(b.flying) == 0 {
			return
		}
		i := b.r.IntN(min(len(b.flying), 20))
		if p := b.flying[i]; b.ready(p) && (p.origin != 0 || p.to != 2 || b.r.IntN(4) == 0) {
			b.hand(i)
		}
	}
}

func (b *broadcast[E]) rest() {
	for len(b.flying) > 0 {
		b.hand(slices.IndexFunc(b.flying, b.ready))
	}
}

func simKeys(prefix string, n int) []string {
	ks := make([]string, n)
	for i := range ks {
		ks[i] = fmt.Sprint(prefix, i)
	}
	return ks
}
