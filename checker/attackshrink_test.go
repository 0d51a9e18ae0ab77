package checker_test

import (
	"slices"

	"github.com/mlcheck/mlcheck/history"
)

// shrink leaves out operations and steps while the disagreement stays.
func shrink(rec *record, still func(*record) bool) *record {
	cur := *rec
	for again := true; again; {
		again = false
		try := func(r record) {
			if len(r.ops) > 0 && still(&r) {
				cur, again = r, true
			}
		}
		for i := len(cur.ops) - 1; i >= 0; i-- {
			if i >= len(cur.ops) {
				continue
			}
			r := cur
			r.ops = slices.Delete(slices.Clone(cur.ops), i, i+1)
			try(r)
		}
		for i := range cur.ops {
			for j := len(cur.ops[i].steps) - 1; j >= 0 && len(cur.ops[i].steps) > 1; j-- {
				r := cur
				r.ops = slices.Clone(cur.ops)
				r.ops[i].steps = slices.Delete(slices.Clone(cur.ops[i].steps), j, j+1)
				try(r)
			}
			for j := len(cur.ops[i].steps) - 1; j >= 0; j-- {
				for k := len(cur.ops[i].steps[j].list) - 1; k >= 0; k-- {
					if l := cur.ops[i].steps[j].list; k < len(l) {
						r := cur
						r.ops = slices.Clone(cur.ops)
						r.ops[i].steps = slices.Clone(cur.ops[i].steps)
						r.ops[i].steps[j].list = slices.Delete(slices.Clone(l), k, k+1)
						try(r)
					}
				}
			}
		}
		for i := len(cur.restarts) - 1; i >= 0; i-- {
			if i < len(cur.restarts) {
				r := cur
				r.restarts = slices.Delete(slices.Clone(cur.restarts), i, i+1)
				try(r)
			}
		}
		for _, f := range []func(*record) bool{
			func(r *record) bool { return set(&r.scope) }, func(r *record) bool { return set(&r.nodeOrder) }, func(r *record) bool { return set(&r.trans) },
		} {
			r := cur
			if f(&r) {
				try(r)
			}
		}
		for i := range cur.ops {
			for _, f := range []func(*aop) bool{
				func(o *aop) bool { return set(&o.token) }, func(o *aop) bool { return set(&o.final) },
				func(o *aop) bool { was := o.by; o.by = -1; return was >= 0 },
				func(o *aop) bool { was := o.out; o.out = history.OK; return was != history.OK && o.ret > 0 },
			} {
				r := cur
				r.ops = slices.Clone(cur.ops)
				if f(&r.ops[i]) {
					for j := range r.ops[i].steps {
						if r.ops[i].out == history.OK && r.ops[i].steps[j].f == history.Read {
							r.ops[i].steps = slices.Clone(r.ops[i].steps)
							r.ops[i].steps[j].told = true
						}
					}
					try(r)
				}
			}
		}
	}
	return &cur
}

func set(b *bool) bool { was := *b; *b = false; return was }
