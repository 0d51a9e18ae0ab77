package sim

import (
	"context"
	"errors"
	"testing"
	"time"
)

func inTask(t *testing.T, do func(c *Cluster, ctx context.Context)) {
	t.Helper()
	c := Start(pair)
	if err := c.Run(t.Context(), named("task", func(ctx context.Context) error { do(c, ctx); return nil })); err != nil {
		t.Fatal(err)
	}
}

func TestAContextEndsWithItsTimeItsParentOrItsCancel(t *testing.T) {
	inTask(t, func(c *Cluster, ctx context.Context) {
		long, cancelLong := c.WithTimeout(ctx, 3*time.Second)
		short, cancelShort := c.WithTimeout(long, time.Second)
		capped, cancelCapped := c.WithTimeout(long, time.Hour)
		defer cancelShort()
		defer cancelCapped()
		if d, ok := capped.Deadline(); !ok || d != Epoch.Add(3*time.Second) {
			t.Errorf("a child's deadline is %s", d)
		}
		if err := c.Sleep(ctx, time.Second); err != nil || !errors.Is(short.Err(), context.DeadlineExceeded) || long.Err() != nil {
			t.Errorf("after a second: %v, %v, %v", err, short.Err(), long.Err())
		}
		cancelLong()
		cancelShort() // too late to be what ended it
		if !errors.Is(long.Err(), context.Canceled) || !errors.Is(capped.Err(), context.Canceled) || !errors.Is(short.Err(), context.DeadlineExceeded) {
			t.Errorf("after the cancel: %v, %v, %v", long.Err(), capped.Err(), short.Err())
		}
	})
}

// Whoever asks for the channel, early or late, gets one that closes.
func TestTheLibraryFindsARealContext(t *testing.T) {
	type key struct{}
	inTask(t, func(c *Cluster, ctx context.Context) {
		asked, cancel := c.WithTimeout(context.WithValue(ctx, key{}, 7), time.Second)
		defer cancel()
		child, cancelChild := context.WithCancel(asked)
		defer cancelChild()
		late, cancelLate := c.WithTimeout(ctx, time.Second)
		defer cancelLate()
		if asked.Value(key{}) != 7 {
			t.Error("a value was lost")
		}
		if err := c.Sleep(ctx, time.Second); err != nil {
			t.Error(err)
		}
		for name, ctx := range map[string]context.Context{"asked": asked, "child": child, "late": late} {
			select {
			case <-ctx.Done():
			default:
				t.Errorf("%s: the channel is open after the deadline", name)
			}
			if !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				t.Errorf("%s: the cause is %v", name, context.Cause(ctx))
			}
		}
		early, cancelEarly := c.WithTimeout(ctx, time.Second)
		done := early.Done()
		cancelEarly()
		<-done
	})
}

func TestWaitingForTheSameMomentIsInTheOrderOfWaiting(t *testing.T) {
	c := Start(pair)
	var order []string
	until := func(name string, after, at time.Duration) func(context.Context) error {
		return func(ctx context.Context) error {
			if err := c.Sleep(ctx, after); err != nil {
				return err
			}
			if err := c.Sleep(ctx, at-c.Now()); err != nil {
				return err
			}
			order = append(order, name)
			return nil
		}
	}
	if err := c.Run(t.Context(), named("late", until("late", 2, time.Second)), named("early", until("early", 1, time.Second))); err != nil {
		t.Fatal(err)
	}
	if len(order) != 2 || order[0] != "early" {
		t.Error(order)
	}
}

// A deadline that moves on with each operation stays one entry of the agenda.
func TestDeadlinesDoNotPileUp(t *testing.T) {
	inTask(t, func(c *Cluster, ctx context.Context) {
		conn, err := c.Nodes()[0].Dial(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		for range 100 {
			if err := conn.SetDeadline(Epoch.Add(c.Now() + time.Minute)); err != nil {
				t.Error(err)
			}
			if _, err := askOn(conn, "hello"); err != nil {
				t.Error(err)
			}
		}
		if n := len(c.agenda.later); n > 20 {
			t.Errorf("%d entries wait on the agenda", n)
		}
	})
}
