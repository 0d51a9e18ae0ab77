package checker

import (
	"container/heap"
	"sort"

	"github.com/mlcheck/mlcheck/history"
)

// need is a read of nothing that takes a delete to explain it: one that took effect
// between the events after and by.
type need struct {
	read      int32 // position in acc
	after, by int32
	value     zone  // that was there before
	delete    int32 // the delete that it was given, position in acc; -1: none
}

// withNothing adds what must not lie within a value's zone: deletes that took
// effect, and reads of nothing. Each is a backward zone of its own.
func (kz *keyZones) withNothing() {
	for _, r := range kz.nothing {
		kz.zones = append(kz.zones, zone{kz.finish(r), kz.start(r), r, r, r})
	}
	for i := range kz.acc {
		if i := int32(i); kz.deletes(i) && kz.finish(i) != unfinished {
			kz.zones = append(kz.zones, zone{kz.finish(i), kz.start(i), i, i, i})
		}
	}
}

// deletes says whether an access is a delete.
func (kz *keyZones) deletes(a int32) bool {
	w := kz.acc[a].write
	return w >= 0 && kz.ix.h.StepF(int(w)) == history.Delete
}

// clears says whether an access is a delete or a read alone.
func (kz *keyZones) clears(a int32) bool { return kz.acc[a].write < 0 || kz.deletes(a) }

// explainNothing finds the reads of nothing that no delete explains.
//
// A delete never harms, wherever it takes effect outside the forward zones. The values of
// backward zones take effect right before a delete where one is within their reach, else
// as late as they can. So a read of nothing needs a delete after the last forward zone
// that began before the read, and after the start of every backward
// zone that was over before the read: docs/properties.md has the argument. Each delete
// takes effect once; giving them out by the earliest deadline is then exact. O(n log n).
//
// The zones are those of the key, by since, and clash nowhere.
func (kz *keyZones) explainNothing() {
	var forward, backward []zone
	for _, z := range kz.zones {
		switch {
		case z.forward():
			forward = append(forward, z)
		case z.writer >= 0 && !kz.clears(z.writer):
			backward = append(backward, z)
		}
	}
	kz.needed = kz.needs(forward, backward)
	sort.SliceStable(kz.needed, func(i, j int) bool { return kz.needed[i].by < kz.needed[j].by })
	offers := kz.offers()
	var ready byDeadline
	placed, giver := int32(ever), int32(-1) // where the last delete took effect
	for i := range kz.needed {
		n := &kz.needed[i]
		for len(offers) > 0 && offers[0].from < n.by {
			heap.Push(&ready, offers[0])
			offers = offers[1:]
		}
		for len(ready) > 0 && ready[0].to <= n.by {
			if o := heap.Pop(&ready).(offer); o.to > placed {
				placed, giver = o.to, o.access
			}
		}
		if placed <= n.after && n.after < n.by && len(ready) > 0 {
			placed, giver = n.by, heap.Pop(&ready).(offer).access
		}
		if placed > n.after {
			n.delete = giver
		} else {
			kz.late = append(kz.late, *n)
		}
	}
}

// needs are the reads of nothing before which some value must have been there.
func (kz *keyZones) needs(forward, backward []zone) []need {
	newest := make([]zone, len(backward)) // of those up to here, the one that began last
	for i, z := range backward {
		if newest[i] = z; i > 0 && newest[i-1].until > z.until {
			newest[i] = newest[i-1]
		}
	}
	var needs []need
	for _, r := range kz.nothing {
		n := need{read: r, after: ever, by: outside(forward, kz.finish(r)), delete: -1}
		s := kz.start(r)
		if i := lastBefore(forward, s); i >= 0 {
			n.after, n.value = forward[i].until, forward[i]
		}
		if i := lastBefore(backward, s); i >= 0 && newest[i].until > n.after {
			n.after, n.value = newest[i].until, newest[i]
		}
		if n.after > ever {
			needs = append(needs, n)
		}
	}
	return needs
}

// lastBefore is the position of the last zone with since before event e, or -1.
func lastBefore(zones []zone, e int32) int {
	return sort.Search(len(zones), func(i int) bool { return zones[i].since >= e }) - 1
}

// outside is the latest event not after e that is not within a forward zone.
func outside(forward []zone, e int32) int32 {
	if i := lastBefore(forward, e); i >= 0 && e < forward[i].until {
		return forward[i].since
	}
	return e
}

// offer is a delete that takes effect once between two events.
type offer struct {
	access   int32
	from, to int32
}

// offers are the deletes that may have taken effect, by when they began. That none
// takes effect within a forward zone is seen to by what needs them: no need ends or
// begins within one.
func (kz *keyZones) offers() []offer {
	var offers []offer
	for i := range kz.acc {
		if i := int32(i); kz.deletes(i) {
			offers = append(offers, offer{i, kz.start(i), kz.finish(i)})
		}
	}
	return offers
}

// rivals are the reads that were given the deletes which could have explained n,
// those that were given what could have explained these, and so on: together they
// need more deletes than there are.
func (kz *keyZones) rivals(n need) []need {
	all := []need{n}
	given := map[int32]bool{}
	for i := 0; i < len(all); i++ {
		for _, m := range kz.needed {
			if m.delete >= 0 && !given[m.delete] && kz.start(m.delete) < all[i].by && kz.finish(m.delete) > all[i].after {
				given[m.delete] = true
				all = append(all, m)
			}
		}
	}
	return all[1:]
}

// byDeadline is a heap of offers, the one that ends first on top.
type byDeadline []offer

func (d byDeadline) Len() int           { return len(d) }
func (d byDeadline) Less(i, j int) bool { return d[i].to < d[j].to }
func (d byDeadline) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }

// Push adds an offer.
func (d *byDeadline) Push(x any) { *d = append(*d, x.(offer)) }

// Pop takes off the last one.
func (d *byDeadline) Pop() any {
	old := *d
	x := old[len(old)-1]
	*d = old[:len(old)-1]
	return x
}
