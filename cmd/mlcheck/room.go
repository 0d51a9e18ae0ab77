package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"github.com/mlcheck/mlcheck/history"
)

// maxLoaded is how many bytes of histories, unpacked, are judged at a time.
// Judging takes about three times as many. A larger history is judged alone.
const maxLoaded = 512 << 20

// room is what may be loaded at a time.
type room struct {
	mu         sync.Mutex
	all, taken int64
	given      chan struct{} // has an entry after something was given back
}

func newRoom(all int64) *room { return &room{all: all, given: make(chan struct{}, 1)} }

// take waits until there is room for n more, or for whatever n is where nothing
// else is loaded. It says false where the context ended before. One at a time may wait.
func (r *room) take(ctx context.Context, n int64) bool {
	for {
		r.mu.Lock()
		fits := r.taken == 0 || r.taken+n <= r.all
		if fits {
			r.taken += n
		}
		r.mu.Unlock()
		if fits {
			return ctx.Err() == nil
		}
		select {
		case <-r.given:
		case <-ctx.Done():
			return false
		}
	}
}

func (r *room) give(n int64) {
	r.mu.Lock()
	r.taken -= n
	r.mu.Unlock()
	select {
	case r.given <- struct{}{}:
	default:
	}
}

// packedRatio is how many times its size a compressed history is.
const packedRatio = 8

// weight is about how many bytes the history of a path has, unpacked. What is
// wrong with the path shows when it is judged.
func weight(path string) int64 {
	for _, p := range []string{filepath.Join(path, history.FileName), filepath.Join(path, history.PlainFileName), path} {
		if st, err := os.Stat(p); err == nil && st.Mode().IsRegular() {
			if filepath.Ext(p) == ".zst" {
				return packedRatio * st.Size()
			}
			return st.Size()
		}
	}
	return 0
}
