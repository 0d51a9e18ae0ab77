package agent

import (
	"cmp"
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

// next is how long after that time the clock is to be moved again; 0: never.
func (c Clock) next(since time.Duration) (wait time.Duration) {
	if c.PPM != 0 {
		wait = stepOf(c.PPM)
	}
	if c.Period > 0 {
		jump := c.Period - (c.Elapsed+since)%c.Period
		wait = min(cmp.Or(wait, jump), jump)
	}
	return wait
}

// clock keeps the control file that libfaketime reads in the target: an offset
// in seconds, "+1.500000000". The file is always replaced as a whole, since the
// library ends the process that reads rubbish in it.
type clock struct {
	path string

	mu   sync.Mutex
	now  time.Duration // what the file says
	stop chan struct{} // ends the movement; nil: there is none
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
	if want.next(0) > 0 {
		stop := make(chan struct{})
		c.mu.Lock()
		c.stop = stop
		c.mu.Unlock()
		c.gone.Add(1)
		go c.move(*want, began, stop)
	}
	return nil
}

func (c *clock) move(want Clock, began time.Time, stop chan struct{}) {
	defer c.gone.Done()
	timer := time.NewTimer(want.next(time.Since(began)))
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
			// A step that fails leaves the clock where it was; the next one
			// makes up for it, and what is measured is the target's clock.
			_ = c.write(want.At(time.Since(began)))
			timer.Reset(want.next(time.Since(began)))
		}
	}
}

// halt ends a movement and waits for it, so that no late step follows.
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

func (c *clock) arm() error { return nil } // the library is there from the start

func (c *clock) offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// write replaces the file as a whole: nobody ever reads a part of one.
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
