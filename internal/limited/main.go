package limited

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"syscall"
	"time"
)

const (
	look  = 10 * time.Millisecond // how often a child looks at what it holds
	grace = time.Second           // to say that the time is over, in an answer
)

// Main is a child: it does the work, which reads questions and writes answers, within the
// limits that its arguments give. It returns an exit status.
func Main(args []string, work func(ctx context.Context, in io.Reader, out io.Writer) error) int {
	limits, err := parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mlcheck:", err)
		return 3
	}
	// Ctrl-C is the parent's to hear: it says what became of the check.
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	debug.SetMemoryLimit(limits.Memory)
	go watch(limits)
	go func() {
		_, _ = io.Copy(io.Discard, os.NewFile(3, "leash")) // nobody writes: it ends with the parent
		os.Exit(0)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), limits.Time)
	defer cancel()
	if err := work(ctx, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mlcheck:", err)
		return 3
	}
	return 0
}

func parse(args []string) (l Limits, err error) {
	if len(args) != 2 {
		return l, errors.New("a child takes two arguments: bytes of memory, and a time")
	}
	if l.Memory, err = strconv.ParseInt(args[0], 10, 64); err != nil || l.Memory <= 0 {
		return l, fmt.Errorf("%s is no number of bytes", args[0])
	}
	if l.Time, err = time.ParseDuration(args[1]); err != nil {
		return l, fmt.Errorf("%s is no time: %w", args[1], err)
	}
	return l, nil
}

// watch ends the process when it holds more than it may, or is still there
// after its time.
func watch(l Limits) {
	began := time.Now()
	for {
		time.Sleep(look)
		switch {
		case held() > uint64(l.Memory):
			os.Exit(exitMemory)
		case time.Since(began) > l.Time+grace:
			os.Exit(exitTime)
		}
	}
}

// held is the memory that the process holds: all that it has got from the system
// less what it has given back.
func held() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() - samples[1].Value.Uint64()
}
