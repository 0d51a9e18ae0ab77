// Package linear searches for an order of operations that keeps real time and
// explains every answer: for whatever has a sequential model. The search may take
// all the time and memory there is, so who calls it sees to limits. It
// knows no files, no processes and no properties.
package linear

import (
	"cmp"
	"math"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// Operation is one operation on the objects of a problem.
type Operation struct {
	ID   int   // who asks calls it so; answers name it
	Call int64 // the event at which it was asked for
	// Return is the event at which it was answered; 0: it was not, so it may have
	// taken effect at any time after Call, or never.
	Return int64
	// Steps are what it did, at one instant. A read has what it returned; a
	// read that was not answered is left out.
	Steps []history.Step
}

// Problem asks whether operations are linearizable together. Keys start
// empty: a register with nothing, a counter at 0, a set or list without elements. What a
// key is shows in what is done to it, which has to be of one kind.
type Problem struct{ Ops []Operation }

// Answer says whether they are.
type Answer struct {
	Verdict Verdict
	Why     string // unknown: why
	// Last is the ID of the operation whose answer leaves no order; up to its
	// Return there was one. Ops are the operations that show it, and Reads
	// those of them, beside Last, that change nothing.
	Last  int
	Reads []int
	Ops   []int
}

// Verdict is the answer in a word.
type Verdict string

// The verdicts.
const (
	Yes     Verdict = "yes"
	No      Verdict = "no"
	Unknown Verdict = "unknown"
)

// returns are the events at which operations were answered, in order.
func (p Problem) returns() []int64 {
	var at []int64
	for _, op := range p.Ops {
		if op.Return > 0 {
			at = append(at, op.Return)
		}
	}
	slices.Sort(at)
	return at
}

// Until is the problem as it was right after an event: what was not answered by
// then may have taken effect or not, and what was not asked for is not there.
// If a problem has an order, every earlier state of it has one.
func (p Problem) Until(event int64) Problem {
	var q Problem
	for _, op := range p.Ops {
		switch {
		case op.Call > event:
		case op.Return > event:
			op.Return = 0
			op.Steps = slices.DeleteFunc(slices.Clone(op.Steps), func(s history.Step) bool { return s.F == history.Read })
			if len(op.Steps) > 0 {
				q.Ops = append(q.Ops, op)
			}
		default:
			q.Ops = append(q.Ops, op)
		}
	}
	return q
}

// onlyReads says that an operation changes nothing.
func (op Operation) onlyReads() bool {
	return !slices.ContainsFunc(op.Steps, func(s history.Step) bool { return s.F != history.Read })
}

// over is when an operation had taken effect at the latest.
func (op Operation) over() int64 { return cmp.Or(op.Return, math.MaxInt64) }
