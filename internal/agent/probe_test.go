package agent

import (
	"net/netip"
	"testing"
	"time"
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
