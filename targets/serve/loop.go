package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlcheck/mlcheck/targets"
)

// mostUnwritten bounds the bytes that wait for the disk, the ones on their way
// included twice at most. Beyond it the node does not listen until there is room.
const mostUnwritten = 16 << 20

// run is the loop: one goroutine steps the machine, all others read, write and
// wait for it. It ends with the context, or with the first failure.
func (n *node) run() error {
	n.begin(n.accept)
	defer context.AfterFunc(n.ctx, func() { _ = n.cfg.Listen.Close() })()
	n.step(targets.In{Kind: targets.Start})
	wake := time.NewTimer(0)
	defer wake.Stop()
	for n.ctx.Err() == nil {
		inbox := n.inbox
		if len(n.records.bytes) > mostUnwritten {
			inbox = nil
		}
		wake.Reset(n.timers.wait(time.Now()))
		select {
		case do := <-inbox:
			do()
		case <-wake.C:
			n.ring()
		case r := <-n.journal.done:
			n.written(r)
		case <-n.ctx.Done():
		}
	}
	var failed failure
	if errors.As(context.Cause(n.ctx), &failed) {
		return fmt.Errorf("node %s: %w", n.cfg.Node, failed.error)
	}
	return n.finish()
}

// finish writes what waits for the log: a node that is asked to end leaves nothing
// behind in memory.
func (n *node) finish() error {
	for n.write(); n.writing; {
		r := <-n.journal.done
		n.writing = false
		if r.err != nil {
			return fmt.Errorf("the log %s cannot be written: %w", n.journal.path, r.err)
		}
		n.write()
	}
	return nil
}

// do has the loop do something; false: the node has ended.
func (n *node) do(something func()) bool {
	select {
	case n.inbox <- something:
		return true
	case <-n.ctx.Done():
		return false
	}
}

// ring rings the timers that are due, in the order in which they were to ring.
func (n *node) ring() {
	for now := time.Now(); n.ctx.Err() == nil; {
		body, due := n.timers.pop(now)
		if !due {
			return
		}
		n.step(targets.In{Kind: targets.Timer, Body: body})
	}
}

// heldOut is a message or reply that waits for a record.
type heldOut struct {
	targets.Out
	record uint64
}

// step hands one thing to the machine and does what it says, in order. What
// leaves the node waits for the disk, also for what an earlier step has logged:
// what somebody has seen is durable.
func (n *node) step(in targets.In) {
	// Without the monotonic reading, by which two times would be compared otherwise.
	in.Wall, in.Full = time.Now().Round(0), n.cfg.room(n.cfg.Dir) < reserve+uint64(len(n.records.bytes))
	outs := n.machine.Step(in)
	for _, out := range outs {
		if out.Kind == targets.Log {
			n.append(out)
		}
	}
	for _, out := range outs {
		switch {
		case out.Kind == targets.Timer:
			n.timers.push(time.Now().Add(out.After), out.Body)
		case out.Kind != targets.Message && out.Kind != targets.Reply:
		case n.needed > n.synced && !out.Eager:
			n.held = append(n.held, heldOut{out, n.needed})
		default:
			n.send(out)
		}
	}
	n.write()
}

// append puts a record behind those that wait for the journal.
func (n *node) append(out targets.Out) {
	n.appended++
	n.records.bytes = appendRecord(n.records.bytes, out.Body)
	n.records.last = n.appended
	if out.Sync {
		n.records.sync, n.needed = true, n.appended
	}
}

// write gives the journal everything that waits: whatever comes up while one sync
// runs shares the next.
func (n *node) write() {
	if n.writing || len(n.records.bytes) == 0 {
		return
	}
	n.writing = true
	n.journal.work <- n.records
	n.records = batch{}
}

// written is the journal's answer. A log that cannot be written is the end: what
// is in the machine's memory can never be shown to anybody.
func (n *node) written(r stored) {
	n.writing = false
	if r.err != nil {
		n.fail(fmt.Errorf("the log %s cannot be written, so that the node cannot go on: %w", n.journal.path, r.err))
		return
	}
	n.synced = max(n.synced, r.synced)
	for len(n.held) > 0 && n.held[0].record <= n.synced {
		n.send(n.held[0].Out)
		n.held = n.held[1:]
	}
	n.write()
}

// send never blocks: a peer that takes nothing loses messages, and a client that
// takes nothing loses its connection.
func (n *node) send(out targets.Out) {
	if out.Kind == targets.Message {
		if l := n.links[out.To]; l != nil {
			l.send(out.Body)
		}
		return
	}
	if c := n.clients[out.To]; c != nil && !c.send(out.Body) {
		n.cfg.Logf("%s does not read its replies: its connection is closed", c.name)
		n.forget(c)
	}
}
