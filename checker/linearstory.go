package checker

import (
	"fmt"
	"slices"
)

func (kz *keyZones) tale() *tale { return &tale{ix: kz.ix} }

func (kz *keyZones) op(a int32) int { return int(kz.acc[a].op) }

// did is an access in words: "session 1 read x=5 at n1 from … (#3)".
func (kz *keyZones) did(a int32) string {
	return kz.ix.who(kz.op(a)) + " " + kz.ix.didWords(kz.op(a))
}

// value is a zone's value in words: "x=5".
func (kz *keyZones) value(z zone) string {
	name := kz.ix.h.Keys()[kz.key]
	switch {
	case z.writer < 0:
		return name + "=nothing"
	case kz.acc[z.writer].write < 0:
		return kz.ix.assigned(kz.acc[z.writer].read)
	}
	return kz.ix.assigned(kz.acc[z.writer].write)
}

// label names a clash. A stale read began when another write had begun and ended
// since the value was there; else two values were read in turn.
func (kz *keyZones) label(c clash) string {
	if w := c.mid.writer; w >= 0 && c.old.since < kz.start(w) && kz.finish(w) < c.old.until {
		if kz.acc[w].write >= 0 || kz.clears(w) {
			return "stale read"
		}
	}
	return "new-old inversion"
}

// clashFinding tells why no instant is left for the value in the middle.
func (kz *keyZones) clashFinding(c clash) Finding {
	t := kz.tale()
	first, seen, used, last := kz.witness(c)
	old, mid := kz.value(c.old), kz.value(c.mid)
	if first >= 0 {
		t.say(kz.op(first), "%s was there when #%d was over: %s.", old, kz.ix.h.Index(kz.op(first)), kz.did(first))
	} else {
		t.said = append(t.said, fmt.Sprintf("%s was there at the start.", old))
	}
	t.say(kz.op(used), "Only then %s.", kz.did(used))
	if seen != used {
		t.say(kz.op(seen), "So %s came later, and it was there when this was over: %s.", mid, kz.did(seen))
	} else {
		t.said = append(t.said, fmt.Sprintf("So %s came later, and it was there when that was over.", mid))
	}
	t.say(kz.op(last), "Yet after that %s: the older value again, which nobody wrote a second time.", kz.did(last))
	if first >= 0 {
		t.before(kz.op(first), kz.op(used))
	}
	t.before(kz.op(seen), kz.op(last))
	kz.between(t, first, last)
	kz.between(t, used, seen)
	t.from(kz.key)
	return t.finding(kz.label(c))
}

// witness are four accesses, some of which may be one, that show a clash: first
// used the old value and was over before used, of the other value, began; seen, of the
// other value, was over before last, of the old one, began. Writes are
// preferred, since they are part of the finding anyway.
func (kz *keyZones) witness(c clash) (first, seen, used, last int32) {
	first, last = c.old.first, c.old.last
	seen, used = c.mid.first, c.mid.last
	if w := c.old.writer; w >= 0 && kz.finish(w) < c.mid.until && kz.finish(w) != unfinished {
		first = w
	}
	if w := c.mid.writer; w >= 0 {
		if kz.start(w) > c.old.since {
			used = w
		}
		if kz.finish(w) < c.old.until {
			seen = w
		}
	}
	if first >= 0 && kz.finish(first) > kz.start(used) {
		used = c.mid.last
	}
	return first, seen, used, last
}

// between adds the updates that tie the values of two accesses together.
func (kz *keyZones) between(t *tale, from, to int32) {
	updates := kz.path(from, to)
	if updates == nil && from >= 0 {
		updates = kz.path(to, from)
	}
	for _, u := range updates {
		t.add(kz.op(u))
	}
	if len(updates) > 0 {
		t.said = append(t.said, fmt.Sprintf("%s made each value right from the one before, so nothing comes between them.", plural(len(updates), "update", "updates")))
	}
}

// tangled names what is wrong between a value and one that was made from it.
func (kz *keyZones) tangled(c clash) string {
	if c.old.last >= 0 && kz.acc[c.old.last].write >= 0 {
		return "read before its write"
	}
	return "stale read"
}

// tangleFinding tells of a value that was used up before one that it was made from.
func (kz *keyZones) tangleFinding(label string, c clash) Finding {
	t := kz.tale()
	newer, older := c.mid.first, c.old.last
	t.say(kz.op(newer), "%s.", upper(kz.did(newer)))
	t.say(kz.op(older), "Only then %s: a value from which that one had been made.", kz.did(older))
	t.before(kz.op(newer), kz.op(older))
	kz.between(t, older, c.mid.writer)
	t.add(kz.op(c.mid.writer))
	t.from(kz.key)
	return t.finding(label)
}

// loneFinding tells of a read that no order explains.
func (kz *keyZones) loneFinding(l lone) Finding {
	t := kz.tale()
	k := kz.op(l.read)
	read := kz.did(l.read)
	switch l.label {
	case "thin air":
		t.say(k, "%s, which nobody ever wrote there.", upper(read))
	case "phantom":
		w := kz.ix.opOfStep(kz.ix.src[kz.acc[l.read].read])
		t.say(w, "%s was told that its %s had failed.", upper(kz.ix.who(w)), kz.ix.didWords(w))
		t.say(k, "%s all the same.", upper(read))
	case "made from itself":
		t.say(k, "%s: a value that was made, over one or more updates, from the one that it wrote.", upper(read))
		for at := l.read; ; {
			src := kz.ix.src[kz.acc[at].read]
			next, ok := kz.updateThatWrote(src)
			if !ok || slices.Contains(t.ops, kz.op(next)) {
				break
			}
			at = next
			t.add(kz.op(at))
		}
	default:
		w := kz.ix.opOfStep(kz.ix.src[kz.acc[l.read].read])
		t.say(k, "%s.", upper(read))
		t.say(w, "Only then %s %s: nobody can read what is still to be written.", kz.ix.who(w), kz.ix.didWords(w))
		t.before(k, w)
	}
	t.from(kz.key)
	return t.finding(l.label)
}

// updateThatWrote finds the access with a write step.
func (kz *keyZones) updateThatWrote(step int32) (int32, bool) {
	for i, a := range kz.acc {
		if a.write == step && step >= 0 && a.read >= 0 {
			return int32(i), true
		}
	}
	return 0, false
}

// twinFinding tells of two updates of one version.
func (kz *keyZones) twinFinding(tw twin) Finding {
	t := kz.tale()
	t.say(kz.op(tw.a), "%s.", upper(kz.did(tw.a)))
	t.say(kz.op(tw.b), "%s. Each read and wrote at one instant, so the second of them, whichever it was, cannot have read what the first had replaced.", upper(kz.did(tw.b)))
	t.from(kz.key)
	return t.finding("lost update")
}

// nothingFinding tells of a read of nothing without a delete to explain it.
func (kz *keyZones) nothingFinding(n need) Finding {
	t := kz.tale()
	t.say(kz.op(n.value.writer), "%s.", upper(kz.did(n.value.writer)))
	t.say(kz.op(n.read), "Later %s.", kz.did(n.read))
	rivals := kz.rivals(n)
	if len(rivals) == 0 {
		t.said = append(t.said, fmt.Sprintf("No removal of %s can have taken effect between.", kz.ix.h.Keys()[kz.key]))
	} else {
		t.said = append(t.said, fmt.Sprintf("%s between, but each takes effect only once, and other reads need it.",
			plural(len(rivals), "removal can have taken effect", "removals can have taken effect")))
	}
	for _, m := range append(rivals, n) {
		t.add(kz.op(m.read))
		if m.delete >= 0 {
			t.add(kz.op(m.delete))
		}
		for _, z := range kz.zones { // no removal can take effect within a value's time
			if z.forward() && z.since < kz.finish(m.read) && z.until > m.after || z == m.value {
				t.zone(kz, z)
			}
		}
	}
	t.before(kz.op(n.value.first), kz.op(n.read))
	t.from(kz.key)
	return t.finding("nothing without a delete")
}

// zone adds what shows a value's zone.
func (t *tale) zone(kz *keyZones, z zone) {
	for _, a := range []int32{z.writer, z.first, z.last} {
		if a >= 0 {
			t.add(kz.op(a))
		}
	}
}
