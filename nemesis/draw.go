package nemesis

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/stream"
)

// Kind is one kind of fault that a schedule can be drawn from.
type Kind struct {
	Name   string
	Help   string
	Shapes []string // that are drawn
	Asked  []string // that are drawn only when they are asked for
	parts  string   // the lists that a fault of this kind has, and no others
	brief  bool     // so that most of a cycle is left to catch up in
	draw   func(Draw, *rand.Rand) (shape string, f Fault)
}

// Kinds are all kinds of faults, in the order of their names.
func Kinds() []Kind {
	return []Kind{
		{Clock, "one leader's clock jumps by an offset (bump, jump-back), there and back again (strobe) or runs at another rate (drift), or all clocks jump by different offsets (scramble)", []string{bump, back, drift, strobe, scramble}, nil, "clocks", false, drawClock},
		{Crash, "one leader, some or all lose power: what they had not synced to disk is gone when they start again", whom, nil, "nodes", true, drawProcess},
		{Disk, "the disk of one leader, of some or of all is full, or slow to sync", []string{"full", "slow"}, nil, "disk and nodes", true, drawDisk},
		{Kill, "the process of one leader, of some or of all dies, and is started again with all that it wrote", whom, nil, "nodes", true, drawProcess},
		{Link, "links are slow (slow, or tail for a long tail of latencies), lose messages (lossy, or bursty for many in a row), double and reorder them (messy), or let few bytes pass (narrow); clients, only if asked for: those between clients and their leader are slow or lose messages", linkShapes, []string{ofClients}, "links and impair", false, drawLink},
		{Member, "one leader leaves the topology in good order, and later joins it anew with an empty disk, where the target can do that and at least two others stay", []string{leave}, nil, "nodes", false, drawLeave},
		{Partition, "links are cut, in one of the shapes that mean something for the topology: " + strings.Join(cutNames(), ", ") + "; clients, only if asked for: those between clients and their leader", cutNames(), []string{ofClients}, "links", false, drawPartition},
		{Pause, "the process of one leader, of some or of all stands still, while its clock goes on, and is resumed", whom, nil, "nodes", true, drawProcess},
		{Stop, "the process of one leader, of some or of all is asked to end (SIGTERM), has ten seconds to do so, and is started again", whom, nil, "nodes", true, drawProcess},
		{Wipe, "the process of one leader, the same for the whole run, dies and its disk is lost: it is started again with an empty one, where the target can take that", []string{"one"}, nil, "nodes", true, drawVictim},
	}
}

// Lookup finds a kind by name.
func Lookup(name string) (Kind, bool) {
	i := slices.IndexFunc(Kinds(), func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return Kinds()[i], true
}

// Draw is what a schedule is drawn from.
type Draw struct {
	Kinds []string // kinds, profiles, and what ParseSource reads; each has its own rhythm and its own random stream
	Nodes []string
	Links []history.Link // of the topology: only these are cut
	Time  time.Duration  // the last fault ends before it
	Skew  time.Duration  // the largest offset of a clock, either way
	// Strobe is the longest time between two jumps of a clock that strobes, the shortest
	// being a fifth of it; 0: only the fault's length is a bound.
	Strobe time.Duration
	Seed   uint64

	Followers []string   // those of the Nodes that are no leaders
	Centers   [][]string // the leaders of each data center; none: they are drawn
	Lacks     []Lack     // what the world cannot make, and nothing is drawn of

	clients bool // the links of clients are among the shapes that are asked for
}

// Schedule draws the faults of a run: per source one fault a cycle, in force for
// 40 to 70 % of it, or 10 to 30 % where nodes must come back and catch up, unless the
// source says otherwise, with health before, between and after. The same Draw gives
// the same faults, and leaving out a source leaves the others as they were.
func (d Draw) Schedule() ([]Fault, error) {
	switch {
	case len(d.Kinds) > 0 && len(d.Nodes) == 0:
		return nil, errors.New("faults cannot be drawn: there are no nodes")
	}
	sources, _, err := d.sources()
	if err != nil {
		return nil, err
	}
	var faults []Fault
	for _, s := range sources {
		k, _ := Lookup(s.Kind)
		d := s.within(d)
		if s.Kind == Clock && d.Skew <= 0 {
			return nil, fmt.Errorf("clock faults cannot be drawn: the largest skew must be above 0, not %s", d.Skew)
		}
		if err := s.canBe(d); err != nil {
			return nil, err
		}
		r := stream.New(d.Seed, "nemesis "+s.String())
		cycle := s.cycle(d.Time)
		for at := cmp.Or(s.First, cycle/4); at+s.least(cycle) <= d.Time; at += cycle {
			shape, f, err := s.one(k, d, r)
			if err != nil {
				return nil, err
			}
			f.Kind, f.Shape = s.Kind, shape
			f.From = (at + jitter(r, s.play(k, cycle, d.Time-at))).Truncate(time.Millisecond)
			f.Until = min((f.From + s.length(k, cycle, r)).Truncate(time.Millisecond), d.Time)
			fit(shape, f.Clocks, f.Until-f.From)
			if f.Flap > 0 {
				f = f.flapIn()
			}
			if parts(f) == k.parts {
				faults = append(faults, f)
			}
		}
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.From, b.From) })
	for i := range faults {
		faults[i].ID = i + 1
	}
	keepApart(faults)
	return oneOut(faults), nil
}

// play is how late in its cycle a fault may begin. Brief ones begin at any time: away
// from faults of other kinds, under them, or when they have just ended and leaders
// catch up.
func (k Kind) play(cycle time.Duration) time.Duration {
	if k.brief {
		return cycle * 13 / 20
	}
	return cycle / 5
}

func (k Kind) length(cycle time.Duration, r *rand.Rand) time.Duration {
	if k.brief {
		return cycle/10 + jitter(r, cycle/5)
	}
	return cycle*2/5 + jitter(r, cycle*3/10)
}

func jitter(r *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(d) + 1))
}

// Check says what is wrong with a written schedule, in a sentence, or nil.
func Check(faults []Fault, nodes []string, links []history.Link) error {
	if slices.Contains(nodes, Clients) {
		return fmt.Errorf("no node can be called %q: that is the other end of the links of clients", Clients)
	}
	paths := append(Paths(links), ClientLinks(nodes)...)
	for i, f := range faults {
		where := fmt.Sprintf("fault %d (faults[%d])", f.ID, i)
		kind, ok := Lookup(f.Kind)
		if !ok {
			return fmt.Errorf("%s: no kind of fault is called %q; there are %s", where, f.Kind, strings.Join(KindNames(), ", "))
		}
		if f.ID != i+1 {
			return fmt.Errorf("%s: faults are numbered from 1 in their order; this one must have id %d", where, i+1)
		}
		if f.From < 0 || f.Until <= f.From {
			return fmt.Errorf("%s: it must end after it starts, and start at 0 or later; it runs from %s until %s", where, f.From, f.Until)
		}
		for _, l := range f.Links {
			if !slices.Contains(paths, l) {
				return fmt.Errorf("%s: the topology has no link between %s and %s", where, l.From, l.To)
			}
		}
		if err := checkSkews(f, nodes); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if err := checkNodes(f, nodes); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if err := checkImpairment(f.Impair); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if err := checkStream(f); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if err := checkFlap(f); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if err := checkDisk(f.Disk); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if has := parts(f); has != kind.parts {
			return fmt.Errorf("%s: a fault of kind %s needs %s and nothing else; this one has %s", where, f.Kind, kind.parts, cmp.Or(has, "none"))
		}
	}
	return checkSums(faults)
}

// parts names the lists that a fault has.
func parts(f Fault) string {
	var has []string
	for _, p := range []struct {
		name string
		n    int
	}{{"links", len(f.Links)}, {"impair", count(f.Impair != nil)}, {"clocks", len(f.Clocks)}, {"disk", count(f.Disk != nil)}, {"nodes", len(f.Nodes)}} {
		if p.n > 0 {
			has = append(has, p.name)
		}
	}
	return strings.Join(has, " and ")
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// KindNames are the names of all kinds, in order.
func KindNames() []string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	return names
}
