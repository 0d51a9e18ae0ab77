package agent

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mlcheck/mlcheck/internal/impair"
)

// loop is a network of one machine: two addresses, one of which links can be bad to.
type loop struct {
	t    *testing.T
	box  *sandbox
	near *net.UDPConn // at 127.0.0.1
	far  *net.UDPConn // at 127.0.0.2
}

func newLoop(t *testing.T) *loop {
	t.Helper()
	ownNetwork(t)
	if err := loopbackUp(); err != nil {
		t.Fatal(err)
	}
	l := &loop{t: t, box: &sandbox{firewall: newFirewall(newPackets())}}
	if err := l.box.tryBadLink(); err != nil {
		t.Fatal(err)
	}
	l.near, l.far = l.listen("127.0.0.1"), l.listen("127.0.0.2")
	t.Cleanup(func() {
		if err := l.box.restore(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// loopbackUp switches on the loopback device of a new network namespace.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

func (l *loop) listen(ip string) *net.UDPConn {
	l.t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Close() })
	return c
}

// bad makes the link to the far address bad.
func (l *loop) bad(link impair.Link) {
	l.t.Helper()
	st := State{Seed: 7}
	if link != (impair.Link{}) {
		st.Impaired = []Impaired{{To: "127.0.0.2", Link: link}}
	}
	if err := l.box.apply(st); err != nil {
		l.t.Fatal(err)
	}
}

// send sends numbered packets to the far end, and returns the numbers that arrive
// until nothing does for as long as the patience, with how long the first took.
func (l *loop) send(count int, patience time.Duration) (got []int, first time.Duration) {
	l.t.Helper()
	began := time.Now()
	for i := range count {
		if _, err := l.near.WriteTo([]byte(fmt.Sprint(i)), l.far.LocalAddr()); err != nil {
			l.t.Fatal(err)
		}
	}
	buf := make([]byte, 16)
	for {
		if err := l.far.SetReadDeadline(time.Now().Add(patience)); err != nil {
			l.t.Fatal(err)
		}
		n, _, err := l.far.ReadFrom(buf)
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			return got, first
		}
		if err != nil {
			l.t.Fatal(err)
		}
		if got == nil {
			first = time.Since(began)
		}
		var i int
		if _, err := fmt.Sscan(string(buf[:n]), &i); err != nil {
			l.t.Fatal(err)
		}
		got = append(got, i)
	}
}

func distinct(list []int) int {
	seen := map[int]bool{}
	for _, i := range list {
		seen[i] = true
	}
	return len(seen)
}

func TestKernelsPacketsMeetTheBadLink(t *testing.T) {
	l := newLoop(t)
	const n = 200
	wait := 500 * time.Millisecond
	for _, c := range []struct {
		name  string
		link  impair.Link
		check func(got []int, first time.Duration) bool
	}{
		{"delay", impair.Link{Delay: 200 * time.Millisecond}, func(got []int, first time.Duration) bool {
			return len(got) == n && first >= 200*time.Millisecond
		}},
		{"loss", impair.Link{Loss: 300_000}, func(got []int, _ time.Duration) bool {
			return len(got) > n/2 && len(got) < n*9/10
		}},
		{"all lost", impair.Link{Loss: 1_000_000}, func(got []int, _ time.Duration) bool { return len(got) == 0 }},
		{"twice", impair.Link{Duplicate: 500_000}, func(got []int, _ time.Duration) bool {
			return distinct(got) == n && len(got) > n*5/4 && len(got) < n*7/4
		}},
		{"twice and late", impair.Link{Duplicate: 500_000, Delay: 50 * time.Millisecond}, func(got []int, first time.Duration) bool {
			return distinct(got) == n && len(got) > n*5/4 && first >= 50*time.Millisecond
		}},
		{"overtaking", impair.Link{Reorder: 300_000, HoldBack: 100 * time.Millisecond}, func(got []int, _ time.Duration) bool {
			return len(got) == n && !slices.IsSorted(got)
		}},
		{"narrow", impair.Link{Rate: 20_000}, func(got []int, _ time.Duration) bool { return len(got) == n }},
		{"well", impair.Link{}, func(got []int, _ time.Duration) bool { return len(got) == n }},
	} {
		l.bad(c.link)
		got, first := l.send(n, wait)
		if !c.check(got, first) {
			t.Errorf("%s: %d packets of %d arrived, %d different, the first after %s: %v", c.name, len(got), n, distinct(got), first, got)
		}
		if met := l.box.met()["127.0.0.2"]; met == 0 && c.link != (impair.Link{}) {
			t.Errorf("%s: no packet has met the link", c.name)
		}
	}
}

func TestOtherLinksAreLeftAlone(t *testing.T) {
	l := newLoop(t)
	l.bad(impair.Link{Loss: 1_000_000})
	if _, err := l.far.WriteTo([]byte("1"), l.near.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if err := l.near.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.near.ReadFrom(make([]byte, 16)); err != nil {
		t.Errorf("the way back: %v", err)
	}
}

func TestHealingSendsWhatWaits(t *testing.T) {
	l := newLoop(t)
	l.bad(impair.Link{Delay: time.Hour})
	if got, _ := l.send(10, 100*time.Millisecond); len(got) > 0 {
		t.Fatalf("%v arrived at once", got)
	}
	l.bad(impair.Link{})
	if got, _ := l.send(1, 500*time.Millisecond); len(got) != 11 {
		t.Errorf("after healing: %v", got)
	}
}

// What comes faster than the agent gets to run waits for it: losses are those that were
// asked for.
func TestABurstOfPacketsMeetsTheBadLinkWhole(t *testing.T) {
	l := newLoop(t)
	l.bad(impair.Link{Loss: 1_000_000})
	const n = 4000
	for range 8 {
		c := l.listen("127.0.0.1") // here: other threads are in another network
		go func() {
			for range n / 8 {
				_, _ = c.WriteTo([]byte("burst"), l.far.LocalAddr())
			}
		}()
	}
	var met int64
	for began := time.Now(); met < n && time.Since(began) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		met = l.box.met()["127.0.0.2"]
	}
	if met != n {
		t.Errorf("%d of %d packets have met the bad link; the others the kernel lost", met, n)
	}
}
