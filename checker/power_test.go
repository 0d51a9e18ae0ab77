package checker

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/history"
)

func TestPowerCountsWhatAPersonCounts(t *testing.T) {
	res := Check(context.Background(), parse(t, history.Header{}, `
		s1@n1 w x 1
		s1@n2 r x 1            // session 1 moved; n1's write, read at n2
		s2@n2 r x 1, r y -     // two keys, one read across
		s2@n2 w y 2
		s2@n2 r y 2            // its own leader's
		s70000@n3 add s 3      // a number that is not small
		s70000@n1 r s [3]
		s3@n3 r s [3]          // n3's own
		s3@n3 w x 4 info
		s1@n2 w x 5 fail
		s1@n1 r x 4 info       // may have happened: no read across
		closed
		final n1 r x 4
		final n2 r x -
		rest quiet
		final n1 r x 4
		final n2 r x 4
		final n3 r x 4`), Options{})
	want := map[string]int{
		"nodes": 3, "keys": 3, "operations": 11, "ok": 8, "info": 2, "fail": 1, "writes": 5, "reads": 6, "sessions": 4, "sessions that moved": 2,
		"reads of another leader's write": 3, "final reads": 3, "settling reads": 2,
		"concurrent write pairs": 0, "keys with concurrent writes": 0, "keys written at two leaders during a cut": 0,
	}
	if d := cmp.Diff(want, res.Power); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestKeysWrittenAtTwoLeadersDuringACut(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       int
	}{
		{"both sides within it", "fault 1 partition effective n1>n2\ns1@n1 w x 1\ns2@n2 w x 2\nfault 1 partition healing\nfault 1 partition healed", 1},
		{"one side only", "fault 1 partition effective n1>n2\ns1@n1 w x 1\ns1@n1 w x 2\ns3@n2 w y 3\nfault 1 partition healed", 0},
		{"one write came before it", "s1@n1 w x 1\nfault 1 partition effective n1>n2\ns2@n2 w x 2\nfault 1 partition healed", 0},
		{"one write came after it", "fault 1 partition effective n1>n2\ns1@n1 w x 1\nfault 1 partition healed\ns2@n2 w x 2", 0},
		{"one in each of two cuts", "fault 1 partition effective n1>n2\ns1@n1 w x 1\nfault 1 partition healed\nfault 2 partition effective n1>n2\ns2@n2 w x 2\nfault 2 partition healed", 0},
		{"in the second of two that overlap", "fault 1 partition effective n1>n2\nfault 2 partition effective n1>n3\ns1@n1 w x 1\nfault 1 partition healed\ns2@n2 w x 2\nfault 2 partition healed", 1},
		{"a cut that nobody measured", "fault 1 partition planned n1>n2\ns1@n1 w x 1\ns2@n2 w x 2", 0},
		{"a cut that never healed", "fault 1 partition effective n1>n2\ns1@n1 w x 1\ns2@n2 w x 2", 1},
		{"a clock is no cut", "fault 1 clock effective n1=1s\ns1@n1 w x 1\ns2@n2 w x 2", 0},
		{"a write that may have happened", "fault 1 partition effective n1>n2\ns1@n1 w x 1\ns2@n2 w x 2 info", 0},
		{"each key once", "fault 1 partition effective n1>n2\ns1@n1 w x 1\ns2@n2 w x 2\ns3@n3 w x 3\ns1@n1 add s 4\ns2@n2 rem s 5", 2},
	} {
		res := Check(context.Background(), parse(t, history.Header{}, tc.text), Options{Only: []string{"convergence"}})
		if n := res.Power["keys written at two leaders during a cut"]; n != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, n, tc.want)
		}
	}
}

func TestSpansIncludeBothTheirEnds(t *testing.T) {
	spans := []span{{10, 20}, never, {20, 30}}
	for at, want := range map[int64][]int{9: nil, 10: {0}, 19: {0}, 20: {0, 2}, 21: {2}, 30: {2}, 31: nil} {
		active, same := activeAt(spans, at)
		if d := cmp.Diff(want, active); d != "" || at < same.from || at > same.until {
			t.Errorf("at %d, the same from %d to %d (-want +got)\n%s", at, same.from, same.until, d)
		}
		for other := int64(0); other < 40; other++ {
			if there, _ := activeAt(spans, other); (other >= same.from && other <= same.until) && !slices.Equal(there, active) {
				t.Errorf("at %d the active spans are %v, at %d they are %v", at, active, other, there)
			}
		}
	}
}

// The fast count of concurrent pairs is that of a look at every pair.
func TestConcurrentPairsAreCountedPairByPair(t *testing.T) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		opt := drawn(t)
		opt.unordered, opt.skew = rapid.Bool().Draw(t, "unordered"), rapid.Bool().Draw(t, "skew")
		ix := newIndex(randomStore(opt).history)
		o, pairs, keys := ix.co(), 0, 0
		writes := map[int32][]int32{}
		for e := range int32(ix.n) {
			if ix.h.Outcome(ix.op(e)) != history.OK {
				continue
			}
			for _, key := range ix.keysWritten(e) {
				writes[key] = append(writes[key], e)
			}
		}
		for _, es := range writes {
			before := pairs
			for i, a := range es {
				for _, b := range es[:i] {
					if ix.node(ix.op(a)) != ix.node(ix.op(b)) && !o.before(a, b) && !o.before(b, a) {
						pairs++
					}
				}
			}
			if pairs > before {
				keys++
			}
		}
		found += pairs
		gotPairs, gotKeys, err := o.concurrentPairs(context.Background())
		if d := cmp.Diff([]int{pairs, keys}, []int{gotPairs, gotKeys}); d != "" || err != nil {
			t.Fatalf("pairs, keys (-want +got)\n%s%v", d, err)
		}
	})
	if found < 1000 {
		t.Errorf("only %d pairs were concurrent: nothing was shown", found)
	}
}

func TestMeasuresAreThoseOfTheOperations(t *testing.T) {
	got := measures(newIndex(parse(t, history.Header{}, `
		s1@n1 w x 1          // 1 to 2 ms
		( s1@n1 w x 2        // 3 to 8 ms: took 5
		s2@n2 r x 1          // 4 to 5
		s3@n2 r x 1 fail     // 6 to 7: no latency
		) s1
		end quiet            // 9
		final n1 r x 2`)))
	want := map[string]float64{"ops_per_second": 4 / 0.007, "latency_ok_p50_ms": 1, "latency_ok_p95_ms": 5, "latency_ok_p99_ms": 5, "time_to_converge_ms": 0}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestAHistoryWithoutTimesHasNoMeasuresAndNoLag(t *testing.T) {
	b := history.NewBuilder(history.Header{Nodes: []string{"n1", "n2"}})
	for i, step := range []history.Step{{F: history.Write, Key: "x", Value: history.Int(1)}, {F: history.Read, Key: "x", Value: history.Int(1)}} {
		if err := b.Invoke(2*i+1, 0, i, []string{"n1", "n2"}[i], []history.Step{step}, false); err != nil {
			t.Fatal(err)
		}
		if err := b.Complete(2*i+2, 0, i, history.OK, []history.Step{step}, history.Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	if res := Check(context.Background(), b.History(), Options{}); len(res.Measures) > 0 || res.Replication != nil {
		t.Errorf("measures %v, replication %+v", res.Measures, res.Replication)
	}
}

// Quantiles are values that occurred, at most a 128th above the exact ones.
func TestQuantilesOfAHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 1<<rapid.IntRange(1, 62).Draw(t, "bits")), 1, 400).Draw(t, "values")
		var h histogram
		for _, v := range values {
			h.add(v)
		}
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		got := h.quantile(q)
		if !slices.Contains(values, got) {
			t.Fatalf("%d never occurred", got)
		}
		atMost := 0
		for _, v := range values {
			if v <= got {
				atMost++
			}
		}
		rank := min(len(values)-1, int(q*float64(len(values))))
		under := 0 // values that are certainly below the exact quantile
		for _, v := range values {
			if v < got-got/128 {
				under++
			}
		}
		if atMost <= rank || under > rank {
			t.Fatalf("quantile %g of %d values is %d: %d are not above it, %d well below", q, len(values), got, atMost, under)
		}
	})
}

// Chances as docs/properties.md defines them, counted by hand.
func TestChancesAreThoseThatAPersonCounts(t *testing.T) {
	const ends = "end quiet\nfinal n1 r x 2\nfinal n2 r x 2\nfinal n1 r y 3\nfinal n3 r z 4\n"
	for _, tc := range []struct {
		property, text string
		want           int
	}{
		// x and y at two leaders? y was read at one only, z at one only.
		{"convergence", "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\ns1@n1 w y 3\ns1@n1 w z 4\n" + ends, 1},
		// x=1, x=2 were read at another leader than theirs; y=3 only at its own; z=4 at n3.
		{"durability", "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\ns1@n1 w y 3\ns1@n1 w z 4\n" + ends, 3},
		// 1 before 2 at another leader; 1 before 5, 2 before 5 at n3; the pair (1, 6) is at one leader.
		{"no-stale-wins", "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w x 2\ns3@n3 r x 2\ns3@n3 w x 5\ns1@n1 w x 6\nend quiet\nfinal n1 r x 5\nfinal n2 r x 5\nfinal n3 r x 5\n", 3},
		// Before the last read a write of x was in s2's past already; before the others it was not.
		{"cc", "s2@n2 r x -\ns1@n1 w x 1\ns2@n2 r x 1\ns2@n2 r x 1\n", 1},
		{"ccv", "s2@n2 r x -\ns1@n1 w x 1\ns2@n2 r x 1\ns2@n2 r x 1\n", 1},
		// After the own write, twice; another session's and another key's reads are none.
		{"read-your-writes", "s1@n1 r x -\ns1@n1 w x 1\ns1@n1 r x 1\ns1@n1 r y -\ns1@n1 r x 1\ns2@n1 r x 1\n", 2},
		// After a read that returned a write of the key.
		{"monotonic-reads", "s1@n1 r x -\ns1@n1 r x -\ns2@n1 w x 1\ns1@n1 r x 1\ns1@n1 r x 1\ns1@n1 r x 1\n", 2},
		// y=2 was shown, which follows x=1: the read of x at that node is a chance, that of z is none.
		{"monotonic-writes", "s1@n1 w x 1\ns1@n1 w y 2\ns2@n2 r y 2\ns2@n2 r x 1\ns2@n2 r z -\n", 1},
		{"writes-follow-reads", "s1@n1 w x 1\ns2@n2 r x 1\ns2@n2 w y 2\ns3@n3 r y 2\ns3@n3 r x 1\ns3@n3 r z -\n", 1},
		// A value, and two elements.
		{"no-thin-air", "s1@n1 w x 1\ns1@n1 r x 1\ns1@n1 r y -\ns1@n1 add s 2\ns1@n1 add s 3\ns1@n1 r s [2 3]\n", 3},
		{"no-duplicates", "s1@n1 app l 2\ns1@n1 r l [2]\ns1@n1 r l []\ns1@n1 inc c 2\nend quiet\nfinal n1 r c 2\nfinal n2 r c 2\n", 3},
		// Two read-modify-writes at two leaders that overlap; a third one does not.
		{"no-lost-updates", "( s1@n1 r x -, w x 1\n( s2@n2 r x -, w x 2\n) s1\n) s2\ns1@n1 r x 1, w x 3\nend quiet\nfinal n1 r x 2\nfinal n2 r x 2\nfinal n3 r x 2\n", 1},
	} {
		if r := check(t, tc.property, parse(t, history.Header{}, tc.text)); r.Chances != tc.want {
			t.Errorf("%s: %d chances, want %d: %s", tc.property, r.Chances, tc.want, r.Reason)
		}
	}
}

func TestNoPropertyHoldsWithoutAChance(t *testing.T) {
	text := "s1@n1 w x 1\ns2@n2 r x 1, w x 2\ns3@n3 r x 1, w x 3\ns2@n2 r x 2\ns1@n1 r x 2\ns1@n1 r x 2\ns1@n1 w y 4\ns3@n3 r y 4\ns3@n3 r x 2\ns1@n1 app l 5\ns1@n1 r l [5]\n" +
		"end quiet\nfinal n1 r x 2\nfinal n2 r x 2\nfinal n3 r x 2\nfinal n1 r y 4\nfinal n2 r y 4\nfinal n3 r y 4\n"
	for _, p := range All() {
		if r := check(t, p.Name, parse(t, history.Header{}, text)); r.Verdict == Holds && r.Chances == 0 {
			t.Errorf("%s holds in 0 chances: %s", p.Name, r.Reason)
		}
	}
}
