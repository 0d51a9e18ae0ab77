package checker

import (
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// fate is what became of an acknowledged write; every one has exactly one.
type fate uint8

const (
	survived   fate = iota + 1
	superseded      // a later write that took effect was made after it, in causal order
	dropped         // what a leader ends with is concurrent with it
	lost            // what every leader ends with is older, or nothing at all
	undecided       // only writes that may or may not have happened could explain its absence
	partial         // leaders still differ, and it is there at some of them
	unread          // no final state of its key
)

// cause says which promise a lost write breaks.
type cause uint8

const (
	staleWin cause = iota + 1
	vanished       // durability
	either         // cannot be told apart without stamps
	withDisk       // the only copy was on a disk that was wiped: breaks nothing
	untold         // stamps decide here, and that of what is there instead was never told
)

// fates are the fates of all acknowledged writes of registers.
type fates struct {
	counts  map[fate]int
	partial map[string]int // what is partial, by which leaders have it
	lost    []loss
	dropped []loss
}

// loss is a write that is not there at the end.
type loss struct {
	key    int32
	w      int32 // event
	beaten int32 // the event whose write the leaders end with; -1: nothing
	final  int32 // a final read step that shows it
	cause  cause
	seenAt int // a leader other than the one that acknowledged it showed it: its node; else -1
}

// fates works them out once for all properties that count them: O(k) a write.
func (ix *index) fates() *fates {
	ix.fatesOnce.Do(func() {
		ix.fateList = &fates{counts: map[fate]int{}, partial: map[string]int{}}
		o := ix.co()
		if o.flaw != "" {
			return
		}
		j := &judge{order: o, fates: ix.fateList, restarts: restartsOf(ix.h), unsure: ix.unsureWrites(), untold: ix.untoldWrites()}
		for _, e := range ix.ackedWrites() {
			for _, key := range ix.keysWritten(e) {
				j.write(key, e)
			}
		}
		j.causes()
	})
	return ix.fateList
}

// ackedWrites are the acknowledged events that write a register, in order.
func (ix *index) ackedWrites() []int32 {
	var es []int32
	for e := range int32(ix.n) {
		if ix.h.Outcome(ix.op(e)) == history.OK && len(ix.keysWritten(e)) > 0 {
			es = append(es, e)
		}
	}
	return es
}

// keysWritten are the registers that an event writes.
func (ix *index) keysWritten(e int32) []int32 {
	from, to := ix.steps(e)
	var keys []int32
	for s := from; s < to; s++ {
		key := int32(ix.h.StepKey(s))
		if kindOf(ix.h.StepF(s)) == register && ix.kind[key] == register && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// unsureWrites are, by key, writes that nobody read and nobody acknowledged,
// but which may have happened.
func (ix *index) unsureWrites() map[int32][]int32 {
	m := map[int32][]int32{}
	for e := range int32(ix.n) {
		if ix.h.Outcome(ix.op(e)) != history.Info || ix.read[e] {
			continue
		}
		for _, key := range ix.keysWritten(e) {
			m[key] = append(m[key], e)
		}
	}
	return m
}

// untoldWrites are, by key, writes that may have happened and whose answers, which
// would have said what they replace, never came. Each may have replaced any write of
// its key that it does not precede.
func (ix *index) untoldWrites() map[int32][]int32 {
	m := map[int32][]int32{}
	if !keepsVersions(ix.h.Header.Policy) || !saysWhatItReplaces(ix.h) {
		return m
	}
	for e := range int32(ix.n) {
		if ix.h.Outcome(ix.op(e)) != history.Info || ix.h.Meta(ix.op(e)).Ctx != "" {
			continue
		}
		for _, key := range ix.keysWritten(e) {
			m[key] = append(m[key], e)
		}
	}
	return m
}

// judge decides fates.
type judge struct {
	*order
	*fates
	restarts map[string]*restarts
	unsure   map[int32][]int32
	untold   map[int32][]int32
}

func (j *judge) write(key, w int32) {
	f, at := j.fateOf(key, w)
	j.counts[f]++
	switch f {
	case lost:
		j.lost = append(j.lost, at)
	case dropped:
		j.dropped = append(j.dropped, at)
	}
}

func (j *judge) fateOf(key, w int32) (fate, loss) {
	ends := j.ix.end.read[key]
	switch newer := j.superseded(key, w) >= 0; {
	case newer && !j.everywhere(key, w, ends):
		return superseded, loss{}
	case newer:
		return survived, loss{}
	case ends == nil:
		return unread, loss{}
	}
	var here []fate
	var first loss
	for _, s := range ends {
		if s < 0 {
			here = append(here, unread)
			continue
		}
		f, beaten := j.atLeader(key, w, s)
		if len(here) == 0 || here[0] == unread || f == lost && first.beaten < 0 {
			first = loss{key: key, w: w, beaten: beaten, final: s, seenAt: -1}
		}
		here = append(here, f)
	}
	if !slices.ContainsFunc(here, func(f fate) bool { return f != survived && f != unread }) {
		return survived, loss{}
	}
	for _, f := range here[1:] {
		if f != here[0] {
			if !slices.Contains(here, survived) && slices.Contains(here, unread) {
				return undecided, loss{} // it may have survived where nobody could look
			}
			j.partial[j.ix.partialWord(here)]++
			return partial, loss{}
		}
	}
	if here[0] == lost || here[0] == dropped {
		if slices.ContainsFunc(j.unsure[key], func(u int32) bool { return j.before(w, u) }) {
			return undecided, loss{}
		}
		if slices.ContainsFunc(j.untold[key], func(u int32) bool { return u != w && !j.before(u, w) }) {
			return undecided, loss{}
		}
	}
	return here[0], first
}

// everywhere says whether every leader that was read ends with w. It is asked of
// writes that were replaced, which are nearly all, and so it is cheap.
func (j *judge) everywhere(key, w int32, ends []int32) bool {
	any := false
	for _, s := range ends {
		if s < 0 {
			continue
		}
		if any = true; !j.endsWith(key, w, s) {
			return false
		}
	}
	return any
}

func (j *judge) endsWith(key, w, s int32) bool {
	if l := j.ix.h.StepList(int(s)); len(l) > 0 {
		return slices.ContainsFunc(l, func(v int64) bool {
			src, ok := j.ix.values.get(key, v)
			return ok && j.ix.eventOf(src) == w
		})
	}
	switch src := j.ix.src[s]; {
	case src >= 0:
		return j.ix.eventOf(src) == w
	case src == srcThinAir:
		return false
	}
	from, to := j.ix.steps(w)
	for d := from; d < to; d++ {
		if j.ix.h.StepF(d) == history.Delete && int32(j.ix.h.StepKey(d)) == key {
			return true
		}
	}
	return false
}

// partialWord says which leaders have a write.
func (ix *index) partialWord(here []fate) string {
	var have, not []string
	for i, f := range here {
		switch name := ix.h.Nodes()[ix.end.nodes[i]]; f {
		case survived:
			have = append(have, name)
		case unread:
		default:
			not = append(not, name)
		}
	}
	if len(have) == 0 {
		return "partial: replaced by different writes at " + joined(not)
	}
	return "partial: at " + joined(have) + ", not at " + joined(not)
}

// atLeader is the fate of w at the leader whose final read is step s, and the
// event whose write is there instead.
func (j *judge) atLeader(key, w, s int32) (fate, int32) {
	if l := j.ix.h.StepList(int(s)); len(l) > 0 {
		return j.amongSiblings(key, w, l)
	}
	switch src := j.ix.src[s]; {
	case src >= 0:
		return j.against(w, j.ix.eventOf(src)), j.ix.eventOf(src)
	case src == srcThinAir:
		return undecided, -1
	}
	return j.againstNothing(key, w)
}

func (j *judge) against(w, f int32) fate {
	switch {
	case w == f:
		return survived
	case j.before(f, w):
		return lost
	}
	return dropped
}

// againstNothing is the fate of w where a leader ends with nothing: the initial
// state, or a delete.
func (j *judge) againstNothing(key, w int32) (fate, int32) {
	older, unsure, concurrent := int32(-1), false, int32(-1)
	for _, s := range j.ix.deletes[key] {
		d := j.ix.eventOf(s)
		switch {
		case d == w:
			return survived, w
		case !j.ix.certain(d):
			unsure = unsure || !j.before(d, w)
		case j.before(d, w):
			older = j.laterStamp(older, d)
		default:
			concurrent = d
		}
	}
	switch {
	case concurrent >= 0:
		return dropped, concurrent
	case unsure:
		return undecided, -1
	}
	return lost, older
}

// laterStamp is the one of two deletes that wins by its stamp, or the second: of
// several that may be what is there, it is the one that did win, if any did.
func (j *judge) laterStamp(a, b int32) int32 {
	if a < 0 {
		return b
	}
	x, okA := stampOf(j.ix.h, j.ix.op(a))
	y, okB := stampOf(j.ix.h, j.ix.op(b))
	if okA && okB && x.compare(y) > 0 {
		return a
	}
	return b
}

func (j *judge) amongSiblings(key, w int32, l []int64) (fate, int32) {
	best, beaten := lost, int32(-1)
	for _, v := range l {
		s, ok := j.ix.values.get(key, v)
		if !ok {
			continue
		}
		f := j.ix.eventOf(s)
		switch at := j.against(w, f); at {
		case survived:
			return survived, f
		case dropped:
			best, beaten = dropped, f
		default:
			if beaten < 0 {
				beaten = f
			}
		}
	}
	return best, beaten
}

// causes tells for each lost write which promise its loss breaks.
func (j *judge) causes() {
	if len(j.lost) == 0 {
		return
	}
	byWrite := map[int32]int{}
	for i, l := range j.lost {
		byWrite[j.ix.writeOf(l.w, l.key)] = i
	}
	holders := make([]map[int]int, len(j.lost)) // by loss: leader → the last event that shows it held the write
	for i, l := range j.lost {
		k := j.ix.op(l.w)
		holders[i] = map[int]int{j.ix.node(k): j.ix.h.Return(k)}
	}
	for s := range j.ix.src {
		j.ix.eachSource(s, func(w int32) {
			if i, ok := byWrite[w]; ok {
				k := j.ix.opOfStep(int32(s))
				n := j.ix.node(k)
				holders[i][n] = max(holders[i][n], j.ix.h.Index(k))
			}
		})
	}
	for i := range j.lost {
		l := &j.lost[i]
		origin := j.ix.node(j.ix.op(l.w))
		for n := range holders[i] {
			if n != origin {
				l.seenAt = max(l.seenAt, n)
			}
		}
		l.cause = j.cause(l, holders[i])
	}
	all := len(j.lost)
	j.lost = slices.DeleteFunc(j.lost, func(l loss) bool { return l.cause == untold })
	j.counts[lost] -= all - len(j.lost)
	j.counts[undecided] += all - len(j.lost)
}

// cause follows PROPERTIES: stamps decide where there are any; without them it
// is a stale win if a leader that held the write, and did not restart since,
// ends with the older one.
func (j *judge) cause(l *loss, holders map[int]int) cause {
	h := j.ix.h
	k := j.ix.op(l.w)
	if j.ix.wiped(k) && l.seenAt < 0 {
		return withDisk
	}
	if l.beaten < 0 {
		return vanished
	}
	mine, ok := stampOf(h, k)
	theirs, ok2 := stampOf(h, j.ix.op(l.beaten))
	if ok && ok2 {
		switch mine.compare(theirs) {
		case -1:
			return staleWin
		case 1:
			return vanished
		}
	}
	for n, since := range holders {
		if !j.restartedSince(n, since) {
			return staleWin
		}
	}
	if ok && !ok2 && hasPrefix(h.Header.Policy, "lww") && h.Outcome(j.ix.op(l.beaten)) != history.OK {
		return untold // it may have lost to a greater stamp, or by the restart
	}
	if l.seenAt < 0 {
		return vanished
	}
	return either
}

func (j *judge) restartedSince(node, event int) bool {
	return j.restarts[j.ix.h.Nodes()[node]].since(event)
}

// wiped says whether the disk of the leader that acknowledged operation k was wiped later.
func (ix *index) wiped(k int) bool {
	ws := ix.wipes[ix.nodeName(k)]
	return len(ws) > 0 && ws[len(ws)-1] > ix.h.Index(k)
}

// keepsConcurrent says whether a policy promises to keep concurrent writes, so
// that dropping one of them is a loss. Where one leader orders all writes (home,
// certify), two that nobody has read are concurrent in causal order and yet one
// replaced the other in the only order that there is.
func keepsConcurrent(policy string) bool {
	return hasPrefix(policy, "siblings", "crdt", "merge")
}

// notByCausality are policies whose order is not meant to extend causality.
func notByCausality(policy string) bool { return hasPrefix(policy, "first", "max", "min") }

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// skew is what stamps say about two leaders' clocks: by how much the clock that
// stamped a was ahead of the one that stamped b, taking the middle of each
// operation as the time at which it was stamped.
func (ix *index) skew(a, b int) (time.Duration, bool) {
	x, ok := stampOf(ix.h, a)
	y, ok2 := stampOf(ix.h, b)
	if !ok || !ok2 {
		return 0, false
	}
	middle := func(k int) time.Duration { return (ix.h.Start(k) + ix.when(k)) / 2 }
	return time.Duration(x.time-y.time) - (middle(a) - middle(b)), true
}
