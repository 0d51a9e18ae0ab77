package reference

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// below are the links from leaders to their followers: f1 is below n1, f2 below
// n2, and round again.
func below(leaders, followers []string) []history.Link {
	var links []history.Link
	for i, f := range followers {
		links = append(links, history.Link{From: leaders[i%len(leaders)], To: f})
	}
	return links
}

// follower says whether a node only follows a leader: it applies what that has
// applied, in its order, and answers reads from what it has.
func (m *machine) follower() bool { return m.cfg.follows(m.me) }

func (c *config) follows(id int) bool { return id >= c.leaders() }

func (c *config) leaders() int { return len(c.nodes) - c.followers }

// ofOnePlace are the properties that a session loses where its reads are served
// by another node than its writes.
var ofOnePlace = []string{"cc", "cm", "ccv", "read-your-writes", "monotonic-reads", "linearizable"}

// keptBelow says whether a property is kept where followers serve reads. A token
// mends all but what needs one order for everybody.
func keptBelow(cfg config, property string) bool {
	switch {
	case cfg.policy.home && !cfg.tokens && slices.Contains(writes, property):
		return false // keys have homes of their own, and what these decided comes to a follower in any order
	case !slices.Contains(ofOnePlace, property):
		return true
	case property == "cm" || property == "linearizable":
		return false
	}
	return cfg.tokens
}
