package mlcheck

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/ddmin"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/workload"
)

// shrink leaves out more and more, coarse things first, until a round of all
// passes leaves out nothing.
func (s *shrinker) shrink() {
	s.shortenQuiet()
	for before := (Size{}); before != sizeOf(s.test) && s.ended() == ""; {
		before = sizeOf(s.test)
		s.focus()
		s.dropFaults()
		s.dropSessions()
		s.dropKeys()
		s.dropOperations()
		s.dropParts()
		s.dropNodes()
		s.squeezeTime()
	}
	s.renumber()
	s.roundTimes()
}

// shortenQuiet lets the end of the run wait less for replication to come to rest.
// A store in which changes never cease to move would else take its longest with
// every candidate.
func (s *shrinker) shortenQuiet() {
	for _, quiet := range []time.Duration{time.Second, 10 * time.Second} {
		t := s.test
		if t.Quiet = min(t.Quiet, quiet); t.World == "sim" && t.Quiet < s.test.Quiet && s.try("waiting for rest", t) {
			return
		}
	}
}

// tidy numbers sessions and faults anew, without gaps.
func tidy(t Test) Test {
	t.Script, t.Faults = slices.Clone(t.Script), slices.Clone(t.Faults)
	number := map[int]int{}
	for _, a := range t.Script {
		number[a.Session] = 0
	}
	for n, id := range slices.Sorted(maps.Keys(number)) {
		number[id] = n
	}
	for i := range t.Script {
		t.Script[i].Session = number[t.Script[i].Session]
	}
	for i := range t.Faults {
		t.Faults[i].ID = i + 1
	}
	t.Sessions = 0
	return t
}

// keepOperations is the Test with some of its operations.
func (s *shrinker) keepOperations(keep func(workload.Ask) bool) Test {
	t := s.test
	t.Script = slices.DeleteFunc(slices.Clone(t.Script), func(a workload.Ask) bool { return !keep(a) })
	return t
}

// focus guesses: what the finding names is often enough, or what touches its keys.
func (s *shrinker) focus() {
	for smaller := true; smaller; {
		named, keys, last := s.named()
		smaller = false
		for _, keep := range []func(workload.Ask) bool{
			func(a workload.Ask) bool { return named[asked{a.Session, a.At}] },
			func(a workload.Ask) bool { return touches(a, keys) && a.At <= last },
			func(a workload.Ask) bool { return touches(a, keys) },
			func(a workload.Ask) bool { return a.At <= last },
		} {
			for _, faults := range [][]nemesis.Fault{nil, s.test.Faults} {
				t := s.keepOperations(keep)
				if len(t.Script) == len(s.test.Script) && len(faults) == len(s.test.Faults) {
					continue
				}
				if t.Faults = faults; s.try("what the finding does not name", t) {
					smaller = true
					break
				}
			}
			if smaller {
				break
			}
		}
	}
}

// asked tells an operation of a script from all others: a session asks one at a time.
type asked struct {
	session int
	at      time.Duration
}

// named are the operations and keys of the finding, and when it asked the last one.
func (s *shrinker) named() (ops map[asked]bool, keys map[string]bool, last time.Duration) {
	ops, keys = map[asked]bool{}, map[string]bool{}
	indexes := map[int]bool{}
	for _, i := range slices.Concat(s.finding.Ops, s.finding.Beside) {
		indexes[i] = true
	}
	inScript := map[int][]workload.Ask{} // by session, in the order in which they are asked
	for _, a := range s.test.Script {
		inScript[a.Session] = append(inScript[a.Session], a)
	}
	nth := map[int]int{}
	for k := range s.latest.Len() {
		op := s.latest.Op(k)
		if indexes[op.Index] {
			for _, st := range op.Steps {
				keys[st.Key] = true
			}
		}
		if op.Final {
			continue
		}
		n := nth[op.Session]
		nth[op.Session]++
		if !indexes[op.Index] || n >= len(inScript[op.Session]) {
			continue
		}
		a := inScript[op.Session][n]
		ops[asked{a.Session, a.At}], last = true, max(last, a.At)
	}
	return ops, keys, last
}

func touches(a workload.Ask, keys map[string]bool) bool {
	return slices.ContainsFunc(a.Steps, func(st workload.Step) bool { return keys[st.Key] })
}

func (s *shrinker) dropFaults() {
	ddmin.Minimise(s.test.Faults, func(part []nemesis.Fault) bool {
		t := s.test
		t.Faults = part
		return s.try("faults", t)
	})
}

// dropParts leaves out parts of faults: cut links, nodes, clocks.
func (s *shrinker) dropParts() {
	for i := range s.test.Faults {
		if i >= len(s.test.Faults) {
			return
		}
		f := s.test.Faults[i]
		ddmin.Minimise(f.Links, func(part []history.Link) bool {
			return s.tryPart(i, len(part), func(f *nemesis.Fault) { f.Links = part })
		})
		ddmin.Minimise(f.Nodes, func(part []string) bool {
			return s.tryPart(i, len(part), func(f *nemesis.Fault) { f.Nodes = part })
		})
		ddmin.Minimise(f.Clocks, func(part []nemesis.Skew) bool {
			return s.tryPart(i, len(part), func(f *nemesis.Fault) { f.Clocks = part })
		})
		if i < len(s.test.Faults) && s.test.Faults[i].Flap > 0 {
			s.tryPart(i, 1, func(f *nemesis.Fault) { f.Flap = 0 })
		}
		if i < len(s.test.Faults) && s.test.Faults[i].Reject {
			s.tryPart(i, 1, func(f *nemesis.Fault) { f.Reject = false })
		}
		s.easeFault(i)
	}
}

// easeFault leaves out what happens to the messages of an impaired link, one thing
// after the other.
func (s *shrinker) easeFault(i int) {
	for _, ease := range []func(*nemesis.Impairment){
		func(m *nemesis.Impairment) { m.Delay = 0 },
		func(m *nemesis.Impairment) { m.Jitter, m.Tail = 0, false },
		func(m *nemesis.Impairment) { m.Loss, m.Burst = 0, 0 },
		func(m *nemesis.Impairment) { m.Burst = 0 },
		func(m *nemesis.Impairment) { m.Rate = 0 },
		func(m *nemesis.Impairment) { m.Duplicate = 0 },
		func(m *nemesis.Impairment) { m.Reorder = 0 },
	} {
		if s.test.Faults[i].Impair == nil {
			return
		}
		less := *s.test.Faults[i].Impair
		if ease(&less); less != *s.test.Faults[i].Impair && less != (nemesis.Impairment{}) {
			s.tryPart(i, 1, func(f *nemesis.Fault) { f.Impair = &less })
		}
	}
}

// tryPart tries a fault with n of its parts. It has no longer the shape that it was
// drawn as.
func (s *shrinker) tryPart(fault, n int, change func(*nemesis.Fault)) bool {
	t := s.test
	t.Faults = slices.Clone(t.Faults)
	t.Faults[fault].Shape = ""
	change(&t.Faults[fault])
	return n > 0 && s.try("parts of faults", t)
}

func (s *shrinker) dropSessions() {
	var sessions []int
	for _, a := range s.test.Script {
		sessions = append(sessions, a.Session)
	}
	slices.Sort(sessions)
	// Candidates are numbered anew when they are taken over, so that parts of the
	// list are always of the Test that it was made of.
	whole := s.test
	ddmin.Minimise(slices.Compact(sessions), func(part []int) bool {
		t := whole
		t.Script = slices.DeleteFunc(slices.Clone(t.Script), func(a workload.Ask) bool { return !slices.Contains(part, a.Session) })
		return s.try("sessions", t)
	})
}

func (s *shrinker) dropKeys() {
	whole := s.test
	ddmin.Minimise(scriptKeys(whole.Script), func(part []string) bool {
		t := whole
		t.Script = slices.DeleteFunc(slices.Clone(t.Script), func(a workload.Ask) bool {
			return slices.ContainsFunc(a.Steps, func(st workload.Step) bool { return !slices.Contains(part, st.Key) })
		})
		return s.try("keys", t)
	})
}

func (s *shrinker) dropOperations() {
	whole := s.test
	ddmin.Minimise(whole.Script, func(part []workload.Ask) bool {
		t := whole
		t.Script = part
		return s.try("operations", t)
	})
}

// dropNodes leaves out leaders and followers that nobody asks.
func (s *shrinker) dropNodes() {
	for _, name := range slices.Backward(nodesOf(s.test)) {
		if slices.ContainsFunc(s.test.Script, func(a workload.Ask) bool { return a.Node == name }) {
			continue
		}
		if t := without(s.test, name); t.Leaders >= 2 {
			s.try("nodes", t)
		}
	}
}

// nodesOf are the leaders and followers by their names, those with the smaller
// numbers first.
func nodesOf(t Test) (names []string) {
	for i := range t.Leaders {
		names = append(names, "n"+strconv.Itoa(i+1))
	}
	for i := range t.Followers {
		names = append(names, "f"+strconv.Itoa(i+1))
	}
	return names
}

// without is the Test without a node; those of its kind behind it move up.
func without(t Test, gone string) Test {
	before := slices.DeleteFunc(nodesOf(t), func(n string) bool { return n == gone })
	if strings.HasPrefix(gone, "n") {
		t.Leaders--
	} else {
		t.Followers--
	}
	renamed := map[string]string{nemesis.Clients: nemesis.Clients}
	for i, name := range nodesOf(t) {
		renamed[before[i]] = name
	}
	t.Topology = renameLinks(t.Topology, renamed)
	t.Script = slices.Clone(t.Script)
	for i := range t.Script {
		t.Script[i].Node = renamed[t.Script[i].Node]
	}
	var faults []nemesis.Fault
	for _, f := range t.Faults {
		var links []history.Link
		for _, l := range f.Links {
			if from, to := renamed[l.From], renamed[l.To]; from != "" && to != "" {
				links = append(links, history.Link{From: from, To: to})
			}
		}
		var clocks []nemesis.Skew
		for _, c := range f.Clocks {
			if c.Node = renamed[c.Node]; c.Node != "" {
				clocks = append(clocks, c)
			}
		}
		var nodes []string
		for _, n := range f.Nodes {
			if n = renamed[n]; n != "" {
				nodes = append(nodes, n)
			}
		}
		if f.Links, f.Clocks, f.Nodes = links, clocks, nodes; len(links)+len(clocks)+len(nodes) > 0 {
			faults = append(faults, f)
		}
	}
	t.Faults = faults
	return t
}

// renameLinks is a topology with other names, if it is written as links: those of
// nodes that have none are left out.
func renameLinks(topology string, renamed map[string]string) string {
	if !targets.IsLinks(topology) {
		return topology
	}
	var links []string
	for _, link := range strings.Split(topology, ",") {
		from, to, _ := strings.Cut(strings.TrimSpace(link), "-")
		if from, to = renamed[from], renamed[to]; from != "" && to != "" {
			links = append(links, from+"-"+to)
		}
	}
	return strings.Join(links, ",")
}

// squeezeTime lets time pass only where it matters: gaps between what happens are
// cut, all of them first, then one by one, and the run ends when all is done.
func (s *shrinker) squeezeTime() {
	for _, longest := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond} {
		if s.try("time", remap(s.test, func(int, time.Duration) time.Duration { return longest })) {
			break
		}
	}
	for i := range moments(s.test) {
		ms := moments(s.test)
		if i >= len(ms) || i > 0 && ms[i]-ms[i-1] <= 5*time.Millisecond || i == 0 && ms[0] <= 5*time.Millisecond {
			continue
		}
		for _, longest := range []time.Duration{5 * time.Millisecond, 50 * time.Millisecond, 500 * time.Millisecond} {
			if s.try("time", remap(s.test, func(j int, gap time.Duration) time.Duration {
				if i == j {
					return longest
				}
				return gap
			})) {
				break
			}
		}
	}
}

// moments are the times at which something happens: an operation is asked, a fault
// begins or ends.
func moments(t Test) []time.Duration {
	ms := nemesis.Edges(t.Faults)
	for _, a := range t.Script {
		ms = append(ms, a.At)
	}
	slices.Sort(ms)
	return slices.Compact(ms)
}

// remap cuts the gap before each moment to at most longest(i, gap), and the time
// after the last one.
func remap(t Test, longest func(i int, gap time.Duration) time.Duration) Test {
	at := map[time.Duration]time.Duration{}
	was, is := time.Duration(0), time.Duration(0)
	for i, m := range moments(t) {
		gap := m - was
		was, is = m, is+min(gap, longest(i, gap))
		at[m] = is
	}
	return moved(t, func(m time.Duration) time.Duration { return at[m] })
}

// moved is the Test with its moments somewhere else.
func moved(t Test, to func(time.Duration) time.Duration) Test {
	t.Script, t.Faults = slices.Clone(t.Script), slices.Clone(t.Faults)
	for i := range t.Script {
		t.Script[i].At = to(t.Script[i].At)
	}
	for i := range t.Faults {
		t.Faults[i] = t.Faults[i].Between(to(t.Faults[i].From), to(t.Faults[i].Until))
	}
	t.Time = shortest
	for _, m := range moments(t) {
		t.Time = max(t.Time, m+time.Millisecond)
	}
	t.Time = t.Time.Truncate(time.Millisecond)
	for t.Time <= slices.Max(moments(t)) {
		t.Time += time.Millisecond
	}
	return t
}

// shortest is the least time that a run may have.
const shortest = 100 * time.Millisecond

// roundTimes makes times that are easy to read.
func (s *shrinker) roundTimes() {
	for _, unit := range []time.Duration{10 * time.Millisecond, time.Millisecond, 100 * time.Microsecond} {
		if s.try("odd times", moved(s.test, func(m time.Duration) time.Duration { return m.Round(unit) })) {
			return
		}
	}
}

// renumber lets written numbers begin at 1 and follow each other, in the order
// that they have. Increments are amounts, and stay.
func (s *shrinker) renumber() {
	var numbers []int64
	named := func(st workload.Step) bool { return st.Value.Set && st.F != history.Inc }
	for _, a := range s.test.Script {
		for _, st := range a.Steps {
			if named(st) {
				numbers = append(numbers, st.Value.N)
			}
		}
	}
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	if len(numbers) == 0 || numbers[len(numbers)-1] == int64(len(numbers)) {
		return
	}
	t := s.test
	t.Script = slices.Clone(t.Script)
	for i, a := range t.Script {
		t.Script[i].Steps = slices.Clone(a.Steps)
		for j, st := range a.Steps {
			if named(st) {
				n, _ := slices.BinarySearchFunc(numbers, st.Value.N, cmp.Compare[int64])
				t.Script[i].Steps[j].Value = history.Int(int64(n) + 1)
			}
		}
	}
	s.try("large numbers", t)
}
