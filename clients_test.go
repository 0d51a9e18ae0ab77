package mlcheck

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

// ofClients is a fault of the links between n1 and its clients.
func ofClients(requests, answers bool) nemesis.Fault {
	f := nemesis.Fault{ID: 1, Kind: nemesis.Partition, From: time.Second, Until: 4 * time.Second}
	if requests {
		f.Links = append(f.Links, history.Link{From: nemesis.Clients, To: "n1"})
	}
	if answers {
		f.Links = append(f.Links, history.Link{From: "n1", To: nemesis.Clients})
	}
	return f
}

// unknowns counts the elements that sessions could not tell to have been added: how many
// a leader showed during the cut, how many only later, and how many never.
func unknowns(h *history.History, heal time.Duration) (soon, late, never int) {
	shown := map[int64]time.Duration{} // when an element was first seen
	for k := range h.Len() {
		op := h.Op(k)
		for _, st := range op.Steps {
			if op.Outcome != history.OK || st.F != history.Read {
				continue
			}
			for _, e := range st.Value.List {
				if _, seen := shown[e]; !seen {
					shown[e] = op.End
				}
			}
		}
	}
	for k := range h.Len() {
		op := h.Op(k)
		if op.Outcome != history.Info || op.Steps[0].F != history.Add {
			continue
		}
		switch at, seen := shown[op.Steps[0].Value.N]; {
		case !seen:
			never++
		case at < heal:
			soon++
		default:
			late++
		}
	}
	return soon, late, never
}

// An operation whose answer is lost has happened, one whose request is held up happens
// when the client has long given up, and one whose request is refused never does. What
// nobody knows is no violation, and connections that cannot be made are no unknowns.
func TestWhatBecomesOfOperationsWhenClientsAreCutOff(t *testing.T) {
	for name, c := range map[string]struct {
		requests, answers, reject bool
		expect                    func(soon, late, never int) bool
	}{
		"answers held up":  {false, true, false, func(soon, late, never int) bool { return soon > 0 && never == 0 }},
		"requests held up": {true, false, false, func(soon, late, never int) bool { return soon == 0 && late > 0 && never == 0 }},
		"requests refused": {true, false, true, func(soon, late, never int) bool { return soon+late == 0 && never > 0 }},
		"answers refused":  {false, true, true, func(soon, late, never int) bool { return soon > 0 && never == 0 }},
		"both held up":     {true, true, false, func(soon, late, never int) bool { return late > 0 && never == 0 }},
	} {
		f := ofClients(c.requests, c.answers)
		f.Reject = c.reject
		r, s := staged(t, Test{
			Workload: "set", Options: opts("policy", "lww-hlc"), Faults: []nemesis.Fault{f},
			Time: 6 * time.Second, Timeout: 500 * time.Millisecond, Sessions: 18, Reads: Share(0.3), Seed: 1,
		})
		o := finish(t, r, s)
		if fr := o.Results.Faults[0]; o.Results.Verdict != checker.Holds || fr.State != "effective" || !strings.Contains(fr.What, "clients") {
			t.Errorf("%s: %s, %+v", name, o.Results.Verdict, fr)
		}
		h := recorded(t, r)
		for k := range h.Len() {
			op := h.Op(k)
			if down := op.Start > f.From && op.Start < f.Until && op.Node == "n1"; down && !c.reject && op.Outcome == history.OK && op.End < f.Until {
				t.Fatalf("%s: an operation got through: %+v", name, op)
			}
			if op.Outcome != history.OK && op.Node != "n1" {
				t.Fatalf("%s: clients of another leader are cut off: %+v", name, op)
			}
		}
		soon, late, never := unknowns(h, f.Until)
		t.Logf("%s: %d at once, %d later, %d never", name, soon, late, never)
		if !c.expect(soon, late, never) {
			t.Errorf("%s: of what is unknown %d were seen at once, %d later, %d never", name, soon, late, never)
		}
	}
}

func TestFaultsOfClientsAreProvedAndTheirAbsenceIsSeen(t *testing.T) {
	cut, slow := ofClients(true, true), ofClients(true, false)
	slow.Kind, slow.Impair = nemesis.Link, &nemesis.Impairment{Delay: 50 * time.Millisecond}
	requests := history.Link{From: nemesis.Clients, To: "n1"}
	for name, c := range map[string]struct {
		fault   nemesis.Fault
		measure func(nemesis.Measured)
		want    string
	}{
		"cut":              {cut, nil, ""},
		"slow":             {slow, nil, ""},
		"cut, a probe":     {cut, func(m nemesis.Measured) { m.Up[requests] = true }, "a probe passed from clients to n1"},
		"cut, not looked":  {cut, func(m nemesis.Measured) { delete(m.Up, requests) }, "nobody could measure whether clients reaches n1"},
		"slow, not looked": {slow, func(m nemesis.Measured) { delete(m.Probes, requests) }, "clients → n1 was not measured"},
		"slow, and is not": {slow, func(m nemesis.Measured) {
			p := m.Probes[requests]
			p.Least, p.Mean = time.Millisecond, time.Millisecond
			m.Probes[requests] = p
		}, "from clients to n1"},
	} {
		r, s := staged(t, with(func(t *Test) { t.Faults, t.Time = []nemesis.Fault{c.fault}, 5*time.Second }))
		s.measure = c.measure
		if strings.Contains(name, "not looked") {
			if _, err := r.run(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: nobody looked whether it heals: %v", name, err)
			}
			continue
		}
		o := finish(t, r, s)
		f := o.Results.Faults[0]
		if state := map[bool]string{true: "effective", false: "absent"}[c.want == ""]; f.State != state || !strings.Contains(f.Note, c.want) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestAFaultOfClientsThatMeetsNobodyIsIdle(t *testing.T) {
	f := ofClients(true, true)
	for i := range f.Links {
		if l := &f.Links[i]; l.From == "n1" {
			l.From = "n3"
		} else {
			l.To = "n3"
		}
	}
	r, s := staged(t, with(func(t *Test) {
		t.Faults, t.Time, t.Sessions, t.Moves = []nemesis.Fault{f}, 5*time.Second, 2, Share(0)
	}))
	if f := finish(t, r, s).Results.Faults[0]; f.State != "idle" {
		t.Errorf("%+v", f)
	}
}

func TestShrinkingKeepsTheLinksOfClientsOfNodesThatStay(t *testing.T) {
	f := ofClients(true, false)
	f.Links = append(f.Links, history.Link{From: nemesis.Clients, To: "n3"})
	got := without(Test{Leaders: 3, Faults: []nemesis.Fault{f}}, "n1").Faults[0].Links
	if want := []history.Link{{From: nemesis.Clients, To: "n2"}}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}
