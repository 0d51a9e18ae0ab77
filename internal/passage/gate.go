package passage

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/mlcheck/mlcheck/nemesis"
)

// Gate is where the connections between clients and one node pass.
type Gate struct {
	In  *Way // from the clients: requests
	Out *Way // to the clients: answers

	quiet bool          // what passes does not count as met
	over  chan struct{} // closed by Close
	close *sync.Once
}

// NewGate is a gate of two directions.
func NewGate(in, out *Way) *Gate {
	return &Gate{In: in, Out: out, over: make(chan struct{}), close: new(sync.Once)}
}

// Quietly is the same gate for who wants to find out what becomes of connections: what
// passes here does not count.
func (g *Gate) Quietly() *Gate {
	q := *g
	q.quiet = true
	return &q
}

// Close ends what lingers: connections that their clients have given up, and whose end
// has not got through.
func (g *Gate) Close() { g.close.Do(func() { close(g.over) }) }

// Dial opens a connection through the gate. Its first packets are sent until they get
// through, or the context ends; where requests are refused, so is the connection.
func (g *Gate) Dial(ctx context.Context, dial func(context.Context) (net.Conn, error)) (net.Conn, error) {
	for again := nemesis.DialedAgain; ; again *= 2 {
		late, came, refused := g.In.first(g.quiet)
		if refused {
			return nil, syscall.ECONNREFUSED
		}
		if came {
			var back time.Duration
			back, came, _ = g.Out.first(g.quiet)
			late += back
		}
		if !came {
			late = again
		}
		if err := sleep(ctx, late); err != nil {
			return nil, err
		}
		if !came {
			continue
		}
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		return g.Wrap(conn), nil
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
