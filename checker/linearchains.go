package checker

import "slices"

// twin are two updates that were both made from one version of a register.
type twin struct{ a, b int32 } // positions in acc

// chain joins the zones of values that were made from each other by operations
// that read and write at one instant: nothing comes between such values, so
// together they have one zone, in which their order is fixed.
func (kz *keyZones) chain() {
	next := make([]int32, len(kz.zones)) // zone → the update that was made from its value, plus 1
	follows := make([]bool, len(kz.zones))
	at := map[int32]int32{} // write step → zone
	for n, z := range kz.zones {
		if z.writer >= 0 {
			at[kz.acc[z.writer].write] = int32(n)
		}
	}
	linked := false
	for i, a := range kz.acc {
		from, to, ok := kz.link(a, at)
		if !ok {
			continue
		}
		if first := next[from]; first > 0 {
			kz.twins = append(kz.twins, twin{first - 1, int32(i)})
			continue
		}
		next[from], follows[to] = int32(i)+1, true
		linked = true
	}
	if linked {
		kz.follow(next, follows, at)
	}
}

// link says from which zone to which an access leads, if it read one value and
// wrote another.
func (kz *keyZones) link(a access, at map[int32]int32) (from, to int32, ok bool) {
	if a.read < 0 || a.write < 0 {
		return 0, 0, false
	}
	if to, ok = at[a.write]; !ok {
		return 0, 0, false
	}
	switch src := kz.ix.src[a.read]; {
	case src == srcInitial:
		return 0, to, true
	case src >= 0 && src != a.write:
		from, ok = at[src]
		return from, to, ok
	}
	return 0, 0, false
}

// follow walks every chain from its head and puts one zone in the place of all
// of its values. What is left in the end has no head: it goes round.
func (kz *keyZones) follow(next []int32, follows []bool, at map[int32]int32) {
	kz.made = map[int32]int32{}
	var zones []zone
	walked := make([]bool, len(kz.zones))
	for n := range kz.zones {
		if !follows[n] {
			zones = append(zones, kz.walk(int32(n), next, walked, at))
		}
	}
	for n, z := range kz.zones {
		if !walked[n] {
			kz.lone = append(kz.lone, lone{z.writer, "made from itself"})
			kz.walk(int32(n), next, walked, at)
		}
	}
	kz.zones = zones
}

// walk joins the zones of one chain. A value must not be used up before one
// that it was made from.
func (kz *keyZones) walk(n int32, next []int32, walked []bool, at map[int32]int32) zone {
	whole, latest := kz.zones[n], kz.zones[n]
	for walked[n] = true; next[n] > 0; {
		update := next[n] - 1
		n = at[kz.acc[update].write]
		if walked[n] {
			break
		}
		walked[n] = true
		z := kz.zones[n]
		kz.made[kz.acc[update].write] = update
		if z.since < latest.until {
			kz.tangles = append(kz.tangles, clash{latest, z})
		}
		if z.until > latest.until {
			latest = z
		}
		if z.since < whole.since {
			whole.since, whole.first = z.since, z.first
		}
		if z.until > whole.until {
			whole.until, whole.last = z.until, z.last
		}
	}
	return whole
}

// path are the updates that lead from the value of one access to that of
// another in one chain, oldest first; nil where there are none.
func (kz *keyZones) path(from, to int32) []int32 {
	if kz.made == nil || to < 0 {
		return nil
	}
	goal, near := int32(-1), int32(-1)
	if from >= 0 {
		goal, near = kz.valueStep(from), kz.acc[from].write
	}
	var updates []int32
	for at := kz.valueStep(to); at != goal && (at < 0 || at != near); {
		update, ok := kz.made[at]
		if !ok {
			return nil
		}
		updates = append(updates, update)
		at = kz.ix.src[kz.acc[update].read]
		if at < 0 {
			at = -1
		}
	}
	slices.Reverse(updates)
	return updates
}

// valueStep is the write step of the value for which an access stands in its
// zone: what it read, or else what it wrote.
func (kz *keyZones) valueStep(a int32) int32 {
	if r := kz.acc[a].read; r >= 0 && kz.ix.src[r] >= 0 {
		return kz.ix.src[r]
	}
	return max(kz.acc[a].write, -1)
}
