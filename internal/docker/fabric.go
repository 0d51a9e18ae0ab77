package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// fabric makes States true through the agents. It implements nemesis.Fabric.
type fabric struct {
	cluster *Cluster
	byName  map[string]*node

	applying sync.Mutex // one Apply at a time: generations reach every agent in order

	mu         sync.Mutex
	generation uint64
	round      uint64
	state      nemesis.State        // what was asked for last
	owed       map[history.Link]int // so many probes show what has changed on a link
	changed    map[history.Link]int // the same of the last change, also once they are sent
}

func newFabric(c *Cluster) *fabric {
	f := &fabric{cluster: c, byName: map[string]*node{}, owed: map[history.Link]int{}, changed: map[history.Link]int{}}
	for _, n := range c.nodes {
		f.byName[n.name] = n
	}
	return f
}

// Fabric is how faults are made in this cluster.
func (c *Cluster) Fabric() nemesis.Fabric { return c.fabric }

// Cannot says what of a state this cluster cannot do.
func (f *fabric) Cannot(s nemesis.State) []string {
	var all []string
	say := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	for _, l := range slices.Concat(s.Cut, linksOf(s)) {
		if !nemesis.OfClients(l) {
			continue
		}
		if why := f.cannotReach(l); why != "" {
			say("%s", why)
		}
	}
	for _, l := range withoutClients(s.Cut) {
		for _, name := range []string{l.From, l.To} {
			if n := f.byName[name]; n == nil {
				say("link %s→%s: there is no node %s", l.From, l.To, name)
			} else if why := n.hello.CutWhy; why != "" {
				say("no link can be cut at %s: %s", name, why)
			}
		}
	}
	for _, l := range withoutClients(s.Reject) {
		if n := f.byName[l.From]; n != nil && n.hello.RefuseWhy != "" {
			say("no connection can be refused at %s: %s", l.From, n.hello.RefuseWhy)
		}
	}
	for _, c := range s.Clocks {
		if n := f.byName[c.Node]; n == nil {
			say("clock: there is no node %s", c.Node)
		} else if n.clockWhy != "" {
			say("no clock can be skewed: %s", n.clockWhy)
		}
	}
	for _, l := range withoutClients(linksOf(s)) {
		for _, name := range []string{l.From, l.To} {
			if n := f.byName[name]; n == nil {
				say("link %s→%s: there is no node %s", l.From, l.To, name)
			} else if why := n.hello.ImpairWhy; why != "" {
				say("no link can be impaired at %s: %s", name, why)
			}
		}
	}
	for _, d := range s.Disks {
		if n := f.byName[d.Node]; n == nil {
			say("disk: there is no node %s", d.Node)
		} else if why := n.cannotTrouble(d.DiskTrouble); why != "" {
			say("%s", why)
		}
	}
	for _, why := range f.cannotBefall(s) {
		say("%s", why)
	}
	return all
}

// Apply makes a state true everywhere; nil means that every agent has confirmed.
func (f *fabric) Apply(ctx context.Context, s nemesis.State) error {
	if why := f.Cannot(s); len(why) > 0 {
		return fmt.Errorf("this cannot be done here: %s", why[0])
	}
	f.applying.Lock()
	defer f.applying.Unlock()
	f.mu.Lock()
	f.generation++
	generation := f.generation
	f.owe(s)
	f.state = s
	f.mu.Unlock()
	for _, n := range f.cluster.nodes {
		n.admit(s)
	}
	if err := f.every(func(n *node) error { return n.agent.Apply(ctx, f.share(n, s, generation)) }); err != nil {
		return err
	}
	err := f.all(func(n *node) error {
		if err := n.choke(ctx, s.Disk(n.name).Full); err != nil {
			return err
		}
		return n.become(ctx, s.Process(n.name), s.DownBy(n.name))
	})
	if err != nil {
		return err
	}
	return f.all(func(n *node) error { return n.rejoin(ctx, s.Healthy()) })
}

// heal applies the zero State.
func (f *fabric) heal(ctx context.Context) error { return f.Apply(ctx, nemesis.State{}) }

// share is a node's part of a state. A cut link is dropped at both ends: what
// one end lets through in the instant of the change, the other stops.
func (f *fabric) share(n *node, s nemesis.State, generation uint64) agent.State {
	part := agent.State{Generation: generation, Seed: f.cluster.cfg.Seed, Full: s.Disk(n.name).Full}
	for _, l := range withoutClients(s.Cut) {
		if l.To == n.name {
			part.In = append(part.In, f.byName[l.From].ip)
		}
		if l.From == n.name {
			part.Out = append(part.Out, f.byName[l.To].ip)
		}
		if l.From == n.name && s.Rejects(l) {
			part.Refuse = append(part.Refuse, f.byName[l.To].ip)
		}
	}
	for _, l := range f.cluster.cfg.Links {
		i := s.Impairs(l)
		i.Delay += f.cluster.cfg.Latency[l]
		if l.From == n.name && i != (nemesis.Impairment{}) {
			part.Impaired = append(part.Impaired, agent.Impaired{To: f.byName[l.To].ip, Link: onPackets(i)})
		}
	}
	for _, c := range s.Clocks {
		if c.Node == n.name {
			part.Clock = onAgent(c, f.cluster.Now())
		}
	}
	return part
}

// every asks the agents of all nodes side by side and joins the errors.
func (f *fabric) every(ask func(*node) error) error {
	return f.all(func(n *node) error {
		if err := ask(n); err != nil {
			return n.explain(err)
		}
		return nil
	})
}

// all does the same for all nodes side by side and joins the errors.
func (f *fabric) all(do func(*node) error) error {
	var (
		wg   sync.WaitGroup
		errs = make([]error, len(f.cluster.nodes))
	)
	for i, n := range f.cluster.nodes {
		wg.Go(func() {
			if err := do(n); err != nil {
				errs[i] = fmt.Errorf("node %s: %w", n.name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Measure probes every link of the topology and asks every clock, side by side.
func (f *fabric) Measure(ctx context.Context) (nemesis.Measured, error) {
	m := nemesis.Measured{Clocks: map[string]time.Duration{}, Within: map[string]time.Duration{}, Nodes: map[string]nemesis.Process{}, Disks: map[string]nemesis.DiskTrial{}}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, n := range f.cluster.nodes {
		wg.Go(func() {
			p, err := n.lookAt(ctx)
			if err != nil {
				return // nobody could see it: it is missing
			}
			mu.Lock()
			m.Nodes[n.name] = p
			mu.Unlock()
		})
	}
	for _, n := range f.cluster.nodes {
		if !n.fills() {
			continue
		}
		wg.Go(func() {
			trial, err := n.tryDisk(ctx)
			if err != nil {
				return // nobody could try it: it is missing
			}
			mu.Lock()
			m.Disks[n.name] = trial
			mu.Unlock()
		})
	}
	if c, ok := f.cluster.cfg.System.(targets.Clocked); ok {
		for _, n := range f.cluster.nodes {
			if n.process() != nemesis.Up {
				continue // it would not answer
			}
			wg.Go(func() {
				off, within, err := n.clock(ctx, c)
				if err != nil {
					return // a clock that does not answer is missing
				}
				mu.Lock()
				m.Clocks[n.name], m.Within[n.name] = off, within
				mu.Unlock()
			})
		}
	}
	links, err := f.probe(ctx)
	if err == nil {
		m.Refused, err = f.dial(ctx)
	}
	m.Up, m.Dropped, m.Impaired, m.Probes = links.Up, links.Dropped, links.Impaired, links.Probes
	if err == nil {
		err = f.probeClients(ctx, &m)
	}
	wg.Wait()
	return m, err
}
