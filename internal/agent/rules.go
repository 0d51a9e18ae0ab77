package agent

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/mlcheck/mlcheck/internal/impair"
)

// rule drops, or refuses, what goes to or comes from one peer, or hands it to the queue in
// which packets are impaired. Probes are dropped uncounted,
// by a rule in front: the counter is the target's traffic alone, so that a cut
// that met no traffic can be told.
type rule struct {
	out     bool
	peer    netip.Addr
	probes  bool  // drops UDP to Port only, and does not count
	counted int64 // what the counter starts at
	queued  bool  // out only: to the queue, and not dropped
	refused bool  // out only: TCP alone, which is answered with a reset; with probes, that to Port
	own     bool  // in only: what the node sends to itself passes, resets among it that bear a peer's address
}

// rules are those of a state, by direction and address. Counters of cuts that
// were there before go on; those of new cuts start at zero.
func rules(s State, before map[cut]int64) ([]rule, error) {
	var all []rule
	if len(s.Refuse) > 0 {
		all = append(all, rule{own: true})
	}
	refused, err := addresses(s.Refuse)
	if err != nil {
		return nil, err
	}
	for _, out := range []bool{false, true} {
		list := s.In
		if out {
			list = s.Out
		}
		peers, err := addresses(list)
		if err != nil {
			return nil, err
		}
		for _, p := range peers {
			all = append(all, rule{out: out, peer: p, probes: true})
			if out && slices.Contains(refused, p) {
				all = append(all, rule{out: out, peer: p, probes: true, refused: true}, rule{out: out, peer: p, refused: true})
			}
			all = append(all, rule{out: out, peer: p, counted: before[cut{out, p}]})
		}
	}
	slow, err := s.impaired()
	if err != nil {
		return nil, err
	}
	for _, p := range slices.SortedFunc(maps.Keys(slow), netip.Addr.Compare) {
		all = append(all, rule{out: true, peer: p, queued: true})
	}
	return all, nil
}

// impaired are the links that are bad short of a cut, by address.
func (s State) impaired() (map[netip.Addr]impair.Link, error) {
	all := map[netip.Addr]impair.Link{}
	for _, l := range s.Impaired {
		a, err := addresses([]string{l.To})
		if err != nil {
			return nil, err
		}
		all[a[0]] = l.Link
	}
	return all, nil
}

// cut names one direction of one peer.
type cut struct {
	out  bool
	peer netip.Addr
}

func addresses(list []string) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, text := range list {
		a, err := netip.ParseAddr(text)
		if err != nil || !a.Is4() {
			return nil, fmt.Errorf("%q is no IPv4 address", text)
		}
		all = append(all, a)
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all), nil
}
