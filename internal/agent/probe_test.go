package agent

import (
	"net/netip"
	"testing"
)

func TestProbesAreCountedByRoundAndSender(t *testing.T) {
	p, err := newProber(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	p.send(7, []netip.AddrPort{p.self})
	for round, want := range map[uint64]int{7: probes, 8: 0} {
		got, err := p.arrived(round)
		if err != nil {
			t.Fatal(err)
		}
		if got["127.0.0.1"].packets != want {
			t.Errorf("round %d: %d packets from here, want %d", round, got["127.0.0.1"].packets, want)
		}
	}
}

func TestOldRoundsAreForgotten(t *testing.T) {
	p, err := newProber(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for round := range uint64(3 * rounds) {
		p.send(round, []netip.AddrPort{p.self})
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
