package serve

import (
	"fmt"
	"os"
	"time"
)

// Clock is a node's wall clock. Timers do not follow it.
type Clock func() (time.Time, error)

// SkewedBy is the machine's clock, made wrong by a control file, as
// [targets.ClockVariable] has it. The file is read at every look at the clock, so that a
// change takes effect at once.
func SkewedBy(path string) Clock {
	return func() (time.Time, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return time.Time{}, err
		}
		var offset, ppm, since int64
		if _, err := fmt.Sscanln(string(text), &offset, &ppm, &since); err != nil {
			return time.Time{}, fmt.Errorf("%s says %q, which is not an offset, a drift and its start: %w", path, text, err)
		}
		now := time.Now()
		drift := (now.UnixNano() - since) / 1000 * ppm / 1000
		return now.Add(time.Duration(offset + drift)), nil
	}
}
