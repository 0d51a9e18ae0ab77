package reference

import "slices"

// askAround asks one peer after the other for what this leader has not heard of.
func (m *machine) askAround() {
	var from []*peer
	for _, p := range m.peers {
		if p.receives && !p.lives.out() {
			from = append(from, p)
		}
	}
	if len(from) == 0 {
		return
	}
	m.ask(from[m.ticks%len(from)])
}

// ask asks a peer for what this leader has not heard of.
func (m *machine) ask(p *peer) {
	e := enc{}
	e.byte(msgDigest)
	e.progress(m.applied)
	m.hearsay(&e)
	m.tell(p, e.b)
}

// handOut sends a peer updates that it has not heard of, key by key: anti-entropy
// compares keys, and knows no other order.
func (m *machine) handOut(p *peer, d *dec) {
	theirs := d.progress(len(m.cfg.nodes))
	m.hears(d)
	if d.err != nil {
		return
	}
	var missing []update
	for _, u := range m.updates {
		if !theirs.has(u.origin, u.seq) {
			missing = append(missing, u)
		}
	}
	slices.SortStableFunc(missing, func(a, b update) int {
		return int(hash(a.firstKey())%1024) - int(hash(b.firstKey())%1024)
	})
	m.send(p, missing)
}

// send hands updates to a peer outside of its stream.
func (m *machine) send(p *peer, missing []update) {
	for len(missing) > 0 {
		n := min(len(missing), batch)
		e := enc{}
		e.byte(msgMissing)
		for _, u := range missing[:n] {
			e.update(u)
		}
		missing = missing[n:]
		m.tell(p, e.b)
	}
}

func (u update) firstKey() string {
	if len(u.changes) == 0 {
		return ""
	}
	return u.changes[0].key
}
