package sim

import (
	"context"
	"time"
)

// WithTimeout is context.WithTimeout on virtual time.
func (k *kernel) WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	c := &virtualContext{parent: parent, k: k, until: k.now + d}
	if pd, ok := parent.Deadline(); ok {
		c.until = min(c.until, pd.Sub(Epoch))
	}
	return c, c.cancel
}

// virtualContext looks at the virtual clock when it is asked, which is all that
// code in this world does: one is made for every operation. Whoever asks for its
// channel or its values gets them from a real context, made then, so that the
// library finds its own kind inside and starts no goroutine for its children.
type virtualContext struct {
	parent    context.Context
	k         *kernel
	until     time.Duration
	cancelled bool
	inner     context.Context // nil: nobody has asked
	end       context.CancelCauseFunc
}

func (c *virtualContext) Deadline() (time.Time, bool) { return Epoch.Add(c.until), true }

func (c *virtualContext) Err() error {
	switch {
	case c.cancelled:
		return context.Canceled
	case c.k.now >= c.until:
		return context.DeadlineExceeded
	}
	return c.parent.Err()
}

func (c *virtualContext) cancel() {
	if c.Err() == nil {
		c.cancelled = true
	}
	if c.inner != nil {
		c.end(context.Canceled)
	}
}

func (c *virtualContext) real() context.Context {
	if c.inner != nil {
		return c.inner
	}
	c.inner, c.end = context.WithCancelCause(c.parent)
	if err := c.Err(); err != nil {
		c.end(err)
	} else {
		c.k.after(c.until-c.k.now, func() { c.end(context.DeadlineExceeded) })
	}
	return c.inner
}

func (c *virtualContext) Done() <-chan struct{} { return c.real().Done() }
func (c *virtualContext) Value(key any) any     { return c.real().Value(key) }
