package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// perCounter is how many increments one counter takes: 3^39 is the last power of
// three below 2^63, so a value tells of each whether it is there 0, 1 or 2 times.
const perCounter = 39

// counterKeys bounds how many counters one run uses up.
const counterKeys = 4096

func counterExact() Workload {
	return Workload{
		Name: "counter-exact",
		Help: "increment counters by 1, 3, 9, … and read them: every value tells of each increment whether it is there, missing, or there twice. " +
			"A counter takes 39 increments, shared out among the sessions; then new ones are used",
		Needs:    []history.F{history.Read, history.Inc},
		KeyCount: 3, // few at a time, so that sessions meet
		Decides:  []string{"convergence", "durability", "read-your-writes", "monotonic-reads", "no-duplicates"},
		Keys: func(p Params) []string {
			var all []string
			for family := range (p.Sessions + perCounter - 1) / perCounter {
				for slot := range p.KeyCount {
					for g := range counterGenerations(p, family) {
						all = append(all, counterName(family, slot, g))
					}
				}
			}
			return all
		},
		Session: func(p Params, id int) Generator { return newSession(p, id, (&counting{p: p, id: id}).step) },
	}
}

// counting is one session of the workload. Its powers of three are its own, so
// that no two sessions ever add the same amount to a counter and nobody needs to ask.
type counting struct {
	p    Params
	id   int
	made []int // by slot: how many increments it has made
}

// counterName names the counter that a family of up to 39 sessions uses in a
// slot after so many were used up.
func counterName(family, slot, generation int) string {
	return fmt.Sprintf("c%d.%d.%d", family, slot, generation)
}

// sharing is how many sessions share the counters of a family.
func sharing(p Params, family int) int { return min(perCounter, p.Sessions-family*perCounter) }

// counterGenerations is how many counters a slot may use up one after the
// other: twice what the rate leads one to expect. A session that has used up its
// share only reads.
func counterGenerations(p Params, family int) int {
	increments := p.Rate * p.Time.Seconds() * float64(sharing(p, family)) // of all of its sessions
	n := math.Ceil(2*increments/float64(perCounter*p.KeyCount)) + 1
	families := (p.Sessions + perCounter - 1) / perCounter
	return int(min(n, max(1, float64(counterKeys/(p.KeyCount*families)))))
}

func (c *counting) step(_ time.Duration, r *rand.Rand) []history.Step {
	if c.made == nil {
		c.made = make([]int, c.p.KeyCount)
	}
	family, slot := c.id/perCounter, r.IntN(c.p.KeyCount)
	with := sharing(c.p, family)
	mine := (perCounter - c.id%perCounter + with - 1) / with // of its powers in each counter
	generation, turn := c.made[slot]/mine, c.made[slot]%mine
	last := counterGenerations(c.p, family) - 1
	step := history.Step{F: history.Read, Key: counterName(family, slot, min(generation, last))}
	if r.Float64() < c.p.Reads || generation > last {
		return []history.Step{step}
	}
	c.made[slot]++
	step.F, step.Value = history.Inc, history.Int(power3(c.id%perCounter+turn*with))
	return []history.Step{step}
}

func power3(exponent int) int64 {
	n := int64(1)
	for range exponent {
		n *= 3
	}
	return n
}
