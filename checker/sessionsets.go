package checker

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// setWalk is what one session knows of one set. An element is looked at when it
// comes or goes, and when the session has just added or removed it; what stays as
// it is needs no look.
type setWalk struct {
	last      int32   // the step of the last read, or -1
	shown     []bool  // element → whether the last read showed it
	ever      []bool  // element → whether any read did
	head      []int32 // element → what is known of it, a position in entries + 1
	entries   []known
	touched   []int32 // elements to look at
	own, seen int     // how many entries say that an element must be shown
}

// known is the own add or remove of an element, or the add of one that was seen,
// and the event that saw it first.
type known struct {
	event, reader int32 // reader: -1 for own ones
	gone          bool  // a remove: it must not be shown
	next          int32 // the next entry of the element, like head
}

func newSetWalk(elements int) *setWalk {
	return &setWalk{last: -1, shown: make([]bool, elements), ever: make([]bool, elements), head: make([]int32, elements)}
}

func (sw *setWalk) know(elem int32, k known) {
	k.next = sw.head[elem]
	sw.entries = append(sw.entries, k)
	sw.head[elem] = int32(len(sw.entries))
	sw.count(k, 1)
}

func (sw *setWalk) count(k known, n int) {
	switch {
	case k.gone:
	case k.reader >= 0:
		sw.seen += n
	default:
		sw.own += n
	}
}

// setStep notes what a step of a set says, and judges it if it is a read that the
// session did at the node that is walked.
func (w *sessionWalk) setStep(key, e, s int32, judge bool) {
	sk := w.ix.sets[key]
	sw := w.sets[key]
	if sw == nil {
		sw = newSetWalk(len(sk.elems))
		w.sets[key] = sw
	}
	h := w.ix.h
	if h.StepF(int(s)) == history.Read {
		fresh := sw.shows(w.ix, sk, s)
		if judge {
			w.readSet(sk, sw, e, s)
		}
		w.knowShown(sk, sw, fresh, e)
		return
	}
	if v, ok := h.StepInt(int(s)); ok {
		sw.know(sk.at[v], known{event: e, reader: -1, gone: h.StepF(int(s)) == history.Remove})
		sw.touched = append(sw.touched, sk.at[v])
	}
}

// shows takes over what a read shows, and returns the elements that none showed before.
func (sw *setWalk) shows(ix *index, sk *setKey, s int32) (fresh []int32) {
	for _, i := range sw.change(ix, sk, s) {
		sw.touched = append(sw.touched, i)
		if sw.shown[i] && !sw.ever[i] {
			sw.ever[i] = true
			fresh = append(fresh, i)
		}
	}
	return fresh
}

// knowShown notes the adds of elements that a read was the first to show.
func (w *sessionWalk) knowShown(sk *setKey, sw *setWalk, fresh []int32, e int32) {
	for _, i := range fresh {
		if adds := w.ix.mayHaveHappened(sk.elems[i].adds); len(adds) == 1 && w.before(w.ix.eventOf(adds[0]), e) {
			sw.know(i, known{event: w.ix.eventOf(adds[0]), reader: e})
		}
	}
}

func (w *sessionWalk) readSet(sk *setKey, sw *setWalk, e, s int32) {
	own, seen := sw.own, sw.seen
	slices.Sort(sw.touched)
	look := slices.Compact(sw.touched)
	sw.touched = nil
	var back setBack
	for _, i := range look {
		own -= w.settle(sk, sw, i, e, &back)
	}
	w.chanceIf(own > 0, seen > 0)
	w.found.own.noteElement(s, back.gone, back.own)
	w.found.seen.noteElement(s, back.seen, nil)
}

// change takes over what a read shows, and returns the elements that came or went.
func (sw *setWalk) change(ix *index, sk *setKey, s int32) (changed []int32) {
	r := ix.reads[s]
	turn := func(v int64, shown bool) {
		if i, ok := sk.at[v]; ok && sw.shown[i] != shown {
			sw.shown[i] = shown
			changed = append(changed, i)
		}
	}
	came, went := r.came, r.went
	if r.base != sw.last { // it is told by its difference from another read, or from none
		came, went = asList(ix.h.StepValue(int(s))), nil
		here := make(map[int64]bool, len(came))
		for _, v := range came {
			here[v] = true
		}
		for i := range sk.elems {
			if !here[sk.elems[i].v] {
				turn(sk.elems[i].v, false)
			}
		}
	}
	for _, v := range came {
		turn(v, true)
	}
	for _, v := range went {
		turn(v, false)
	}
	sw.last = s
	return changed
}

// setBack is what a read shows wrongly, the first of each kind: an element that the
// session took out, and elements missing that it added or had seen.
type setBack struct{ gone, own, seen *lostElement }

type lostElement struct {
	known
	elem int32
}

func (b *setBack) note(k known, elem int32) {
	at := &b.own
	switch {
	case k.gone:
		at = &b.gone
	case k.reader >= 0:
		at = &b.seen
	}
	if *at == nil {
		*at = &lostElement{k, elem}
	}
}

// settle judges what is known of one element by what the read at e shows, and
// forgets what is explained. What is broken is looked at again by the next read,
// since every read of it counts. It returns how many own adds are of e itself.
func (w *sessionWalk) settle(sk *setKey, sw *setWalk, i, e int32, back *setBack) (same int) {
	at := sw.head[i]
	sw.head[i] = 0
	again := false
	for at > 0 {
		k := &sw.entries[at-1]
		next := k.next
		if k.reader < 0 && k.event == e { // the read that counts is still to come
			again = true
			if !k.gone {
				same++
			}
		}
		keep, wrong := w.stands(&sk.elems[i], k, e, sw.shown[i])
		if keep {
			k.next, sw.head[i] = sw.head[i], at
		} else {
			sw.count(*k, -1)
		}
		if wrong {
			again = true
			back.note(*k, i)
		}
		at = next
	}
	if again {
		sw.touched = append(sw.touched, i)
	}
	return same
}

// stands says whether what is known of an element is still to be watched, and
// whether the read at e breaks it. What nobody added at all is out of thin air,
// and no state from before its removal.
func (w *sessionWalk) stands(el *element, k *known, e int32, shown bool) (keep, wrong bool) {
	switch {
	case k.reader < 0 && k.event == e:
		return true, false
	case k.gone:
		return true, shown && len(w.ix.mayHaveHappened(el.adds)) > 0 && !w.excusesPresence(el.adds, k.event)
	case shown:
		return true, false
	}
	wrong = !w.excusesAbsence(el.removes, k.event, e)
	return wrong, wrong
}

// noteElement counts the read in step s once, if any element shows that it went back.
func (g *guarantee) noteElement(s int32, first, second *lostElement) {
	if first == nil {
		first = second
	}
	if first != nil {
		g.broken = append(g.broken, sessionFinding{s, first.event, first.reader, first.elem})
	}
}

func (w *sessionWalk) chanceIf(own, seen bool) {
	if own {
		w.found.own.chances++
	}
	if seen {
		w.found.seen.chances++
	}
}
