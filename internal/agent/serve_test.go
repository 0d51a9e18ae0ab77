package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeNode remembers what is asked of it.
type fakeNode struct {
	mu       sync.Mutex
	state    State
	restored int
	refuse   error
}

func (f *fakeNode) hello(_, _ string, rep *Reply) { rep.ClockWhy = "no clock" }

func (f *fakeNode) apply(s State) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return f.refuse
	}
	f.state = s
	return nil
}

func (f *fakeNode) probe(uint64, map[string]int) error { return nil }

func (f *fakeNode) heard(round uint64) (map[string]Tally, error) {
	return map[string]Tally{"10.0.0.2": {Came: int(round)}}, nil
}

func (f *fakeNode) met() map[string]int64 { return nil }

func (f *fakeNode) swallowed() (in, out map[string]int64, err error) {
	return map[string]int64{"10.0.0.3": 7}, nil, nil
}

func (f *fakeNode) tryDisk() (*DiskTrial, error) { return &DiskTrial{Sync: time.Millisecond}, nil }

func (f *fakeNode) held() (int, error) { return 0, nil }

func (f *fakeNode) empty() (int, error) { return 3, nil }

func (f *fakeNode) arm() error { return nil }

func (f *fakeNode) offset() time.Duration { return 0 }

func (f *fakeNode) restore() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.restored = State{}, f.restored+1
	return nil
}

// session is an agent on a fake node, and a client of it.
func session(t *testing.T, lease time.Duration) (*Client, *fakeNode, chan error) {
	t.Helper()
	ours, theirs := net.Pipe()
	f, ended := &fakeNode{}, make(chan error, 1)
	go func() {
		ended <- serve(theirs, theirs, f, lease, nil)
		_ = theirs.Close()
	}()
	c := NewClient(ours)
	t.Cleanup(func() { _ = c.Close() })
	return c, f, ended
}

var isolated = State{Generation: 1, In: []string{"10.0.0.2"}, Out: []string{"10.0.0.2"}}

func TestAppliedStateIsConfirmed(t *testing.T) {
	c, f, _ := session(t, Lease)
	if err := c.Apply(t.Context(), isolated); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(isolated, f.state); diff != "" {
		t.Error(diff)
	}
}

func TestStateOfAnOlderGenerationIsRefused(t *testing.T) {
	c, f, _ := session(t, Lease)
	if err := c.Apply(t.Context(), State{Generation: 2}); err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(t.Context(), isolated); err == nil {
		t.Error("an older state was confirmed")
	}
	if f.state.Generation != 2 {
		t.Errorf("state %d is in force, want 2", f.state.Generation)
	}
}

func TestFailureToApplyReachesTheRunner(t *testing.T) {
	c, f, _ := session(t, Lease)
	f.refuse = errors.New("no such rule")
	if err := c.Apply(t.Context(), isolated); err == nil || !strings.Contains(err.Error(), "no such rule") {
		t.Errorf("error %v", err)
	}
}

func TestEndOfStreamRestoresTheNode(t *testing.T) {
	c, f, ended := session(t, Lease)
	if err := c.Apply(t.Context(), isolated); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if f.restored != 1 || f.state.In != nil {
		t.Errorf("restored %d times, state %+v", f.restored, f.state)
	}
}

func TestSilenceLongerThanTheLeaseRestoresTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f, ended := session(t, Lease)
		if err := c.Apply(t.Context(), isolated); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := <-ended; err == nil {
			t.Error("a lease that ran out is no orderly end")
		}
		if lasted := time.Since(began); lasted != Lease || f.restored != 1 {
			t.Errorf("restored %d times, after %v", f.restored, lasted)
		}
		if err := c.Ping(t.Context()); err == nil {
			t.Error("an agent that has ended answers")
		}
	})
}

func TestPingsKeepTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, f, _ := session(t, Lease)
		for range 100 {
			time.Sleep(Lease - time.Nanosecond)
			if err := c.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if f.restored != 0 {
			t.Error("the node was restored although the runner was there")
		}
	})
}

func TestKeptAgentOutlivesItsRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		f := &fakeNode{}
		stop, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- serve(theirs, theirs, f, Lease, stop) }()
		c := NewClient(ours)
		if err := c.Keep(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		time.Sleep(10 * Lease)
		select {
		case err := <-ended:
			t.Fatalf("the agent ended: %v", err)
		default:
		}
		if f.restored != 0 {
			t.Error("the node was restored")
		}
		close(stop)
		if err := <-ended; err != nil || f.restored != 1 {
			t.Errorf("at the end: error %v, restored %d times", err, f.restored)
		}
	})
}

func TestRubbishIsAnsweredAndTheAgentLives(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() { _ = serve(theirs, theirs, &fakeNode{}, Lease, nil) }()
	defer func() { _ = ours.Close() }()
	dec := json.NewDecoder(ours)
	for _, line := range []string{"rubbish\n", `{"id":3,"do":"dance"}` + "\n", `{"id":4,"do":"apply"}` + "\n"} {
		if _, err := io.WriteString(ours, line); err != nil {
			t.Fatal(err)
		}
		var rep Reply
		if err := dec.Decode(&rep); err != nil || rep.Error == "" {
			t.Errorf("%q: reply %+v, error %v", line, rep, err)
		}
	}
}

func TestCallsSideBySideGetTheirOwnReplies(t *testing.T) {
	c, _, _ := session(t, Lease)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			rep, err := c.Heard(t.Context(), uint64(i))
			if err != nil || rep.Heard["10.0.0.2"].Came != i {
				t.Errorf("round %d: %+v, %v", i, rep, err)
			}
		})
	}
	wg.Wait()
}

func TestCallEndsWithItsContext(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, theirs) }() // hears all, says nothing
	c := NewClient(ours)
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
