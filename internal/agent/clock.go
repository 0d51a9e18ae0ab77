package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A drifting clock is moved in steps of at most drifts, so that it never lags
// behind by more; a slow drift is moved every slowest, the fastest not more often
// than every fastest, which costs the agent about 1 % of a processor.
const (
	drifts  = 5 * time.Millisecond
	slowest = 100 * time.Millisecond
	fastest = 5 * time.Millisecond
)

// stepOf is how often a clock that drifts by ppm is moved.
func stepOf(ppm int64) time.Duration {
	every := time.Duration(int64(drifts) * 1_000_000 / max(ppm, -ppm, 1))
	return min(max(every, fastest), slowest)
}

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
	tick := time.NewTicker(stepOf(want.PPM))
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

func (c *clock) restore() error { return c.set(nil) }

func (c *clock) offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) write(offset time.Duration) error {
	if err := replace(c.path, fakeTime(offset)); err != nil {
		return err
	}
	c.mu.Lock()
	c.now = offset
	c.mu.Unlock()
	return nil
}

// replace writes a control file as a whole: nobody ever reads a part of one.
func replace(path, text string) error {
	temporary := filepath.Join(filepath.Dir(path), ".faketime")
	if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
		return fmt.Errorf("the clock's control file cannot be written: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("the clock's control file cannot be replaced: %w", err)
	}
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
