package nemesis

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// Link is the kind of fault that impairs links without cutting them.
const Link = "link"

// Impairment is what a directed link does to messages beside what it always does.
// Shares are in parts per million of the messages, each decided by itself.
type Impairment struct {
	Delay     time.Duration `json:"delay,omitempty" yaml:"delay,omitempty"`         // every message takes so much longer
	Jitter    time.Duration `json:"jitter,omitempty" yaml:"jitter,omitempty"`       // and up to so much more, evenly; see Tail
	Tail      bool          `json:"tail,omitempty" yaml:"tail,omitempty"`           // Jitter is the mean of an exponential tail instead, which ends at 10 times the mean
	Loss      int64         `json:"loss,omitempty" yaml:"loss,omitempty"`           // ppm that never arrive
	Duplicate int64         `json:"duplicate,omitempty" yaml:"duplicate,omitempty"` // ppm that arrive twice, each copy in its own time
	Reorder   int64         `json:"reorder,omitempty" yaml:"reorder,omitempty"`     // ppm that are held back, for up to HoldBack, so that later ones overtake them
}

// HoldBack is how long a message that is to be overtaken is held back at most.
const HoldBack = 200 * time.Millisecond

// TailEnds is at how many times its mean an exponential tail ends.
const TailEnds = 10

const million = 1_000_000

// LinkState is one directed link that is impaired.
type LinkState struct {
	history.Link
	Impairment
}

// Rarest is the smallest share that anything happens to, in ppm; 0 where nothing
// happens to a share only.
func (i Impairment) Rarest() int64 {
	least := int64(0)
	for _, ppm := range []int64{i.Loss, i.Duplicate, i.Reorder} {
		if ppm > 0 && (least == 0 || ppm < least) {
			least = ppm
		}
	}
	return least
}

// manyProbes is how many probes show a delay, a jitter and an order.
const manyProbes = 200

// Probes is how many probes tell an impairment from its absence: enough for twenty
// cases of the rarest thing that it does. Nothing needs one.
func (i Impairment) Probes() int {
	switch rarest := i.Rarest(); {
	case i == (Impairment{}):
		return 1
	case rarest > 0:
		return max(manyProbes, int(20*million/rarest))
	}
	return manyProbes
}

// Longest is how much longer a message takes at most.
func (i Impairment) Longest() time.Duration {
	d := i.Delay + i.Jitter
	if i.Tail {
		d = i.Delay + TailEnds*i.Jitter
	}
	if i.Reorder > 0 {
		d += HoldBack
	}
	return d
}

// plus is what two impairments of one link come to: times are summed, and so are
// shares, up to all messages.
func (i Impairment) plus(j Impairment) Impairment {
	return Impairment{
		Delay: i.Delay + j.Delay, Jitter: i.Jitter + j.Jitter, Tail: i.Tail || j.Tail,
		Loss: min(i.Loss+j.Loss, million), Duplicate: min(i.Duplicate+j.Duplicate, million), Reorder: min(i.Reorder+j.Reorder, million),
	}
}

// impaired lists what links suffer, sorted.
func impaired(links map[history.Link]Impairment) []LinkState {
	var ls []LinkState
	// The order does not show: they are sorted.
	for l, i := range links {
		ls = append(ls, LinkState{l, i})
	}
	slices.SortFunc(ls, func(a, b LinkState) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return ls
}

// Impairs is what the State does to a link; the zero Impairment is nothing.
func (s State) Impairs(l history.Link) Impairment {
	for _, st := range s.Links {
		if st.Link == l {
			return st.Impairment
		}
	}
	return Impairment{}
}

// String says in words what happens to messages: "+90ms ±20ms, 5 % lost".
func (i Impairment) String() string {
	var parts []string
	if i.Delay > 0 {
		parts = append(parts, fmt.Sprintf("%s later", i.Delay))
	}
	switch {
	case i.Tail:
		parts = append(parts, fmt.Sprintf("a tail of %s", i.Jitter))
	case i.Jitter > 0:
		parts = append(parts, fmt.Sprintf("up to %s of jitter", i.Jitter))
	}
	for _, p := range []struct {
		ppm  int64
		what string
	}{{i.Loss, "lost"}, {i.Duplicate, "doubled"}, {i.Reorder, "held back"}} {
		if p.ppm > 0 {
			parts = append(parts, fmt.Sprintf("%.3g %% %s", float64(p.ppm)/1e4, p.what))
		}
	}
	return strings.Join(parts, ", ")
}

// The bounds of an impairment: what is rarer or shorter cannot be told from chance
// by probes, and what takes longer outlasts any run.
const (
	rarest    = 5_000   // ppm
	oftenest  = 900_000 // ppm; of messages that are held back: some must pass them
	shortest  = 5 * time.Millisecond
	longest   = time.Minute
	tailStops = longest / TailEnds
)

func checkImpairment(i *Impairment) error {
	if i == nil {
		return nil
	}
	if *i == (Impairment{Tail: i.Tail}) {
		return fmt.Errorf("its impairment does nothing: give it a delay, a jitter, or a share of messages to lose, duplicate or reorder, in ppm")
	}
	for _, d := range []struct {
		name string
		is   time.Duration
		most time.Duration
	}{{"delay", i.Delay, longest}, {"jitter", i.Jitter, longest}} {
		if d.name == "jitter" && i.Tail {
			d.most = tailStops
		}
		if d.is != 0 && (d.is < shortest || d.is > d.most) {
			return fmt.Errorf("its %s is %s; it must be between %s and %s, or nothing", d.name, d.is, shortest, d.most)
		}
	}
	if i.Tail && i.Jitter == 0 {
		return fmt.Errorf("its tail needs a jitter, which is the tail's mean")
	}
	for _, p := range []struct {
		name      string
		ppm, most int64
	}{{"loss", i.Loss, million}, {"duplicate", i.Duplicate, million}, {"reorder", i.Reorder, oftenest}} {
		if p.ppm != 0 && (p.ppm < rarest || p.ppm > p.most) {
			return fmt.Errorf("its %s is %d ppm of the messages; it must be between %d and %d, or nothing", p.name, p.ppm, rarest, p.most)
		}
	}
	return nil
}

// drawLink impairs one link, one way or both, or all of one leader's.
func drawLink(d Draw, r *rand.Rand) (string, Fault) {
	shape := []string{"slow", "tail", "lossy", "messy"}[r.IntN(4)]
	reach := r.IntN(3)
	paths := Paths(d.Links)
	if len(paths) == 0 {
		return shape, Fault{}
	}
	l := paths[r.IntN(len(paths))]
	links := []history.Link{l}
	switch reach {
	case 1:
		links = append(links, history.Link{From: l.To, To: l.From})
	case 2:
		links = between(paths, []string{l.From})
	}
	SortLinks(links)
	return shape, Fault{Links: links, Impair: drawImpairment(shape, r)}
}

func drawImpairment(shape string, r *rand.Rand) *Impairment {
	ms := func(low, high int64) time.Duration { return time.Duration(low+r.Int64N(high-low+1)) * time.Millisecond }
	share := func(low, high int64) int64 { return 10_000 * (low + r.Int64N(high-low+1)) } // in percent
	switch shape {
	case "slow":
		return &Impairment{Delay: ms(20, 400), Jitter: ms(5, 50)}
	case "tail":
		return &Impairment{Delay: ms(5, 20), Jitter: ms(10, 40), Tail: true}
	case "lossy":
		return &Impairment{Loss: share(5, 50)}
	}
	return &Impairment{Duplicate: share(5, 40), Reorder: share(5, 40)}
}
