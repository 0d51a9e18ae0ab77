// Package naive decides properties once more, slowly: each is a direct
// transcription of its definition (docs/properties.md), with the causal order as
// a matrix and every quantifier as a loop. It shares no code with package checker
// and knows none of its data structures, so that a mistake there is not repeated
// here. It is meant for the few operations of a finding: time is O(n³/64) and
// memory O(n²) in the number of operations.
package naive

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// Largest is the number of operations up to which a history may be given to a
// confirmer that needs the causal order: a second and a half megabyte.
const Largest = 2000

// Violation is one way in which a history breaks a property.
type Violation struct {
	Label string // "": whatever the label
	Ops   []int  // Op.Index: the operation that is wrong, or each of those that are wrong together
	Lost  string // the key of a register whose write is lost; else ""
}

// Confirmer finds every violation of one property in a history.
type Confirmer struct {
	// Linear confirmers look at no causal order: any history is small enough.
	Linear bool
	find   func(*model) []Violation
}

// confirmers are, by the name of a property, what decides it here. A property
// that has none is shown as not confirmed.
var confirmers = map[string]Confirmer{
	"convergence":         {Linear: true, find: convergence},
	"durability":          {find: durability},
	"no-stale-wins":       {find: noStaleWins},
	"no-lost-updates":     {Linear: true, find: noLostUpdates},
	"cc":                  {find: cc},
	"ccv":                 {find: ccv},
	"cm":                  {find: cm},
	"read-your-writes":    {find: readYourWrites},
	"monotonic-reads":     {find: monotonicReads},
	"monotonic-writes":    {find: monotonicWrites},
	"writes-follow-reads": {find: writesFollowReads},
	"no-duplicates":       {Linear: true, find: noDuplicates},
	"no-thin-air":         {Linear: true, find: noThinAir},
	"conserved":           {Linear: true, find: conserved},
	"linearizable":        {find: linearizable},

	"deletes-stay-deleted": {find: deletesStayDeleted},
	"conflict-policy":      {find: conflictPolicy},
	"non-negative":         {Linear: true, find: nonNegative},
	"unique":               {Linear: true, find: unique},
}

// labels are what some confirmers can confirm, where that is not all that the
// property's findings are called.
var labels = map[string][]string{
	"durability":       {"lost", "stale win or lost", "concurrent write dropped", "remove undone", "below its interval"},
	"no-stale-wins":    {"stale win", "stale win or lost"},
	"no-duplicates":    {"repeated element", "above its interval"},
	"read-your-writes": {"own write not read", "own remove not read"},
	"monotonic-reads":  {"went back"},
}

// Knows says whether a property's findings of this name can be confirmed here.
func Knows(property, label string) bool {
	known, some := labels[property]
	return !some || slices.Contains(known, label)
}

// For is the confirmer of a property; false: there is none.
func For(property string) (Confirmer, bool) {
	c, ok := confirmers[property]
	return c, ok
}

// Find is every violation in a history: one for each label and operation.
func (c Confirmer) Find(h *history.History) []Violation { return c.find(newModel(h)) }
