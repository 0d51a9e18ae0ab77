package docker

import (
	"context"
	"slices"
	"sync"

	"github.com/mlcheck/mlcheck/history"
)

// dial tries a connection along each link whose State is to refuse them.
func (f *fabric) dial(ctx context.Context) (map[history.Link]bool, error) {
	f.mu.Lock()
	links := withoutClients(f.state.Reject)
	f.mu.Unlock()
	if len(links) == 0 {
		return nil, nil
	}
	var mu sync.Mutex
	refused := map[history.Link]bool{}
	err := f.every(func(n *node) error {
		to := map[string]int{}
		for _, l := range links {
			if l.From == n.name {
				to[f.byName[l.To].ip] = 1
			}
		}
		if len(to) == 0 {
			return nil
		}
		did, err := n.agent.Dial(ctx, to)
		mu.Lock()
		defer mu.Unlock()
		for _, l := range links {
			if l.From == n.name {
				refused[l] = slices.Contains(did, f.byName[l.To].ip)
			}
		}
		return err
	})
	return refused, err
}
