package impair

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func lineOf(l Link) *line { return &line{Link: l, rand: rand.New(rand.NewPCG(1, 2))} }

func TestALinkThatLacksNothingChangesNothing(t *testing.T) {
	l := lineOf(Link{})
	for i := range 1000 {
		now := time.Duration(i) * time.Millisecond
		if got := l.next(now, 1500); len(got) != 1 || got[0] != now {
			t.Fatalf("at %s: %v", now, got)
		}
	}
}

func TestDelaysStayWithinTheirJitter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		link := Link{
			Delay:  time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "delay")),
			Jitter: time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "jitter")),
		}
		most := link.Jitter
		if rapid.Bool().Draw(t, "tail") {
			link.Tail = link.Jitter*3 + 1
			most = link.Tail
		}
		l := lineOf(link)
		for range 20 {
			got := l.next(time.Hour, 100)[0] - time.Hour
			if got < link.Delay || got > link.Delay+most {
				t.Fatalf("%+v: a delay of %s", link, got)
			}
		}
	})
}

// The shares are held to within five standard deviations of what is asked.
func TestSharesAreWhatIsAsked(t *testing.T) {
	const n = 200_000
	lost := func(ts []time.Duration) bool { return len(ts) == 0 }
	count := func(l Link, is func([]time.Duration) bool) (k int) {
		line := lineOf(l)
		for range n {
			if is(line.next(0, 100)) {
				k++
			}
		}
		return k
	}
	for name, c := range map[string]struct {
		link      Link
		is        func([]time.Duration) bool
		low, high int
	}{
		"loss":        {Link{Loss: 100_000}, lost, 19_300, 20_700},
		"bursty loss": {Link{Loss: 100_000, Burst: 8}, lost, 17_500, 22_500},
		"all lost":    {Link{Loss: million, Burst: 8}, lost, n, n},
		"twice":       {Link{Duplicate: 50_000}, func(ts []time.Duration) bool { return len(ts) == 2 }, 9_500, 10_500},
		"held back":   {Link{Reorder: 250_000, HoldBack: time.Second}, func(ts []time.Duration) bool { return ts[0] > 0 }, 49_000, 51_000},
	} {
		if got := count(c.link, c.is); got < c.low || got > c.high {
			t.Errorf("%s: %d of %d packets, want %d to %d", name, got, n, c.low, c.high)
		}
	}
}

func TestBurstsHaveTheirLength(t *testing.T) {
	l := lineOf(Link{Loss: 50_000, Burst: 10})
	bursts, lost, was := 0, 0, false
	for range 500_000 {
		is := len(l.next(0, 100)) == 0
		if is {
			lost++
			if !was {
				bursts++
			}
		}
		was = is
	}
	if mean := float64(lost) / float64(bursts); mean < 9 || mean > 11 {
		t.Errorf("%d packets lost in %d bursts: %.1f in a row", lost, bursts, mean)
	}
}

func TestANarrowLinkSendsOneAfterTheOther(t *testing.T) {
	l := lineOf(Link{Rate: 100_000})
	for i := range 5 {
		if got, want := l.next(0, 1000)[0], time.Duration(i+1)*10*time.Millisecond; got != want {
			t.Errorf("packet %d is sent after %s, want %s", i, got, want)
		}
	}
	sent := 5
	for range 1000 {
		if len(l.next(0, 1000)) > 0 {
			sent++
		}
	}
	if sent < 100 || sent > 102 { // a second's worth waits
		t.Errorf("%d packets are sent, want those of a second", sent)
	}
}
