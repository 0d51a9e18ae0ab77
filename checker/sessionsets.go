package checker

import "github.com/mlcheck/mlcheck/history"

// setWalk is what one session knows of one set.
type setWalk struct {
	must  []known // elements that must be shown: own adds, and elements seen
	gone  []known // own removes
	shown []int32 // element → the number of the last read that showed it
	reads int32
}

// known is an element, the own add or remove of it, and for an element that was
// seen the event that saw it first.
type known struct {
	elem, event, reader int32
}

func (w *sessionWalk) setStep(key, e, s int32) {
	sk := w.ix.sets[key]
	sw := w.sets[key]
	if sw == nil {
		sw = &setWalk{shown: make([]int32, len(sk.elems))}
		w.sets[key] = sw
	}
	h := w.ix.h
	if h.StepF(int(s)) == history.Read {
		w.readSet(sk, sw, e, s)
		return
	}
	v, ok := h.StepInt(int(s))
	if !ok {
		return
	}
	if h.StepF(int(s)) == history.Add {
		sw.must = append(sw.must, known{sk.at[v], e, -1})
	} else {
		sw.gone = append(sw.gone, known{sk.at[v], e, -1})
	}
}

func (w *sessionWalk) readSet(sk *setKey, sw *setWalk, e, s int32) {
	sw.reads++
	var fresh []int32
	for _, v := range asList(w.ix.h.StepValue(int(s))) {
		i, ok := sk.at[v]
		if !ok {
			continue
		}
		if sw.shown[i] == 0 {
			fresh = append(fresh, i)
		}
		sw.shown[i] = sw.reads
	}
	w.mustShow(sk, sw, e, s)
	for _, i := range fresh {
		if adds := w.ix.mayHaveHappened(sk.elems[i].adds); len(adds) == 1 && w.before(w.ix.eventOf(adds[0]), e) {
			sw.must = append(sw.must, known{i, w.ix.eventOf(adds[0]), e})
		}
	}
}

// mustShow looks for what a read lacks though the session had added or seen it,
// and for what it shows though the session had taken it out. A read breaks each
// guarantee once at most. An absence that a remove explains is explained from
// then on.
func (w *sessionWalk) mustShow(sk *setKey, sw *setWalk, e, s int32) {
	own, seen, back := false, false, w.mustNotShow(sk, sw, e)
	var forgot *known
	kept := sw.must[:0]
	for _, m := range sw.must {
		if m.event == e { // added by the operation that reads
			kept = append(kept, m)
			continue
		}
		own, seen = own || m.reader < 0, seen || m.reader >= 0
		if missing := sw.shown[m.elem] != sw.reads; missing {
			if w.excusesAbsence(sk.elems[m.elem].removes, m.event, e) {
				continue
			}
			if m.reader >= 0 && forgot == nil {
				forgot = &m
			} else if m.reader < 0 && back == nil {
				back = &m
			}
		}
		kept = append(kept, m)
	}
	sw.must = kept
	w.chanceIf(own, seen)
	w.found.own.noteElement(s, back)
	w.found.seen.noteElement(s, forgot)
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
