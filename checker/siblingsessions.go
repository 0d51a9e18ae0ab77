package checker

import "slices"

// firstSight is the first read by which a slot showed a version, and its position.
type firstSight struct{ version, slot, pos, event int32 }

// siblingRead judges one read of a key whose versions are kept until they are
// replaced, by what is in its past and by the guarantees of its session.
func (w *sessionWalk) siblingRead(sk *siblingKey, key, e, s int32) {
	shown, traced := w.ix.versionsShown(sk, key, s)
	if len(shown) > 0 {
		w.touch(key)
		defer func() { w.read[key] = s + 1 }()
	}
	if w.lastOwn(key) == e {
		return // what its own operation has written replaces what only that knows
	}
	if w.knew(key, w.viewOfRow(w.row, w.slot[e], w.pos[e])) || w.knewByToken(key, e) {
		w.found.causes.chances++
	}
	sw := w.versions[key]
	if sw == nil {
		sw = newSiblingWalk(w.order, sk, key)
		w.versions[key] = sw
	}
	if !traced {
		w.found.causes.bad = append(w.found.causes.bad, badRead{s, -1, -1, "ThinAirRead"})
		return
	}
	bad, wrong := sw.read(shown, e, s)
	older := func(int32) bool { return false }
	if wrong {
		w.found.causes.bad = append(w.found.causes.bad, bad)
		older = sw.older(shown, e)
	}
	w.siblingGuarantees(sw, e, s, older, wrong)
}

// siblingGuarantees are those of the session, for one read.
func (w *sessionWalk) siblingGuarantees(sw *siblingWalk, e, s int32, older func(v int32) bool, wrong bool) {
	key, r := sw.key, reading{key: sw.key, event: e, step: s}
	before := append(slices.Clip(w.brought), prefix{w.slot[e], w.pos[e]})
	if w.write[key] > 0 {
		than := int32(-1)
		for _, p := range before {
			if i := w.keys.in(key, p.slot); i >= 0 && wrong && than < 0 {
				than = sw.olderThanAny(w.keys.runs[i], p.n, older)
			}
		}
		w.found.own.note(r, than, -1, false)
	}
	if w.read[key] > 0 {
		v := w.firstOlder(sw, wrong, older, func(f firstSight) bool {
			return slices.ContainsFunc(before, func(p prefix) bool { return p.slot == f.slot && f.pos < p.n })
		})
		w.found.seen.note(r, v.write, v.reader, false)
	}
	if !w.marks.now.any {
		return
	}
	if known := &w.marks.now.written; known.reach(w.keys.keyRuns, key, w.trunks) {
		than := int32(-1)
		for _, run := range w.keys.of(key) {
			if wrong && than < 0 && int(run.slot) < w.trunks {
				than = sw.olderThanAny(run, known.without(run.slot, key), older)
			}
		}
		w.found.written.note(r, than, -1, false)
	}
	if known := &w.marks.now.caused; known.reach(w.reads.keyRuns, key, len(w.slots)) {
		v := w.firstOlder(sw, wrong, older, func(f firstSight) bool { return f.pos < known.without(f.slot, key) })
		w.found.caused.note(r, v.write, v.reader, false)
	}
}

// olderThanAny is the last write among the first n events of a run's slot that
// the read is certainly older than, an event, or -1.
func (sw *siblingWalk) olderThanAny(r run, n int32, older func(v int32) bool) int32 {
	for i := sw.keys.upTo(r, n) - 1; i >= 0; i-- {
		e := sw.keys.event[int(r.from)+i]
		if v := sw.number(sw.ix.writeOf(e, sw.key)); v >= 0 && older(v) {
			return e
		}
	}
	return -1
}

// firstOlder is a version that some wanted read had shown and that the read at
// hand is certainly older than.
func (w *sessionWalk) firstOlder(sw *siblingWalk, wrong bool, older func(v int32) bool, wanted func(f firstSight) bool) sight {
	if !wrong {
		return sight{-1, -1}
	}
	if sw.seen == nil {
		sw.seen = w.firstSights(sw)
	}
	for _, f := range sw.seen {
		if wanted(f) && older(f.version) {
			return sight{w.ix.eventOf(sw.steps[f.version]), f.event}
		}
	}
	return sight{-1, -1}
}

// firstSights are, slot by slot, the reads that were the first to show a version,
// but for those of what their own event wrote.
func (w *sessionWalk) firstSights(sw *siblingWalk) []firstSight {
	found := []firstSight{}
	for i := w.reads.first[sw.key]; i < w.reads.first[sw.key+1]; i++ {
		r, had := w.reads.runs[i], map[int32]bool{}
		for at := r.from; at < r.to; at++ {
			s := w.reads.step[at]
			shown, _ := w.ix.versionsShown(sw.siblingKey, sw.key, s)
			for _, v := range shown {
				if e := w.ix.eventOf(s); !had[v] && w.ix.eventOf(sw.steps[v]) != e {
					had[v] = true
					found = append(found, firstSight{v, r.slot, w.reads.at[at], e})
				}
			}
		}
	}
	return found
}

// siblingWords says what a read shows of a version that it is older than.
func (ix *index) siblingWords(s, than int32) string {
	key := int32(ix.h.StepKey(int(s)))
	sk, w := ix.sibling(key), ix.writeOf(than, key)
	shown, _ := ix.versionsShown(sk, key, s)
	later := sk.spread(shown, sk.by)
	for _, v := range shown {
		if later[sk.number(w)] && sk.spread([]int32{v}, sk.by)[sk.number(w)] {
			return ix.assigned(sk.steps[v]) + " is shown, which " + ix.assigned(w) + " replaces."
		}
	}
	return ix.assigned(w) + " is not shown, and nothing that is shown replaces it."
}
