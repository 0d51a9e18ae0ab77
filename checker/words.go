package checker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// maxFindings bounds the examples of one property; counts stay exact.
const maxFindings = 10

func (ix *index) who(k int) string {
	if ix.h.Final(k) {
		return "the final read"
	}
	return fmt.Sprintf("session %d", ix.h.Session(k))
}

// assigned is what a step wrote or read, as "x=17".
func (ix *index) assigned(s int32) string {
	key := ix.h.Keys()[ix.h.StepKey(int(s))]
	if ix.h.StepF(int(s)) == history.Delete {
		return "the removal of " + key
	}
	return key + "=" + valueWord(ix.h.StepValue(int(s)))
}

func valueWord(v history.Value) string {
	switch {
	case v.List != nil:
		words := make([]string, 0, len(v.List))
		for i, n := range v.List {
			if i == 20 {
				words = append(words, fmt.Sprintf("… (%d in all)", len(v.List)))
				break
			}
			words = append(words, fmt.Sprint(n))
		}
		return "[" + strings.Join(words, " ") + "]"
	case !v.Set || v.N == 0:
		return "nothing"
	}
	return fmt.Sprint(v.N)
}

// carried is the value that went from a write to a read, as "x=17".
func (ix *index) carried(from, to int32) string {
	word := "a value"
	a, b := ix.steps(to)
	for s := a; s < b; s++ {
		for w := range ix.sources(s) {
			if ix.eventOf(w) == from {
				return ix.assigned(w)
			}
		}
	}
	return word
}

// writeOf is the step by which an event writes a key: its last one.
func (ix *index) writeOf(e, key int32) int32 {
	from, to := ix.steps(e)
	for s := to - 1; s >= from; s-- {
		if ix.h.StepF(s).IsWrite() && int32(ix.h.StepKey(s)) == key {
			return int32(s)
		}
	}
	return int32(from)
}

// written is "x=17", as event e wrote it.
func (ix *index) written(e, key int32) string { return ix.assigned(ix.writeOf(e, key)) }

// acked is "acknowledged to session 3 at n2 at 4.213 s (#17)".
func (ix *index) acked(e int32) string {
	k := ix.op(e)
	word := "acknowledged to"
	if ix.h.Outcome(k) != history.OK {
		word = "never acknowledged but read, of"
	}
	return fmt.Sprintf("%s %s at %s at %s (#%d)", word, ix.who(k), ix.nodeName(k), seconds(ix.when(k)), ix.h.Index(k))
}

// when is the time of an operation's answer, or of its start where there was none.
func (ix *index) when(k int) time.Duration {
	if ix.h.Return(k) == 0 {
		return ix.h.Start(k)
	}
	return ix.h.End(k)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }

// older says in a sentence how it is known that one write was before another.
func (o *order) older(aName, bName string, hops []hop) string {
	edges := o.edges(hops)
	if len(edges) == 0 {
		return fmt.Sprintf("%s is the older one: both are steps of one operation, in this order.", aName)
	}
	var parts []string
	for i, e := range edges {
		if i == 3 && len(edges) > 4 {
			parts = append(parts, fmt.Sprintf("and so on through %d more steps", len(edges)-i))
			break
		}
		parts = append(parts, e.Because)
	}
	return fmt.Sprintf("%s is the older one, because %s was there before %s was asked for: %s.", aName, aName, bName, strings.Join(parts, "; "))
}

// finding completes a finding: its identifier is made from what it shows, so it
// stays the same however the history is read.
func (ix *index) finding(property, label, story string, ops []int, edges []Edge) Finding {
	var shown strings.Builder
	fmt.Fprintln(&shown, property, label)
	var indexes []int
	for _, k := range ops {
		if i := ix.h.Index(k); !slices.Contains(indexes, i) {
			indexes = append(indexes, i)
			ix.digest(&shown, k)
		}
	}
	sum := sha256.Sum256([]byte(shown.String()))
	return Finding{ID: hex.EncodeToString(sum[:6]), Label: label, Story: story, Ops: indexes, Edges: edges}
}

func (ix *index) digest(w *strings.Builder, k int) {
	op := ix.h.Op(k)
	fmt.Fprintln(w, op.Index, op.Session, op.Node, op.Outcome)
	for _, s := range op.Steps {
		fmt.Fprintln(w, s.F, s.Key, s.Value)
	}
}

// opsOf are the operations of a chain of edges, in order.
func (ix *index) opsOf(hops []hop) []int {
	var ops []int
	for _, hp := range hops {
		for _, e := range []int32{hp.from, hp.to} {
			if k := ix.op(e); !slices.Contains(ops, k) {
				ops = append(ops, k)
			}
		}
	}
	return ops
}

// smallest keeps the findings with the fewest operations, in a stable order.
func smallest(fs []Finding) []Finding {
	slices.SortStableFunc(fs, func(a, b Finding) int { return len(a.Ops) - len(b.Ops) })
	return fs[:min(len(fs), maxFindings)]
}

// candidates is how many violations are put into words before the smallest are chosen.
const candidates = 50

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
