package checker

import (
	"math"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// zone is the time in which a value of a register must have been its value.
//
// Somebody had finished with the value at event since, so it was there by then;
// somebody only began with it at event until, so it was there still. Where since is
// before until it was the value all that time: a forward zone. Else all who used it
// overlap, and may have done so at one instant between until and since: a backward zone.
type zone struct {
	since, until int32 // numbers of events
	first, last  int32 // who finished at since and who began at until: positions in acc
	writer       int32 // position in acc; -1: the initial state
}

func (z zone) forward() bool { return z.since < z.until }

// The bounds of what is open at one end.
const (
	ever       = -1            // before every event
	unfinished = math.MaxInt32 // after every event
)

// clash is a zone that another one breaks: the value of old was there before and
// after somebody used the value of mid.
type clash struct{ old, mid zone }

// lone is a read that no order explains whatever else happened.
type lone struct {
	read  int32 // position in acc
	label string
}

// keyZones judges one register by the zones of its values.
type keyZones struct {
	ix     *index
	key    int32
	acc    []access
	zoneOf []int32 // write step → position in zones, of all keys: each touches its own

	zones   []zone // values that took effect; later by since
	lone    []lone
	nothing []int32 // reads of nothing that a delete may explain: positions in acc
	clashes []clash
	tangles []clash         // a value, mid, was used up before one that it was made from, old
	twins   []twin          // two updates of one version
	made    map[int32]int32 // write step → the update that wrote it, where it was made from a value
	needed  []need          // the reads of nothing that take a delete to explain them, by when
	late    []need          // those that none explains
}

func (kz *keyZones) start(a int32) int32 { return int32(kz.ix.h.Index(int(kz.acc[a].op))) }

// finish is when an access was over. A write that may take effect yet never is.
func (kz *keyZones) finish(a int32) int32 {
	k := int(kz.acc[a].op)
	if kz.ix.h.Outcome(k) != history.OK && kz.acc[a].write >= 0 {
		return unfinished
	}
	return int32(kz.ix.h.Return(k))
}

// judge finds everything that is wrong with the register: O(n log n), after
// Gibbons and Korach 1997.
func (kz *keyZones) judge() {
	kz.collect()
	kz.readAll()
	kz.zones = slices.DeleteFunc(kz.zones, func(z zone) bool { return z.since == unfinished })
	kz.chain()
	kz.withNothing()
	sortZones(kz.zones)
	kz.clashes = findClashes(kz.zones)
	if len(kz.nothing) > 0 && len(kz.clashes) == 0 {
		kz.explainNothing()
	}
}

// collect makes a zone for the initial state and one for each write.
func (kz *keyZones) collect() {
	writes := 1
	for _, a := range kz.acc {
		if a.write >= 0 {
			writes++
		}
	}
	kz.zones = make([]zone, 1, writes)
	kz.zones[0] = zone{since: ever, until: ever, first: -1, last: -1, writer: -1}
	for i, a := range kz.acc {
		if a.write < 0 || kz.deletes(int32(i)) {
			continue
		}
		i := int32(i)
		kz.zoneOf[a.write] = int32(len(kz.zones))
		kz.zones = append(kz.zones, zone{kz.finish(i), kz.start(i), i, i, i})
	}
}

// readAll gives every read to the zone of its value. What it returned may be
// nobody's, or of a write that had not begun.
func (kz *keyZones) readAll() {
	var doubtful []int32 // updates that took effect only if their value was read
	for i, a := range kz.acc {
		switch {
		case a.read < 0:
		case a.write >= 0 && kz.finish(int32(i)) == unfinished:
			doubtful = append(doubtful, int32(i))
		default:
			kz.read(int32(i))
		}
	}
	for again := true; again; {
		again = false
		doubtful = slices.DeleteFunc(doubtful, func(i int32) bool {
			if kz.zoneOf[kz.acc[i].write] == 0 || kz.zones[kz.zoneOf[kz.acc[i].write]].since == unfinished {
				return false
			}
			kz.read(i)
			again = true
			return true
		})
	}
}

// read gives one read to the zone of its value.
func (kz *keyZones) read(i int32) {
	a := kz.acc[i]
	src := kz.ix.src[a.read]
	switch {
	case src == srcThinAir:
		kz.lone = append(kz.lone, lone{i, "thin air"})
	case src == srcInitial:
		kz.zones[0].use(kz, i)
	case src == srcNothing:
		kz.nothing = append(kz.nothing, i)
	case src < 0:
	case kz.ix.h.Outcome(kz.ix.opOfStep(src)) == history.Fail:
		kz.lone = append(kz.lone, lone{i, "phantom"})
	case kz.zoneOf[src] == 0: // replaced within its operation: the search judges such keys
	default:
		z := &kz.zones[kz.zoneOf[src]]
		if src == a.write || kz.finish(i) < kz.start(z.writer) {
			kz.lone = append(kz.lone, lone{i, "read before its write"})
			return
		}
		z.use(kz, i)
	}
}

// use widens a zone by one access that used its value.
func (z *zone) use(kz *keyZones, a int32) {
	if f := kz.finish(a); z.writer >= 0 && f < z.since {
		z.since, z.first = f, a
	}
	if s := kz.start(a); s > z.until {
		z.until, z.last = s, a
	}
}

// sortZones orders zones by since.
func sortZones(zones []zone) {
	keys := make([]uint64, len(zones))
	for i, z := range zones {
		keys[i] = uint64(z.since+1)<<32 | uint64(i)
	}
	slices.Sort(keys)
	sorted := make([]zone, len(zones))
	for i, k := range keys {
		sorted[i] = zones[k&math.MaxUint32]
	}
	copy(zones, sorted)
}

// findClashes finds every forward zone that a later one breaks, each with the
// first that does: two forward zones that overlap, or a forward one around a backward
// one. Zones come by since; each is put aside once, so it takes O(n).
//
// With since(old) before since(mid), both kinds come to the same: the old value was
// still used after the other had been (until(old) > since(mid)), and
// the other was used after the old had been (until(mid) > since(old)).
func findClashes(zones []zone) []clash {
	var found []clash
	var open []zone // forward zones in which nothing was found yet
	for _, mid := range zones {
		n := 0
		for n < len(open) && open[n].since < mid.until {
			if open[n].until > mid.since {
				found = append(found, clash{open[n], mid})
			}
			n++
		}
		open = open[n:]
		if mid.forward() {
			open = append(open, mid)
		}
	}
	return found
}
