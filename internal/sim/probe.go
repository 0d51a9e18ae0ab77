package sim

import (
	"context"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/nemesis"
)

// Probes of one measurement follow each other closely.
const (
	probeGap   = 20 * time.Microsecond
	probeSlack = time.Millisecond
)

// probing is the probes of one measurement along one link.
type probing struct {
	nemesis.Probes
	away  int   // on their way, or not sent yet
	came  []int // by number: how often
	last  int   // the highest number that came
	total time.Duration
}

// probeLink sends probes along a link, as many as it takes to see what is wrong with
// it, or was when it was probed last. They take the base latency and whatever an
// impairment does, but no part of the natural tail, so that few tell enough.
func (c *Cluster) probeLink(l *link) *probing {
	n := max(l.owed, l.impair.Probes())
	if l.owed == 0 && l.impair.Rate > 0 {
		n = 1 // to jam the link takes time, and needs to be done once
	}
	l.owed = 0
	p := &probing{Probes: nemesis.Probes{Sent: n}, away: n, came: make([]int, n), last: -1}
	for i := range n {
		c.after(time.Duration(i)*probeGap, func() {
			p.away--
			if l.cut {
				return
			}
			copies, wait := l.probes.of(l.impair, c.now, nemesis.ProbeSize)
			for range copies {
				took := l.base + wait + extra(l.impair, l.probes.r)
				p.away++
				c.after(took, func() {
					p.away--
					if !l.cut {
						p.arrive(i, took)
					}
				})
			}
		})
	}
	return p
}

func (p *probing) arrive(i int, took time.Duration) {
	p.came[i]++
	if p.came[i] > 1 {
		p.Twice++
		return
	}
	if p.last > i {
		p.Overtaken++
	}
	if p.Came == 0 || took < p.Least {
		p.Least = took
	}
	p.Came, p.last, p.total = p.Came+1, max(p.last, i), p.total+took
	p.Mean = p.total / time.Duration(p.Came)
}

// gaps counts the runs of numbers that never came.
func gaps(came []int) (n int) {
	for i, times := range came {
		if times == 0 && (i == 0 || came[i-1] > 0) {
			n++
		}
	}
	return n
}

// trying is one attempt to write a record of the world's own and to sync it.
type trying struct {
	nemesis.DiskTrial
	over bool
}

func (c *Cluster) try(n *node) *trying {
	t := &trying{DiskTrial: nemesis.DiskTrial{Full: n.disk.trouble.Full}, over: n.disk.trouble.Full}
	if began := c.now; !t.over {
		c.after(n.disk.takes(), func() { t.Sync, t.over = c.now-began, true })
	}
	return t
}

// probe probes every link and tries every disk at once, and waits until no probe is
// on its way and no sync goes on.
func (c *Cluster) probe(ctx context.Context, m nemesis.Measured) error {
	links, disks := c.sortedLinks(), map[string]*trying{}
	var probes []*probing
	for _, l := range links {
		probes = append(probes, c.probeLink(l))
	}
	for _, name := range c.names {
		disks[name] = c.try(c.nodes[name])
	}
	open := func() bool {
		return slices.ContainsFunc(probes, func(p *probing) bool { return p.away > 0 }) ||
			slices.ContainsFunc(c.names, func(name string) bool { return !disks[name].over })
	}
	for wait := linkBaseMin + linkBaseRange + probeSlack; wait > 0; wait = probeSlack {
		if err := c.Sleep(ctx, wait); err != nil {
			return err
		}
		if !open() {
			break
		}
	}
	for i, l := range links {
		probes[i].Gaps = gaps(probes[i].came)
		m.Probes[l.Link], m.Up[l.Link] = probes[i].Probes, probes[i].Came > 0
		m.Refused[l.Link] = l.cut && l.reject
		m.Dropped[l.Link], m.Impaired[l.Link] = l.dropped, l.impaired
	}
	for _, name := range c.names {
		trial := disks[name].DiskTrial
		trial.Met = c.nodes[name].disk.met
		m.Disks[name] = trial
	}
	return nil
}
