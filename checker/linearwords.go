package checker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// over says whether operation a was over before b began.
func (ix *index) over(a, b int) bool {
	return ix.h.Outcome(a) == history.OK && ix.h.Return(a) < ix.h.Index(b)
}

// rtEdge says that operation a was over before b began.
func (ix *index) rtEdge(a, b int) Edge {
	e := Edge{From: ix.h.Index(a), To: ix.h.Index(b), Kind: "rt"}
	if ix.h.Timed() {
		e.Because = fmt.Sprintf("#%d was over at %s, #%d began at %s", e.From, seconds(ix.h.End(a)), e.To, seconds(ix.h.Start(b)))
	} else {
		e.Because = fmt.Sprintf("#%d was over before #%d began", e.From, e.To)
	}
	return e
}

// didWords is what an operation did, where and when: "read x=5 at n1 from 1.200 s
// to 1.250 s (#17)".
func (ix *index) didWords(k int) string {
	from, to := ix.h.Steps(k)
	var did []string
	for s := from; s < to; s++ {
		if s == from+3 && to-from > 4 {
			did = append(did, fmt.Sprintf("%d steps more", to-s))
			break
		}
		did = append(did, ix.stepWords(s))
	}
	when := ""
	switch {
	case !ix.h.Timed():
	case ix.h.Return(k) > 0:
		when = fmt.Sprintf(" from %s to %s", seconds(ix.h.Start(k)), seconds(ix.h.End(k)))
	default:
		when = fmt.Sprintf(" from %s on", seconds(ix.h.Start(k)))
	}
	return fmt.Sprintf("%s at %s%s (#%d)", joined(did), ix.nodeName(k), when, ix.h.Index(k))
}

func (ix *index) stepWords(s int) string {
	key, value := ix.h.Keys()[ix.h.StepKey(s)], valueWord(ix.h.StepValue(s))
	switch f := ix.h.StepF(s); f {
	case history.Read:
		return "read " + key + "=" + value
	case history.Write:
		return "wrote " + key + "=" + value
	case history.Delete:
		return "deleted " + key
	case history.Inc:
		return "added " + value + " to " + key
	case history.Add, history.Append:
		return "put " + value + " into " + key
	case history.Remove:
		return "took " + value + " out of " + key
	default:
		return fmt.Sprintf("did %s %s %s", f, key, value)
	}
}

// tale collects the operations and edges of a finding.
type tale struct {
	ix    *index
	ops   []int
	edges []Edge
	said  []string
}

// add names an operation as part of the tale, once.
func (t *tale) add(k int) {
	if !slices.Contains(t.ops, k) {
		t.ops = append(t.ops, k)
	}
}

// say adds a sentence about an operation.
func (t *tale) say(k int, format string, args ...any) {
	t.add(k)
	t.said = append(t.said, fmt.Sprintf(format, args...))
}

// before adds the edge that operation a was over before b began, if it was.
func (t *tale) before(a, b int) {
	if a != b && t.ix.over(a, b) {
		t.edges = append(t.edges, t.ix.rtEdge(a, b))
	}
}

// from adds the writes that the operations so far have read, for the key, and the edges.
func (t *tale) from(key int32) {
	for _, k := range slices.Clone(t.ops) {
		a, b := t.ix.h.Steps(k)
		for s := a; s < b; s++ {
			if src := t.ix.src[s]; int32(t.ix.h.StepKey(s)) == key && src >= 0 {
				w := t.ix.opOfStep(src)
				t.add(w)
				t.edges = append(t.edges, Edge{
					From: t.ix.h.Index(w), To: t.ix.h.Index(k), Kind: "wr",
					Because: fmt.Sprintf("#%d read %s, which #%d wrote", t.ix.h.Index(k), t.ix.assigned(src), t.ix.h.Index(w)),
				})
			}
		}
	}
}

func (t *tale) finding(label string) Finding {
	slices.SortFunc(t.ops, func(a, b int) int { return a - b })
	return t.ix.finding("linearizable", label, strings.Join(t.said, " "), t.ops, t.edges)
}
