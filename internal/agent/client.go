package agent

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Client is the runner's end of the stream to one agent. Its methods may be
// called from several goroutines; the agent answers in order.
type Client struct {
	stream io.WriteCloser
	ended  chan struct{}

	write sync.Mutex // held while a line is written

	mu     sync.Mutex
	last   uint64
	waits  map[uint64]chan Reply
	reason error // why the stream ended
}

// NewClient talks to an agent over a stream. Close ends the stream, and with it
// the agent.
func NewClient(stream io.ReadWriteCloser) *Client {
	c := &Client{stream: stream, ended: make(chan struct{}), waits: map[uint64]chan Reply{}}
	go c.read(stream)
	return c
}

func (c *Client) read(r io.Reader) {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, maxLine)
	for scan.Scan() {
		var rep Reply
		if json.Unmarshal(scan.Bytes(), &rep) != nil {
			continue
		}
		c.mu.Lock()
		wait := c.waits[rep.ID]
		delete(c.waits, rep.ID)
		c.mu.Unlock()
		if wait != nil {
			wait <- rep
		}
	}
	c.mu.Lock()
	c.reason = errors.Join(errors.New("the agent has ended"), scan.Err())
	c.mu.Unlock()
	close(c.ended)
}

// Ended is closed when the agent's end of the stream is gone.
func (c *Client) Ended() <-chan struct{} { return c.ended }

// Close ends the stream.
func (c *Client) Close() error { return c.stream.Close() }

// Hello asks which faults work at the node. The token is what the agent shows
// to whoever connects to [Port]; clock is how the target's clock is to be skewed.
func (c *Client) Hello(ctx context.Context, token, clock string) (Reply, error) {
	return c.call(ctx, request{Do: doHello, Token: token, Clock: clock})
}

// Ping keeps the lease.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.call(ctx, request{Do: doPing})
	return err
}

// Apply makes a state true; nil only when the agent has confirmed exactly it.
func (c *Client) Apply(ctx context.Context, s State) error {
	rep, err := c.call(ctx, request{Do: doApply, State: &s})
	if err == nil && rep.Generation != s.Generation {
		err = fmt.Errorf("the agent confirmed state %d instead of %d", rep.Generation, s.Generation)
	}
	return err
}

// Probe sends probes of a round, so many to each address.
func (c *Client) Probe(ctx context.Context, round uint64, to map[string]int) error {
	_, err := c.call(ctx, request{Do: doProbe, Round: round, To: to})
	return err
}

// Heard asks whose probes of a round have arrived, and what cuts have swallowed.
func (c *Client) Heard(ctx context.Context, round uint64) (Reply, error) {
	return c.call(ctx, request{Do: doHeard, Round: round})
}

// Dial asks which of the addresses refuse a connection to their agent.
func (c *Client) Dial(ctx context.Context, to map[string]int) ([]string, error) {
	rep, err := c.call(ctx, request{Do: doDial, To: to})
	return rep.Refused, err
}

// TryDisk writes to the target's volume and says what became of that.
func (c *Client) TryDisk(ctx context.Context) (DiskTrial, error) {
	rep, err := c.call(ctx, request{Do: doTry})
	if err != nil || rep.Disk == nil {
		return DiskTrial{}, cmp.Or(err, errors.New("the agent does not say what became of it"))
	}
	return *rep.Disk, nil
}

// Held says how many files and directories are on the target's volume.
func (c *Client) Held(ctx context.Context) (int, error) { return c.count(ctx, doHeld) }

// Empty removes all that is on the target's volume, and says how many files and
// directories that were. The target must not run.
func (c *Client) Empty(ctx context.Context) (int, error) { return c.count(ctx, doEmpty) }

func (c *Client) count(ctx context.Context, do string) (int, error) {
	rep, err := c.call(ctx, request{Do: do})
	if err != nil || rep.Held == nil {
		return 0, cmp.Or(err, errors.New("the agent does not say how much there is"))
	}
	return *rep.Held, nil
}

// Keep makes the agent outlive its runner.
func (c *Client) Keep(ctx context.Context) error {
	_, err := c.call(ctx, request{Do: doKeep})
	return err
}

// call sends a request and waits for its reply, no longer than a lease: an agent
// that is silent for that long is gone.
func (c *Client) call(ctx context.Context, req request) (Reply, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Lease, fmt.Errorf("the agent has not answered for %v", Lease))
	defer cancel()
	wait := make(chan Reply, 1)
	c.mu.Lock()
	c.last++
	req.ID = c.last
	c.waits[req.ID] = wait
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waits, req.ID)
		c.mu.Unlock()
	}()
	if err := c.send(req); err != nil {
		return Reply{}, err
	}
	select {
	case rep := <-wait:
		return rep, refusal(rep)
	case <-ctx.Done():
		return Reply{}, context.Cause(ctx)
	case <-c.ended:
	}
	select { // the last reply may have come with the end
	case rep := <-wait:
		return rep, refusal(rep)
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return Reply{}, c.reason
}

func (c *Client) send(req request) error {
	line, err := json.Marshal(req)
	if err != nil {
		return err
	}
	c.write.Lock()
	defer c.write.Unlock()
	if d, ok := c.stream.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(time.Now().Add(Lease))
	}
	_, err = c.stream.Write(append(line, '\n'))
	if err != nil {
		return fmt.Errorf("the agent cannot be reached: %w", err)
	}
	return nil
}

func refusal(rep Reply) error {
	if rep.Error == "" {
		return nil
	}
	return errors.New(rep.Error)
}
