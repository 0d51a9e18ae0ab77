package checker

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// violations are how often each causal property is broken, and whether at all for
// ccv, whose circles may merge.
func violations(ops []tiny) map[string]int {
	ix := newIndex(build(ops))
	ctx := withIndex(context.Background(), ix)
	m := map[string]int{"cc": checkCC(ctx, ix).Violations}
	if checkCCv(ctx, ix).Verdict == Violated {
		m["ccv"] = 1
	}
	for _, name := range []string{"read-your-writes", "monotonic-reads"} {
		m[name] = checkSessions(ctx, ix, name).Violations
	}
	for _, name := range []string{"monotonic-writes", "writes-follow-reads"} {
		m[name] = checkWriteOrder(ctx, ix, name).Violations
	}
	return m
}

func eachRandom(t *testing.T, runs int, f func(r *rand.Rand, ops []tiny)) {
	t.Helper()
	if raceEnabled {
		runs /= 10
	}
	for seed := range runs {
		r := rand.New(rand.NewPCG(uint64(seed), 17))
		f(r, random(r))
	}
}

// A suffix that is right changes nothing: a new session that writes new keys and
// reads them back, and one that reads what the first one wrote.
func TestAConsistentSuffixChangesNothing(t *testing.T) {
	broken := 0
	eachRandom(t, 400, func(r *rand.Rand, ops []tiny) {
		longer := slices.Clone(ops)
		for i := range 4 {
			v := len(ops) + 100 + i
			longer = append(longer,
				tiny{session: 900, key: 20 + i, write: true, v: v},
				tiny{session: 900, key: 20 + i, v: v},
				tiny{session: 901, key: 20 + i, v: v},
				tiny{session: r.IntN(3), key: 20 + i, v: v})
		}
		want := violations(ops)
		if want["cc"] > 0 {
			broken++
		}
		if diff := cmp.Diff(want, violations(longer)); diff != "" {
			t.Fatalf("%v\nwith %v (-before +after)\n%s", ops, longer[len(ops):], diff)
		}
	})
	if broken == 0 && !raceEnabled {
		t.Error("no history was broken before: the test says little")
	}
}

// A write that nobody read can be missed by a read, but explains none: without it
// nothing is broken that was not before.
func TestRemovingAnUnreadWriteBreaksNothing(t *testing.T) {
	removed, mended := 0, 0
	eachRandom(t, 600, func(r *rand.Rand, ops []tiny) {
		i := r.IntN(len(ops))
		read := slices.ContainsFunc(ops, func(o tiny) bool { return !o.write && o.key == ops[i].key && o.v == ops[i].v })
		if !ops[i].write || read {
			return
		}
		removed++
		before, after := violations(ops), violations(slices.Delete(slices.Clone(ops), i, i+1))
		for name, n := range after {
			if n > before[name] {
				t.Fatalf("%v: without operation %d %s is broken %d times, with it %d", ops, i, name, n, before[name])
			}
		}
		if before["cc"] > after["cc"] {
			mended++
		}
	})
	if !raceEnabled && (removed < 20 || mended == 0) { // with -race there are few
		t.Errorf("%d writes were removed, and mended %d histories: the test says little", removed, mended)
	}
}

// Sessions, keys and values are names.
func TestRenamingChangesNothing(t *testing.T) {
	eachRandom(t, 300, func(r *rand.Rand, ops []tiny) {
		sessions, keys, values := r.Perm(200), r.Perm(10), r.Perm(len(ops)+1)
		other := slices.Clone(ops)
		for i := range other {
			other[i].session, other[i].key = sessions[other[i].session], keys[other[i].key]
			if other[i].v != 0 {
				other[i].v = values[other[i].v] + 1
			}
		}
		if diff := cmp.Diff(violations(ops), violations(other)); diff != "" {
			t.Fatalf("%v\nrenamed to %v (-before +after)\n%s", ops, other, diff)
		}
	})
}
