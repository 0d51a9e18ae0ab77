package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// Diagram is a space-time diagram: a lane for each leader, the operations on it in
// the order in which they began, and the edges between them.
type Diagram struct {
	Lanes  []string      `json:"lanes"`
	Ops    []DiagramOp   `json:"ops"`
	Arrows []DiagramEdge `json:"arrows,omitempty"`
}

// DiagramOp is an operation in a diagram.
type DiagramOp struct {
	Index   int    `json:"i"`
	Lane    int    `json:"lane"` // position in Lanes
	Session int    `json:"session"`
	Start   int64  `json:"start_ns"`
	End     int64  `json:"end_ns"` // -1: never answered
	What    string `json:"what"`   // "w x=17"
	Outcome string `json:"outcome"`
	Final   bool   `json:"final,omitempty"`
}

// DiagramEdge is an arrow from one operation to another, by their indexes.
type DiagramEdge struct {
	From int    `json:"from"`
	To   int    `json:"to"`
	Kind string `json:"kind"`
}

// diagram draws the operations that a finding's story speaks of.
func (ix *index) diagram(f *Finding) *Diagram {
	d := &Diagram{}
	var ks []int
	for _, i := range f.Ops {
		if k, ok := ix.h.Pos(i); ok {
			ks = append(ks, k)
			if n := ix.nodeName(k); !slices.Contains(d.Lanes, n) {
				d.Lanes = append(d.Lanes, n)
			}
		}
	}
	if len(ks) == 0 {
		return nil
	}
	slices.Sort(d.Lanes)
	slices.Sort(ks) // positions are in the order of invocations
	for _, k := range slices.Compact(ks) {
		op := DiagramOp{
			Index: ix.h.Index(k), Lane: slices.Index(d.Lanes, ix.nodeName(k)), Session: ix.h.Session(k),
			Start: int64(ix.h.Start(k)), End: -1, What: ix.what(k), Outcome: ix.h.Outcome(k).String(), Final: ix.h.Final(k),
		}
		if ix.h.Return(k) != 0 {
			op.End = int64(ix.h.End(k))
		}
		d.Ops = append(d.Ops, op)
	}
	for _, e := range f.Edges {
		if a := (DiagramEdge{e.From, e.To, e.Kind}); !slices.Contains(d.Arrows, a) {
			d.Arrows = append(d.Arrows, a)
		}
	}
	return d
}

// what is an operation in few characters: "r x=4, w x=17".
func (ix *index) what(k int) string {
	var words []string
	from, to := ix.h.Steps(k)
	for s := from; s < to; s++ {
		if s-from == 4 {
			words = append(words, fmt.Sprintf("… %d more", to-s))
			break
		}
		word := ix.h.StepF(s).String() + " " + ix.h.Keys()[ix.h.StepKey(s)]
		answered := ix.h.StepF(s) != history.Read || ix.h.Outcome(k) == history.OK
		if ix.h.StepF(s) != history.Delete && answered {
			word += "=" + shortValue(ix.h.StepValue(s))
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// shortValue is a value with at most six of its elements; nothing is "-".
func shortValue(v history.Value) string {
	switch {
	case len(v.List) > 6:
		return fmt.Sprintf("%s … %d]", strings.TrimSuffix(fmt.Sprint(v.List[:6]), "]"), len(v.List))
	case v.List != nil:
		return fmt.Sprint(v.List)
	case !v.Set || v.N == 0:
		return "-"
	}
	return fmt.Sprint(v.N)
}
