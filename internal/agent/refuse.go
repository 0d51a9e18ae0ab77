package agent

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// dialTime is how long a connection may take that is to be refused at once.
const dialTime = 300 * time.Millisecond

// refuses says which addresses refuse a connection to their agent.
func refuses(to []string) []string {
	var (
		mu   sync.Mutex
		wg   sync.WaitGroup
		list []string
	)
	for _, text := range to {
		wg.Go(func() {
			ip, err := netip.ParseAddr(text)
			if err != nil {
				return
			}
			conn, err := net.DialTimeout("tcp4", netip.AddrPortFrom(ip, Port).String(), dialTime)
			if err == nil {
				_ = conn.Close()
			}
			if errors.Is(err, syscall.ECONNREFUSED) {
				mu.Lock()
				list = append(list, text)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(list)
	return list
}

// tryRefusal says whether connections can be refused here, by doing so to nobody's.
func (s *sandbox) tryRefusal() error {
	nobody := []string{"192.0.2.1"}
	return errors.Join(s.firewall.apply(State{Out: nobody, Refuse: nobody}), s.firewall.apply(State{}))
}
