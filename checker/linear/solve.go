package linear

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

// firstPrefix is how many answers the first attempt has; each further one has
// twice as many.
const firstPrefix = 64

// Solve looks for an order. It tries the beginning of the problem first, and
// longer and longer ones: what has no order shows early, and a short
// beginning is cheap. The whole takes exponential time at worst and n²/8 bytes for n
// operations at best. When the context ends the answer is Unknown.
func Solve(ctx context.Context, p Problem) Answer {
	slices.SortStableFunc(p.Ops, func(a, b Operation) int { return int(a.Call - b.Call) })
	returns := p.returns()
	good, n := 0, firstPrefix
	for {
		n = min(n, len(returns))
		if n == 0 {
			return Answer{Verdict: Yes}
		}
		switch try(ctx, p.Until(returns[n-1])) {
		case porcupine.Unknown:
			return Answer{Verdict: Unknown, Why: stopped(ctx)}
		case porcupine.Illegal:
			return shortest(ctx, p, returns[good:n])
		}
		if good = n; n == len(returns) {
			return Answer{Verdict: Yes}
		}
		n *= 2
	}
}

// stopped says why a search gave up: the library may see a deadline first.
func stopped(ctx context.Context) string {
	return cmp.Or(ctx.Err(), context.DeadlineExceeded).Error()
}

// try looks for an order of a whole problem.
func try(ctx context.Context, p Problem) porcupine.CheckResult {
	moves, keys := p.moves()
	ops := make([]porcupine.Operation, len(moves))
	for i, m := range moves {
		ops[i] = porcupine.Operation{ClientId: i, Input: m, Call: p.Ops[i].Call, Return: p.Ops[i].over()}
	}
	left := time.Duration(0) // no limit
	if deadline, ok := ctx.Deadline(); ok {
		left = max(time.Until(deadline), 1)
	}
	if ctx.Err() != nil {
		return porcupine.Unknown
	}
	return porcupine.CheckOperationsTimeout(model(keys), ops, left)
}

// shortest finds the answer that leaves no order, among those given; the last
// of them is known to leave none. When time runs out it names a later one.
func shortest(ctx context.Context, p Problem, returns []int64) Answer {
	n := sort.Search(len(returns)-1, func(i int) bool { return try(ctx, p.Until(returns[i])) == porcupine.Illegal })
	cut := p.Until(returns[n])
	a := Answer{Verdict: No}
	for _, op := range cut.Ops {
		if op.Return == returns[n] {
			a.Last = op.ID
		}
	}
	small := cut.smallest(ctx)
	for _, op := range small.Ops {
		a.Ops = append(a.Ops, op.ID)
		if op.ID != a.Last && op.onlyReads() {
			a.Reads = append(a.Reads, op.ID)
		}
	}
	return a
}
