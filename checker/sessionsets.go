package checker

import "github.com/mlcheck/mlcheck/history"

// setWalk is what one session knows of one set.
type setWalk struct {
	session     int32
	added, seen []known // elements that must be shown: own adds, and elements seen
	gone        []known // own removes
	open        []known // elements whose add is in the past and whose absence nothing explains
	taken       []int32 // by run of the key: how many of its writes came into the past
	shown       []int32 // element → the number of the last read that showed it
	reads       int32   // of this session and, before it began, of others
	began       int32
	list, fresh []int32 // what the last read showed: all, and what the session had not seen before
}

// known is an element, the own add or remove of it, and for an element that was
// seen the event that saw it first.
type known struct {
	elem, event, reader int32
}

// setWalkOf is what the session that is walked knows of a set.
func (w *sessionWalk) setWalkOf(key int32) *setWalk {
	sw := w.sets[key]
	if sw == nil {
		sw = &setWalk{shown: make([]int32, len(w.ix.sets[key].elems))}
		w.sets[key] = sw
	}
	if sw.session != w.sessions {
		sw.session, sw.began = w.sessions, sw.reads
		sw.added, sw.seen, sw.gone, sw.open, sw.taken = sw.added[:0], sw.seen[:0], sw.gone[:0], sw.open[:0], sw.taken[:0]
	}
	return sw
}

// mark notes which elements a read shows.
func (sw *setWalk) mark(sk *setKey, list []int64) {
	sw.reads++
	sw.list, sw.fresh = sw.list[:0], sw.fresh[:0]
	for _, v := range list {
		i, ok := sk.at[v]
		if !ok || sw.shown[i] == sw.reads {
			continue
		}
		if sw.shown[i] <= sw.began {
			sw.fresh = append(sw.fresh, i)
		}
		sw.shown[i] = sw.reads
		sw.list = append(sw.list, i)
	}
}

// setStep notes what the session itself adds and removes.
func (w *sessionWalk) setStep(sw *setWalk, sk *setKey, e, s int32) {
	v, ok := w.ix.h.StepInt(int(s))
	switch {
	case !ok:
	case w.ix.h.StepF(int(s)) == history.Add:
		sw.added = append(sw.added, known{sk.at[v], e, -1})
	default:
		sw.gone = append(sw.gone, known{sk.at[v], e, -1})
	}
}

// readSet looks for what a read lacks though the session had added or seen it,
// and for what it shows though the session had taken it out. A read breaks each
// guarantee once at most.
func (w *sessionWalk) readSet(sw *setWalk, sk *setKey, e, s int32) {
	w.chanceIf(len(sw.added) > 0 && sw.added[0].event != e, len(sw.seen) > 0)
	back := w.mustNotShow(sk, sw, e)
	var missing *known
	if sw.added, missing = w.mustShow(sk, sw, sw.added, e); back == nil {
		back = missing
	}
	w.found.own.noteElement(s, back)
	sw.seen, missing = w.mustShow(sk, sw, sw.seen, e)
	w.found.seen.noteElement(s, missing)
	for _, i := range sw.fresh {
		if adds := w.ix.mayHaveHappened(sk.elems[i].adds); len(adds) == 1 && w.before(w.ix.eventOf(adds[0]), e) {
			sw.seen = append(sw.seen, known{i, w.ix.eventOf(adds[0]), e})
		}
	}
}

// mustShow is the first of some elements that a read lacks, and those that must
// be shown from then on: an absence that a remove explains stays explained.
func (w *sessionWalk) mustShow(sk *setKey, sw *setWalk, must []known, e int32) ([]known, *known) {
	kept := must[:0]
	for i, m := range must {
		if m.event != e && sw.shown[m.elem] != sw.reads { // what the operation that reads added is not asked for
			if w.excusesAbsence(sk.elems[m.elem].removes, m.event, e) {
				continue
			}
			return append(kept, must[i:]...), &m
		}
		kept = append(kept, m)
	}
	return kept, nil
}

// mustNotShow is the first element that a read shows though the session had
// taken it out and no add may have brought it back. What nobody added at all is
// out of thin air, and no state from before that remove.
func (w *sessionWalk) mustNotShow(sk *setKey, sw *setWalk, e int32) *known {
	for i, m := range sw.gone {
		adds := sk.elems[m.elem].adds
		if m.event != e && sw.shown[m.elem] == sw.reads && len(w.ix.mayHaveHappened(adds)) > 0 && !w.excusesPresence(adds, m.event) {
			return &sw.gone[i]
		}
	}
	return nil
}

// noteElement counts the read in step s, if an element shows that it went back.
func (g *guarantee) noteElement(s int32, m *known) {
	if m != nil {
		g.broken = append(g.broken, sessionFinding{s, m.event, m.reader, m.elem})
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
