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
// Shares are in parts per million of the messages, each decided by itself, but for
// losses that come in bursts.
type Impairment struct {
	Delay     time.Duration `json:"delay,omitempty" yaml:"delay,omitempty"`         // every message takes so much longer
	Jitter    time.Duration `json:"jitter,omitempty" yaml:"jitter,omitempty"`       // and up to so much more, evenly; see Tail
	Tail      bool          `json:"tail,omitempty" yaml:"tail,omitempty"`           // Jitter is the mean of an exponential tail instead, which ends at 10 times the mean
	Loss      int64         `json:"loss,omitempty" yaml:"loss,omitempty"`           // ppm that never arrive
	Burst     int64         `json:"burst,omitempty" yaml:"burst,omitempty"`         // losses come in bursts, of so many messages on average (Gilbert, 1960); 0: each by itself
	Duplicate int64         `json:"duplicate,omitempty" yaml:"duplicate,omitempty"` // ppm that arrive twice, each copy in its own time
	Reorder   int64         `json:"reorder,omitempty" yaml:"reorder,omitempty"`     // ppm that are held back, for up to HoldBack, so that later ones overtake them
	Rate      int64         `json:"rate,omitempty" yaml:"rate,omitempty"`           // bytes a second that pass; what would wait for more than Backlog is lost
}

// Backlog is how long a message waits at most for those before it on a link that is
// narrow.
const Backlog = time.Second

// ProbeSize is how many bytes of a link's bandwidth a probe takes, with its headers.
const ProbeSize = 49

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
	rarest := i.Rarest()
	n := manyProbes
	switch {
	case i == (Impairment{}):
		return 1
	case i.Rate > 0: // that the link is narrow is all that can be seen of it
		return max(fewProbes, int(i.Rate*int64(Jam/time.Millisecond)/1000/ProbeSize))
	case rarest > 0:
		n = max(n, int(20*million/rarest))
	}
	if i.Bursty() {
		n = max(n, int(min(enoughBursts*i.Burst*million/i.Loss, mostProbes)))
	}
	return n
}

// What tells bursts from losses that are alone, and a narrow link from a wide one: so
// many bursts, and so long a jam of probes.
const (
	enoughBursts = 50
	fewProbes    = 20
	mostProbes   = 20_000
	Jam          = 200 * time.Millisecond
)

// Bursty says whether losses come in bursts that can be told from chance: four times
// as long as they would be by chance.
func (i Impairment) Bursty() bool {
	return i.Burst > 0 && i.Loss > 0 && i.Burst*(million-i.Loss) >= 4*million
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
	if i.Rate > 0 {
		d += Backlog + ProbeSize*time.Second/time.Duration(i.Rate)
	}
	return d
}

// plus is what two impairments of one link come to: times are summed, and so are
// shares, up to all messages; bursts are the longer ones, and the narrower rate is
// what passes.
func (i Impairment) plus(j Impairment) Impairment {
	rate := min(i.Rate, j.Rate)
	if rate == 0 {
		rate = max(i.Rate, j.Rate)
	}
	return Impairment{
		Burst: max(i.Burst, j.Burst), Rate: rate,
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
	lost := "lost"
	if i.Burst > 0 {
		lost = fmt.Sprintf("lost in bursts of %d", i.Burst)
	}
	for _, p := range []struct {
		ppm  int64
		what string
	}{{i.Loss, lost}, {i.Duplicate, "doubled"}, {i.Reorder, "held back"}} {
		if p.ppm > 0 {
			parts = append(parts, fmt.Sprintf("%.3g %% %s", float64(p.ppm)/1e4, p.what))
		}
	}
	if i.Rate > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes a second", i.Rate))
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

	burstLoss = 100_000 // ppm; what is rarer needs too many probes
	mostBurst = 20
	narrowest = 2_000   // bytes a second; nothing but probes passes below
	widest    = 100_000 // above, probes are not sent fast enough to jam
)

func checkImpairment(i *Impairment) error {
	if i == nil {
		return nil
	}
	if *i == (Impairment{Tail: i.Tail, Burst: i.Burst}) {
		return fmt.Errorf("its impairment does nothing: give it a delay, a jitter, a rate, or a share of messages to lose, duplicate or reorder, in ppm")
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
	switch {
	case i.Rate != 0 && (i.Rate < narrowest || i.Rate > widest):
		return fmt.Errorf("its rate is %d bytes a second; it must be between %d and %d, or nothing", i.Rate, narrowest, widest)
	case i.Burst != 0 && (i.Loss < burstLoss || i.Burst > mostBurst || !i.Bursty()):
		return fmt.Errorf("losses of %d ppm in bursts of %d cannot be told from chance: bursts need a loss of %d ppm or more, and a length of at most %d and at least 4/(1-loss)", i.Loss, i.Burst, burstLoss, mostBurst)
	}
	return nil
}

var linkShapes = []string{"slow", "tail", "lossy", "bursty", "messy", "narrow"}

// drawLink impairs one link, one way or both, or all of one leader's.
func drawLink(d Draw, r *rand.Rand) (string, Fault) {
	if d.clients && r.IntN(2) == 0 {
		return ofClients, Fault{Links: drawClients(d.network().leaders, r), Impair: drawImpairment([]string{"slow", "tail", "lossy"}[r.IntN(3)], r)}
	}
	shape := linkShapes[r.IntN(len(linkShapes))]
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
	case "bursty":
		return &Impairment{Loss: share(15, 40), Burst: 7 + r.Int64N(4)}
	case "narrow":
		return &Impairment{Rate: 1000 * (4 + r.Int64N(37))}
	}
	return &Impairment{Duplicate: share(5, 40), Reorder: share(5, 40)}
}
