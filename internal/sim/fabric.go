package sim

import (
	"context"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

type fabric Cluster

// Apply makes the State true at once, but for nodes that are asked to end: these take
// their time, and it waits for them.
func (f *fabric) Apply(ctx context.Context, s nemesis.State) error {
	for _, l := range (*Cluster)(f).sortedLinks() {
		l.become(s)
	}
	for _, name := range f.names {
		f.nodes[name].become(s)
	}
	return (*Cluster)(f).farewell(ctx)
}

// Measure reads the clock of every node that is up as its machine sees it, sends
// probes along every path, tries every disk, waits for all of it, and looks at every
// node's process.
func (f *fabric) Measure(ctx context.Context) (nemesis.Measured, error) {
	c := (*Cluster)(f)
	m := nemesis.Measured{
		Up: map[history.Link]bool{}, Refused: map[history.Link]bool{}, Dropped: map[history.Link]int64{},
		Probes: map[history.Link]nemesis.Probes{}, Impaired: map[history.Link]int64{},
		Clocks: map[string]time.Duration{}, Within: map[string]time.Duration{}, Nodes: map[string]nemesis.Process{},
		Disks: map[string]nemesis.DiskTrial{},
	}
	m.Read = max(c.now, 1) // whoever looks wants to know of now, and not of when the last probe has come
	for _, name := range c.names {
		if n := c.nodes[name]; n.process() == nemesis.Up { // another would not answer
			m.Clocks[name], m.Within[name] = n.wall().Sub(Epoch.Add(c.now)), 0
		}
	}
	if err := c.probe(ctx, m); err != nil {
		return m, err
	}
	for _, name := range c.names {
		n := c.nodes[name]
		m.Nodes[name] = nemesis.Process{Is: n.process(), Met: n.met, Kept: int64(len(n.disk.records)), Lost: n.disk.lost}
		if why := n.whyDown(); why != "" {
			p := m.Nodes[name]
			p.Why = why
			m.Nodes[name] = p
		}
	}
	return m, nil
}

// Thoroughly lets the next measurement send at least so many probes along links.
func (f *fabric) Thoroughly(links []history.Link, probes int) {
	for _, l := range links {
		if l, ok := f.links[l]; ok {
			l.owed = max(l.owed, probes)
		}
	}
}

func (c *Cluster) sortedLinks() []*link {
	var names []history.Link
	for l := range c.links {
		names = append(names, l)
	}
	nemesis.SortLinks(names)
	var ls []*link
	for _, n := range names {
		ls = append(ls, c.links[n])
	}
	return ls
}

// Cannot is empty: everything that a State can say can be simulated.
func (f *fabric) Cannot(s nemesis.State) []string {
	var why []string
	say := func(node string) {
		if !slices.Contains(f.names, node) {
			why = append(why, "there is no node "+node)
		}
	}
	for _, c := range s.Clocks {
		say(c.Node)
	}
	for _, n := range s.Paused {
		say(n)
	}
	for _, d := range s.Down {
		say(d.Node)
	}
	for _, d := range s.Disks {
		say(d.Node)
	}
	return why
}
