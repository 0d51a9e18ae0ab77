package mariadb

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

func plain(t *testing.T, options map[string]string) *system {
	t.Helper()
	plan, err := New().Configure(targets.Config{Nodes: []string{"n1", "n2", "n3"}, Topology: ring, World: "docker", Options: options})
	if err != nil {
		t.Fatal(err)
	}
	return plan.System.(*system)
}

func always(packet []byte, reset bool) func(string) ([]byte, bool) {
	return func(string) ([]byte, bool) { return packet, reset }
}

// onto answers one statement in a special way, and all others with success.
func onto(prefix string, packet []byte, reset bool) func(string) ([]byte, bool) {
	return func(q string) ([]byte, bool) {
		if strings.HasPrefix(q, prefix) {
			return packet, reset
		}
		return okPacket(1), false
	}
}

func inc(key string, n int64) history.Step {
	return history.Step{F: history.Inc, Key: key, Value: history.Int(n)}
}

func TestAServerThatResetsIsAskedExactlyOnceForEachOperation(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := newFakeServer(always(nil, true))
	c := f.connect(t, plain(t, nil))
	for n := 1; n <= 5; n++ {
		_, err := c.Do(t.Context(), []history.Step{write("x", int64(n))})
		if err == nil || errors.Is(err, targets.ErrRefused) {
			t.Fatalf("operation %d: %v; the server may have done it", n, err)
		}
		if got := f.asked(""); got != n {
			t.Fatalf("after %d operations the server was asked %d times", n, got)
		}
		if f.dials != n {
			t.Fatalf("after %d operations the server was dialled %d times", n, f.dials)
		}
	}
	_ = c.Close()
}

func TestAServerThatResetsWhileGreetingIsDialledOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := newFakeServer(nil)
	f.handshake = false
	if c, err := plain(t, nil).Connect(t.Context(), f); err == nil {
		t.Fatalf("connected: %v", c)
	}
	if f.dials != 1 {
		t.Errorf("it was dialled %d times", f.dials)
	}
}

func TestOutcomeOfOneStatement(t *testing.T) {
	for _, c := range []struct {
		name    string
		packet  []byte
		reset   bool
		step    history.Step
		outcome history.Outcome
	}{
		{"done", okPacket(1), false, write("x", 1), history.OK},
		{"deadlock", errorPacket(1213, "Deadlock found"), false, write("x", 1), history.Fail},
		{"lock wait timeout", errorPacket(1205, "Lock wait timeout exceeded"), false, write("x", 1), history.Fail},
		{"read only", errorPacket(1290, "--read-only"), false, write("x", 1), history.Fail},
		{"no row to update", okPacket(0), false, write("x", 1), history.Fail},
		{"no element to remove", okPacket(0), false, history.Step{F: history.Remove, Key: "x", Value: history.Int(1)}, history.OK},
		{"error while committing", errorPacket(1180, "Got error 5 during COMMIT"), false, write("x", 1), history.Info},
		{"server shutdown", errorPacket(1053, "Server shutdown in progress"), false, write("x", 1), history.Info},
		{"reset before the answer", nil, true, inc("x", 1), history.Info},
		{"reset before the answer to a read", nil, true, read("x"), history.Fail},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := newFakeServer(always(c.packet, c.reset)).connect(t, plain(t, nil))
			if _, err := client.Do(t.Context(), []history.Step{c.step}); outcomeOf(err) != c.outcome {
				t.Errorf("%s, want %s: %v", outcomeOf(err), c.outcome, err)
			}
		})
	}
}

func TestOutcomeOfATransaction(t *testing.T) {
	reset := func(on string) func(string) ([]byte, bool) { return onto(on, nil, true) }
	for _, c := range []struct {
		name    string
		answer  func(string) ([]byte, bool)
		outcome history.Outcome
		last    string // the last statement that the server saw
	}{
		{"done", always(okPacket(1), false), history.OK, "COMMIT"},
		{"lost at the start", reset("START"), history.Fail, "START"},
		{"lost at a statement", reset("UPDATE"), history.Fail, "UPDATE"},
		{"lost at COMMIT", reset("COMMIT"), history.Info, "COMMIT"},
		{"deadlock at a statement", onto("UPDATE", errorPacket(1213, "Deadlock found"), false), history.Fail, "ROLLBACK"},
		{"shutdown at a statement", onto("UPDATE", errorPacket(1053, "Server shutdown"), false), history.Fail, "ROLLBACK"},
		{"no row at a statement", onto("UPDATE", okPacket(0), false), history.Fail, "ROLLBACK"},
		{"deadlock at COMMIT", onto("COMMIT", errorPacket(1213, "Deadlock found"), false), history.Fail, "ROLLBACK"},
		{"error while committing", onto("COMMIT", errorPacket(1180, "Got error 5"), false), history.Info, "ROLLBACK"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFakeServer(c.answer)
			client := f.connect(t, plain(t, nil))
			_, err := client.Do(t.Context(), []history.Step{write("x", 1), write("y", 2)})
			if outcomeOf(err) != c.outcome {
				t.Errorf("%s, want %s: %v", outcomeOf(err), c.outcome, err)
			}
			if last := f.last(); !strings.HasPrefix(last, c.last) {
				t.Errorf("the server's last statement was %q, want %s", last, c.last)
			}
		})
	}
}

func outcomeOf(err error) history.Outcome {
	switch {
	case err == nil:
		return history.OK
	case errors.Is(err, targets.ErrRefused):
		return history.Fail
	}
	return history.Info
}

func TestADeadlineThatPassesDuringAWriteLeavesItUnknown(t *testing.T) {
	silence := make(chan struct{})
	defer close(silence)
	f := newFakeServer(func(string) ([]byte, bool) { <-silence; return nil, true })
	c := f.connect(t, plain(t, nil))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, []history.Step{write("x", 1)}); outcomeOf(err) != history.Info {
		t.Errorf("%s: %v", outcomeOf(err), err)
	}
	if _, err := c.Do(ctx, []history.Step{write("x", 2)}); outcomeOf(err) != history.Fail {
		t.Errorf("after the deadline nothing is sent, but: %s: %v", outcomeOf(err), err)
	}
	if n := f.asked(""); n != 1 {
		t.Errorf("the server was asked %d times", n)
	}
}

func TestAKeyThatIsWrittenAfterItWasReadIsLocked(t *testing.T) {
	got := func(steps ...history.Step) []lock { return locksOf(steps) }
	for _, c := range []struct {
		name      string
		got, want []lock
	}{
		{"one read", got(read("x")), []lock{unlocked}},
		{"a snapshot", got(read("x"), read("y")), []lock{unlocked, unlocked}},
		{"a snapshot and a write elsewhere", got(read("x"), write("y", 1)), []lock{unlocked, unlocked}},
		{"read, then write", got(read("x"), write("x", 1)), []lock{exclusive, unlocked}},
		{"write, then read", got(write("x", 1), read("x")), []lock{unlocked, unlocked}},
		{"locks are not mixed with a snapshot", got(read("y"), read("x"), write("x", 1), read("z")), []lock{shared, exclusive, unlocked, shared}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestAStepThatSQLCannotSayIsRefusedUnsent(t *testing.T) {
	f := newFakeServer(always(okPacket(1), false))
	c := f.connect(t, plain(t, nil))
	_, err := c.Do(t.Context(), []history.Step{{F: history.Insert, Key: "x", Value: history.List(1, 0)}})
	if outcomeOf(err) != history.Fail || f.asked("") != 0 {
		t.Errorf("%v, and the server was asked %d times", err, f.asked(""))
	}
}

func TestKeysCannotBreakOutOfAStatement(t *testing.T) {
	f := newFakeServer(always(okPacket(1), false))
	c := f.connect(t, plain(t, nil))
	if _, err := c.Do(t.Context(), []history.Step{write(`x' OR '1'='1`, 1)}); err != nil {
		t.Fatal(err)
	}
	if f.asked(`UPDATE registers SET v=1 WHERE k=_binary'x\' OR \'1\'=\'1'`) != 1 {
		t.Errorf("sent: %q", f.last())
	}
}
