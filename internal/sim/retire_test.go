package sim

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

func stopped(n string) nemesis.State {
	return nemesis.State{Down: []nemesis.DownState{{Node: n, By: nemesis.Stop}}}
}

// Who is asked to end brings to the disk what a loss of power would have taken.
func TestAnOrderlyEndLosesNothingEvenIfThePowerGoesAfterIt(t *testing.T) {
	play(t, func(s scene) {
		s.ask(0, "keep a")
		s.apply(stopped("n1"))
		if _, err := s.Nodes()[0].Dial(s.ctx); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a connection to a node that has ended: %v", err)
		}
		s.apply(crashed("n1"))
		if p := s.measure().Nodes["n1"]; p.Is != nemesis.Down || p.Lost != 0 || p.Why != "" {
			t.Errorf("%+v", p)
		}
		s.apply(nemesis.State{})
		if held := s.ask(0, "held"); held != "[a]" {
			t.Errorf("it holds %q", held)
		}
	})
}

// What was asked before the end is answered, also where the answer waits for a disk.
func TestAnOrderlyEndWaitsForTheDisk(t *testing.T) {
	play(t, func(s scene) {
		slow := diskOf("n1", nemesis.DiskTrouble{Slow: time.Second})
		s.apply(slow)
		conn, err := s.Nodes()[0].Dial(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(targets.AppendFrame(nil, []byte("sync a"))); err != nil {
			t.Fatal(err)
		}
		s.wait(100 * time.Millisecond)
		slow.Down = stopped("n1").Down
		began := s.Now()
		s.apply(slow)
		if took := s.Now() - began; took < 800*time.Millisecond || took > time.Second {
			t.Errorf("it ended after %s", took)
		}
		if answer, err := targets.ReadFrame(conn); err != nil || string(answer) != "sync a" {
			t.Errorf("%q, %v", answer, err)
		}
	})
}

func TestWhoDoesNotEndInTimeIsKilled(t *testing.T) {
	play(t, func(s scene) {
		slow := diskOf("n1", nemesis.DiskTrouble{Slow: time.Minute})
		s.apply(slow)
		s.ask(0, "eager a")
		slow.Down = stopped("n1").Down
		began := s.Now()
		s.apply(slow)
		if took := s.Now() - began; took != nemesis.Grace {
			t.Errorf("it was given %s", took)
		}
		if p := s.measure().Nodes["n1"]; p.Is != nemesis.Down || !strings.Contains(p.Why, "was killed") {
			t.Errorf("%+v", p)
		}
	})
}
