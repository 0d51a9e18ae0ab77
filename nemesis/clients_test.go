package nemesis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
)

func scheduled(t *testing.T, seed uint64, kinds ...string) []Fault {
	t.Helper()
	d := Draw{Kinds: kinds, Nodes: append(slices.Clone(nodes), "f1"), Followers: []string{"f1"}, Links: append(mesh(nodes), history.Link{From: "n1", To: "f1"}), Skew: time.Second, Time: time.Minute, Seed: seed}
	fs, err := d.Schedule()
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(fs, d.Nodes, d.Links); err != nil {
		t.Fatalf("seed %d: a drawn schedule is refused: %v", seed, err)
	}
	return fs
}

func TestLinksOfClientsAreDrawnOnlyWhenAskedFor(t *testing.T) {
	drawn := map[string]int{}
	for seed := range uint64(30) {
		for _, f := range scheduled(t, seed, "partition", "link", "flaky-wan", "split-brain", "datacenter-outage") {
			if slices.ContainsFunc(f.Links, OfClients) {
				t.Fatalf("seed %d: nobody asked for %s", seed, f)
			}
		}
		for _, f := range scheduled(t, seed, "partition:clients", "link:clients", "partition:isolate+clients:every=3s") {
			ours, other := slices.ContainsFunc(f.Links, OfClients), slices.ContainsFunc(f.Links, func(l history.Link) bool { return !OfClients(l) })
			if ours != (f.Shape == ofClients) || ours == other {
				t.Fatalf("seed %d: %s (%s) has %v", seed, f, f.Shape, f.Links)
			}
			asked := slices.ContainsFunc(f.Links, func(l history.Link) bool { return l.From == Clients })
			answered := slices.ContainsFunc(f.Links, func(l history.Link) bool { return l.To == Clients })
			switch {
			case !ours:
				drawn[f.Shape]++
			case asked && answered:
				drawn[f.Kind+" both"]++
			case asked:
				drawn[f.Kind+" requests"]++
			default:
				drawn[f.Kind+" answers"]++
			}
			if len(f.Links) >= len(nodes) && ours {
				drawn[f.Kind+" all"]++
			}
			for _, l := range f.Links {
				if l.From == "f1" && l.To == Clients || l.To == "f1" && l.From == Clients {
					t.Fatalf("seed %d: %s: f1 is no leader", seed, f)
				}
			}
		}
	}
	for _, want := range []string{"isolate", "partition both", "partition requests", "partition answers", "partition all", "link both", "link requests", "link answers", "link all"} {
		if drawn[want] == 0 {
			t.Errorf("never drawn: %s; %v", want, drawn)
		}
	}
}

// Who asks for them changes no other fault.
func TestLinksOfClientsLeaveOtherDrawsAlone(t *testing.T) {
	for seed := range uint64(10) {
		plain := scheduled(t, seed, "partition", "link", "kill")
		mixed := slices.DeleteFunc(scheduled(t, seed, "partition", "partition:clients", "link:clients", "link", "kill"), func(f Fault) bool { return f.Shape == ofClients })
		for i := range mixed {
			mixed[i].ID = i + 1
		}
		if diff := cmp.Diff(plain, mixed); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

func TestLinksOfClientsInASchedule(t *testing.T) {
	links := mesh(nodes)
	in, out := history.Link{From: Clients, To: "n1"}, history.Link{From: "n1", To: Clients}
	good := []Fault{
		{ID: 1, Kind: Partition, From: 1, Until: 2, Links: []history.Link{in}, Reject: true},
		{ID: 2, Kind: Partition, From: 0, Until: time.Second * 3, Flap: time.Second, Links: []history.Link{in, out, links[0]}},
		{ID: 3, Kind: Link, From: 1, Until: 2, Links: []history.Link{out}, Impair: &Impairment{Delay: time.Second, Jitter: time.Second, Loss: 10_000, Rate: 9000}},
	}
	if err := Check(good, nodes, links); err != nil {
		t.Error(err)
	}
	if got, want := good[0].String(), "clients ↛ n1, refused"; got != want {
		t.Errorf("it says %q, not %q", got, want)
	}
	if got := Concerned(good); !slices.Equal(got, []history.Link{in, out}) {
		t.Errorf("concerned: %v", got)
	}
	for want, f := range map[string]Fault{
		"no link between clients and n9":    {Links: []history.Link{{From: Clients, To: "n9"}}},
		"no link between clients and clien": {Links: []history.Link{{From: Clients, To: Clients}}},
		"leave duplicate and reorder out":   {Kind: Link, Links: []history.Link{links[0], in}, Impair: &Impairment{Delay: time.Second, Duplicate: 10_000}},
		"put right by TCP":                  {Kind: Link, Links: []history.Link{out}, Impair: &Impairment{Reorder: 10_000}},
	} {
		f.ID, f.Until = 1, 1
		if f.Kind == "" {
			f.Kind = Partition
		}
		if err := Check([]Fault{f}, nodes, links); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, not %s", f, err, want)
		}
	}
	if err := Check(nil, []string{"n1", Clients}, nil); err == nil || !strings.Contains(err.Error(), "no node can be called") {
		t.Errorf("a node called so: %v", err)
	}
}
