package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// node is one member: a machine, its disk, its clock, and its clients.
type node struct {
	c       *Cluster
	name    string
	machine targets.Machine // nil: the node is down
	life    int             // which machine this is: what an earlier one has left undone never happens
	paused  bool
	held    []*errand // what has come to the machine, or from it, while it is paused
	dark    bool      // its power is lost
	bare    bool      // its disk was emptied
	leaving bool      // it was asked to end, and takes nothing more
	overdue bool      // it has not ended in time, and was killed
	starved bool      // it has died of its full disk
	met     int64     // messages, requests and connections that found it paused or down
	disk    disk
	clock   nemesis.ClockState
	conns   map[string]*conn
	links   []*link // to others

	asked, answered *link // from the clients, and to them

	r *rand.Rand
}

func newNode(c *Cluster, name string, r *rand.Rand) *node {
	return &node{c: c, name: name, disk: disk{k: &c.kernel}, conns: map[string]*conn{}, r: r}
}

// wall is the node's own clock. It goes on whatever becomes of the machine.
func (n *node) wall() time.Time { return Epoch.Add(n.c.now + n.clock.At(n.c.now)) }

// start brings up a machine with what the disk has left.
func (n *node) start() {
	n.dark, n.bare, n.starved, n.overdue = false, false, false, false
	n.machine = n.c.system.New(n.name, &n.disk)
	n.later(0, targets.In{Kind: targets.Start})
}

// stop ends the machine at once: nothing that it has put off will happen, and its
// connections break.
func (n *node) stop() {
	n.machine, n.held, n.leaving, n.life = nil, nil, false, n.life+1
	names := make([]string, 0, len(n.conns))
	for name := range n.conns { // the order does not show: they are sorted
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		n.conns[name].sever()
		n.met++
	}
	clear(n.conns)
}

// receive is what comes from outside: it is lost on a node that is down, and
// waits at one that is paused.
func (n *node) receive(in targets.In) {
	switch {
	case n.machine == nil || n.leaving:
		n.met++
	case n.paused:
		n.met++
		e := n.errand()
		e.in = in
		n.held = append(n.held, e)
	default:
		n.step(in)
	}
}

// step hands one thing to the machine and does what it says, in order. Nothing
// leaves the node while a record that was to be synced is not on disk yet, not
// even what an earlier step has logged: what somebody has seen is durable, unless
// the machine is eager.
func (n *node) step(in targets.In) {
	in.Wall, in.Full = n.wall(), n.disk.trouble.Full
	outs := n.machine.Step(in)
	if in.Full && !n.copes(in, outs) {
		return
	}
	n.disk.write(outs)
	wait := n.disk.wait()
	var eager, synced *errand
	for i := range outs {
		switch out := &outs[i]; out.Kind {
		case targets.Timer:
			n.later(out.After, targets.In{Kind: targets.Timer, Body: out.Body})
		case targets.Message, targets.Reply:
			with := &synced
			if out.Eager && wait > 0 {
				with = &eager
			}
			if *with == nil {
				*with = n.errand()
			}
			(*with).outs = append((*with).outs, *out)
		case targets.Trace:
			if n.c.trace != nil {
				n.c.trace(n.c.now, n.name, out.Body)
			}
		}
	}
	n.leave(0, eager)
	n.leave(wait, synced)
}

// copes says whether a machine lives on with a full disk. One that logs all the
// same dies of it, and is started again when there is room.
func (n *node) copes(in targets.In, outs []targets.Out) bool {
	logs := slices.ContainsFunc(outs, func(o targets.Out) bool { return o.Kind == targets.Log })
	if logs || in.Kind == targets.Request || in.Kind == targets.Message {
		n.disk.met++
	}
	if logs {
		n.starved = true
		n.stop()
	}
	return !logs
}

func (n *node) reply(to string, body []byte) {
	if cn := n.conns[to]; cn != nil {
		cn.down.send(targets.AppendFrame(nil, body))
	}
}

// become makes true what the State says of this node.
func (n *node) become(s nemesis.State) {
	n.clock = s.Clock(n.name)
	n.disk.become(s.Disk(n.name))
	by := s.DownBy(n.name)
	is := n.process()
	if want := s.Process(n.name); is == nemesis.Up && want != nemesis.Up {
		n.met = 0
	}
	if by != "" {
		n.starved = false // who starts it again does so without asking what it died of
	}
	switch {
	case n.machine == nil:
	case by == nemesis.Stop:
		n.retire()
	case by != "":
		n.stop()
	}
	if by == nemesis.Crash && !n.dark {
		n.dark = true
		n.disk.losePower()
	}
	if nemesis.Empties(by) && !n.bare {
		n.bare = true
		n.disk.wipe()
	}
	n.leaving = n.leaving && by == nemesis.Stop
	n.paused = slices.Contains(s.Paused, n.name)
	if starves := n.starved && n.disk.trouble.Full; by == "" && n.machine == nil && !starves {
		n.start()
	}
	if !n.paused {
		n.resume()
	}
}

// resume does, now, what has waited, in the order in which it came.
func (n *node) resume() {
	for _, e := range n.held {
		n.c.agenda.add(n.c.now, n.c.now, e)
	}
	n.held = nil
}

// process is what the node's process does.
func (n *node) process() string {
	switch {
	case n.machine == nil:
		return nemesis.Down
	case n.paused:
		return nemesis.Paused
	}
	return nemesis.Up
}

// whyDown says what else there is to know of a node that is down.
func (n *node) whyDown() string {
	switch {
	case n.starved:
		return "its disk is full"
	case n.overdue:
		return fmt.Sprintf("had not ended after %s and was killed", nemesis.Grace)
	}
	return ""
}

// Name is the node's name.
func (n *node) Name() string { return n.name }

// Peer is how other nodes reach it: by its name.
func (n *node) Peer() string { return n.name }

// Dial opens a client's connection; it takes one round trip. A node that is
// paused takes connections, as its kernel does; one that is down refuses them. What is
// lost on the way is sent again, for as long as the client waits.
func (n *node) Dial(ctx context.Context) (net.Conn, error) {
	fails := func(why error) (net.Conn, error) { return nil, fmt.Errorf("cannot connect to %s: %w", n.name, why) }
	for again := nemesis.DialedAgain; ; again *= 2 {
		late, came := n.asked.pass(n.c.now, nemesis.SynSize)
		if came {
			var back time.Duration
			back, came = n.answered.pass(n.c.now+late, nemesis.SynSize)
			late += back
		}
		refused := n.asked.cut && n.asked.reject
		wait := again
		if came || refused {
			wait = 2*clientLatency + late
		}
		if err := n.c.Sleep(ctx, wait); err != nil {
			return fails(err)
		}
		if refused {
			return fails(syscall.ECONNREFUSED)
		}
		if came {
			break
		}
	}
	if n.machine == nil || n.leaving {
		n.met++
		return fails(syscall.ECONNREFUSED)
	}
	n.c.conns++
	return n.connect(fmt.Sprintf("client-%d", n.c.conns)), nil
}
