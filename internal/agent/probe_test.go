package agent

import (
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/skip"
)

func TestProbesAreCountedByRoundAndSender(t *testing.T) {
	p, err := newProber(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	p.send(7, map[netip.AddrPort]int{p.self: Probes})
	for round, want := range map[uint64]int{7: Probes, 8: 0} {
		got, err := p.arrived(round)
		if err != nil {
			t.Fatal(err)
		}
		if got["127.0.0.1"].Came != want {
			t.Errorf("round %d: %d packets from here, want %d", round, got["127.0.0.1"].Came, want)
		}
	}
}

func TestOldRoundsAreForgotten(t *testing.T) {
	p, err := newProber(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for round := range uint64(3 * rounds) {
		p.send(round, map[netip.AddrPort]int{p.self: Probes})
		if _, err := p.arrived(round); err != nil {
			t.Fatal(err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.heard) > rounds {
		t.Errorf("%d rounds are remembered, at most %d should be", len(p.heard), rounds)
	}
}

func TestATallySaysWhatBecameOfProbes(t *testing.T) {
	h := heard{seen: map[uint32]bool{}}
	for _, p := range []struct {
		nth  uint32
		took time.Duration
	}{{0, 4}, {2, 2}, {1, 6}, {2, 9}, {5, 8}} {
		h.add(p.nth, p.took)
	}
	if want := (Tally{Came: 4, Twice: 1, Overtaken: 1, Least: 2, Mean: 5}); h.Tally != want {
		t.Errorf("%+v, want %+v", h.Tally, want)
	}
}

// A program that is late to read them neither makes links slow nor loses probes.
func TestProbesAreTimedByWhenTheyArriveNotByWhenTheyAreRead(t *testing.T) {
	if runtime.GOOS != "linux" {
		skip.Because(t, "agents run on Linux")
	}
	p, err := newProber(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	probes := Probes
	if os.Geteuid() == 0 { // an agent has the right to make room
		probes = 3000
	}
	const late = time.Second
	p.mu.Lock() // whoever receives stands still
	p.send(7, map[netip.AddrPort]int{p.self: probes})
	time.Sleep(late)
	p.mu.Unlock()
	got, err := p.arrived(7)
	if err != nil {
		t.Fatal(err)
	}
	if tally := got["127.0.0.1"]; tally.Came != probes || tally.Mean > late/2 {
		t.Errorf("%+v of %d, though nothing was slow but the reader", tally, probes)
	}
}
