package stream

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func draws(r *rand.Rand) []uint64 {
	var ds []uint64
	for range 8 {
		ds = append(ds, r.Uint64())
	}
	return ds
}

func TestAStreamIsAFunctionOfItsSeedAndName(t *testing.T) {
	if diff := cmp.Diff(draws(New(7, "session 1")), draws(New(7, "session 1"))); diff != "" {
		t.Error(diff)
	}
	seen := map[uint64]string{}
	for _, seed := range []uint64{0, 1, 7, 1 << 63} {
		for _, name := range []string{"", "session 1", "session 2", "session 11", "nemesis clock"} {
			for _, d := range draws(New(seed, name)) {
				if other, ok := seen[d]; ok {
					t.Errorf("%d %q draws %d, and so does %s", seed, name, d, other)
				}
				seen[d] = name
			}
		}
	}
}

func TestDrawingFromOneStreamDoesNotMoveAnother(t *testing.T) {
	a, b := New(7, "a"), New(7, "b")
	want := draws(New(7, "b"))
	draws(a)
	if diff := cmp.Diff(want, draws(b)); diff != "" {
		t.Error(diff)
	}
}

// The streams of a seed must be the same on every machine and with every
// version, or stored seeds lose their meaning.
func TestTheFirstDrawsAreKnown(t *testing.T) {
	r := New(7, "session 1")
	if got := []uint64{r.Uint64(), r.Uint64()}; !cmp.Equal(got, []uint64{0x800c1a4ca698d20b, 0x493b4aee63771c2d}) {
		t.Errorf("%#v", got)
	}
}
