package truth

import (
	"slices"
	"strings"
)

// Breaches are what a property forbids, in an order of operations: in Really as it
// was, in Told as far as clients could tell. ok is false where the truth has no
// definition of the property.
func (t *Truth) Breaches(property string, o Order) (bad []Breach, ok bool) {
	switch property {
	case "convergence":
		return t.divergent(), true
	case "durability", "no-stale-wins": // which of the two is a matter of how far a write had come
		return t.lost(o), true
	case "no-lost-updates":
		return t.lostUpdates(o), true
	case "conflict-policy":
		// What the removal of an element removes is told by versions that nobody tells.
		return t.wrongWinner(o), !strings.HasPrefix(t.h.Header.Policy, "crdt")
	case "cc":
		return t.staleReads(o), true
	case "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads":
		return t.sessionBreaches(o, property), true
	case "linearizable":
		return t.outOfOrder(), true
	}
	return nil, false
}

// Case is how one property of one run compares.
type Case struct {
	Real, Told int            // breaches as it was, and of those what clients could tell
	Unseen     map[string]int // breaches that clients could not tell, by why
	Denied     []string       // findings that the truth denies
}

// Finding is what a checker found: the operations, as the history numbers them.
type Finding struct {
	Label string
	Ops   []int
}

// Compare holds a checker's findings of a property against the truth.
func (t *Truth) Compare(property string, findings []Finding) (Case, bool) {
	if property == "ccv" && len(findings) > 0 && t.arbitrated() {
		return Case{Denied: []string{"stamps explain every read"}}, true
	}
	real, ok := t.Breaches(property, t.Really())
	siblings := len(t.several) > 0 && property != "durability" && property != "no-stale-wins" // which read of several is older is not worked out here
	if !ok || (t.circular() || siblings) && slices.Contains(ofOrder, property) {
		return Case{}, false
	}
	suffer := map[int]bool{}
	for _, b := range real {
		suffer[b.Ops[0]] = true
	}
	c := Case{Real: len(suffer), Unseen: map[string]int{}}
	for _, f := range findings {
		if !t.confirmed(f, real) {
			c.Denied = append(c.Denied, f.Label)
		}
	}
	victims := func(infos, moves bool) map[int]bool {
		bad, _ := t.Breaches(property, t.Told(infos, moves))
		found := map[int]bool{}
		for _, b := range bad {
			found[b.Ops[0]] = true
		}
		return found
	}
	known := victims(false, false)
	c.Told = len(known)
	if len(known) == len(suffer) {
		return c, true
	}
	withInfos, withMoves := victims(true, false), victims(true, true)
	// The order does not show: they are counted.
	for k := range suffer {
		switch {
		case known[k]:
		case withInfos[k]:
			c.Unseen["known only through an operation that was never answered"]++
		case withMoves[k]:
			c.Unseen["lost at a move without a token"]++
		default:
			c.Unseen["no session that wrote or read it had read what came before"]++
		}
	}
	return c, true
}

// confirmed says whether a finding is about something that really was a breach:
// the operation that suffers is one of those it names.
func (t *Truth) confirmed(f Finding, real []Breach) bool {
	victims := map[int]bool{}
	for _, b := range real {
		victims[t.ops[b.Ops[0]].Index] = true
		for _, k := range b.Ops[1:] { // all final reads of one key show the same breach
			victims[t.ops[k].Index] = victims[t.ops[k].Index] || t.ops[k].Final
		}
	}
	return slices.ContainsFunc(f.Ops, func(i int) bool { return victims[i] })
}

// ofOrder are the properties about what came before what.
var ofOrder = []string{"cc", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads", "durability", "no-stale-wins"}

// circular says whether what clients can tell goes round: an operation that was
// executed twice, with another answer the second time, comes before itself. What of
// such things is older is no matter of truth.
func (t *Truth) circular() bool {
	o := t.Told(false, false)
	for k := range t.ops {
		if o.past[k].has(k) {
			return true
		}
	}
	return false
}
