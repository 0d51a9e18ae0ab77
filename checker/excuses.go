package checker

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// Excuses are the operations without which a part of a history could look worse
// than the whole: the deletes that a read of nothing may have returned, the
// removes that excuse an absence, what all leaders ended with. Which ones a
// property needs, and why these are enough, is in docs/evidence.md. They are
// looked up step by step in the history and not in the index, so that a mistake
// there cannot hide one.

// subjectKeys are the keys that a finding is about: those of its last operation,
// which is the read, or a final read, that shows what is wrong. What is not
// linearizable may be so by all of its operations.
func (ix *index) subjectKeys(f *Finding) []int32 {
	ops := f.Ops
	if len(ops) > 0 && !slices.ContainsFunc(f.Edges, func(e Edge) bool { return e.Kind == "rt" }) {
		ops = ops[len(ops)-1:]
	}
	var keys []int32
	for _, i := range ops {
		k, ok := ix.h.Pos(i)
		if !ok {
			continue
		}
		from, to := ix.h.Steps(k)
		for s := from; s < to; s++ {
			if key := int32(ix.h.StepKey(s)); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func (pr *prover) subjectKeys(f *Finding) []int32 { return pr.ix.subjectKeys(f) }

// nearOps are, by key, the operations that touch a key which some finding is about.
func (ix *index) nearOps(decided []*Decided) map[int32][]int32 {
	near := map[int32][]int32{}
	for _, d := range decided {
		for i := range d.Findings {
			for _, key := range ix.subjectKeys(&d.Findings[i]) {
				near[key] = nil
			}
		}
	}
	if len(near) == 0 {
		return near
	}
	for k := range ix.h.Len() {
		from, to := ix.h.Steps(k)
		for s := from; s < to; s++ {
			key := int32(ix.h.StepKey(s))
			ops, wanted := near[key]
			if wanted && (len(ops) == 0 || ops[len(ops)-1] != int32(k)) {
				near[key] = append(ops, int32(k))
			}
		}
	}
	return near
}

// excuses are the positions of the operations that could excuse a finding.
func (pr *prover) excuses(f *Finding) []int {
	elements := pr.elements(f)
	var found []int
	for _, key := range pr.subjectKeys(f) {
		var kinds kind
		for _, k := range pr.near[key] {
			wanted := false
			from, to := pr.ix.h.Steps(int(k))
			for s := from; s < to; s++ {
				if int32(pr.ix.h.StepKey(s)) != key {
					continue
				}
				kd := kindOf(pr.ix.h.StepF(s))
				wanted = wanted || kd&^kinds != 0 || pr.excuse(f, int(k), s, elements)
				kinds |= kd // the first of each kind says what kind of key it is
			}
			if wanted {
				found = append(found, int(k))
			}
		}
	}
	if pr.property.Name == "linearizable" {
		found = append(found, pr.overlap()...)
	}
	if pr.byContexts() {
		found = append(found, pr.whoSays()...)
		found = append(found, pr.namedBy(found)...)
	}
	return pr.sameNodes(append(found, pr.anyWrite(f)...))
}

// overlap are two operations that were open at a time: a record needs them to show
// real time at all, where no operation took any.
func (pr *prover) overlap() []int {
	for k := 1; k < pr.ix.h.Len(); k++ {
		if over := pr.ix.h.Return(k - 1); over == 0 || over > pr.ix.h.Index(k) {
			return []int{k - 1, k}
		}
	}
	return nil
}

// excuse says whether step s of operation k, on a key that the finding is about,
// could excuse it.
func (pr *prover) excuse(f *Finding, k, s int, elements []int64) bool {
	h := pr.ix.h
	failed := h.Outcome(k) == history.Fail
	if f.Label == "no order" && h.StepF(s).IsWrite() && !failed {
		return true // what the state was made of
	}
	switch h.StepF(s) {
	case history.Read:
		if h.Final(k) && h.Outcome(k) == history.OK {
			return pr.needsEnd()
		}
		return pr.showsWhere(f, s) || pr.property.Name == "conflict-policy" && pr.showsDoubtful(s) || pr.property.Name == "no-lost-updates" && h.Header.Workload == "rmw-blind" || pr.property.Name == "conserved"
	case history.Write:
		return pr.property.Name == "no-lost-updates" && !failed || pr.byContexts() || pr.wroteWhatWasRead(elements, s)
	case history.Delete:
		return !failed
	case history.Inc:
		return true
	default:
		return pr.wroteWhatWasRead(elements, s)
	}
}

// byContexts says whether the property needs every write of a key, also refused
// ones that were read: a policy chooses among them all, and where contexts say what
// replaces what, a name may mean another write once its own is left out.
func (pr *prover) byContexts() bool {
	switch pr.property.Name {
	case "conflict-policy":
		return true
	case "deletes-stay-deleted":
		return keepsVersions(pr.ix.h.Header.Policy)
	case "cc", "ccv", "cm", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads":
		return judgesSiblings(pr.ix.h)
	}
	return false
}

// showsDoubtful says whether a read shows that a write took effect of which that
// is not known otherwise: it was not acknowledged, or its leader's disk was wiped.
func (pr *prover) showsDoubtful(s int) bool {
	doubtful := false
	pr.eachWriter(s, func(w int32) {
		k := pr.ix.opOfStep(w)
		doubtful = doubtful || pr.ix.h.Outcome(k) != history.OK || pr.ix.wiped(k)
	})
	return doubtful
}

// whoSays are the first operations that say what a policy needs somebody to say,
// without which the property is not decided: who executed them, in which epoch, or
// what they replace.
func (pr *prover) whoSays() []int {
	h := pr.ix.h
	says := []func(k int) bool{func(k int) bool { return h.Meta(k).Ctx != "" }}
	if hasPrefix(h.Header.Policy, "home") {
		says = []func(k int) bool{
			func(k int) bool { return h.Meta(k).By != "" },
			func(k int) bool { _, ok := stampOf(h, k); return ok },
		}
	}
	var found []int
	for _, said := range says {
		for k := range h.Len() {
			if said(k) {
				found = append(found, k)
				break
			}
		}
	}
	return found
}

// namedBy are the operations whose stamps the contexts of others name: without
// them a name would be nobody's.
func (pr *prover) namedBy(ops []int) []int {
	h, wanted := pr.ix.h, map[string]bool{}
	for _, k := range ops {
		for _, name := range namesIn(h.Meta(k).Ctx) {
			wanted[name] = true
		}
	}
	var found []int
	if len(wanted) > 0 {
		for k, m := range h.EachMeta() {
			if m.Stamp != "" && wanted[m.Stamp] {
				found = append(found, k)
			}
		}
	}
	return found
}

// needsEnd says whether the property is about what leaders end with.
func (pr *prover) needsEnd() bool {
	return slices.Contains([]string{"conflict-policy", "convergence", "durability", "no-stale-wins", "no-lost-updates", "no-duplicates"}, pr.property.Name) || !pr.known
}

// showsWhere says whether a read shows where a lost write had been: that decides
// which promise its loss breaks.
func (pr *prover) showsWhere(f *Finding, s int) bool {
	if !byFate(f.Label) {
		return false
	}
	v, ok := pr.ix.h.StepInt(s)
	return ok && v != 0 && slices.ContainsFunc(pr.positions(f.Ops), func(k int) bool {
		from, to := pr.ix.h.Steps(k)
		for t := from; t < to; t++ {
			if n, ok := writtenValue(pr.ix.h, t); ok && n == v && pr.ix.h.StepKey(t) == pr.ix.h.StepKey(s) {
				return true
			}
		}
		return false
	})
}

// byFate says whether a label is of a register's write that is lost.
func byFate(label string) bool {
	return slices.Contains([]string{"lost", "stale win", "stale win or lost", "concurrent write dropped"}, label)
}

// elements are the numbers that a finding's operations wrote, and that its last
// one read.
func (pr *prover) elements(f *Finding) []int64 {
	var vs []int64
	for i, k := range pr.positions(f.Ops) {
		from, to := pr.ix.h.Steps(k)
		for s := from; s < to; s++ {
			v := pr.ix.h.StepValue(s)
			if pr.ix.h.StepF(s) != history.Read && len(v.List) > 0 {
				vs = append(vs, v.List[0])
			} else if pr.ix.h.StepF(s) != history.Read || i == len(f.Ops)-1 {
				vs = append(vs, asList(v)...)
			}
		}
	}
	slices.Sort(vs)
	return slices.Compact(vs)
}

// wroteWhatWasRead says whether step s puts or removes one of the elements.
func (pr *prover) wroteWhatWasRead(elements []int64, s int) bool {
	v, ok := pr.ix.h.StepInt(s)
	if l := pr.ix.h.StepList(s); len(l) > 0 {
		v, ok = l[0], true
	}
	_, among := slices.BinarySearch(elements, v)
	return ok && among
}

// anyWrite is a write of each kind, where a finding may have none that lets the
// property apply: a value out of thin air, or a circle of reads of lists.
func (pr *prover) anyWrite(f *Finding) []int {
	if f.Label != "ThinAirRead" && f.Label != "thin air" && f.Label != "CyclicCO" {
		return nil
	}
	var kinds kind
	var found []int
	stray := -1 // where nobody writes anything that has a name, a number that was read
	for s := range stepCount(pr.ix.h) {
		if kd := kindOf(pr.ix.h.StepF(s)); kd&^kinds != 0 {
			kinds |= kd
			found = append(found, pr.ix.opOfStep(int32(s)))
		} else if v, ok := pr.ix.h.StepInt(s); ok && v != 0 && stray < 0 {
			stray = pr.ix.opOfStep(int32(s))
		}
	}
	if kinds&^counter == 0 && stray >= 0 {
		found = append(found, stray)
	}
	return found
}

// sameNodes adds for every operation that another node executed one that was
// asked there: else a part of the history would not know that node.
func (pr *prover) sameNodes(ops []int) []int {
	h := pr.ix.h
	if pr.ix.served == nil || len(h.Header.Nodes) == len(h.Nodes()) {
		return ops
	}
	for n := len(h.Header.Nodes); n < len(h.Nodes()); n++ {
		for k := range h.Len() {
			if h.Node(k) == n {
				ops = append(ops, k)
				break
			}
		}
	}
	return ops
}
