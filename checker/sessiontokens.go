package checker

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// bring takes over what a token brought along from other nodes: what the session
// had written and read there. It was judged where it was done.
func (w *sessionWalk) bring(ks []prefix) {
	var events []int32
	for _, k := range ks {
		had := int32(0)
		for _, b := range w.brought {
			if b.slot == k.slot {
				had = b.n
			}
		}
		events = append(events, w.slots[k.slot].events[had:k.n]...)
	}
	w.brought = ks
	slices.Sort(events)
	for _, e := range events {
		from, to := w.ix.steps(e)
		for s := int32(from); s < int32(to); s++ {
			w.take(int32(w.ix.h.StepKey(int(s))), e, s)
		}
	}
}

func (w *sessionWalk) take(key, e, s int32) {
	kd, src := w.ix.kind[key], w.ix.src[s]
	switch {
	case kd == set:
		w.setStep(key, e, s, false)
	case kd&^register != 0:
	case src == srcList:
		if w.ix.sibling(key) != nil && len(w.ix.h.StepList(int(s))) > 0 {
			w.touch(key)
			w.read[key] = max(w.read[key], s+1)
		}
	case w.ix.h.StepF(int(s)) != history.Read:
		w.touch(key)
		w.write[key] = max(w.write[key], s+1)
	case src >= 0:
		w.touch(key)
		w.read[key] = max(w.read[key], s+1)
		if w.ix.eventOf(src) == e {
			w.sightsOf(key).see(w.order, sight{e, e})
		}
	}
}
