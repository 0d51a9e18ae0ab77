package reference

import (
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// policy is what the store does with concurrent changes of one key. All of it is
// in here: which steps there are, what a new version leaves of the old ones, and
// what a reader is shown of those that are left.
type policy struct {
	name   string
	header string // what the history calls it; "": its name
	help   string
	steps  []history.F
	keep   func(old []version, v version) []version
	show   func([]version) []version
	stamps func(wall time.Time, last int64) int64
	// past: a change says what it replaces, and what that had replaced. With
	// asked, only what its client had read counts as replaced.
	past, asked bool
	// central: one leader decides (the home of a key, or the certifier).
	home, certify bool
}

// version is one change that is still there.
type version struct {
	dot
	stamp stamp
	f     history.F
	value int64
	past  []dot // what it replaces, sorted
}

// gone says whether a version is the absence of a value.
func (v version) gone() bool { return v.f == history.Delete || v.f == history.Remove }

// dot names a change: the n-th of an update.
type dot struct {
	node int
	seq  uint64
	n    int
}

func (d dot) compare(e dot) int {
	switch {
	case d.node != e.node:
		return d.node - e.node
	case d.seq < e.seq:
		return -1
	case d.seq > e.seq:
		return 1
	}
	return d.n - e.n
}

func contains(dots []dot, d dot) bool {
	_, found := slices.BinarySearchFunc(dots, d, dot.compare)
	return found
}

func union(dots []dot, more ...dot) []dot {
	all := append(slices.Clone(dots), more...)
	slices.SortFunc(all, dot.compare)
	return slices.Compact(all)
}

// What a new version leaves of the old ones.

// alone leaves nothing of the old ones; it takes their place also in memory.
func alone(old []version, v version) []version { return append(old[:0], v) }

// arrived: it comes last, so it stays.
func arrived(old []version, v version) []version { return alone(old, v) }

// greatest: the greater stamp stays. Of two changes in one update, which share
// its stamp, that is the later one.
func greatest(old []version, v version) []version {
	if len(old) > 0 && v.stamp.less(old[0].stamp) {
		return old
	}
	return alone(old, v)
}

// least: the smaller stamp stays.
func least(old []version, v version) []version {
	if len(old) > 0 && old[0].stamp.less(v.stamp) {
		return old
	}
	return alone(old, v)
}

// largest: the larger value stays.
func largest(old []version, v version) []version {
	if len(old) > 0 && v.value < old[0].value {
		return old
	}
	return alone(old, v)
}

// maximal: everything stays that nothing else has replaced.
func maximal(old []version, v version) []version {
	for _, u := range old {
		if u.dot == v.dot || contains(u.past, v.dot) {
			return old
		}
	}
	left := slices.DeleteFunc(slices.Clone(old), func(u version) bool { return contains(v.past, u.dot) })
	left = append(left, v)
	slices.SortFunc(left, func(a, b version) int { return a.compare(b.dot) })
	return left
}

// What a reader is shown.

func everything(vs []version) []version {
	if !slices.ContainsFunc(vs, version.gone) {
		return vs
	}
	return slices.DeleteFunc(slices.Clone(vs), version.gone)
}

// ofHighest is the version of the highest leader, n1 before n2.
func ofHighest(vs []version) []version {
	if len(vs) == 0 {
		return nil
	}
	best := slices.MinFunc(vs, func(a, b version) int {
		if a.node != b.node {
			return a.node - b.node
		}
		return b.compare(a.dot)
	})
	return everything([]version{best})
}

// anyAdd: an element is there if any version of it that is left is an add.
func anyAdd(vs []version) []version { return everything(vs) }

// noRemove: an element is there if no version of it that is left is a remove.
func noRemove(vs []version) []version {
	if slices.ContainsFunc(vs, version.gone) {
		return nil
	}
	return vs
}

// Stamps.

func wallTime(wall time.Time, _ int64) int64 { return wall.UnixNano() }

// lamport counts what a leader has seen (Lamport 1978).
func lamport(_ time.Time, last int64) int64 { return last + 1 }

// hybrid follows the wall clock but never falls behind what a leader has seen
// (Kulkarni et al. 2014; the logical part lives in the lowest nanoseconds).
func hybrid(wall time.Time, last int64) int64 { return max(wall.UnixNano(), last+1) }

var (
	registers = []history.F{history.Read, history.Write, history.Delete}
	sets      = []history.F{history.Read, history.Add, history.Remove}
	both      = []history.F{history.Read, history.Write, history.Delete, history.Add, history.Remove}
)

// policies are all there are; the first is the default.
var policies = []policy{
	{
		name: "lww-wall", steps: both, keep: greatest, show: everything, stamps: wallTime,
		help: "of two concurrent writes the one with the later wall clock time wins; a clock that is wrong makes older writes win",
	},
	{
		name: "lww-hlc", steps: both, keep: greatest, show: everything, stamps: hybrid,
		help: "the one with the later hybrid time wins, which never falls behind what its leader has seen: a later write wins whatever the clocks say",
	},
	{
		name: "lww-lamport", steps: both, keep: greatest, show: everything, stamps: lamport,
		help: "the one with the greater Lamport time wins; wall clocks play no part",
	},
	{
		name: "none", steps: both, keep: arrived, show: everything, stamps: hybrid,
		help: "what arrives last stays, so leaders that hear of two writes in another order differ for good",
	},
	{
		name: "first", steps: registers[:2], keep: least, show: everything, stamps: lamport,
		help: "the write with the smallest Lamport time stays for good",
	},
	{
		name: "max", steps: registers[:2], keep: largest, show: everything, stamps: lamport,
		help: "the larger value stays",
	},
	{
		name: "replica-priority", steps: registers, keep: maximal, show: ofHighest, stamps: lamport, past: true,
		help: "all versions that none replaces are kept, and readers are shown that of the highest leader (n1 before n2)",
	},
	{
		name: "siblings", steps: registers, keep: maximal, show: everything, stamps: lamport, past: true, asked: true,
		help: "all versions that none replaces are kept and shown; a write replaces what its client had read (dotted version vectors, as sets of dots)",
	},
	{
		name: "counter", header: "crdt-counter", steps: []history.F{history.Read, history.Inc}, keep: arrived, show: everything, stamps: lamport,
		help: "increments are applied by every leader, each once",
	},
	{
		name: "add-wins", header: "crdt-add-wins", steps: sets, keep: maximal, show: anyAdd, stamps: lamport, past: true,
		help: "an element that is added and removed concurrently stays",
	},
	{
		name: "remove-wins", header: "crdt-remove-wins", steps: sets, keep: maximal, show: noRemove, stamps: lamport, past: true,
		help: "an element that is added and removed concurrently goes",
	},
	{
		name: "home", steps: both, keep: arrived, show: everything, stamps: lamport, home: true,
		help: "every key has one home leader, which executes all writes of it; when it cannot be reached the key cannot be written",
	},
	{
		name: "certify", steps: both, keep: arrived, show: everything, stamps: lamport, certify: true,
		help: "n1 orders all transactions and aborts those that have read what has changed since; every leader applies them in that order",
	},
}

func policyNames() []string {
	var names []string
	for _, p := range policies {
		names = append(names, p.name)
	}
	return names
}

func policyHelp() string {
	words := []string{"what happens to concurrent changes of one key"}
	for _, p := range policies {
		words = append(words, p.name+": "+p.help)
	}
	return strings.Join(words, ". ")
}

func lookupPolicy(name string) policy {
	return policies[slices.IndexFunc(policies, func(p policy) bool { return p.name == name })]
}
