package checker

import (
	"maps"
	"slices"
	"sort"
)

// handovers are what causal tokens add to the promised order of sessions: at
// every operation that brought one to another node, how much of what its session
// had done elsewhere is promised to be before it.
type handovers struct {
	at     map[int32][]handover // slot → in its order
	branch map[int32][]prefix   // operation that may not have happened → what its token brought along
}

// handover is what is promised to be before a slot's event at pos and all after it.
type handover struct {
	pos    int32
	before []prefix
}

// prefix is the first n events of a slot.
type prefix struct{ slot, n int32 }

// handovers works them out: O(tokens · nodes). A token that was left out to break
// a cycle is none.
func (o *order) handovers() handovers {
	hs := handovers{at: map[int32][]handover{}, branch: map[int32][]prefix{}}
	for _, e := range slices.Sorted(maps.Keys(o.carry)) {
		prev := o.carry[e]
		if !o.before(prev, e) {
			continue
		}
		home := o.slot[e]
		b, branched := o.base[e]
		if branched {
			home = b.slot
		}
		had := o.promisedElsewhere(hs, e)
		now := raise(had, home, prefix{o.slot[prev], o.pos[prev] + 1})
		for _, k := range o.promisedElsewhere(hs, prev) {
			now = raise(now, home, k)
		}
		switch {
		case slices.Equal(now, had):
		case branched:
			hs.branch[int32(o.ix.op(e))] = now
		default:
			hs.at[home] = append(hs.at[home], handover{o.pos[e], now})
		}
	}
	return hs
}

// raise adds to what is known of slots other than home; the list itself stays.
func raise(list []prefix, home int32, k prefix) []prefix {
	i := slices.IndexFunc(list, func(l prefix) bool { return l.slot == k.slot })
	switch {
	case k.slot == home || i >= 0 && list[i].n >= k.n:
		return list
	case i < 0:
		return append(slices.Clip(list), k)
	}
	list = slices.Clone(list)
	list[i].n = k.n
	return list
}

// promisedElsewhere is what tokens promise to be before e, of other slots than
// that of its session at its node.
func (o *order) promisedElsewhere(hs handovers, e int32) []prefix {
	slot, limit := o.slot[e], o.pos[e]+1
	if b, ok := o.base[e]; ok {
		if ks, ok := hs.branch[int32(o.ix.op(e))]; ok {
			return ks
		}
		slot, limit = b.slot, b.pos
	}
	list := hs.at[slot]
	n := sort.Search(len(list), func(i int) bool { return list[i].pos >= limit })
	if n == 0 {
		return nil
	}
	return list[n-1].before
}

// promised says whether event a is before b in promised session order.
func (o *order) promised(a, b int32) bool {
	slot, upTo := o.slot[b], o.pos[b]
	if at, ok := o.base[b]; ok {
		slot, upTo = at.slot, at.pos
	}
	if o.slot[a] == slot {
		return o.pos[a] < upTo
	}
	return slices.ContainsFunc(o.promisedElsewhere(o.handed, b), func(k prefix) bool { return k.slot == o.slot[a] && o.pos[a] < k.n })
}

// sessionPath is a chain of session order and tokens from a to b, given that a is
// promised to be before b.
func (o *order) sessionPath(a, b int32) []hop {
	slot, upTo := o.slot[b], o.pos[b]
	if at, ok := o.base[b]; ok {
		slot, upTo = at.slot, at.pos
	}
	if o.slot[a] == slot {
		return []hop{{a, b, "so"}}
	}
	first, _ := o.ix.events(o.ix.op(b))
	if prev, ok := o.carry[first]; ok && (prev == a || o.promised(a, prev)) {
		return append(o.sessionPathTo(a, prev), hop{prev, b, "token"})
	}
	for _, at := range o.handed.at[slot] {
		if x := o.slots[slot].events[at.pos]; at.pos < upTo && o.promised(a, x) {
			prev := o.carry[x]
			return append(o.sessionPathTo(a, prev), hop{prev, x, "token"}, hop{x, b, "so"})
		}
	}
	return nil
}

// sessionPathTo is sessionPath, or nothing where both are one.
func (o *order) sessionPathTo(a, b int32) []hop {
	if a == b {
		return nil
	}
	return o.sessionPath(a, b)
}
