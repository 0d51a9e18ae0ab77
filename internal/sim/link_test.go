package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
)

var there, back = history.Link{From: "n1", To: "n2"}, history.Link{From: "n2", To: "n1"}

func impairedBy(i nemesis.Impairment) nemesis.State {
	return nemesis.State{Links: []nemesis.LinkState{{Link: there, Impairment: i}}}
}

// What an impairment does, messages and probes both show, and only on its link.
func TestAnImpairedLinkTreatsMessagesAndProbesAsAsked(t *testing.T) {
	const ms, n = time.Millisecond, 1000
	near := func(is int, ppm int) bool { return is > n*ppm/1e6*3/4 && is < n*ppm/1e6*5/4 }
	for name, c := range map[string]struct {
		i      nemesis.Impairment
		posts  func(came, distinct int, took time.Duration) bool
		probes func(nemesis.Probes) bool
	}{
		"delay": {
			nemesis.Impairment{Delay: 300 * ms},
			func(came, _ int, took time.Duration) bool { return came == n && took > 300*ms && took < 360*ms },
			func(p nemesis.Probes) bool {
				return p.Least > 300*ms && p.Mean == p.Least && p.Came == p.Sent && p.Overtaken == 0
			},
		},
		"jitter": {
			nemesis.Impairment{Jitter: 100 * ms},
			func(came, _ int, took time.Duration) bool { return came == n && took > 95*ms && took < 160*ms },
			func(p nemesis.Probes) bool {
				return p.Mean-p.Least > 40*ms && p.Mean-p.Least < 60*ms && p.Overtaken > 0
			},
		},
		"tail": {
			nemesis.Impairment{Jitter: 100 * ms, Tail: true},
			func(came, _ int, took time.Duration) bool { return came == n && took > 400*ms && took < 1100*ms },
			func(p nemesis.Probes) bool { return p.Mean-p.Least > 70*ms && p.Mean-p.Least < 130*ms },
		},
		"loss": {
			nemesis.Impairment{Loss: 200_000},
			func(came, distinct int, _ time.Duration) bool { return near(n-came, 200_000) && came == distinct },
			func(p nemesis.Probes) bool { return p.Came < p.Sent && p.Twice == 0 },
		},
		"bursts": {
			nemesis.Impairment{Loss: 300_000, Burst: 10},
			func(came, distinct int, _ time.Duration) bool {
				return n-came > 100 && n-came < 500 && came == distinct
			},
			func(p nemesis.Probes) bool { lost := p.Sent - p.Came; return lost > 6*p.Gaps && lost < 15*p.Gaps },
		},
		"rate": { // the messages are of 2890 bytes
			nemesis.Impairment{Rate: 5_000},
			func(came, _ int, took time.Duration) bool { return came == n && took > 570*ms && took < 640*ms },
			func(p nemesis.Probes) bool {
				return p.Came == p.Sent && p.Mean-p.Least > 80*ms && p.Mean-p.Least < 120*ms
			},
		},
		"duplicate": {
			nemesis.Impairment{Duplicate: 200_000},
			func(came, distinct int, _ time.Duration) bool { return distinct == n && near(came-n, 200_000) },
			func(p nemesis.Probes) bool { return p.Came == p.Sent && p.Twice > 0 },
		},
		"reorder": {
			nemesis.Impairment{Reorder: 200_000},
			func(came, _ int, took time.Duration) bool { return came == n && took > 150*ms && took < 260*ms },
			func(p nemesis.Probes) bool { return p.Came == p.Sent && p.Overtaken > 0 },
		},
	} {
		play(t, func(s scene) {
			s.apply(impairedBy(c.i))
			m := s.measure()
			if p := m.Probes[there]; !c.probes(p) {
				t.Errorf("%s: probes %+v", name, p)
			}
			if p := m.Probes[back]; p.Sent != p.Came || p.Twice > 0 || p.Least > 10*ms || !m.Up[back] {
				t.Errorf("%s: the way back: %+v", name, p)
			}
			n2 := s.nodes["n2"].machine.(*clerk)
			began := s.Now()
			for i := range n {
				s.nodes["n1"].send("n2", fmt.Append(nil, i))
			}
			last, came := began, 0
			for s.Now() < began+2*time.Second {
				s.wait(ms)
				if len(n2.kept) > came {
					last, came = s.Now(), len(n2.kept)
				}
			}
			distinct := map[string]bool{}
			for _, body := range n2.kept {
				distinct[body] = true
			}
			if !c.posts(came, len(distinct), last-began) {
				t.Errorf("%s: %d of %d messages came (%d different), the last after %s", name, came, n, len(distinct), last-began)
			}
			if m := s.measure(); m.Impaired[there] != n || m.Impaired[back] != 0 {
				t.Errorf("%s: %v messages were impaired", name, m.Impaired)
			}
			s.apply(nemesis.State{})
			if p := s.measure().Probes[there]; p.Sent < c.i.Probes() || p.Came != p.Sent || p.Twice > 0 || p.Overtaken > 0 || p.Mean > 6*ms {
				t.Errorf("%s: healed, but %+v", name, p)
			}
		})
	}
}

func TestAStandingLatencyTakesThePlaceOfTheDrawnOne(t *testing.T) {
	cfg := pair
	cfg.System, cfg.Latency = office{}, map[history.Link]time.Duration{there: 90 * time.Millisecond}
	playIn(t, cfg, func(s scene) {
		m := s.measure()
		if m.Probes[there].Least != 90*time.Millisecond || m.Probes[back].Least > 6*time.Millisecond {
			t.Errorf("%+v", m.Probes)
		}
		s.ask(0, "post a")
		s.wait(80 * time.Millisecond)
		early := s.ask(1, "held")
		s.wait(80 * time.Millisecond)
		if late := s.ask(1, "held"); strings.Contains(early, "a") || late != "[a]" {
			t.Errorf("it held %s, then %s", early, late)
		}
	})
}
