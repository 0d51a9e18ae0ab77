package reference

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// token is what a session has seen: of each leader all updates up to a sequence,
// and a time that no stamp of theirs is above. A session that goes elsewhere hands
// it over, and is served there once all of that has arrived.
type token struct {
	seen []uint64
	time int64
}

// String is the token as sessions and the history have it: "3,0,17@42".
func (t token) String() string {
	if len(t.seen) == 0 {
		return ""
	}
	var words []string
	for _, n := range t.seen {
		words = append(words, strconv.FormatUint(n, 10))
	}
	return strings.Join(words, ",") + "@" + strconv.FormatInt(t.time, 10)
}

func parseToken(word string) (token, error) {
	seen, at, _ := strings.Cut(word, "@")
	var t token
	var err error
	if t.time, err = strconv.ParseInt(at, 10, 64); err != nil {
		return token{}, fmt.Errorf("%q is no causal token: %w", word, err)
	}
	for w := range strings.SplitSeq(seen, ",") {
		n, err := strconv.ParseUint(w, 10, 64)
		if err != nil {
			return token{}, fmt.Errorf("%q is no causal token: %w", word, err)
		}
		t.seen = append(t.seen, n)
	}
	return t, nil
}

// and is what a session has seen that has seen both.
func (t token) and(u token) token {
	both := token{slices.Clone(t.seen), max(t.time, u.time)}
	for i, n := range u.seen {
		if i == len(both.seen) {
			both.seen = append(both.seen, 0)
		}
		both.seen[i] = max(both.seen[i], n)
	}
	return both
}

func (e *enc) token(t token) {
	e.vector(t.seen)
	e.int(t.time)
}

func (d *dec) token() token { return token{d.vector(), d.int()} }

// fits says whether a token is of so many leaders, or of none.
func (t token) fits(leaders int) bool { return len(t.seen) == 0 || ofLeaders(t.seen, leaders) }

// token is what somebody may have seen who was answered here.
func (m *machine) token(own *pending) token {
	t := token{slices.Clone(m.applied.upTo), m.last}
	for origin, ahead := range m.applied.ahead {
		// The order does not show: the greatest is taken.
		for seq := range ahead {
			t.seen[origin] = max(t.seen[origin], seq)
		}
	}
	if m.cfg.has(tokenOfWrites) {
		clear(t.seen)
		if len(own.changes) > 0 {
			t.seen[m.me] = own.seq
		}
	}
	return t
}

// held is an order that waits for what its session has seen elsewhere.
type held struct {
	client string
	order  order
	since  int // timers that had rung
}

// tokenPatience is for how many timers an order waits: five seconds, after which
// its client is told that nothing was done.
const tokenPatience = 100

// serve executes an order, as soon as what its session has seen is here.
func (m *machine) serve(client string, o order, wall time.Time) {
	if !covers(m.applied.upTo, o.token.seen) && !m.cfg.has(tokenIgnored) {
		m.held = append(m.held, held{client, o, m.ticks})
		return
	}
	m.last = max(m.last, o.token.time)
	m.execute(client, o, wall)
}

// serveHeld looks whether what orders wait for has come.
func (m *machine) serveHeld(wall time.Time) {
	waiting := m.held
	m.held = nil
	for _, h := range waiting {
		switch {
		case covers(m.applied.upTo, h.order.token.seen):
			m.serve(h.client, h.order, wall)
		case m.ticks-h.since >= tokenPatience:
			m.reply(h.client, refusal(fmt.Errorf("what this session has seen (%s) has not arrived within %s", h.order.token, tokenPatience*resend)))
		default:
			m.held = append(m.held, h)
		}
	}
}

// Token is what the session of this client has seen.
func (c *client) Token() string { return c.seen.String() }

// Resume has what a session had seen before handed over with the next operation.
func (c *client) Resume(word string) error {
	if !c.tokens {
		return nil
	}
	t, err := parseToken(word)
	c.seen, c.hand = t, t
	return err
}
