package checker

import "github.com/mlcheck/mlcheck/history"

// What a read asks of an order, beside a write that must be the last of its key.
const (
	asksNothing = -1
	asksInitial = -2 // no write of the key may come before
)

// asks is the write, an event, that must be the last one of its key before step s
// of e, or one of the codes above. A read that breaks cc asks nothing; so does one
// of nothing in a key that is ever deleted, since it has several possible sources;
// one that is not the first value of the key that its operation returned, which cc
// judges; and one whose source is not in its past: its own operation, or what was
// left out to break a cycle.
func (m *memory) asks(e, s int32) int32 {
	if m.mark[s]&bad != 0 || m.ix.sibling(int32(m.ix.h.StepKey(int(s)))) != nil {
		return asksNothing
	}
	src := m.ix.src[s]
	if src == srcInitial {
		return asksInitial
	}
	if src < 0 {
		return asksNothing
	}
	if g := m.ix.eventOf(src); m.before(g, e) && !m.readOther(e, s) {
		return g
	}
	return asksNothing
}

// readOther says whether a step of e before s returned another value of the key.
func (m *memory) readOther(e, s int32) bool {
	from, _ := m.ix.steps(e)
	for q := int32(from); q < s; q++ {
		if src := m.ix.src[q]; m.ix.h.StepF(int(q)) == history.Read && src != m.ix.src[s] && (src >= 0 || src == srcInitial || src == srcNothing) && m.ix.h.StepKey(int(q)) == m.ix.h.StepKey(int(s)) {
			return true
		}
	}
	return false
}

// contradicted says whether what is left of the order cannot come before step s of e.
func (p *placement) contradicted(e, s int32) outcome {
	key := int32(p.ix.h.StepKey(int(s)))
	g := p.asks(e, s)
	switch g {
	case asksNothing:
		return ordered
	case asksInitial:
		if w := p.writeLeft(e, key); w >= 0 {
			p.noteInitial(s, w)
			return tooEarly
		}
		return ordered
	}
	if l := p.locks[key]; l.write != 0 && l.write != g+1 && l.write != e+1 {
		p.noteTwo(rival{l.write - 1, g, s}, rival{g, l.write - 1, l.reader})
		return circle
	}
	return ordered
}

// writeLeft is a write of the key that is not placed, other than e, or -1.
func (p *placement) writeLeft(e, key int32) int32 {
	for _, r := range p.keys.of(key) {
		n := p.left[r.slot]
		if r.slot == p.slot[e] {
			n = p.pos[e]
		}
		if c := p.keys.upTo(r, n); c > 0 {
			return p.keys.event[int(r.from)+c-1]
		}
	}
	return -1
}

func (p *placement) lock(e, s int32) {
	g := p.asks(e, s)
	if g < 0 {
		return
	}
	key := p.ix.h.StepKey(int(s))
	l := &p.locks[key]
	if l.write == 0 {
		l.write, l.reader = g+1, s
		p.locked = append(p.locked, int32(key))
	}
	if p.mark[s]&chose != 0 && !l.chose {
		l.chose = true
		p.chosen++
	}
}
