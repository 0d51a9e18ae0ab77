package checker

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// timed is a zone on the clock. A read that begins earlier by d moves until.
type timed struct {
	since, until, written time.Duration
	fixed                 bool // until is the write's own start, which does not move
}

// untilBy is the until that the zone has when reads begin earlier by d.
func (z timed) untilBy(d time.Duration) time.Duration {
	if z.fixed {
		return z.until
	}
	return max(z.written, z.until-d)
}

// delta is the smallest time by which every read must be dated back for no two
// zones to clash, in whole microseconds, rounded up: Δ-atomicity, after Golab,
// Li and Shah 2011. Reads before their writes, and reads of nothing that a delete may
// explain, are left out; so are registers that are changed by operations which
// first read them. O(n log n) for each bit of the result.
func (kz *keyZones) delta() time.Duration {
	if len(kz.clashes) == 0 || kz.made != nil {
		return 0
	}
	zones := kz.onTheClock()
	suspects := suspectsAt(zones, nil, 0)
	if len(suspects) == 0 {
		return 0 // they clash by less than the clock shows
	}
	low, high := time.Duration(0), kz.span()/time.Microsecond+1 // enough for all
	for high-low > 1 {
		mid := low + (high-low)/2
		if again := suspectsAt(zones, suspects, mid*time.Microsecond); len(again) > 0 {
			suspects, low = again, mid
		} else {
			high = mid
		}
	}
	return high * time.Microsecond
}

// onTheClock are the zones of values by the time at which they were there.
func (kz *keyZones) onTheClock() []timed {
	h := kz.ix.h
	zones := make([]timed, 0, len(kz.zones))
	for _, z := range kz.zones {
		t := timed{since: -1, until: -1, written: -1}
		if z.writer >= 0 && kz.clears(z.writer) {
			continue
		}
		if z.first >= 0 {
			t.since = h.End(int(kz.acc[z.first].op))
		}
		if z.writer >= 0 {
			t.written = h.Start(int(kz.acc[z.writer].op))
		}
		if z.last >= 0 {
			t.until, t.fixed = h.Start(int(kz.acc[z.last].op)), z.last == z.writer
		}
		zones = append(zones, t)
	}
	slices.SortStableFunc(zones, func(a, b timed) int { return cmp.Compare(a.since, b.since) })
	return zones
}

// suspectsAt are the positions of zones that break an earlier one when reads
// begin earlier by d; only those among the suspects are looked at, nil: all.
// Dating reads back further never makes a new one.
func suspectsAt(zones []timed, suspects []int, d time.Duration) []int {
	most := make([]time.Duration, len(zones)+1) // the latest until of the zones before this one
	most[0] = -1
	for i, z := range zones {
		most[i+1] = max(most[i], z.untilBy(d))
	}
	var found []int
	look := func(i int) {
		z := zones[i]
		if most[i] <= z.since {
			return
		}
		before, until := i, z.untilBy(d)
		if until <= z.since {
			before = sort.Search(i, func(j int) bool { return zones[j].since >= until })
		}
		if most[before] > z.since {
			found = append(found, i)
		}
	}
	if suspects == nil {
		for i := range zones {
			look(i)
		}
		return found
	}
	for _, i := range suspects {
		look(i)
	}
	return found
}

// behind is the greatest number of acknowledged writes that lie between the
// time at which a value was there already and a later read of it: so many versions
// that read was behind at least, whatever the order. O(n log n).
func (kz *keyZones) behind() int {
	type write struct{ from, to int32 }
	var writes []write
	for i, a := range kz.acc {
		if i := int32(i); a.write >= 0 && kz.ix.h.Outcome(int(a.op)) == history.OK {
			writes = append(writes, write{kz.start(i), kz.finish(i)})
		}
	}
	starts := make([]int32, len(writes)) // in order already
	for i, w := range writes {
		starts[i] = w.from
	}
	slices.SortFunc(writes, func(a, b write) int { return cmp.Compare(a.to, b.to) })
	olds := make([]zone, 0, len(kz.clashes))
	for _, c := range kz.clashes {
		olds = append(olds, c.old)
	}
	slices.SortFunc(olds, func(a, b zone) int { return cmp.Compare(a.until, b.until) })
	tree := make([]int, len(starts)+1) // a Fenwick tree over starts
	most, done := 0, 0
	for _, z := range olds {
		for ; done < len(writes) && writes[done].to < z.until; done++ {
			i, _ := slices.BinarySearch(starts, writes[done].from)
			for i++; i <= len(starts); i += i & -i {
				tree[i]++
			}
		}
		n := done
		i, _ := slices.BinarySearch(starts, z.since)
		for ; i > 0; i -= i & -i {
			n -= tree[i]
		}
		most = max(most, n)
	}
	return most
}

// span is the time from the start of the record to its last event.
func (kz *keyZones) span() time.Duration {
	var d time.Duration
	for _, a := range kz.acc {
		d = max(d, kz.ix.h.Start(int(a.op)), kz.ix.h.End(int(a.op)))
	}
	return d
}
