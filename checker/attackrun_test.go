package checker_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// TestTheCheckersAgreeWithTheDefinitions compares random records of everything
// that the definitions name with an oracle that shares no code.
// MLCHECK_RANDOM=100000 asks for more of them.
func TestTheCheckersAgreeWithTheDefinitions(t *testing.T) {
	n := 1500
	if checker.RaceEnabled {
		n = 300
	}
	if s := os.Getenv("MLCHECK_RANDOM"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < 1 {
			t.Fatalf("MLCHECK_RANDOM=%s: want a number of histories", s)
		}
	}
	stats, diffs := map[string]int{}, map[string]int{}
	for seed := range uint64(n) {
		rnd := rand.New(rand.NewPCG(seed, 77))
		attack(t, seed, randomRecord(rnd, randomShape(rnd)), stats, diffs)
	}
	for _, name := range []string{"cc", "ccv", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads", "fate: lost", "fate: stale win"} {
		if stats[name] == 0 {
			t.Errorf("no record broke %s: nothing was compared", name)
		}
	}
	t.Log(stats, diffs)
}

// compare is what the checkers and the oracle say of one record, where it differs.
func compare(t testing.TB, rec *record, stats map[string]int) map[string]string {
	h := rec.history(t)
	res := checker.Check(context.Background(), h, checker.Options{})
	if res.Exit > 3 {
		return map[string]string{"exit": res.Why}
	}
	g := newJudge(rec)
	stats["all"]++
	if g.cyclic {
		stats["cyclic"]++
		if res.Properties["cc"].Violations == 0 {
			return map[string]string{"cyclic": "not seen"}
		}
		return nil
	}
	if g.forked {
		stats["forked"]++
		return nil
	}
	g.judgeCC()
	g.judgeCCV()
	g.judgeSessions()
	diff := map[string]string{}
	for name, want := range map[string]int{
		"cc": g.cc, "ccv": g.cc + g.scc, "read-your-writes": g.ryw, "monotonic-reads": g.mr, "monotonic-writes": g.mw, "writes-follow-reads": g.wfr,
	} {
		d := res.Properties[name]
		if want > 0 {
			stats[name]++
		}
		if d.Verdict == checker.NotDecided {
			continue
		}
		if d.Violations == want && (d.Violations > 0) == (d.Verdict == checker.Violated) {
			continue
		}
		diff[name] = fmt.Sprintf("%s is %s %d (%s), want %d\n%v", name, d.Verdict, d.Violations, d.Reason, want, stories(d.Findings))
	}
	if rec.quiet != "" {
		g.compareFates(res, stats, diff)
	}
	return diff
}

// compareFates counts every fate, and who breaks what by it.
func (g *judge) compareFates(res *checker.Results, stats map[string]int, diff map[string]string) {
	want := g.fates()
	names := []string{
		"survived", "superseded", "concurrent drop", "undecided", "partial", "not read at the end",
		"stale win", "lost", "stale win or lost: cannot be told apart without stamps",
	}
	if d := res.Properties["no-stale-wins"]; d.Verdict != checker.NotDecided {
		for _, name := range names {
			stats["fate: "+name] += want[name]
			if d.Counts[name] != want[name] {
				diff["fate: "+name] = fmt.Sprintf("fates %v, want %v\n%s", d.Counts, want, stories(d.Findings))
			}
		}
	}
	if d := res.Properties["no-lost-updates"]; d.Verdict != checker.NotDecided && !g.siblings() {
		n := g.lostUpdates()
		if n > 0 {
			stats["lost updates"]++
		}
		if n != d.Violations {
			diff["no-lost-updates"] = fmt.Sprintf("lost updates %d, want %d\n%s", d.Violations, n, stories(d.Findings))
		}
	}
	differ := 0
	for key := range 8 {
		if fs := g.finals(key); !slices.Contains(fs, nil) && g.written(key) {
			same := func(f *astep) bool { return f.n == fs[0].n && slices.Equal(f.list, fs[0].list) }
			if slices.ContainsFunc(fs, func(f *astep) bool { return !same(f) }) {
				differ++
			}
		}
	}
	if d := res.Properties["convergence"]; d.Violations != differ {
		diff["convergence"] = fmt.Sprintf("convergence %d, want %d", d.Violations, differ)
	}
}

// siblings says whether a register was read as several values.
func (g *judge) siblings() bool {
	return slices.ContainsFunc(g.reads(true), func(r aread) bool { return r.s.isl && !g.setKey[r.s.key] })
}

func (g *judge) written(key int) bool {
	return slices.ContainsFunc(g.ops, func(o aop) bool {
		return slices.ContainsFunc(o.steps, func(s astep) bool { return s.key == key && s.f != history.Read })
	})
}

func attack(t *testing.T, seed uint64, rec *record, stats, diffs map[string]int) {
	for name := range compare(t, rec, stats) {
		diffs[name]++
		if diffs[name] > 2 {
			continue
		}
		small := shrink(rec, func(r *record) bool { return compare(t, r, map[string]int{})[name] != "" })
		t.Errorf("seed %d: %s\n%s", seed, compare(t, small, map[string]int{})[name], small)
	}
}

func stories(fs []checker.Finding) string {
	s := ""
	for _, f := range fs {
		s += fmt.Sprintf("  %s %v %s\n", f.Label, f.Ops, f.Story)
	}
	return s
}

// TestTokensCarryTheOrderOfASessionAlong asks the oracle about records in which
// sessions move much, with a token at some moves and without at others.
func TestTokensCarryTheOrderOfASessionAlong(t *testing.T) {
	stats, diffs, across := map[string]int{}, map[string]int{}, 0
	for seed := range uint64(150) {
		rnd := rand.New(rand.NewPCG(seed, 177))
		sh := randomShape(rnd)
		sh.move, sh.token, sh.noise, sh.scope = 40, 30+rnd.IntN(70), 20, false
		rec := randomRecord(rnd, sh)
		attack(t, seed, rec, stats, diffs)
		for _, p := range checker.Check(context.Background(), rec.history(t), checker.Options{}).Properties {
			for _, f := range p.Findings {
				across += strings.Count(f.Story, "with a token")
			}
		}
	}
	for _, name := range []string{"read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"} {
		if stats[name] == 0 {
			t.Errorf("no record broke %s", name)
		}
	}
	if across == 0 {
		t.Error("nothing was broken across a move with a token")
	}
	t.Log(stats, diffs, across)
}
