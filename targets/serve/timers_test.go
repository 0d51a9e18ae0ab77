package serve

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimersRingByTimeAndThenInTheOrderTheyWereSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Now()
		type set struct {
			at   int
			body byte
		}
		var all []set
		var ts timers
		for i, at := range rapid.SliceOfN(rapid.IntRange(0, 5), 0, 30).Draw(t, "times") {
			all = append(all, set{at, byte(i)})
			ts.push(start.Add(time.Duration(at)), []byte{byte(i)})
		}
		slices.SortStableFunc(all, func(a, b set) int { return a.at - b.at })
		now := start
		for len(all) > 0 {
			if wait := ts.wait(now); wait > 0 {
				if _, due := ts.pop(now); due {
					t.Fatal("a timer rang early")
				}
				now = now.Add(wait)
			}
			body, due := ts.pop(now)
			if !due || body[0] != all[0].body {
				t.Fatalf("%v rang (%v), not %v", body, due, all[0].body)
			}
			all = all[1:]
		}
		if _, due := ts.pop(now.Add(time.Hour)); due {
			t.Fatal("a timer rang twice")
		}
	})
}
