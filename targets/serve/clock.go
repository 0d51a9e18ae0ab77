package serve

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Clock is a node's wall clock. Timers do not follow it.
type Clock func() (time.Time, error)

// SkewedBy is the machine's clock, off by what a control file says: seconds with
// a sign, "+1.500000000", as libfaketime reads them. It is read at every look at the
// clock, so that a change takes effect at once; whoever changes it replaces it as a
// whole.
func SkewedBy(path string) Clock {
	return func() (time.Time, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return time.Time{}, err
		}
		offset, err := time.ParseDuration(strings.TrimSpace(string(text)) + "s")
		if err != nil {
			return time.Time{}, fmt.Errorf("%s says %q, which is no number of seconds", path, text)
		}
		return time.Now().Add(offset), nil
	}
}
