package checker

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/mlcheck/mlcheck/history"
)

func noLostUpdates() Property {
	return Property{
		Name:    "no-lost-updates",
		Title:   "Of two read-modify-writes of one version, neither disappears.",
		Source:  "Berenson et al. 1995 (P4); Kleppmann, DDIA ch. 5 and 7 (lost updates)",
		Applies: updatesApply,
		Check: func(ctx context.Context, h *history.History) Result {
			return checkLostUpdates(indexFor(ctx, h))
		},
	}
}

func updatesApply(h *history.History) string {
	if len(readModifyWrites(newPlain(h))) == 0 {
		return "no session reads a key and then writes it in one operation"
	}
	return finalsRecorded(h)
}

// rmw is one read-modify-write of a register.
type rmw struct {
	op          int // of the write
	readOp      int // of the read: the same, but in the workload rmw-blind
	read, write int32
}

// plain is the little of an index that finding read-modify-writes needs.
type plain struct {
	h    *history.History
	node func(k int) int
}

func newPlain(h *history.History) plain { return plain{h, h.Node} }

// readModifyWrites are the acknowledged ones, in order: a read and a later write
// of the same key in one operation, or, in the workload rmw-blind, in two
// operations of one session that follow each other at one node.
func readModifyWrites(p plain) []rmw {
	h := p.h
	blind := h.Header.Workload == "rmw-blind"
	var found []rmw
	type pending struct {
		op, node int
		read     int32
	}
	last := map[int]pending{} // session → the read it did last
	for k := range h.Len() {
		from, to := h.Steps(k)
		if h.Final(k) || h.Outcome(k) != history.OK {
			delete(last, h.Session(k))
			continue
		}
		if blind && to-from == 1 {
			prev, ok := last[h.Session(k)]
			delete(last, h.Session(k))
			switch h.StepF(from) {
			case history.Read:
				last[h.Session(k)] = pending{k, p.node(k), int32(from)}
			case history.Write:
				if ok && prev.node == p.node(k) && h.StepKey(int(prev.read)) == h.StepKey(from) {
					found = append(found, rmw{k, prev.op, prev.read, int32(from)})
				}
			}
			continue
		}
		found = append(found, updatesIn(h, k)...)
	}
	return found
}

// updatesIn are those of one operation: of each key that it read before it wrote
// it the last write, which alone stays, made from the last read before the first.
func updatesIn(h *history.History, k int) []rmw {
	from, to := h.Steps(k)
	if to-from == 1 {
		return nil
	}
	var found []rmw
	read, wrote := map[int]int32{}, map[int]int{} // key → its last read; its place in found, or -1 if written unread
	for s := from; s < to; s++ {
		key := h.StepKey(s)
		i, again := wrote[key]
		switch f := h.StepF(s); {
		case f == history.Read && !again:
			read[key] = int32(s)
		case f == history.Delete && !again:
			wrote[key] = -1
		case f != history.Write:
		case again && i >= 0:
			found[i].write = int32(s)
		case !again:
			wrote[key] = -1
			if r, ok := read[key]; ok {
				wrote[key] = len(found)
				found = append(found, rmw{k, k, r, int32(s)})
			}
		}
	}
	return found
}

// update is a read-modify-write, and at how many leaders the final state comes from it.
type update struct {
	rmw
	effects int
}

func checkLostUpdates(ix *index) Result {
	if why := ix.end.cannot(); why != "" {
		return Result{Verdict: Unknown, Reason: why}
	}
	all := readModifyWrites(plain{ix.h, ix.node})
	byKey := map[int32][]rmw{}
	for _, u := range all {
		key := int32(ix.h.StepKey(int(u.write)))
		byKey[key] = append(byKey[key], u)
	}
	r := Result{Counts: map[string]int{"read-modify-writes": len(all)}}
	for _, key := range ix.writtenKeys() {
		if us := byKey[key]; len(us) > 0 && ix.kind[key] == register {
			r.Chances += ix.overlapping(us)
			ix.judgeUpdates(&r, key, us)
		}
	}
	r.Findings = smallest(r.Findings)
	switch {
	case r.Violations > 0:
		r.Verdict = Violated
		r.Reason = fmt.Sprintf("%s without effect: another one of the same version won", plural(r.Violations, "acknowledged read-modify-write is", "acknowledged read-modify-writes are"))
	case ix.unreadable() != "":
		r.Verdict, r.Reason = Unknown, ix.unreadable()
	case r.Chances == 0:
		r.Verdict, r.Reason = Unknown, "0 chances: no two read-modify-writes read one version, and none overlapped at two leaders"
	default:
		r.Verdict = Holds
		r.Reason = fmt.Sprintf("no read-modify-write was lost to another of the same version (%s)", plural(r.Chances, "chance", "chances"))
	}
	return r
}

// judgeUpdates finds, among the updates of each version of a key, those from
// which no leader's final state comes though it comes from another.
func (ix *index) judgeUpdates(r *Result, key int32, us []rmw) {
	reads, all := ix.ends(key)
	if !all {
		r.Counts["keys not read at every leader"]++
		return
	}
	effects, guesses := ix.effectsAt(us, reads)
	seen := ix.firstSeen(us, guesses)
	var versions [][]update
	at := map[int64]int{}
	for _, u := range us {
		for _, v := range ix.versions(u.read) {
			i, known := at[v]
			if !known {
				i = len(versions)
				at[v], versions = i, append(versions, nil)
			}
			versions[i] = append(versions[i], update{u, effects[u.write]})
		}
	}
	flagged := map[int32]bool{}
	for _, same := range versions {
		r.Chances += len(same) - 1 // all but one of them could be lost
		winner := slices.IndexFunc(same, func(u update) bool { return u.effects > 0 })
		for _, u := range same {
			switch {
			case u.effects == len(reads) || flagged[u.write]:
			case u.effects > 0:
				r.Counts["partial"]++
			case winner < 0:
				if len(same) > 1 {
					r.Counts["gone with their version"]++
				}
			case slices.ContainsFunc(guesses, func(w int32) bool { at, ok := seen[w]; return !ok || at > ix.h.Index(u.op) }):
				r.Counts["perhaps in a write that does not say what it was made from"]++
			default:
				flagged[u.write] = true
				ix.lostUpdate(r, u.rmw, same[winner].rmw, reads[0])
			}
		}
	}
}

// versions are what a read returned, as numbers that name versions.
func (ix *index) versions(read int32) []int64 {
	switch src := ix.src[read]; {
	case src >= 0:
		return []int64{int64(src)}
	case src == srcInitial:
		return []int64{-1}
	}
	var vs []int64
	for w := range ix.sources(int(read)) {
		vs = append(vs, int64(w))
	}
	return vs
}

// effectsAt counts for each write at how many leaders the final state comes from
// it: is it, or was made by reading it and writing, and so on. Where several
// versions were read at once, the guesses are the writes that it comes from and
// that do not say what they were made from: anything may be in them. Where every
// version has one before it, such a write is the first that is known, and what was
// lost was made from a later one; unless leaders end with different versions, and
// what is lost to the one may be in the other.
func (ix *index) effectsAt(us []rmw, reads []int32) (n map[int32]int, guesses []int32) {
	madeFrom := map[int32]int32{} // write → the read that it was made from
	for _, u := range us {
		madeFrom[u.write] = u.read
	}
	n = map[int32]int{}
	differ := slices.ContainsFunc(reads, func(r int32) bool { return ix.src[r] != ix.src[reads[0]] })
	for _, final := range reads {
		var blind []int32
		done, forked := map[int32]bool{}, false
		var todo []int32
		visit := func(w int32) {
			if !done[w] {
				done[w] = true
				todo = append(todo, w)
			}
		}
		visitAll := func(read int32) {
			versions := 0
			for w := range ix.sources(int(read)) {
				visit(w)
				versions++
			}
			forked = forked || versions > 1
		}
		visitAll(final)
		for len(todo) > 0 {
			w := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			n[w]++
			read, ok := madeFrom[w]
			if !ok {
				read = ix.readBefore(w)
			}
			if read >= 0 {
				visitAll(read)
			}
			if !ok && ix.guess(w, read) {
				blind = append(blind, w)
			}
		}
		if forked || differ {
			guesses = append(guesses, blind...)
		}
	}
	return n, guesses
}

// guess says whether a write that is no acknowledged read-modify-write may have
// been made from what nobody says: its read was not answered, or it has none and
// no context that says that it replaces nothing.
func (ix *index) guess(w, read int32) bool {
	k := ix.opOfStep(w)
	if ix.h.Outcome(k) != history.OK {
		return read < 0 || !ix.h.StepValue(int(read)).Set
	}
	return read < 0 && ix.h.Meta(k).Ctx != ""
}

// firstSeen is by when an update that was made from a write had ended, by write:
// what began later is not in it. A write that no update was made from has none.
func (ix *index) firstSeen(us []rmw, writes []int32) map[int32]int {
	seen := map[int32]int{}
	if len(writes) == 0 {
		return seen
	}
	for _, u := range us {
		for w := range ix.sources(int(u.read)) {
			if at, ok := seen[w]; !ok || ix.h.Return(u.op) < at {
				seen[w] = ix.h.Return(u.op)
			}
		}
	}
	return seen
}

// readBefore is the read in the same operation that a write which was never
// acknowledged was made from, or -1.
func (ix *index) readBefore(w int32) int32 {
	from, _ := ix.h.Steps(ix.opOfStep(w))
	for s := w - 1; s >= int32(from); s-- {
		if ix.h.StepF(int(s)) == history.Read && ix.h.StepKey(int(s)) == ix.h.StepKey(int(w)) {
			return s
		}
	}
	return -1
}

// overlapping counts pairs of read-modify-writes of one key asked of two leaders of
// which neither had ended when the other began. Those that read the same version
// are chances already.
func (ix *index) overlapping(us []rmw) int {
	n := 0
	us = slices.Clone(us)
	sort.SliceStable(us, func(i, j int) bool { return ix.h.Index(us[i].readOp) < ix.h.Index(us[j].readOp) })
	var open []rmw
	for _, u := range us {
		open = slices.DeleteFunc(open, func(v rmw) bool { return ix.h.Return(v.op) < ix.h.Index(u.readOp) })
		for _, v := range open {
			if ix.h.Node(v.op) != ix.h.Node(u.op) && ix.src[v.read] != ix.src[u.read] { // by whom they asked: a home that is kept to executes both
				n++
			}
		}
		open = append(open, u)
	}
	return n
}

func (ix *index) lostUpdate(r *Result, u, winner rmw, final int32) {
	label := "across leaders"
	if ix.node(u.op) == ix.node(winner.op) {
		label = "same leader"
	}
	r.Counts[label]++
	r.add(func() Finding {
		version := ix.assigned(u.read)
		story := fmt.Sprintf("%s read %s and made %s from it, %s. %s had made %s from the same version, %s. Every leader's final state (%s) comes from %s, and %s is in it nowhere.",
			upper(ix.who(u.op)), version, ix.assigned(u.write), ix.acked(ix.eventOf(u.write)),
			upper(ix.who(winner.op)), ix.assigned(winner.write), ix.acked(ix.eventOf(winner.write)),
			ix.assigned(final), ix.assigned(winner.write), ix.assigned(u.write))
		var ops []int
		if src := ix.src[u.read]; src >= 0 {
			ops = append(ops, ix.opOfStep(src))
		}
		ops = append(ops, u.readOp, u.op, winner.readOp, winner.op, ix.opOfStep(final))
		return ix.finding("no-lost-updates", label, story, ops, ix.updateEdges(u, winner))
	})
}

func (ix *index) updateEdges(us ...rmw) []Edge {
	var edges []Edge
	for _, u := range us {
		if src := ix.src[u.read]; src >= 0 {
			g := ix.opOfStep(src)
			edges = append(edges, Edge{
				From: ix.h.Index(g), To: ix.h.Index(u.readOp), Kind: "wr",
				Because: fmt.Sprintf("%s at %s read %s", ix.who(u.readOp), ix.nodeName(u.readOp), ix.assigned(src)),
			})
		}
		if u.readOp != u.op {
			edges = append(edges, Edge{
				From: ix.h.Index(u.readOp), To: ix.h.Index(u.op), Kind: "so",
				Because: fmt.Sprintf("%s at %s wrote %s right after that read", ix.who(u.op), ix.nodeName(u.op), ix.assigned(u.write)),
			})
		}
	}
	return edges
}
