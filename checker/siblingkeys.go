package checker

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// siblingKey is what the writes of one key say of each other, where the policy
// keeps every version that none replaces. Versions are its writes and deletes that
// may have happened, by their number in the order of steps.
type siblingKey struct {
	steps    []int32
	replaces [][]int32 // version → those that it names
	by       [][]int32 // version → those that name it
	// vague: what it replaces is not all known; it may be any version whose step is
	// below this. 0: all is known.
	vague    []int32
	optional []bool  // it may have been replaced by somebody who could not name it
	removes  []bool  // a delete
	removals []int32 // the deletes
}

// judgesSiblings says whether registers are judged as sets of versions: writes say
// what they replace, or the policy has it that nothing is ever replaced.
func judgesSiblings(h *history.History) bool {
	return hasPrefix(h.Header.Policy, "siblings") && (h.Header.Policy == withoutContext || saysWhatItReplaces(h))
}

// sibling is the key's versions, or nil where it is not judged by them.
func (ix *index) sibling(key int32) *siblingKey {
	ix.siblingOnce.Do(func() {
		if judgesSiblings(ix.h) {
			ix.siblings = ix.siblingKeys()
		}
	})
	if ix.siblings == nil {
		return nil
	}
	return ix.siblings[key]
}

// siblingKeys reads all contexts once: O(operations + names), and for entries of
// version vectors O(writes of the key) each.
func (ix *index) siblingKeys() []*siblingKey {
	keys, named := make([]*siblingKey, len(ix.h.Keys())), map[string]int32{}
	for k, m := range ix.h.EachMeta() {
		if m.Stamp != "" {
			named[m.Stamp] = int32(k)
		}
	}
	for key := range keys {
		if ix.kind[key] == register {
			keys[key] = &siblingKey{}
		}
	}
	for key, steps := range ix.registerWrites() {
		sk := keys[key]
		n := len(steps)
		*sk = siblingKey{steps: steps, replaces: make([][]int32, n), by: make([][]int32, n), vague: make([]int32, n), optional: make([]bool, n), removes: make([]bool, n)}
		b := &siblingBuilder{siblingKey: sk, ix: ix, key: key, named: named}
		b.read()
	}
	return keys
}

// number is the version of a step, or -1.
func (sk *siblingKey) number(step int32) int32 {
	i, found := slices.BinarySearch(sk.steps, step)
	if !found {
		return -1
	}
	return int32(i)
}

type siblingBuilder struct {
	*siblingKey
	ix       *index
	key      int32
	named    map[string]int32 // stamp → operation
	byStamps bool             // versions are named by their stamps
}

func (b *siblingBuilder) read() {
	h := b.ix.h
	for i, s := range b.steps {
		k := b.ix.opOfStep(s)
		names := namesIn(h.Meta(k).Ctx)
		if b.removes[i] = h.StepF(int(s)) == history.Delete; b.removes[i] {
			b.removals = append(b.removals, int32(i))
		}
		for _, name := range names {
			b.name(int32(i), name)
		}
		if len(names) == 0 && h.Header.Policy != withoutContext && (b.removes[i] || h.Outcome(k) != history.OK) {
			b.obscure(int32(i))
		}
	}
	for i, s := range b.steps {
		k := b.ix.opOfStep(s)
		later := i+1 < len(b.steps) && b.ix.opOfStep(b.steps[i+1]) == k // its operation wrote the key again
		b.optional[i] = later || b.byStamps && h.Meta(k).Stamp == ""
	}
	for changed := true; changed; {
		changed = false
		for i, ws := range b.replaces {
			for _, w := range ws {
				if b.vague[w] > b.vague[i] {
					b.vague[i], changed = b.vague[w], true
				}
			}
		}
	}
}

// obscure notes that what a version replaces is not known: anything that its
// client had read, before it asked or in the same operation.
func (b *siblingBuilder) obscure(i int32) {
	s := b.steps[i]
	b.vague[i] = s
	from, _ := b.ix.h.Steps(b.ix.opOfStep(s))
	for t := int32(from); t < s; t++ {
		if b.ix.h.StepF(int(t)) == history.Read {
			b.vague[i] = math.MaxInt32
		}
	}
}

// name notes one name in the context of version i: an entry of a version vector
// (n1:3), a stamp, or a value.
func (b *siblingBuilder) name(i int32, name string) {
	if node, count, ok := strings.Cut(name, ":"); ok {
		if n, err := strconv.ParseInt(count, 10, 64); err == nil {
			b.byStamps = true
			for j, s := range b.steps {
				if st, ok := stampOf(b.ix.h, b.ix.opOfStep(s)); ok && st.node == node && st.sequence <= n {
					b.link(i, int32(j))
				}
			}
			return
		}
	}
	if k, ok := b.named[name]; ok {
		b.byStamps = true
		from, to := b.ix.h.Steps(int(k))
		for s := to - 1; s >= from; s-- {
			if j := b.number(int32(s)); j >= 0 {
				b.link(i, j)
				return
			}
		}
		return // a version of another key that the operation wrote too
	}
	if n, err := strconv.ParseInt(name, 10, 64); err == nil {
		if w, ok := b.ix.values.get(b.key, n); ok {
			if j := b.number(w); j >= 0 {
				b.link(i, j)
			}
			return
		}
	}
	b.byStamps = true
	b.obscure(i)
}

func (b *siblingBuilder) link(i, j int32) {
	if i != j {
		b.replaces[i], b.by[j] = append(b.replaces[i], j), append(b.by[j], i)
	}
}

// spread is every version that is reached from some over the given edges, without
// those that are there from the start.
func (sk *siblingKey) spread(from []int32, edges [][]int32) map[int32]bool {
	reached := map[int32]bool{}
	for todo := slices.Clone(from); len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, j := range edges[i] {
			if !reached[j] {
				reached[j] = true
				todo = append(todo, j)
			}
		}
	}
	return reached
}
