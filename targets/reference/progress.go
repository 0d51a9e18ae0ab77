package reference

import (
	"maps"
	"slices"
)

// progress says which updates were applied: of each origin all up to a sequence,
// and some after it where delivery keeps no order. A leader that may have forgotten
// what others have seen of it numbers anew after every start, in an era of its own:
// the upper half of a sequence. The vectors then have a part for each era, with a
// number for each leader.
type progress struct {
	nodes int
	upTo  []uint64
	ahead []map[uint64]bool
}

// mostLives bounds the eras that a sequence may be of.
const mostLives = 1 << 12

func newProgress(nodes int) progress {
	p := progress{nodes: nodes}
	p.grow(nodes)
	return p
}

func (p *progress) grow(n int) {
	for len(p.upTo) < n {
		p.upTo, p.ahead = append(p.upTo, 0), append(p.ahead, map[uint64]bool{})
	}
}

// place is where the vectors have an origin's sequence of one era, and the number in it.
func (p *progress) place(origin int, seq uint64) (int, uint64) {
	return origin + p.nodes*int(seq>>32), seq & (1<<32 - 1)
}

func (p *progress) has(origin int, seq uint64) bool {
	i, n := p.place(origin, seq)
	return i < len(p.upTo) && (n <= p.upTo[i] || p.ahead[i][n])
}

func (p *progress) add(origin int, seq uint64) {
	if p.has(origin, seq) {
		return
	}
	i, n := p.place(origin, seq)
	p.grow((i/p.nodes + 1) * p.nodes)
	if n == p.upTo[i]+1 && len(p.ahead[i]) == 0 { // as nearly always
		p.upTo[i] = n
		return
	}
	p.ahead[i][n] = true
	for p.ahead[i][p.upTo[i]+1] {
		p.upTo[i]++
		delete(p.ahead[i], p.upTo[i])
	}
}

// next is the sequence that follows all that an origin has used of an era.
func (p *progress) next(origin int, era uint64) uint64 {
	seq := era << 32
	if i, _ := p.place(origin, seq); i < len(p.upTo) {
		seq += p.upTo[i]
	}
	return seq + 1
}

// exact is all of it in one vector, which two leaders share that have applied the
// same: what is there, and of each part what was applied though an earlier one is
// missing.
func (p *progress) exact() []uint64 {
	all := slices.Clone(p.upTo)
	for i := range p.ahead {
		if seqs := p.gaps(i); len(seqs) > 0 {
			all = append(append(all, uint64(i)), seqs...)
		}
	}
	return all
}

// gaps are the numbers of one part that were applied though an earlier one is missing.
func (p *progress) gaps(i int) []uint64 { return slices.Sorted(maps.Keys(p.ahead[i])) }

func (e *enc) progress(p progress) {
	e.vector(p.upTo)
	for i := range p.ahead {
		e.vector(p.gaps(i))
	}
}

func (d *dec) progress(nodes int) progress {
	upTo := d.vector()
	if !ofLeaders(upTo, nodes) {
		d.fail()
	}
	p := newProgress(nodes)
	p.grow(len(upTo))
	copy(p.upTo, upTo)
	for i := range upTo {
		for _, seq := range d.vector() {
			p.ahead[i][seq] = true
		}
	}
	return p
}

// ofLeaders says whether a vector has whole parts for so many leaders.
func ofLeaders(v []uint64, nodes int) bool {
	return len(v) > 0 && len(v)%nodes == 0 && len(v) <= nodes*mostLives
}
