package checker

import (
	"context"
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// judged is what is wrong with the reads of a history, by property, and what
// could have been.
type judged struct {
	causes          causal    // cc, and what ccv is made from
	own, seen       guarantee // read-your-writes, monotonic-reads
	written, caused guarantee // monotonic-writes, writes-follow-reads
}

func (j *judged) join(other *judged) {
	j.causes.join(&other.causes)
	j.own.join(&other.own)
	j.seen.join(&other.seen)
	j.written.join(&other.written)
	j.caused.join(&other.caused)
}

// badSteps are the reads that break cc.
func (j *judged) badSteps() []int32 {
	steps := make([]int32, len(j.causes.bad))
	for i, b := range j.causes.bad {
		steps[i] = b.step
	}
	return steps
}

// guarantee is what the walk over sessions found of one session guarantee.
type guarantee struct {
	broken              []sessionFinding
	chances, suspicious int
}

// sessionFinding is a read that broke a session guarantee.
type sessionFinding struct {
	step int32
	than int32 // the event that it is older than
	via  int32 // the read that had shown that event before, an event; else -1
	elem int32 // sets: the element; else -1
}

// steps are the reads that broke it.
func (g *guarantee) steps() []int32 {
	steps := make([]int32, len(g.broken))
	for i, b := range g.broken {
		steps[i] = b.step
	}
	return steps
}

func (g *guarantee) join(other *guarantee) {
	g.broken = append(g.broken, other.broken...)
	g.chances += other.chances
	g.suspicious += other.suspicious
}

// note counts a chance, and says what became of it: the write that the read is
// certainly older than (-1: none) and who had read that, or only a suspicion.
func (g *guarantee) note(r reading, than, via int32, doubt bool) {
	g.chances++
	if than >= 0 {
		g.broken = append(g.broken, sessionFinding{r.step, than, via, -1})
	} else if doubt {
		g.suspicious++
	}
}

// judge looks at every answered read, worked out once for all who ask; what was
// stopped is not kept.
func (o *order) judge(ctx context.Context) (*judged, error) {
	o.judgeLock.Lock()
	defer o.judgeLock.Unlock()
	if o.judged != nil {
		return o.judged, nil
	}
	j, err := o.walkSessions(ctx)
	if err == nil {
		o.judged = j
	}
	return j, err
}

// walkSessions walks every session at every node once, on all processors: O(n·k).
// Each read is judged by what its session's past holds of the key. A session
// guarantee is only ever broken where cc is, so that the expensive questions are
// asked of reads that are wrong already.
func (o *order) walkSessions(ctx context.Context) (*judged, error) {
	parts, err := parallelEach(ctx, o.trunks, func() func(s int) judged {
		w := newSessionWalk(o)
		return func(s int) judged { return w.session(int32(s)) }
	})
	all := &judged{}
	for i := range parts {
		all.join(&parts[i])
	}
	o.judgeFinals(&all.causes)
	slices.SortStableFunc(all.causes.bad, func(a, b badRead) int { return int(a.step - b.step) })
	return all, err
}

// judgeFinals looks at the final reads. They are in no order with anything, so
// that all they can show is what nobody wrote, or what no transaction left.
func (o *order) judgeFinals(c *causal) {
	h := o.ix.h
	for k := range h.Len() {
		if !o.ix.final(k) || h.Outcome(k) != history.OK {
			continue
		}
		from, to := h.Steps(k)
		for s := int32(from); s < int32(to); s++ {
			switch key := int32(h.StepKey(int(s))); {
			case o.ix.src[s] == srcThinAir, o.ix.kind[key] == set && o.ix.strayElement(key, s):
				c.bad = append(c.bad, badRead{s, -1, -1, "ThinAirRead"})
			case o.ix.src[s] >= 0 && o.ix.atomic() && o.ix.sibling(key) == nil:
				r := reading{key, o.ix.eventOf(s), s, o.ix.src[s], o.ix.eventOf(o.ix.src[s])}
				if b, bad := o.ix.unfinished(r); bad {
					c.bad = append(c.bad, b)
				}
			}
		}
	}
}
