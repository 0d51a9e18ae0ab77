package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// clerk logs what it is told to and answers with what it holds; it counts the
// rings of its timer.
type clerk struct {
	kept  []string
	rings int
}

func (c *clerk) Step(in targets.In) []targets.Out {
	ring := targets.Out{Kind: targets.Timer, After: 100 * time.Millisecond}
	switch in.Kind {
	case targets.Start:
		return []targets.Out{ring}
	case targets.Timer:
		c.rings++
		return []targets.Out{ring}
	case targets.Message:
		c.kept = append(c.kept, string(in.Body))
		return nil
	}
	word, rest, _ := strings.Cut(string(in.Body), " ")
	reply := targets.Out{Kind: targets.Reply, To: in.From, Body: in.Body}
	switch word {
	case "held":
		reply.Body = fmt.Append(nil, c.kept)
	case "rings":
		reply.Body = fmt.Append(nil, c.rings)
	case "wall":
		reply.Body = []byte(in.Wall.Format(time.RFC3339Nano))
	case "post":
		return []targets.Out{{Kind: targets.Message, To: "n2", Body: []byte(rest)}, reply}
	default: // keep, sync, eager
		c.kept = append(c.kept, rest)
		reply.Eager = word == "eager"
		return []targets.Out{{Kind: targets.Log, Body: []byte(rest), Sync: word != "keep"}, reply}
	}
	return []targets.Out{reply}
}

type office struct{}

func (office) New(_ string, d targets.Disk) targets.Machine {
	c := &clerk{}
	for _, r := range d.Read() {
		c.kept = append(c.kept, string(r))
	}
	return c
}

func killed(n string) nemesis.State {
	return nemesis.State{Down: []nemesis.DownState{{Node: n, By: nemesis.Kill}}}
}

func crashed(n string) nemesis.State {
	return nemesis.State{Down: []nemesis.DownState{{Node: n, By: nemesis.Crash}}}
}

func paused(n string) nemesis.State { return nemesis.State{Paused: []string{n}} }

// scene is a task in the office, with what it does most.
type scene struct {
	*testing.T
	*Cluster
	ctx context.Context
}

func (s scene) apply(st nemesis.State) {
	if err := s.Fabric().Apply(s.ctx, st); err != nil {
		s.Fatal(err)
	}
}

func (s scene) wait(d time.Duration) {
	if err := s.Sleep(s.ctx, d); err != nil {
		s.Fatal(err)
	}
}

func (s scene) measure() nemesis.Measured {
	m, err := s.Fabric().Measure(s.ctx)
	if err != nil {
		s.Fatal(err)
	}
	return m
}

func (s scene) ask(node int, body string) string {
	s.Helper()
	got, err := ask(s.ctx, s.Nodes()[node], body)
	if err != nil {
		s.Fatalf("%s: %v", body, err)
	}
	return got
}

func play(t *testing.T, do func(scene)) {
	t.Helper()
	cfg := pair
	cfg.System = office{}
	playIn(t, cfg, do)
}

func playIn(t *testing.T, cfg Config, do func(scene)) {
	t.Helper()
	c := Start(cfg)
	if err := c.Run(t.Context(), named("scene", func(ctx context.Context) error { do(scene{t, c, ctx}); return nil })); err != nil {
		t.Fatal(err)
	}
}

func TestAKillKeepsWhatWasWrittenAndALossOfPowerOnlyWhatWasSynced(t *testing.T) {
	for name, c := range map[string]struct {
		state nemesis.State
		wait  time.Duration
		want  string
		lost  int64
	}{
		"a kill":               {killed("n1"), 0, "[a b c]", 0},
		"a loss of power":      {crashed("n1"), 0, "[a b]", 1},
		"a loss after a flush": {crashed("n1"), diskFlush + time.Millisecond, "[a b c]", 0},
	} {
		play(t, func(s scene) {
			for _, body := range []string{"keep a", "sync b", "keep c"} {
				s.ask(0, body)
			}
			s.wait(c.wait)
			s.apply(c.state)
			s.apply(c.state) // the second time changes nothing
			if p := s.measure().Nodes["n1"]; p.Is != nemesis.Down || p.Lost != c.lost {
				t.Errorf("%s: %+v", name, p)
			}
			s.apply(nemesis.State{})
			if p := s.measure().Nodes["n1"]; p.Is != nemesis.Up {
				t.Errorf("%s: after it, %+v", name, p)
			}
			if got := s.ask(0, "held"); got != c.want {
				t.Errorf("after %s n1 holds %q, want %q", name, got, c.want)
			}
		})
	}
}

func TestAKillBeforeALossOfPowerDoesNotSaveWhatWasNotSynced(t *testing.T) {
	play(t, func(s scene) {
		s.ask(0, "sync a")
		s.ask(0, "keep b")
		s.apply(killed("n1"))
		s.wait(time.Millisecond)
		s.apply(crashed("n1"))
		s.apply(nemesis.State{})
		if got := s.ask(0, "held"); got != "[a]" {
			t.Errorf("n1 holds %q", got)
		}
	})
}

// What has left a node is on its disk, unless the machine was eager.
func TestAnAnswerIsOnDiskUnlessItWasEager(t *testing.T) {
	for word, want := range map[string]string{"sync": "no answer", "eager": "an answer"} {
		play(t, func(s scene) {
			conn, err := s.Nodes()[0].Dial(s.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(targets.AppendFrame(nil, []byte(word+" a"))); err != nil {
				t.Fatal(err)
			}
			for n := s.nodes["n1"]; len(n.disk.records) == 0; { // the request has come in, the sync is not over
				s.wait(10 * time.Microsecond)
			}
			s.apply(crashed("n1"))
			answer, err := targets.ReadFrame(conn)
			got := "an answer"
			if errors.Is(err, io.EOF) {
				got = "no answer"
			}
			if got != want {
				t.Errorf("%s: %s (%q, %v)", word, got, answer, err)
			}
			s.wait(time.Second) // a sync of before does not bring back what is lost
			s.apply(nemesis.State{})
			if held := s.ask(0, "held"); held != "[]" {
				t.Errorf("%s: n1 holds %q", word, held)
			}
		})
	}
}

func TestANodeThatIsDownTakesNothingAndSendsNothing(t *testing.T) {
	play(t, func(s scene) {
		conn, err := s.Nodes()[1].Dial(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		s.ask(0, "post early") // on its way when n2 goes down
		s.apply(killed("n2"))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("a connection of before: %v", err)
		}
		if _, err := s.Nodes()[1].Dial(s.ctx); !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "n2") {
			t.Errorf("a new connection: %v", err)
		}
		s.ask(0, "post late")
		s.wait(time.Second)
		if p := s.measure().Nodes["n2"]; p.Met != 4 {
			t.Errorf("one connection, one dial and two messages met it: %+v", p)
		}
		s.apply(nemesis.State{})
		s.wait(150 * time.Millisecond)
		if held, rings := s.ask(1, "held"), s.ask(1, "rings"); held != "[]" || rings != "1" {
			t.Errorf("it holds %q, and its timer rang %s times", held, rings)
		}
	})
}

func TestAPausedNodeDoesLaterWhatCameInTheMeantime(t *testing.T) {
	play(t, func(s scene) {
		s.apply(paused("n2"))
		began := s.Now()
		conn, err := s.Nodes()[1].Dial(s.ctx) // its kernel takes connections
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(targets.AppendFrame(nil, []byte("wall"))); err != nil {
			t.Fatal(err)
		}
		s.ask(0, "post a")
		s.wait(10 * time.Second)
		if p := s.measure().Nodes["n2"]; p.Is != nemesis.Paused || p.Met != 2 {
			t.Errorf("%+v", p)
		}
		s.apply(nemesis.State{})
		answer, err := targets.ReadFrame(conn)
		if err != nil {
			t.Fatal(err)
		}
		wall, err := time.Parse(time.RFC3339Nano, string(answer))
		if err != nil || wall.Sub(Epoch) < began+10*time.Second {
			t.Errorf("its clock stood still: %s, %v", wall, err)
		}
		if held, rings := s.ask(1, "held"), s.ask(1, "rings"); held != "[a]" || rings != "1" {
			t.Errorf("it holds %q, and its timer rang %s times at once", held, rings)
		}
	})
}

func TestAPausedNodeThatIsKilledForgetsWhatWaited(t *testing.T) {
	play(t, func(s scene) {
		s.apply(paused("n2"))
		s.ask(0, "post a")
		s.wait(time.Second)
		s.apply(nemesis.State{Paused: []string{"n2"}, Down: []nemesis.DownState{{Node: "n2", By: nemesis.Kill}}})
		s.apply(paused("n2"))
		if p := s.measure().Nodes["n2"]; p.Is != nemesis.Paused {
			t.Errorf("started again while it is paused: %+v", p)
		}
		s.apply(nemesis.State{})
		if held := s.ask(1, "held"); held != "[]" {
			t.Errorf("it holds %q", held)
		}
	})
}

// Links and clocks are the world's, not the process's.
func TestACutAndASkewOutliveARestart(t *testing.T) {
	play(t, func(s scene) {
		wrong := nemesis.State{Cut: []history.Link{{From: "n1", To: "n2"}}, Clocks: []nemesis.ClockState{{Node: "n2", Offset: time.Hour}}}
		down := wrong
		down.Down = []nemesis.DownState{{Node: "n2", By: nemesis.Kill}}
		for _, st := range []nemesis.State{wrong, down, wrong} {
			s.apply(st)
		}
		m := s.measure()
		if diff := cmp.Diff(time.Hour, m.Clocks["n2"]); diff != "" || m.Up[wrong.Cut[0]] || m.Nodes["n2"].Is != nemesis.Up {
			t.Errorf("%s %+v", diff, m)
		}
	})
}

func diskOf(n string, d nemesis.DiskTrouble) nemesis.State {
	return nemesis.State{Disks: []nemesis.DiskState{{Node: n, DiskTrouble: d}}}
}

// A machine that logs to a full disk dies of it, unlike one that does not, and comes
// back when there is room.
func TestAMachineDiesOfAFullDiskAndIsStartedWhenThereIsRoom(t *testing.T) {
	play(t, func(s scene) {
		s.ask(0, "sync a")
		s.apply(diskOf("n1", nemesis.DiskTrouble{Full: true}))
		if held := s.ask(0, "held"); held != "[a]" {
			t.Errorf("who only reads is told %q", held)
		}
		if _, err := ask(s.ctx, s.Nodes()[0], "sync b"); !errors.Is(err, io.EOF) {
			t.Errorf("a write: %v", err)
		}
		m := s.measure()
		if d, p := m.Disks["n1"], m.Nodes["n1"]; !d.Full || d.Met != 2 || p.Is != nemesis.Down || p.Why == "" || m.Disks["n2"].Full {
			t.Errorf("%+v, %+v", d, p)
		}
		s.apply(diskOf("n1", nemesis.DiskTrouble{Full: true})) // nobody starts it in vain
		if _, err := s.Nodes()[0].Dial(s.ctx); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v", err)
		}
		s.apply(nemesis.State{})
		if held := s.ask(0, "held"); held != "[a]" {
			t.Errorf("it holds %q", held)
		}
	})
}

func TestASlowDiskDelaysAnswersAndCatchesUp(t *testing.T) {
	play(t, func(s scene) {
		s.apply(diskOf("n1", nemesis.DiskTrouble{Slow: 100 * time.Millisecond}))
		if d := s.measure().Disks["n1"]; d.Sync != diskSync+100*time.Millisecond || d.Full {
			t.Errorf("%+v", d)
		}
		var conns []net.Conn
		began := s.Now()
		for range 50 {
			conn, err := s.Nodes()[0].Dial(s.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(targets.AppendFrame(nil, []byte("sync a"))); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			if _, err := targets.ReadFrame(conn); err != nil {
				t.Fatal(err)
			}
		}
		if took := s.Now() - began; took < 200*time.Millisecond || took > 250*time.Millisecond {
			t.Errorf("50 records took %s: the first one a sync, the others the next one together", took)
		}
		if d := s.measure().Disks["n1"]; d.Met != 50 {
			t.Errorf("%+v", d)
		}
		s.apply(crashed("n1"))
		s.apply(nemesis.State{})
		if held := s.ask(0, "held"); strings.Count(held, "a") != 50 {
			t.Errorf("it holds %s", held)
		}
	})
}
