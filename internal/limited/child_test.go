package limited

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker/linear"
	"github.com/mlcheck/mlcheck/history"
)

const enough = 1 << 30

// endless is a problem that takes more time and memory than there is: any of many
// increments may have happened, and no choice of them explains the reads.
func endless() linear.Problem {
	var p linear.Problem
	for i := range 60 {
		p.Ops = append(p.Ops, linear.Operation{
			ID: i + 1, Call: int64(i + 1), Steps: []history.Step{{F: history.Inc, Key: "c", Value: history.Int(2 << (i % 50))}},
		})
	}
	p.Ops = append(p.Ops, linear.Operation{
		ID: 100, Call: 100, Return: 101, Steps: []history.Step{{F: history.Read, Key: "c", Value: history.Int(-1)}},
	})
	return p
}

func easy(read int64) linear.Problem {
	return linear.Problem{Ops: []linear.Operation{
		{ID: 1, Call: 1, Return: 2, Steps: []history.Step{{F: history.Inc, Key: "c", Value: history.Int(3)}}},
		{ID: 3, Call: 3, Return: 4, Steps: []history.Step{{F: history.Read, Key: "c", Value: history.Int(read)}}},
	}}
}

func start(ctx context.Context, t *testing.T, l Limits) *Child {
	t.Helper()
	c, err := Start(ctx, "search", l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAChildAnswersOneQuestionAfterTheOther(t *testing.T) {
	c := start(t.Context(), t, Limits{Memory: enough, Time: time.Minute})
	for _, tc := range []struct {
		read int64
		want linear.Verdict
	}{{3, linear.Yes}, {4, linear.No}, {3, linear.Yes}} {
		var a linear.Answer
		if err := c.Ask(easy(tc.read), &a); err != nil {
			t.Fatal(err)
		}
		if a.Verdict != tc.want {
			t.Errorf("a read of %d: %+v, want %s", tc.read, a, tc.want)
		}
	}
	if err := c.Close(); err != nil {
		t.Errorf("it did not end well: %v", err)
	}
}

func TestAChildThatTakesTooMuchMemoryEndsAndSaysWhy(t *testing.T) {
	c := start(t.Context(), t, Limits{Memory: 48 << 20, Time: 5 * time.Minute})
	var a linear.Answer
	if err := c.Ask(endless(), &a); !errors.Is(err, ErrMemory) {
		t.Errorf("error %v, answer %+v", err, a)
	}
	if !c.cmd.ProcessState.Exited() {
		t.Error("the child is still there")
	}
}

func TestAChildWhoseTimeIsOverSaysSo(t *testing.T) {
	c := start(t.Context(), t, Limits{Memory: enough, Time: 100 * time.Millisecond})
	var a linear.Answer
	err := c.Ask(endless(), &a)
	if (err != nil || a.Why != context.DeadlineExceeded.Error()) && !errors.Is(err, ErrTime) {
		t.Errorf("error %v, answer %+v", err, a)
	}
}

func TestAChildIsKilledWhenTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := start(ctx, t, Limits{Memory: 8 << 30, Time: time.Hour})
	time.AfterFunc(50*time.Millisecond, cancel)
	var a linear.Answer
	if err := c.Ask(endless(), &a); err == nil || errors.Is(err, ErrMemory) || errors.Is(err, ErrTime) {
		t.Errorf("error %v, answer %+v", err, a)
	}
	if c.cmd.ProcessState == nil {
		t.Error("the child is still there")
	}
}

// What a parent held is closed by the system however the parent ends.
func TestAChildEndsWithItsParent(t *testing.T) {
	c := start(t.Context(), t, Limits{Memory: 8 << 30, Time: time.Hour})
	time.AfterFunc(50*time.Millisecond, func() { _ = c.leash.Close() })
	var a linear.Answer
	if err := c.Ask(endless(), &a); err == nil {
		t.Errorf("answer %+v", a)
	}
	if !c.cmd.ProcessState.Exited() {
		t.Errorf("the child did not end by itself: %v", c.cmd.ProcessState)
	}
}

func TestWrongArgumentsAreNoLimits(t *testing.T) {
	work := func(context.Context, io.Reader, io.Writer) error { return errors.New("it worked all the same") }
	for _, args := range [][]string{nil, {"1"}, {"x", "1s"}, {"0", "1s"}, {"1000", "soon"}} {
		if status := Main(args, work); status != 3 {
			t.Errorf("%s: status %d", strings.Join(args, " "), status)
		}
	}
}
