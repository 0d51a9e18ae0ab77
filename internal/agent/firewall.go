package agent

import "sync"

// packets is the kernel's packet filter, as far as it is the agent's own.
type packets interface {
	// replace exchanges all rules for others, in one step.
	replace([]rule) error
	// counts reads the counters of the rules that are there.
	counts() (map[cut]int64, error)
	// remove takes away everything that replace has ever made.
	remove() error
}

// firewall keeps the cuts of a node and what they have swallowed. The counts of
// a cut stay readable after its healing, until the same cut is made again.
type firewall struct {
	mu      sync.Mutex
	packets packets
	active  map[cut]bool
	counted map[cut]int64
	any     bool // there are rules
}

func newFirewall(p packets) *firewall {
	return &firewall{packets: p, active: map[cut]bool{}, counted: map[cut]int64{}}
}

func (f *firewall) apply(s State) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.read(); err != nil {
		return err
	}
	before := map[cut]int64{}
	for c := range f.active {
		before[c] = f.counted[c]
	}
	list, err := rules(s, before)
	if err != nil {
		return err
	}
	if len(list) > 0 || f.any {
		if err := f.packets.replace(list); err != nil {
			return err
		}
	}
	f.any = len(list) > 0
	clear(f.active)
	for _, r := range list {
		if !r.probes && !r.queued && !r.own {
			c := cut{r.out, r.peer}
			f.active[c], f.counted[c] = true, r.counted
		}
	}
	return nil
}

// read brings the counts of active cuts up to date.
func (f *firewall) read() error {
	if len(f.active) == 0 {
		return nil
	}
	counts, err := f.packets.counts()
	for c, n := range counts {
		f.counted[c] = n
	}
	return err
}

func (f *firewall) swallowed() (in, out map[string]int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.read(); err != nil {
		return nil, nil, err
	}
	in, out = map[string]int64{}, map[string]int64{}
	for c, n := range f.counted {
		if c.out {
			out[c.peer.String()] = n
		} else {
			in[c.peer.String()] = n
		}
	}
	return in, out, nil
}
