package checker

import "slices"

// support is every event that the evidence needs: the ends of its edges, the
// reads that made them, how those reads knew of the losers, and so on for the
// edges by which they knew.
func (m *memory) support(ev *evidence) []int32 {
	s := &supporting{memory: m, evidence: ev, events: map[int32]bool{}, done: map[rival]bool{}}
	if ev.early >= 0 {
		s.known(rival{ev.write, -1, ev.early})
	}
	for i, e := range ev.circle {
		s.edges = append(s.edges, e)
		s.path(e.won, ev.circle[(i+1)%len(ev.circle)].lost)
	}
	for len(s.edges) > 0 {
		e := s.edges[len(s.edges)-1]
		s.edges = s.edges[:len(s.edges)-1]
		if !s.done[e] {
			s.done[e] = true
			s.path(e.won, m.ix.eventOf(e.reader))
			s.known(e)
		}
	}
	events := make([]int32, 0, len(s.events))
	for e := range s.events {
		events = append(events, e)
	}
	slices.Sort(events)
	return events
}

type supporting struct {
	*memory
	*evidence
	events map[int32]bool
	edges  []rival // still to be supported
	done   map[rival]bool
}

// path adds how a is causally before b, or the one event that they are.
func (s *supporting) path(a, b int32) {
	s.events[a], s.events[b] = true, true
	if a == b {
		return
	}
	for _, hp := range s.order.path(a, b) {
		s.events[hp.from], s.events[hp.to] = true, true
	}
}

// known adds how the reader of an edge knew of its loser.
func (s *supporting) known(e rival) {
	w, reader := e.lost, s.ix.eventOf(e.reader)
	if !s.before(w, reader) {
		for _, via := range s.chainOf(s.by(e), w, func(via rival) bool { return s.leads(via.won, reader) }, -1) {
			s.path(w, via.lost)
			s.edges = append(s.edges, via)
			w = via.won
		}
	}
	s.path(w, reader)
}
