package truth

import (
	"cmp"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// Breach is something that a property forbids: the operations that make it, the
// one that suffers first.
type Breach struct {
	Ops []int
	Key string
	Why string
}

// look is one answered read of a register.
type look struct {
	op  int
	key string
	src int // the operation whose value it is; -1: nothing was there
}

// looks are all answered reads of registers by clients, without those of what the
// same operation had written.
func (t *Truth) looks() []look {
	if t.seen != nil {
		return t.seen
	}
	all := []look{}
	for k, op := range t.ops {
		if op.Final || op.Outcome != history.OK {
			continue
		}
		own := map[string]bool{}
		for _, s := range op.Steps {
			if s.F != history.Read {
				own[s.Key] = true
				continue
			}
			nothing := !s.Value.Set && t.several[s.Key] // of siblings, that none is there
			if own[s.Key] || !t.plain[s.Key] && !nothing {
				continue
			}
			l := look{k, s.Key, -1}
			if from := t.sources(s); len(from) > 0 {
				l.src = from[0]
			} else if s.Value.Set && s.Value.N != 0 {
				continue // from nowhere: no-thin-air's
			}
			all = append(all, l)
		}
	}
	t.seen = all
	return all
}

// older says whether what a read returned is older than an operation's write of
// the same key. Nothing is older than everything, unless the key may be deleted.
func (t *Truth) older(o Order, l look, than int) bool {
	if l.src < 0 {
		return !t.deletes[l.key]
	}
	return o.Before(l.src, than)
}

// staleReads are reads of something older than what was in the reader's past.
func (t *Truth) staleReads(o Order) []Breach {
	var bad []Breach
	for _, l := range t.looks() {
		for _, w := range t.writes[cell{key: l.key}] {
			if w.op != l.op && w.op != l.src && o.Before(w.op, l.op) && t.older(o, l, w.op) {
				bad = append(bad, Breach{l.with(w.op), l.key, "it was in the reader's past"})
				break
			}
		}
	}
	return bad
}

// sessionBreaches are reads that break one guarantee of sessions.
func (t *Truth) sessionBreaches(o Order, guarantee string) []Breach {
	follows := t.Told(false, false) // who had read what is no matter of what leaders knew
	var bad []Breach
	looks := t.looks()
	for _, l := range looks {
		if with := t.guaranteed(follows, looks, l, guarantee, o); with >= 0 {
			bad = append(bad, Breach{l.with(with), l.key, "it had to be there"})
		}
	}
	return bad
}

// guaranteed is a write that a read had to show, or something newer, and did not; -1: none.
func (t *Truth) guaranteed(follows Order, looks []look, l look, guarantee string, o Order) int {
	owed := func(w int) bool { return w != l.src && w != l.op && t.older(o, l, w) }
	switch guarantee {
	case "read-your-writes":
		for _, w := range t.writes[cell{key: l.key}] {
			if t.promised(w.op, l.op) && t.ops[w.op].Outcome == history.OK && owed(w.op) {
				return w.op
			}
		}
	case "monotonic-reads":
		for _, e := range looks {
			if e.key == l.key && e.src >= 0 && t.promised(e.op, l.op) && owed(e.src) {
				return e.src
			}
		}
	default:
		for _, e := range looks {
			// What one leader had applied says nothing of another one.
			// What is wrong within one key is for monotonic-reads to say.
			if e.src < 0 || e.key == l.key || t.at(e.op) != t.at(l.op) || e.op != l.op && (!t.promised(e.op, l.op) || t.restarted(e.op, l.op)) {
				continue
			}
			for _, w := range t.writes[cell{key: l.key}] {
				if w.op == e.src || !owed(w.op) {
					continue
				}
				if guarantee == "monotonic-writes" && t.promised(w.op, e.src) && t.ops[w.op].Outcome == history.OK ||
					guarantee == "writes-follow-reads" && t.readBefore(follows, looks, w.op, e.src) {
					return w.op
				}
			}
		}
	}
	return -1
}

// promised says whether two operations are of one session, in promised order.
func (t *Truth) promised(a, b int) bool { return t.so.Before(a, b) }

// restarted says whether the leader that served two reads came up in between: the
// reader may as well have gone back in time.
func (t *Truth) restarted(a, b int) bool {
	return slices.ContainsFunc(t.began[t.at(a)], func(at time.Duration) bool { return at > t.ops[a].Start && at < t.ops[b].End })
}

// at is the leader that served an operation.
func (t *Truth) at(k int) string { return cmp.Or(t.ops[k].By, t.ops[k].Node) }

// readBefore says whether somebody had read a write before an operation.
func (t *Truth) readBefore(follows Order, looks []look, w, op int) bool {
	if t.known[op] == nil {
		t.known[op] = t.empty()
		for _, l := range looks {
			if l.src >= 0 && follows.Before(l.op, op) {
				t.known[op].set(l.src)
			}
		}
	}
	return t.known[op].has(w)
}

// with is the read, what it should have shown, and what it returned.
func (l look) with(w int) []int {
	if l.src < 0 {
		return []int{l.op, w}
	}
	return []int{l.op, w, l.src}
}
