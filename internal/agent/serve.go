package agent

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// maxLine bounds a request: a state of thousands of peers fits.
const maxLine = 1 << 20

// node is what an agent acts on: the real thing in a sandbox, a fake in tests.
type node interface {
	// hello tries which faults work, and arms the clock.
	hello(token, mechanism string, rep *Reply)
	apply(State) error
	probe(round uint64, to map[string]int) error
	heard(round uint64) (map[string]Tally, error)
	// swallowed counts the packets that each cut has dropped.
	swallowed() (in, out map[string]int64, err error)
	// met counts the packets that came to each bad link.
	met() map[string]int64
	// tryDisk writes to the target's volume.
	tryDisk() (*DiskTrial, error)
	// held counts what is on the target's volume; empty removes it, and says how much that was.
	held() (int, error)
	empty() (int, error)
	// arm makes ready what has started in the node since.
	arm() error
	offset() time.Duration
	// restore makes the node healthy, whatever was wrong.
	restore() error
}

// serve answers requests until the stream ends or nothing was heard for as long
// as the lease; then it restores the node. It returns what went wrong, nil at
// an orderly end. After a request to keep, neither is an end, and only stop is.
func serve(in io.Reader, out io.Writer, n node, lease time.Duration, stop <-chan struct{}) (err error) {
	defer func() {
		if e := n.restore(); e != nil && err == nil {
			err = fmt.Errorf("restore the node: %w", e)
		}
	}()
	var (
		lines    = make(chan []byte)
		done     = make(chan struct{})
		timer    = time.NewTimer(lease)
		answerer = answerer{node: n, out: json.NewEncoder(out)}
	)
	defer close(done)
	defer timer.Stop()
	go func() {
		defer close(lines)
		scan := bufio.NewScanner(in)
		scan.Buffer(nil, maxLine)
		for scan.Scan() {
			select {
			case lines <- append([]byte(nil), scan.Bytes()...):
			case <-done:
				return
			}
		}
	}()
	for {
		select {
		case line, more := <-lines:
			if !more && answerer.kept {
				lines = nil
				continue
			}
			if !more {
				return nil
			}
			timer.Reset(lease)
			if err := answerer.answer(line); err != nil {
				return err
			}
		case <-timer.C:
			if !answerer.kept {
				return fmt.Errorf("nothing was heard from the runner for %v", lease)
			}
		case <-stop:
			return nil
		}
	}
}

// answerer answers one line at a time.
type answerer struct {
	node       node
	out        *json.Encoder
	generation uint64
	kept       bool
}

func (a *answerer) answer(line []byte) error {
	var (
		req request
		rep Reply
	)
	if err := json.Unmarshal(line, &req); err != nil {
		rep.Error = fmt.Sprintf("the request is not understood: %v", err)
	} else if err := a.act(req, &rep); err != nil {
		rep.Error = err.Error()
	}
	rep.ID, rep.Generation, rep.Offset = req.ID, a.generation, a.node.offset()
	return a.out.Encode(rep)
}

func (a *answerer) act(req request, rep *Reply) (err error) {
	switch req.Do {
	case doHello:
		a.node.hello(req.Token, req.Clock, rep)
	case doPing:
		return a.node.arm()
	case doKeep:
		a.kept = true
	case doApply:
		if req.State == nil || req.State.Generation <= a.generation {
			return fmt.Errorf("a state needs a generation above %d", a.generation)
		}
		if err := a.node.apply(*req.State); err != nil {
			return err
		}
		a.generation = req.State.Generation
	case doTry:
		rep.Disk, err = a.node.tryDisk()
		return err
	case doHeld:
		return hold(rep, a.node.held)
	case doEmpty:
		return hold(rep, a.node.empty)
	case doProbe:
		return a.node.probe(req.Round, req.To)
	case doDial:
		rep.Refused = refuses(slices.Sorted(maps.Keys(req.To)))
	case doHeard:
		if rep.Heard, err = a.node.heard(req.Round); err != nil {
			return err
		}
		rep.Met = a.node.met()
		rep.In, rep.Out, err = a.node.swallowed()
		return err
	default:
		return fmt.Errorf("%q is no request of this agent; runner and agent are of different versions", req.Do)
	}
	return nil
}

func hold(rep *Reply, count func() (int, error)) error {
	n, err := count()
	if err == nil {
		rep.Held = &n
	}
	return err
}
