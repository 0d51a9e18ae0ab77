package checker

import (
	"strconv"
	"strings"

	"github.com/mlcheck/mlcheck/history"
)

// versions is what the writes of one key say they replace (ctx). Its transitive
// closure takes the place of causal order within the key, for policies that keep
// every version that none replaces.
type versions struct {
	ix       *index
	writes   []int32           // steps that may have happened, in order
	replaces map[int32][]int32 // step → the steps that it names
	told     bool              // some write says what it replaces
	unclear  bool              // a name is nobody's
	byStamp  map[string]int32
	byValue  map[int64]int32
	stamps   []stamp // beside writes
	unnamed  bool    // a write has no stamp, so that an unknown name may mean it
	vague    bool    // contexts name stamps, so unnamed writes may be replaced unseen
}

// versionsOf are those of the writes of one register: O(writes + names), and for entries of
// version vectors O(writes) each.
func (ix *index) versionsOf(writes []int32) *versions {
	v := &versions{ix: ix, writes: writes, stamps: make([]stamp, len(writes)), replaces: map[int32][]int32{}, byStamp: map[string]int32{}, byValue: map[int64]int32{}}
	for i, s := range writes {
		k := ix.opOfStep(s)
		if st := ix.h.Meta(k).Stamp; st != "" {
			v.byStamp[st] = s
			v.stamps[i], _ = stampOf(ix.h, k)
		}
		v.unnamed = v.unnamed || !v.stamped(s)
		if n, ok := ix.h.StepInt(int(s)); ok {
			v.byValue[n] = s
		}
	}
	for _, s := range writes {
		names := namesIn(ix.h.Meta(ix.opOfStep(s)).Ctx)
		v.told = v.told || len(names) > 0
		for _, name := range names {
			v.name(s, name)
		}
	}
	return v
}

// namesIn are the versions that a context names.
func namesIn(ctx string) []string {
	return strings.FieldsFunc(ctx, func(r rune) bool { return strings.ContainsRune(" ,;", r) })
}

// name notes one version that write s says it replaces: an entry of a version
// vector (n1:3, every write by n1 up to its third), a stamp, or a value.
func (v *versions) name(s int32, name string) {
	if node, count, ok := strings.Cut(name, ":"); ok {
		if n, err := strconv.ParseInt(count, 10, 64); err == nil {
			v.vague = true
			v.covers(s, node, n)
			return
		}
	}
	if w, ok := v.byStamp[name]; ok {
		v.vague = true
		v.replaces[s] = append(v.replaces[s], w)
		return
	}
	n, err := strconv.ParseInt(name, 10, 64)
	if w, ok := v.byValue[n]; ok && err == nil {
		v.replaces[s] = append(v.replaces[s], w)
		return
	}
	v.vague = true
	v.unclear = v.unclear || !v.unnamed
}

func (v *versions) covers(s int32, node string, n int64) {
	for i, w := range v.writes {
		if st := v.stamps[i]; w != s && st.node == node && st.sequence <= n {
			v.replaces[s] = append(v.replaces[s], w)
		}
	}
}

// replaced says whether write s replaces w, directly or by what it replaces.
func (v *versions) replaced(w, s int32) bool {
	done := map[int32]bool{s: true}
	for todo := []int32{s}; len(todo) > 0; {
		u := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, x := range v.replaces[u] {
			if x == w {
				return true
			}
			if !done[x] {
				done[x] = true
				todo = append(todo, x)
			}
		}
	}
	return false
}

// named says whether a write would be named by whoever replaces it: one without
// a stamp cannot be where versions are named by their stamps.
func (v *versions) named(w int32) bool {
	return !v.vague || v.stamped(w)
}

// untold says whether it is not known what a write replaces: its answer, which
// might have said so, never came.
func (v *versions) untold(s int32) bool {
	return len(v.replaces[s]) == 0 && v.ix.h.Outcome(v.ix.opOfStep(s)) != history.OK
}

func (v *versions) stamped(w int32) bool { return v.ix.h.Meta(v.ix.opOfStep(w)).Stamp != "" }

// registerWrites are, by key, the writes and deletes of registers that did not
// certainly fail, as steps in order.
func (ix *index) registerWrites() map[int32][]int32 {
	m := map[int32][]int32{}
	for s := range stepCount(ix.h) {
		key := int32(ix.h.StepKey(s))
		if kindOf(ix.h.StepF(s)) == register && ix.kind[key] == register && ix.did(int32(s)) {
			m[key] = append(m[key], int32(s))
		}
	}
	return m
}

// keepsVersions says whether a policy keeps every version that none replaces.
func keepsVersions(policy string) bool { return hasPrefix(policy, "siblings", "merge") }

// saysWhatItReplaces says whether any write of a history does.
func saysWhatItReplaces(h *history.History) bool {
	for k := range h.Len() {
		if h.Meta(k).Ctx != "" {
			return true
		}
	}
	return false
}
