package checker

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// Settling is what reads showed of values that changed though every client was
// closed: how fast replication still moves.
type Settling struct {
	From  int64 `json:"from_ns"` // the first and the last of the reads
	Until int64 `json:"until_ns"`
	// Compared counts reads of a key at a leader that had been read there before;
	// Changes those of them that returned another value. What came and went
	// between two reads is not in it.
	Compared int `json:"compared"`
	Changes  int `json:"changes"`
	Keys     int `json:"keys"`  // that changed
	Loops    int `json:"loops"` // that went round, see [loopRounds]
}

// loopRounds is how often each of two values of a key must follow the other at
// one leader while nobody writes, before it counts as a loop.
//
// A correct store that still converges applies each write once. With stamps its
// value then only moves up, and no value returns at all. Where it shows one of
// several versions it has, a value can return once the one that hid it was
// replaced; but of two values, one of which hid the other, not both can. A store
// that was cut off may send again what it had sent, which shows one old value
// after the newer one, once. Three times each is none of these.
const loopRounds = 3

// watch is what one leader showed of one key since clients were closed: the
// reads after which its value was another, the first one included.
type watch struct {
	leader int
	key    int32
	reads  []int32 // steps
	last   int32   // the last read, whether it changed anything or not
}

// watches follow every key at every leader through the reads since clients were
// closed, up to the next write by anyone: O(reads).
func (ix *index) watches() (all []*watch, compared int) {
	h, end := ix.h, &ix.end
	if end.closed == nil {
		return nil, 0
	}
	until := ix.firstWriteAfter(end.closed.Index)
	byPlace := map[[2]int32]*watch{}
	for _, k := range end.watched {
		if h.Return(int(k)) > until {
			continue
		}
		from, to := h.Steps(int(k))
		for s := from; s < to; s++ {
			place := [2]int32{int32(ix.node(int(k))), int32(h.StepKey(s))}
			w := byPlace[place]
			switch {
			case w == nil:
				w = &watch{leader: ix.node(int(k)), key: place[1], reads: []int32{int32(s)}}
				byPlace[place], all = w, append(all, w)
			case ix.opOfStep(w.last) != int(k) && h.Index(int(k)) < h.Return(ix.opOfStep(w.last)):
				continue // it overlaps the read before: nobody knows which was first
			case !sameValue(ix.kind[place[1]], h.StepValue(s), h.StepValue(int(w.last))):
				w.reads = append(w.reads, int32(s))
				compared++
			default:
				compared++
			}
			w.last = int32(s)
		}
	}
	return all, compared
}

// firstWriteAfter is the index of the first operation that was begun after an
// event and may write, or one beyond all.
func (ix *index) firstWriteAfter(event int) int {
	first := math.MaxInt
	for k := ix.h.Len() - 1; k >= 0 && ix.h.Index(k) > event; k-- {
		if ix.writes(k) {
			first = ix.h.Index(k)
		}
	}
	return first
}

// settling is nil where no key was read a second time at a leader since clients were closed.
func (ix *index) settling() *Settling {
	ws, compared := ix.watches()
	if compared == 0 {
		return nil
	}
	h, watched := ix.h, ix.end.watched
	s := &Settling{From: int64(h.Start(int(watched[0]))), Until: int64(ix.when(int(watched[len(watched)-1]))), Compared: compared}
	changed := map[int32]bool{}
	for _, w := range ws {
		if len(w.reads) > 1 {
			s.Changes += len(w.reads) - 1
			changed[w.key] = true
		}
	}
	s.Keys, s.Loops = len(changed), len(ix.loops(ws))
	return s
}

// rateWords says how fast values still change, where replication does.
func (ix *index) rateWords() string {
	if ix.end.quiet == nil || ix.end.quiet.State != history.QuietMoving {
		return ""
	}
	s := ix.settling()
	if s == nil {
		return ""
	}
	span := time.Duration(s.Until - s.From)
	if s.Changes == 0 {
		return fmt.Sprintf("; none of %s within %s returned another value than the one before", plural(s.Compared, "repeated read", "repeated reads"), seconds(span))
	}
	return fmt.Sprintf("; values of %s were seen to change %s within %s, at least %.3g a second, and none of them goes round",
		plural(s.Keys, "key", "keys"), plural(s.Changes, "time", "times"), seconds(span), float64(s.Changes)/max(span.Seconds(), 1e-9))
}

// loop is a key of which two values go round at a leader.
type loop struct {
	*watch
	turns []int32 // reads: the one value and the other, in turn
}

// loops are the keys with values that go round, each once.
func (ix *index) loops(ws []*watch) []loop {
	var found []loop
	seen := map[int32]bool{}
	restarts := restartsOf(ix.h)
	for _, w := range ws {
		restarted := restarts[ix.h.Nodes()[w.leader]].since(ix.end.closed.Index)
		if seen[w.key] || restarted || ix.kind[w.key] != register {
			continue
		}
		if turns := ix.turns(w.reads); turns != nil {
			seen[w.key] = true
			found = append(found, loop{w, turns})
		}
	}
	return found
}

// turns finds two written values that follow each other loopRounds times, and
// gives the reads that show it: O(reads) for each value that was shown that often.
func (ix *index) turns(reads []int32) []int32 {
	times := map[int32]int{} // the write that was shown → in how many stretches
	for _, s := range reads {
		times[ix.src[s]]++
	}
	tried := map[int32]bool{}
	for _, s := range reads {
		a := ix.src[s]
		if a < 0 || times[a] < loopRounds || tried[a] {
			continue
		}
		tried[a] = true
		if turns := ix.turnsOf(a, reads); turns != nil {
			return turns
		}
	}
	return nil
}

func (ix *index) turnsOf(a int32, reads []int32) []int32 {
	lastA := int32(-1)
	turns := map[int32][]int32{} // the other value → reads of a and of it, in turn
	for _, s := range reads {
		b := ix.src[s]
		if b == a {
			lastA = s
			continue
		}
		t := turns[b]
		if b < 0 || lastA < 0 || len(t) > 0 && t[len(t)-2] == lastA {
			continue
		}
		t = append(t, lastA, s)
		if turns[b] = t; len(t) == 2*loopRounds {
			return t
		}
	}
	return nil
}

// loopResult is the verdict where values go round: it is known even though
// replication never came to rest, because it never will.
func (ix *index) loopResult() (Result, bool) {
	end := &ix.end
	if end.healed == nil || end.closed == nil || end.quiet == nil || end.quiet.State != history.QuietMoving {
		return Result{}, false
	}
	ws, _ := ix.watches()
	ls := ix.loops(ws)
	if len(ls) == 0 {
		return Result{}, false
	}
	keys := map[int32]bool{}
	for _, w := range ws {
		keys[w.key] = true
	}
	r := Result{Verdict: Violated, Violations: len(ls), Chances: len(keys), Counts: map[string]int{"keys with values that go round": len(ls)}}
	r.Reason = fmt.Sprintf("values of %s go round though nobody writes: replication will not come to rest", plural(len(ls), "key", "keys"))
	for _, l := range ls[:min(len(ls), candidates)] {
		r.Findings = append(r.Findings, ix.loopFinding(l))
	}
	r.Findings = smallest(r.Findings)
	return r, true
}

func (ix *index) loopFinding(l loop) Finding {
	first, last := ix.opOfStep(l.turns[0]), ix.opOfStep(l.turns[len(l.turns)-1])
	a, b := ix.src[l.turns[0]], ix.src[l.turns[1]]
	ops := []int{ix.opOfStep(a), ix.opOfStep(b)}
	var shown []string
	var edges []Edge
	for _, s := range l.turns {
		ops, edges = append(ops, ix.opOfStep(s)), append(edges, ix.returned(s))
		shown = append(shown, ix.assigned(s))
	}
	story := fmt.Sprintf("Two values of %s go round at %s: between %s and %s it returned %s. Every client was closed at %s, and nobody wrote since. %s was %s, %s was %s. A store that applies each write once cannot return to both of them again and again: a leader takes back in what it had passed on before.",
		ix.h.Keys()[l.key], ix.h.Nodes()[l.leader], seconds(ix.h.Start(first)), seconds(ix.when(last)), strings.Join(shown, ", "),
		seconds(ix.end.closed.T), ix.assigned(a), ix.acked(ix.eventOf(a)), ix.assigned(b), ix.acked(ix.eventOf(b)))
	return ix.finding("convergence", "loop", story, ops, edges)
}
