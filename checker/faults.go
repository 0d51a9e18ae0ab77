package checker

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// The states of a fault in a report.
const (
	effective   = "effective"
	absent      = "absent"
	idle        = "idle"
	stuck       = "stuck"
	notMeasured = "not measured"
)

// countedKinds are the kinds of faults whose end says how much of the target's own
// traffic they met.
var countedKinds = map[string]bool{"partition": true, "link": true, "disk": true, "pause": true, "stop": true, "kill": true, "crash": true, "wipe": true, "member": true}

// befell says in words what a fault of a kind does to processes.
var befell = map[string]string{"pause": "paused", "stop": "stopped", "kill": "killed", "crash": "lost power", "wipe": "lost its disk", "member": "left the topology"}

// faultReports says of every fault of a history whether it was really there,
// and whether it met any traffic.
func faultReports(ix *index) []FaultReport {
	byID := map[int]*FaultReport{}
	met := map[int]int64{} // what a cut swallowed, or what found a process down; -1: not known
	phases := map[int]map[string]history.Event{}
	for _, ev := range ix.h.Events {
		if ev.Type != history.FaultEvent {
			continue
		}
		f := byID[ev.Fault]
		if f == nil {
			f = &FaultReport{Fault: ev.Fault, Kind: ev.Kind, Planned: -1, Effective: -1, Healing: -1, Healed: -1}
			byID[ev.Fault], phases[ev.Fault], met[ev.Fault] = f, map[string]history.Event{}, -1
		}
		f.record(ev)
		phases[ev.Fault][ev.Phase] = ev
		switch {
		case ev.Phase != history.Healing && ev.Phase != history.Healed:
		case ev.Kind == "partition":
			met[ev.Fault] = max(met[ev.Fault], ev.Dropped)
		case ev.Phase == history.Healing:
			met[ev.Fault] = ev.Met
		}
	}
	reports := make([]FaultReport, 0, len(byID))
	for _, f := range byID {
		reports = append(reports, *f)
	}
	sort.Slice(reports, func(i, j int) bool { return reports[i].Fault < reports[j].Fault })
	wrote := ix.wroteUnder(reports, phases)
	for i := range reports {
		f := &reports[i]
		f.What = whatFault(ix, phases[f.Fault])
		f.State = faultState(f, phases[f.Fault], met[f.Fault], wrote[i])
	}
	return reports
}

// notesOf is what the run has said of its world when work began.
func notesOf(h *history.History) (ns []string) {
	for _, ev := range h.Events {
		if ev.Type == history.StageEvent && ev.Stage == history.StageWork && ev.Why != "" {
			ns = append(ns, strings.Split(ev.Why, "\n")...)
		}
	}
	return ns
}

func (f *FaultReport) record(ev history.Event) {
	switch t := int64(ev.T); ev.Phase {
	case history.Planned:
		f.Planned = t
	case history.Effective:
		f.Effective = t
		if len(ev.Offsets) > 0 {
			f.Read = ev.Offsets
		}
	case history.Healing:
		f.Healing = t
	case history.Healed:
		f.Healed = t
	}
	if ev.Why != "" && !strings.Contains(f.Note, ev.Why) {
		if f.Note != "" {
			f.Note += "; "
		}
		f.Note += ev.Why
	}
}

func faultState(f *FaultReport, phases map[string]history.Event, met int64, wrote bool) string {
	_, isStuck := phases[history.Stuck]
	_, isAbsent := phases[history.Absent]
	_, isCovered := phases[history.Covered]
	switch {
	case isStuck:
		return stuck
	case isAbsent:
		return absent
	case f.Effective < 0 && isCovered && (countedKinds[f.Kind] && met == 0 || f.Kind == "clock" && f.Healed >= 0):
		return idle // nothing could come to it, whether it was there or not
	case f.Effective < 0:
		return notMeasured
	case f.Healing >= 0 && f.Healed < 0:
		f.Note = strings.TrimPrefix(f.Note+"; nobody measured that it is gone", "; ")
		return notMeasured
	case countedKinds[f.Kind] && met == 0:
		return idle
	case f.Kind == "clock" && !wrote:
		return idle
	}
	return effective
}

// wroteUnder says of each clock fault whether a node acknowledged any write while
// its clock was off: from the moment it was set, since a drift can be proved only
// once it has grown.
func (ix *index) wroteUnder(faults []FaultReport, phases map[int]map[string]history.Event) []bool {
	wrote, spans := make([]bool, len(faults)), make([]span, len(faults))
	skewed := make([][]bool, len(faults)) // by node
	for i := range faults {
		f := &faults[i]
		spans[i] = never
		if f.Kind != "clock" {
			continue
		}
		spans[i] = span{f.Planned, f.end()}
		offsets := phases[f.Fault][history.Planned].Offsets
		if len(offsets) == 0 {
			offsets = phases[f.Fault][history.Effective].Offsets
		}
		for _, n := range ix.h.Nodes() {
			_, off := offsets[n]
			skewed[i] = append(skewed[i], off || len(offsets) == 0)
		}
	}
	ix.eachDuring(spans, func(k int, active []int) {
		for _, i := range active {
			wrote[i] = wrote[i] || skewed[i][ix.node(k)] && ix.writes(k)
		}
	})
	return wrote
}

// inForce is the stretch of time for which the fault was measured to be there.
func (f *FaultReport) inForce() span {
	if f.Effective < 0 {
		return never
	}
	return span{f.Effective, f.end()}
}

// end is the fault's last moment.
func (f *FaultReport) end() int64 {
	switch {
	case f.Healed >= 0:
		return f.Healed
	case f.Healing >= 0:
		return f.Healing
	}
	return math.MaxInt64
}

// span is a stretch of time in nanoseconds, both ends included.
type span struct{ from, until int64 }

var never = span{math.MaxInt64, math.MinInt64}

// eachDuring calls f with every acknowledged operation that was answered during
// one of the spans, and with the positions of these spans. One pass for any
// number of them, and none where there are none.
func (ix *index) eachDuring(spans []span, f func(k int, active []int)) {
	if !slices.ContainsFunc(spans, func(s span) bool { return s != never }) {
		return
	}
	var active []int
	same := never // for how long these are the active ones
	for k := range ix.h.Len() {
		if ix.h.Outcome(k) != history.OK {
			continue
		}
		if t := int64(ix.when(k)); t < same.from || t > same.until {
			active, same = activeAt(spans, t)
		}
		if len(active) > 0 {
			f(k, active)
		}
	}
}

func activeAt(spans []span, t int64) (active []int, same span) {
	same = span{math.MinInt64, math.MaxInt64}
	for i, s := range spans {
		switch {
		case t < s.from:
			same.until = min(same.until, s.from-1)
		case t > s.until:
			same.from = max(same.from, s.until+1)
		default:
			active = append(active, i)
			same = span{max(same.from, s.from), min(same.until, s.until)}
		}
	}
	return active, same
}

// writes says whether operation k changes anything.
func (ix *index) writes(k int) bool {
	from, to := ix.h.Steps(k)
	for s := from; s < to; s++ {
		if ix.h.StepF(s).IsWrite() {
			return true
		}
	}
	return false
}

// whatFault says what a fault did, in words.
func whatFault(ix *index, phases map[string]history.Event) string {
	ev, ok := phases[history.Planned]
	if !ok {
		ev = phases[history.Effective]
	}
	if ev.What != "" {
		return ev.What
	}
	parts := cuts(ev.Links)
	if len(parts) > 0 {
		return joined(parts) + " cut"
	}
	for _, n := range ix.h.Nodes() {
		if d, ok := ev.Offsets[n]; ok {
			parts = append(parts, n+"'s clock"+offBy(time.Duration(d), ev.PPM, time.Duration(ev.Period)))
		}
	}
	if len(parts) > 0 {
		return joined(parts)
	}
	if did := befell[ev.Kind]; did != "" && len(ev.Nodes) > 0 {
		return joined(ev.Nodes) + " " + did
	}
	word := ev.Kind
	if len(ev.Nodes) > 0 {
		word += " at " + joined(ev.Nodes)
	}
	if ev.PPM != 0 {
		word += fmt.Sprintf(", %+d ppm", ev.PPM)
	}
	return word
}

// cuts names what was cut: a link both ways, or one way of it.
func cuts(links []history.Link) []string {
	var parts []string
	for i, l := range links {
		back := history.Link{From: l.To, To: l.From}
		switch {
		case slices.Contains(links[:i], back):
		case slices.Contains(links, back):
			parts = append(parts, l.From+" ↮ "+l.To)
		default:
			parts = append(parts, l.From+" ↛ "+l.To)
		}
	}
	return parts
}

func offBy(d time.Duration, ppm int64, period time.Duration) string {
	word := ""
	if d != 0 || ppm == 0 {
		word = fmt.Sprintf(" %+.3g s", d.Seconds())
	}
	if ppm != 0 {
		word += fmt.Sprintf(" drifting %+.3g ms/s", float64(ppm)/1000)
	}
	if period != 0 {
		word += fmt.Sprintf(" and back every %s", period)
	}
	return word
}

func joined(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}
