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
	w.mustNotShow(sk, sw, e, s)
	for _, i := range fresh {
		if adds := w.ix.mayHaveHappened(sk.elems[i].adds); len(adds) == 1 && w.before(w.ix.eventOf(adds[0]), e) {
			sw.must = append(sw.must, known{i, w.ix.eventOf(adds[0]), e})
		}
	}
}

// mustShow counts each element that went missing once.
func (w *sessionWalk) mustShow(sk *setKey, sw *setWalk, e, s int32) {
	own, seen := false, false
	kept := sw.must[:0]
	for _, m := range sw.must {
		g := &w.found.own
		if m.reader >= 0 {
			g, seen = &w.found.seen, true
		} else if m.event == e {
			kept = append(kept, m)
			continue
		} else {
			own = true
		}
		switch {
		case sw.shown[m.elem] == sw.reads:
			kept = append(kept, m)
		case !w.excusesAbsence(sk.elems[m.elem].removes, m.event):
			g.broken = append(g.broken, sessionFinding{s, m.event, m.reader, m.elem})
		}
	}
	sw.must = kept
	w.chanceIf(own, seen)
}

func (w *sessionWalk) mustNotShow(sk *setKey, sw *setWalk, e, s int32) {
	kept := sw.gone[:0]
	for _, m := range sw.gone {
		if m.event == e || sw.shown[m.elem] != sw.reads || w.excusesPresence(sk.elems[m.elem].adds, m.event) {
			kept = append(kept, m)
			continue
		}
		w.found.own.broken = append(w.found.own.broken, sessionFinding{s, m.event, -1, m.elem})
	}
	sw.gone = kept
}

func (w *sessionWalk) chanceIf(own, seen bool) {
	if own {
		w.found.own.chances++
	}
	if seen {
		w.found.seen.chances++
	}
}
