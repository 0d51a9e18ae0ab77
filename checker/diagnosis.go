package checker

import (
	"fmt"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// diagnosis says in a sentence which single link explains everything that
// leaders lack at the end, or "" where none does, several could, or the topology
// is not known. A link explains a key if some leader's value, written before it,
// was lost there: everybody up to the link has it, and nobody beyond. Where the
// others have a concurrent value instead it may also have come and been refused,
// so at least two keys must show something older there.
func (ix *index) diagnosis(keys []int32, groups [][]group) string {
	routes := ix.routes()
	var common map[history.Link]bool
	origins, certain := map[history.Link][]string{}, map[history.Link]int{}
	for i := range keys {
		links := map[history.Link]bool{}
		for _, g := range groups[i] {
			at, ok := ix.lostAt(routes, g, groups[i])
			if !ok || common != nil && !common[at.link] {
				continue
			}
			links[at.link] = true
			if at.certain {
				certain[at.link]++
			}
			if !slices.Contains(origins[at.link], at.origin) {
				origins[at.link] = append(origins[at.link], at.origin)
			}
		}
		if common = links; len(common) == 0 {
			return ""
		}
	}
	if len(common) != 1 {
		return ""
	}
	for l := range common {
		if certain[l] < 2 {
			return ""
		}
		slices.Sort(origins[l])
		verb := "forward"
		if slices.Contains(origins[l], l.From) {
			verb = "carry"
		}
		return fmt.Sprintf("all %d concern writes of %s that %s has and %s lacks: the link %s → %s does not %s them", len(keys), joined(origins[l]), l.From, l.To, l.From, l.To, verb)
	}
	return ""
}

// lostValue is where the value of a group of leaders was lost.
type lostValue struct {
	origin  string // who wrote it
	link    history.Link
	certain bool // everybody beyond has something older
}

// lostAt follows the value of a group from its origin, which must still have it,
// to every leader without it: they must all lie beyond one link.
func (ix *index) lostAt(routes map[history.Link]string, g group, all []group) (lost lostValue, ok bool) {
	w := ix.src[g.reads[0]]
	if w < 0 {
		return lost, false
	}
	has := map[string]bool{}
	for _, n := range g.nodes {
		has[ix.h.Nodes()[ix.end.nodes[n]]] = true
	}
	lost = lostValue{origin: ix.nodeName(ix.opOfStep(w)), certain: true}
	if !has[lost.origin] {
		return lost, false
	}
	for _, other := range all {
		u := ix.src[other.reads[0]]
		if u == w {
			continue
		}
		if u >= 0 && ix.co().before(ix.eventOf(w), ix.eventOf(u)) {
			return lost, false // they have something newer
		}
		lost.certain = lost.certain && (u == srcInitial || u >= 0 && ix.co().before(ix.eventOf(u), ix.eventOf(w)))
		for _, n := range other.nodes {
			l := ix.lastHop(routes, lost.origin, ix.h.Nodes()[ix.end.nodes[n]], has)
			if l.From == "" || lost.link.From != "" && lost.link != l {
				return lost, false
			}
			lost.link = l
		}
	}
	return lost, lost.link.From != ""
}

// lastHop is the link from one of those that have an origin's write towards a
// leader that does not; its From is "" where the way is not known.
func (ix *index) lastHop(routes map[history.Link]string, origin, to string, has map[string]bool) history.Link {
	from := routes[history.Link{From: origin, To: to}]
	for from != "" && !has[from] {
		from, to = routes[history.Link{From: origin, To: from}], from
	}
	return history.Link{From: from, To: to}
}

// routes are, by origin and leader, from whom the leader gets the origin's
// writes; there is none where several could pass them on. In all-to-all every
// leader sends its own only.
func (ix *index) routes() map[history.Link]string {
	hd := ix.h.Header
	from := map[history.Link]string{}
	for _, origin := range hd.Nodes {
		far := map[string]int{origin: 1}
		for round, reached := 1, true; reached; round++ {
			reached = false
			for _, l := range hd.Links {
				a, b := l[0], l[1]
				if far[a] != round || far[b] != 0 && far[b] != round+1 || hd.Topology == "all-to-all" && a != origin {
					continue
				}
				if far[b] != 0 && from[history.Link{From: origin, To: b}] != a {
					a = "" // two ways of one length
				}
				far[b], reached = round+1, true
				from[history.Link{From: origin, To: b}] = a
			}
		}
	}
	return from
}
