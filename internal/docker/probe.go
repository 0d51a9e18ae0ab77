package docker

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/internal/impair"
	"github.com/mlcheck/mlcheck/nemesis"
)

const (
	// firstLook is when the first look at arrived probes follows their sending.
	firstLook = time.Millisecond
	// patience is how long a link that should be up may take to show it, beside what
	// its impairment lets it take.
	patience = time.Second
	// linkError is how far off the time of a probe may be: the agents are programs
	// among others.
	linkError = 5 * time.Millisecond
	// stillness is for how long no probe comes when all have come that do: on a busy
	// machine agents take their time with thousands.
	stillness = 50 * time.Millisecond
)

// onPackets says of an impairment what it does to packets.
func onPackets(i nemesis.Impairment) impair.Link {
	l := impair.Link{Delay: i.Delay, Jitter: i.Jitter, Loss: i.Loss, Duplicate: i.Duplicate, Reorder: i.Reorder, HoldBack: nemesis.HoldBack, Burst: i.Burst, Rate: i.Rate}
	if i.Tail {
		l.Tail = i.Jitter * nemesis.TailEnds
	}
	return l
}

// owe notes how many probes it takes to see what a new State changes on links. Health
// that is asked for once more is to be seen once more: somebody was not content.
func (f *fabric) owe(next nemesis.State) {
	for _, l := range slices.Concat(f.cluster.cfg.Links, f.clientLinks()) {
		was, is := f.state.Impairs(l), next.Impairs(l)
		switch {
		case was != is:
			f.changed[l] = max(f.owed[l], was.Probes(), is.Probes())
			f.owed[l] = f.changed[l]
		case f.state.Cuts(l) != next.Cuts(l):
			f.owed[l] = max(f.owed[l], passing(is))
			f.changed[l] = max(f.changed[l], f.owed[l])
		}
	}
	if next.Healthy() && f.state.Healthy() {
		maps.Copy(f.owed, f.changed)
	}
}

// passing is how many probes one passes of, if a link is up.
func passing(i nemesis.Impairment) int {
	switch {
	case i.Burst > 0:
		return manyInBursts
	case i.Loss > 0:
		return timingProbes
	}
	return agent.Probes
}

// manyInBursts are more probes than bursts of losses take in a row.
const manyInBursts = 200

// timingProbes are enough for one of them to be as fast as the link, on a machine
// that has other work.
const timingProbes = 50

// Thoroughly lets the next measurement show what impairments do on links.
func (f *fabric) Thoroughly(links []history.Link, probes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range links {
		f.owed[l] = max(f.owed[l], probes, timingProbes)
	}
}

// round is one round of probes: how many go along each link, and how long the
// slowest may take.
type round struct {
	number  uint64
	sent    map[history.Link]int
	cut     map[history.Link]bool
	lossy   map[history.Link]bool
	narrow  map[history.Link]bool
	owed    map[history.Link]bool // whether it is up is to be seen
	full    map[history.Link]bool // as many probes as show what a link does
	longest time.Duration
}

func (f *fabric) newRound() round {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.round++
	r := round{number: f.round, sent: map[history.Link]int{}, cut: map[history.Link]bool{}, lossy: map[history.Link]bool{}, narrow: map[history.Link]bool{}, owed: map[history.Link]bool{}, full: map[history.Link]bool{}}
	for _, l := range f.cluster.cfg.Links {
		i := f.state.Impairs(l)
		r.sent[l] = max(agent.Probes, f.owed[l])
		r.owed[l], r.full[l] = f.owed[l] > 0, f.owed[l] > 0 && f.owed[l] >= i.Probes()
		r.cut[l], r.lossy[l], r.narrow[l] = f.state.Cuts(l), i.Loss > 0 || i.Rate > 0, i.Rate > 0
		r.longest = max(r.longest, i.Longest()+f.cluster.cfg.Latency[l])
		delete(f.owed, l)
	}
	return r
}

// probe proves each directed link up or down, and what becomes of packets on it.
// Each node sends to all of its peers at once. A healthy link has shown itself as
// soon as all of its packets have arrived. Links that are not cut are the control:
// only when they have shown themselves, and as much time again has passed, is a
// silent link down.
func (f *fabric) probe(ctx context.Context) (m nemesis.Measured, err error) {
	r := f.newRound()
	if err := f.every(func(n *node) error { return n.agent.Probe(ctx, r.number, f.peers(n, r)) }); err != nil {
		return m, err
	}
	sent := time.Now()
	for look := firstLook; ; look *= 2 {
		if m, err = f.look(ctx, r); err != nil {
			return m, err
		}
		if f.settled(r, m) || time.Since(sent) > patience+r.longest {
			break
		}
		if err := f.cluster.Sleep(ctx, min(look, patience/10)); err != nil {
			return m, err
		}
	}
	if wait := r.wait(time.Since(sent)); wait > 0 {
		if m, err = f.lookIn(ctx, wait, r); err != nil {
			return m, err
		}
	}
	for late := r.mayBeLate(); late && time.Since(sent) < patience+r.longest; {
		before := m
		if m, err = f.lookIn(ctx, stillness, r); err != nil {
			return m, err
		}
		late = !maps.Equal(m.Probes, before.Probes)
	}
	return m, nil
}

// wait is how much longer than until now it takes for cut links to be silent for as
// long as others took to show themselves, and for all that comes on lossy ones.
func (r round) wait(now time.Duration) (wait time.Duration) {
	for l := range r.sent { // the order does not show: a maximum is taken
		switch {
		case r.cut[l]:
			wait = max(wait, 2*firstLook, min(now, patience/10))
		case r.lossy[l] && r.full[l]:
			wait = max(wait, r.longest-now+2*linkError)
		}
	}
	return wait
}

// mayBeLate says whether nobody knows how many probes are still to come.
func (r round) mayBeLate() bool {
	for l := range r.sent { // the order does not show
		if r.lossy[l] && r.full[l] && !r.cut[l] {
			return true
		}
	}
	return false
}

// lookIn looks again after a while.
func (f *fabric) lookIn(ctx context.Context, after time.Duration, r round) (nemesis.Measured, error) {
	if err := f.cluster.Sleep(ctx, after); err != nil {
		return nemesis.Measured{}, err
	}
	return f.look(ctx, r)
}

// settled says whether every link has shown what it can show before its time is up:
// cut ones show nothing, of lossy ones no more than one probe is waited for.
func (f *fabric) settled(r round, m nemesis.Measured) bool {
	for _, l := range f.cluster.cfg.Links {
		want := r.sent[l]
		switch {
		case r.cut[l], r.narrow[l], r.lossy[l] && !r.owed[l]:
			continue
		case r.lossy[l]:
			want = 1
		}
		if m.Probes[l].Came < want {
			return false
		}
	}
	return true
}

// peers is how many probes a node sends to which address.
func (f *fabric) peers(n *node, r round) map[string]int {
	to := map[string]int{}
	for _, l := range f.cluster.cfg.Links {
		if l.From == n.name {
			to[f.byName[l.To].ip] = r.sent[l]
		}
	}
	return to
}

// look asks every agent which probes have arrived, what cuts have swallowed and
// what bad links have met.
func (f *fabric) look(ctx context.Context, r round) (m nemesis.Measured, err error) {
	var (
		mu      sync.Mutex
		replies = map[string]agent.Reply{}
	)
	err = f.every(func(n *node) error {
		rep, err := n.agent.Heard(ctx, r.number)
		mu.Lock()
		replies[n.name] = rep
		mu.Unlock()
		return err
	})
	if err != nil {
		return m, err
	}
	m.Up, m.Dropped = map[history.Link]bool{}, map[history.Link]int64{}
	m.Impaired, m.Probes = map[history.Link]int64{}, map[history.Link]nemesis.Probes{}
	for _, l := range f.cluster.cfg.Links {
		from, to := f.byName[l.From], f.byName[l.To]
		t := replies[to.name].Heard[from.ip]
		m.Up[l] = t.Came > 0
		gaps := t.Gaps
		if t.Came == 0 || t.Last < r.sent[l]-1 {
			gaps++ // the end is missing too
		}
		m.Probes[l] = nemesis.Probes{
			Gaps: gaps, Sent: r.sent[l], Came: t.Came, Twice: t.Twice, Overtaken: t.Overtaken, Least: t.Least, Mean: t.Mean, Within: linkError,
		}
		left, wasCut := replies[from.name].Out[to.ip]
		if arrived, too := replies[to.name].In[from.ip]; wasCut || too {
			m.Dropped[l] = left + arrived
		}
		if n, met := replies[from.name].Met[to.ip]; met {
			m.Impaired[l] = n
		}
	}
	return m, nil
}
