package reports

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// clockPoints is how many measured offsets of one node are drawn; of more, the
// extremes of each stretch of time.
const clockPoints = 1_500

// timeline is everything that the overview draws, for the script and for the
// picture that needs none.
type timeline struct {
	Lanes   []string
	End     int64 // ns
	Total   int   // operations of the history
	Ops     columns
	Buckets [][]int // per lane: the classes' counts, one after the other; only when not all operations are there
	Faults  []tlFault
	Rows    int // that the faults take
	Clocks  []tlClock
	Apart   *tlApart // nil: nothing is known of it
	Stages  []tlStage
	Marks   []int // indexes of the operations that findings name

	counts func(buckets int) [][classes][]int
}

type tlFault struct {
	ID        int
	Kind      string
	What      string
	State     string
	Planned   int64 // ns; -1: never
	Effective int64
	Healing   int64
	Healed    int64
	Lanes     []int // whom it concerns
	Row       int   // where it is drawn
}

// begin and until are the stretch for which a fault is shown in force: measured
// where it was measured, never longer than the run.
func (f tlFault) begin() int64 { return f.Effective }

func (f tlFault) until(end int64) int64 {
	if f.Healed >= 0 {
		return f.Healed
	}
	return end
}

type tlClock struct {
	Node    string
	Points  [][2]int64 // time, offset, ns; measured
	Planned [][4]int64 // from, offset, until, offset
}

type tlStage struct {
	T    int64
	Name string
	Note string
}

func newTimeline(r *Run) (*timeline, error) {
	h := r.History
	if h == nil {
		return nil, nil
	}
	t := &timeline{Total: h.Len(), Marks: marks(r.Results)}
	end := lasted(h)
	if r.Results != nil {
		for _, f := range r.Results.Faults {
			end = max(end, time.Duration(f.Effective), time.Duration(f.Healed))
		}
	}
	end += end/100 + 1 // what begins at the very end can be seen
	t.End = int64(end)
	for _, n := range h.Nodes() {
		t.Lanes = append(t.Lanes, clip(visible(n), 24))
	}
	t.counts = func(n int) [][classes][]int { return bucketCounts(h, len(t.Lanes), n, end) }
	t.Faults = timelineFaults(r)
	t.Rows = packFaults(t.Faults, t.End)
	t.Clocks = timelineClocks(h, end)
	t.Apart = newApart(r.Results)
	t.Stages = timelineStages(h)
	at := chooseOps(h, r.Results)
	if len(at) < h.Len() {
		for _, lane := range t.counts(bucketsAll) {
			t.Buckets = append(t.Buckets, slices.Concat(lane[0], lane[1], lane[2], lane[3]))
		}
	}
	var err error
	t.Ops, err = newColumns(h, at, end)
	return t, err
}

// marks are the operations that findings name, each once, in order.
func marks(res *checker.Results) []int {
	all := []int{}
	for _, p := range properties(res) {
		for _, f := range p.Findings {
			all = append(all, f.Ops...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// timelineFaults joins the checker's account of each fault with the nodes that
// its events name.
func timelineFaults(r *Run) []tlFault {
	fs := []tlFault{}
	if r.Results == nil {
		return fs
	}
	nodes := map[int]map[string]bool{}
	for _, e := range r.History.Events {
		if e.Type != history.FaultEvent {
			continue
		}
		if nodes[e.Fault] == nil {
			nodes[e.Fault] = map[string]bool{}
		}
		for _, l := range e.Links {
			nodes[e.Fault][l.From], nodes[e.Fault][l.To] = true, true
		}
		for _, n := range e.Nodes {
			nodes[e.Fault][n] = true
		}
		for n, off := range e.Offsets {
			if off != 0 || e.PPM != 0 {
				nodes[e.Fault][n] = nodes[e.Fault][n] || e.Phase == history.Planned
			}
		}
	}
	for _, f := range r.Results.Faults {
		tf := tlFault{
			ID: f.Fault, Kind: visible(f.Kind), What: visible(f.What), State: visible(f.State),
			Planned: f.Planned, Effective: f.Effective, Healing: f.Healing, Healed: f.Healed, Lanes: []int{},
		}
		for lane, name := range r.History.Nodes() {
			if nodes[f.Fault][name] || len(nodes[f.Fault]) == 0 {
				tf.Lanes = append(tf.Lanes, lane)
			}
		}
		fs = append(fs, tf)
	}
	return fs
}

// rowPerFault is up to how many faults each gets a row of its own, with room
// for its words; more of them share rows where they do not overlap.
const rowPerFault = 10

// packFaults gives every fault a row and says how many there are.
func packFaults(fs []tlFault, end int64) int {
	var free []int64
	for i := range fs {
		f := &fs[i]
		from := f.Planned
		if from < 0 {
			from = max(0, f.Effective)
		}
		row := slices.IndexFunc(free, func(t int64) bool { return t <= from })
		if row < 0 || len(fs) <= rowPerFault {
			row, free = len(free), append(free, 0)
		}
		f.Row, free[row] = row, max(f.until(end), f.Healing)
	}
	return len(free)
}

// timelineClocks collects each node's clock offsets: those that were measured,
// and those that faults asked for until they were healed.
func timelineClocks(h *history.History, end time.Duration) []tlClock {
	byNode := map[string]*tlClock{}
	of := func(n string) *tlClock {
		if byNode[n] == nil {
			byNode[n] = &tlClock{Node: clip(visible(n), 24), Points: [][2]int64{}, Planned: [][4]int64{}}
		}
		return byNode[n]
	}
	for i, e := range h.Events {
		if len(e.Offsets) == 0 {
			continue
		}
		for n, off := range e.Offsets {
			c := of(n)
			switch {
			case e.Type == history.FaultEvent && e.Phase == history.Planned:
				until := healingOf(h.Events[i:], e.Fault, end)
				drift := int64(float64(until-e.T) * float64(e.PPM) / 1e6)
				c.Planned = append(c.Planned, jumps([4]int64{int64(e.T), off, int64(until), off + drift}, e.Period)...)
			case e.Type == history.FaultEvent && e.Phase == history.Healing:
			default:
				c.Points = append(c.Points, [2]int64{int64(e.T), off})
			}
		}
	}
	cs := []tlClock{}
	for _, n := range h.Nodes() {
		if c := byNode[n]; c != nil {
			c.Points = thin(c.Points, clockPoints)
			cs = append(cs, *c)
		}
	}
	return cs
}

// mostJumps is how many jumps of a clock are drawn.
const mostJumps = 200

// jumps leaves of what is planned for a clock that jumps back and forth the stretches
// in which it is to be off, as far as they can be told apart in a picture.
func jumps(planned [4]int64, period int64) (all [][4]int64) {
	if period <= 0 || (planned[2]-planned[0])/period > mostJumps {
		return [][4]int64{planned}
	}
	for at := planned[0]; at < planned[2]; at += 2 * period {
		all = append(all, [4]int64{at, planned[1], min(at+period, planned[2]), planned[3]})
	}
	return all
}

// healingOf is when a fault's end was asked for.
func healingOf(events []history.Event, fault int, end time.Duration) time.Duration {
	for _, e := range events {
		if e.Type == history.FaultEvent && e.Fault == fault && e.Phase == history.Healing {
			return e.T
		}
	}
	return end
}

// thin keeps of a long line of points the lowest and the highest of each
// stretch, so that no peak is lost.
func thin(ps [][2]int64, most int) [][2]int64 {
	if len(ps) <= most {
		return ps
	}
	per := 2 * ((len(ps) + most - 1) / most)
	var out [][2]int64
	for part := range slices.Chunk(ps, per) {
		byOffset := func(a, b [2]int64) int { return cmp.Compare(a[1], b[1]) }
		lo, hi := slices.MinFunc(part, byOffset), slices.MaxFunc(part, byOffset)
		if hi[0] < lo[0] {
			lo, hi = hi, lo
		}
		out = append(out, lo, hi)
	}
	return out
}

func timelineStages(h *history.History) []tlStage {
	ss := []tlStage{}
	for _, e := range h.Events {
		if e.Type != history.StageEvent {
			continue
		}
		s := tlStage{T: int64(e.T), Name: visible(e.Stage), Note: visible(e.Why)}
		if e.State != "" {
			s.Name += ": " + visible(e.State)
		}
		ss = append(ss, s)
	}
	return ss
}

// ticks are round values between lo and hi, about n of them.
func ticks(lo, hi float64, n int) []float64 {
	if hi <= lo || n < 1 {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/float64(n))))
	for _, m := range []float64{1, 2, 5, 10} {
		if (hi-lo)/(step*m) <= float64(n) {
			step *= m
			break
		}
	}
	var at []float64
	for i := math.Ceil(lo / step); i*step <= hi+step*1e-9; i++ {
		at = append(at, i*step)
	}
	return at
}
