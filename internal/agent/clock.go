package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// step is how often a drifting clock is moved. At a drift of 1 % each step is
// a millisecond.
const step = 100 * time.Millisecond

// clock keeps the control file that libfaketime reads in the target: an offset
// in seconds, "+1.500000000". The file is always replaced as a whole, since the
// library ends the process that reads rubbish in it.
type clock struct {
	path string

	mu   sync.Mutex
	now  time.Duration // what the file says
	stop chan struct{} // ends the drift; nil: no drift
	gone sync.WaitGroup
}

// set makes a clock true, nil the right one.
func (c *clock) set(want *Clock) error {
	c.halt()
	if want == nil {
		return c.write(0)
	}
	began := time.Now()
	if err := c.write(want.At(0)); err != nil {
		return err
	}
	if want.PPM != 0 {
		stop := make(chan struct{})
		c.mu.Lock()
		c.stop = stop
		c.mu.Unlock()
		c.gone.Add(1)
		go c.drift(*want, began, stop)
	}
	return nil
}

func (c *clock) drift(want Clock, began time.Time, stop chan struct{}) {
	defer c.gone.Done()
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			// A step that fails leaves the clock where it was; the next one
			// makes up for it, and what is measured is the target's clock.
			_ = c.write(want.At(time.Since(began)))
		}
	}
}

// halt ends a drift and waits for it, so that no late step follows.
func (c *clock) halt() {
	c.mu.Lock()
	stop := c.stop
	c.stop = nil
	c.mu.Unlock()
	if stop != nil {
		close(stop)
	}
	c.gone.Wait()
}

func (c *clock) offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) write(offset time.Duration) error {
	temporary := filepath.Join(filepath.Dir(c.path), ".faketime")
	if err := os.WriteFile(temporary, []byte(fakeTime(offset)), 0o644); err != nil {
		return fmt.Errorf("the clock's control file cannot be written: %w", err)
	}
	if err := os.Rename(temporary, c.path); err != nil {
		return fmt.Errorf("the clock's control file cannot be replaced: %w", err)
	}
	c.mu.Lock()
	c.now = offset
	c.mu.Unlock()
	return nil
}

// fakeTime is an offset in libfaketime's words.
func fakeTime(offset time.Duration) string {
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	return fmt.Sprintf("%c%d.%09d\n", sign, offset/time.Second, offset%time.Second)
}
