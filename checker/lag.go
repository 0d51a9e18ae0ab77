package checker

import (
	"math"

	"github.com/mlcheck/mlcheck/history"
)

// Lag is how long acknowledged writes of registers at one leader, the origin,
// took to be seen at another, the observer. A write is seen by the first read
// there that returns it or something newer: a write that is causally after it,
// or that the origin accepted later. Every acknowledged write of the origin is
// in one of the five counts; the distributions are those of Seen.
//
// Clients only know between which two reads that happened. AtMost is the time
// from the acknowledgement to the answer of the first read that showed it,
// AtLeast that to the start of the last read before it, which did not (0 where
// none was in between). The true median lies between the two medians, and so on.
type Lag struct {
	Origin   string `json:"origin"`
	Observer string `json:"observer"`
	Seen     int    `json:"seen"`
	// Hidden: before they were seen the observer showed a write that was neither
	// before nor after them, behind which they may lie.
	Hidden int `json:"hidden"`
	// AtEnd: sessions looked for them in vain, final reads showed them.
	AtEnd int `json:"at_end"`
	// Missed: not even the last read showed them, but something older.
	Missed int `json:"missed"`
	// InVain is how long one of AtEnd or Missed was looked for at most: from its
	// acknowledgement to the start of the last read of a session that did not show it.
	InVain  int64  `json:"in_vain_ns"`
	Unread  int    `json:"unread"` // no session read the key at the observer after the acknowledgement
	AtLeast Spread `json:"at_least"`
	AtMost  Spread `json:"at_most"`
}

// lagging is the state of one walk. Of each key and origin it has the
// acknowledged writes in the order in which they were asked for; of each
// observer, how many of these are settled: seen, or hidden. What comes after is
// awaited there. A read settles every write that was asked for before the write
// that it returned had taken effect, so these are always the first ones.
type lagging struct {
	ix      *index
	co      *order
	leaders int
	leader  []int   // node → position among the leaders, or -1
	first   []int32 // key·leaders + origin → its first write
	writes  []int32 // steps
	settled []int32 // (key·leaders + origin)·leaders + observer → the first write that is awaited there
	begun   []int64 // key·leaders + observer → the latest start of a read so far
	looked  []int64 // the same, of a session's read
	effect  map[int32]int
	pairs   []pairLag // origin·leaders + observer
	// seen is told every measurement: a write, its observer, and the two bounds
	// in nanoseconds, of which the lower may be negative.
	seen func(w int32, observer int, least, most int64)
}

type pairLag struct {
	hidden, atEnd, missed, unread int
	inVain                        int64
	atLeast, atMost               histogram
}

// lags are the measurements of every directed pair of leaders that has any.
func (l *lagging) lags() []Lag {
	l.end()
	var lags []Lag
	for origin := range l.leaders {
		for observer := range l.leaders {
			p := &l.pairs[origin*l.leaders+observer]
			if n := p.atMost.n; origin != observer && n+p.hidden+p.atEnd+p.missed+p.unread > 0 {
				name := func(leader int) string { return l.ix.h.Nodes()[l.ix.end.nodes[leader]] }
				lags = append(lags, Lag{name(origin), name(observer), n, p.hidden, p.atEnd, p.missed, p.inVain, p.unread, p.atLeast.spread(), p.atMost.spread()})
			}
		}
	}
	return lags
}

func (ix *index) newLagging() *lagging {
	h, n := ix.h, len(ix.end.nodes)
	l := &lagging{
		ix: ix, leaders: n, leader: ix.end.leaderAt(len(h.Nodes())), first: make([]int32, len(h.Keys())*n+1),
		begun: make([]int64, len(h.Keys())*n), looked: make([]int64, len(h.Keys())*n), pairs: make([]pairLag, n*n), effect: map[int32]int{},
	}
	if co := ix.co(); co.flaw == "" {
		l.co = co
	}
	l.seen = l.add
	for place := range l.eachWrite {
		l.first[place+1]++
	}
	for i := range len(l.first) - 1 {
		l.first[i+1] += l.first[i]
	}
	next := append([]int32(nil), l.first...)
	l.writes = make([]int32, l.first[len(l.first)-1])
	for place, s := range l.eachWrite {
		l.writes[next[place]] = s
		next[place]++
	}
	l.settled = make([]int32, len(h.Keys())*n*n)
	for i := range l.settled {
		l.settled[i] = l.first[i/n]
	}
	for i := range l.begun {
		l.begun[i], l.looked[i] = math.MinInt64/2, math.MinInt64/2 // no read yet
	}
	return l
}

// eachWrite yields the acknowledged writes of registers: key and origin in one
// number, and the step.
func (l *lagging) eachWrite(yield func(place int, s int32) bool) {
	h := l.ix.h
	for k := range h.Len() {
		n := l.leader[l.ix.node(k)]
		if n < 0 || h.Outcome(k) != history.OK {
			continue
		}
		from, to := h.Steps(k)
		for s := from; s < to; s++ {
			key := h.StepKey(s)
			if h.StepF(s) == history.Write && l.ix.kind[key] == register && !yield(key*l.leaders+n, int32(s)) {
				return
			}
		}
	}
}

// read settles what a read at an observer has to say about, and says whether it
// was behind: it returned something older than a write that another leader had
// acknowledged before it began. Only reads of registers are measured.
func (l *lagging) read(k int, s int32) (behind bool) {
	h, v := l.ix.h, l.ix.src[s]
	observer, key := l.leader[l.ix.node(k)], h.StepKey(int(s))
	if v < 0 && v != srcInitial {
		return false
	}
	effect := 0
	if v >= 0 {
		effect = l.tookEffect(v, h.Return(k))
	}
	for origin := range l.leaders {
		if origin != observer {
			l.settle(key, origin, observer, k, v, effect)
			behind = behind || l.awaits(key, origin, observer, k)
		}
	}
	begun := &l.begun[key*l.leaders+observer]
	if *begun = max(*begun, int64(h.Start(k))); !h.Final(k) {
		l.looked[key*l.leaders+observer] = max(l.looked[key*l.leaders+observer], int64(h.Start(k)))
	}
	return behind
}

// awaits says whether a write is awaited at the observer that was acknowledged
// before operation k began.
func (l *lagging) awaits(key, origin, observer, k int) bool {
	h, place := l.ix.h, key*l.leaders+origin
	for i := l.settled[place*l.leaders+observer]; i < l.first[place+1]; i++ {
		op := l.ix.opOfStep(l.writes[i])
		if h.Index(op) > h.Index(k) {
			return false
		}
		if h.Return(op) < h.Index(k) {
			return true
		}
	}
	return false
}

// tookEffect is the event by which a write had taken effect: its acknowledgement,
// or the answer of the first read of it where it has none.
func (l *lagging) tookEffect(v int32, now int) int {
	if w := l.ix.opOfStep(v); l.ix.h.Outcome(w) == history.OK {
		return l.ix.h.Return(w)
	}
	if _, known := l.effect[v]; !known {
		l.effect[v] = now
	}
	return l.effect[v]
}

func (l *lagging) settle(key, origin, observer, k int, v int32, effect int) {
	h, place := l.ix.h, key*l.leaders+origin
	next, p := &l.settled[place*l.leaders+observer], &l.pairs[origin*l.leaders+observer]
	for ; *next < l.first[place+1]; *next++ {
		w := l.writes[*next]
		op := l.ix.opOfStep(w)
		acked := int64(h.End(op))
		switch inVain := l.looked[key*l.leaders+observer] - acked; {
		case h.Index(op) > effect:
			return
		case !l.newer(v, w, origin):
			p.hidden++
		case h.Final(k) && inVain > 0:
			p.atEnd++
			p.inVain = max(p.inVain, inVain)
		case h.Final(k):
			p.unread++
		default:
			l.seen(w, observer, l.begun[key*l.leaders+observer]-acked, int64(h.End(k))-acked)
		}
	}
}

func (l *lagging) add(w int32, observer int, least, most int64) {
	p := &l.pairs[l.leader[l.ix.node(l.ix.opOfStep(w))]*l.leaders+observer]
	p.atMost.add(most)
	p.atLeast.add(least)
}

// newer says whether v is w or something newer.
func (l *lagging) newer(v, w int32, origin int) bool {
	h, a, b := l.ix.h, l.ix.opOfStep(w), l.ix.opOfStep(v)
	return a == b || l.leader[l.ix.node(b)] == origin && h.Index(b) > h.Return(a) ||
		l.co != nil && l.co.before(l.ix.eventOf(w), l.ix.eventOf(v))
}

// end counts what was never settled.
func (l *lagging) end() {
	for i, next := range l.settled {
		place, observer := i/l.leaders, i%l.leaders
		key, origin := place/l.leaders, place%l.leaders
		p := &l.pairs[origin*l.leaders+observer]
		for ; next < l.first[place+1]; next++ {
			op := l.ix.opOfStep(l.writes[next])
			if acked := int64(l.ix.h.End(op)); l.begun[key*l.leaders+observer] > acked {
				p.missed++
				p.inVain = max(p.inVain, l.looked[key*l.leaders+observer]-acked)
			} else {
				p.unread++
			}
		}
	}
}
