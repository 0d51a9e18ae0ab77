package impair

import (
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/florianl/go-nfqueue/v2"
	"golang.org/x/sys/unix"
)

// Number is the queue that packets must be sent to, and Mark the mark of those
// that must pass it by: copies, which were impaired already.
const (
	Number = 61717
	Mark   = 0x6d6c63
)

// queued is how many packets may wait in the kernel; more are lost. Buffer is how many
// bytes of news of them may wait until this program gets to run: with the kernel's own
// bound some 150 packets in a row, and those after them are lost.
const (
	queued = 16_384
	buffer = 32 << 20
)

// Queue impairs what the kernel hands it. Packets to addresses of which nothing
// is wrong pass.
type Queue struct {
	nf    *nfqueue.Nfqueue
	end   context.CancelFunc
	began time.Time
	wake  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	lines   map[netip.Addr]*line
	met     map[netip.Addr]int64 // packets that came to a bad link
	probes  uint16               // the port of probes, which are not counted
	waiting waiting
	order   uint64
	raw     int // sends copies; -1: not open
}

// packet waits for its time.
type packet struct {
	at    time.Duration
	order uint64
	id    uint32 // in the kernel; with copy only that is sent
	to    netip.Addr
	copy  []byte
}

// Open takes packets from the kernel from now on. Rules that send some there must
// let them pass while nobody is here (NF queue bypass). Datagrams to the port of
// probes fare as all do, but are not counted.
func Open(probes uint16) (*Queue, error) {
	nf, err := nfqueue.Open(&nfqueue.Config{
		NfQueue: Number, MaxQueueLen: queued, MaxPacketLen: 0xffff, Copymode: nfqueue.NfQnlCopyPacket, AfFamily: unix.AF_INET,
	})
	if err != nil {
		return nil, fmt.Errorf("packets cannot be queued: %w (the kernel module nfnetlink_queue and the capability NET_ADMIN are needed)", err)
	}
	if err := nf.Con.SetReadBuffer(buffer); err != nil {
		return nil, errors.Join(fmt.Errorf("packets cannot be queued: %w", err), nf.Close())
	}
	ctx, end := context.WithCancel(context.Background())
	q := &Queue{
		nf: nf, end: end, began: time.Now(), wake: make(chan struct{}, 1), done: make(chan struct{}),
		lines: map[netip.Addr]*line{}, met: map[netip.Addr]int64{}, probes: probes, raw: -1,
	}
	err = nf.RegisterWithErrorFunc(ctx, func(a nfqueue.Attribute) int {
		q.take(a)
		return 0
	}, func(error) int {
		if ctx.Err() != nil {
			return 1
		}
		return 0 // the kernel's buffer overran: what it held is lost, as on a bad link
	})
	if err != nil {
		end()
		return nil, errors.Join(fmt.Errorf("packets cannot be queued: %w (the kernel module nfnetlink_queue and the capability NET_ADMIN are needed)", err), nf.Close())
	}
	go q.release(ctx)
	return q, nil
}

// Set says what is wrong from now on, by destination. Packets of links that are
// well again, or impaired otherwise, are sent at once. The seed is what chance is
// drawn from.
func (q *Queue) Set(links map[netip.Addr]Link, seed uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range links {
		if l.Duplicate > 0 && q.raw < 0 {
			raw, err := openRaw()
			if err != nil {
				return err
			}
			q.raw = raw
		}
	}
	before := q.lines
	if len(before) == 0 && len(links) > 0 {
		clear(q.met)
	}
	q.lines = map[netip.Addr]*line{}
	for to, l := range links {
		if old := before[to]; old != nil && old.Link == l {
			q.lines[to] = old
			continue
		}
		ip := to.As4()
		q.lines[to] = &line{Link: l, rand: rand.New(rand.NewPCG(seed, uint64(ip[0])<<24|uint64(ip[1])<<16|uint64(ip[2])<<8|uint64(ip[3])))}
		q.met[to] = 0
	}
	now := time.Since(q.began)
	for i, p := range q.waiting {
		if q.lines[p.to] == nil || q.lines[p.to] != before[p.to] {
			q.waiting[i].at = min(p.at, now)
		}
	}
	heap.Init(&q.waiting)
	q.hurry()
	return nil
}

// Met counts, by destination, the packets that came to the link since it was last
// made bad; what links have met that are well again is kept until others are bad.
func (q *Queue) Met() map[netip.Addr]int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return maps.Clone(q.met)
}

// Close sends what waits, and hands packets back to the kernel.
func (q *Queue) Close() error {
	err := q.Set(nil, 0)
	q.sendDue() // before the kernel is told that nobody is here: it would drop them
	q.end()
	<-q.done
	if q.raw >= 0 {
		err = errors.Join(err, unix.Close(q.raw))
	}
	return errors.Join(err, q.nf.Close())
}

// take decides on a packet that the kernel hands over. It waits in the kernel.
func (q *Queue) take(a nfqueue.Attribute) {
	if a.PacketID == nil {
		return
	}
	id := *a.PacketID
	if a.Payload == nil || len(*a.Payload) < 20 {
		_ = q.nf.SetVerdict(id, nfqueue.NfAccept)
		return
	}
	to := netip.AddrFrom4([4]byte((*a.Payload)[16:20]))
	now := time.Since(q.began)
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[to]
	if l == nil {
		_ = q.nf.SetVerdict(id, nfqueue.NfAccept)
		return
	}
	times := l.next(now, len(*a.Payload))
	if !q.isProbe(*a.Payload) {
		q.met[to]++
	}
	if len(times) == 0 {
		_ = q.nf.SetVerdict(id, nfqueue.NfDrop)
		return
	}
	if times[0] <= now {
		_ = q.nf.SetVerdict(id, nfqueue.NfAccept)
	} else {
		q.push(packet{at: times[0], id: id, to: to})
	}
	for _, at := range times[1:] {
		q.push(packet{at: at, to: to, copy: append([]byte(nil), *a.Payload...)})
	}
}

// isProbe says whether a packet is a datagram to the port of probes.
func (q *Queue) isProbe(packet []byte) bool {
	header := int(packet[0]&0xf) * 4
	return packet[9] == unix.IPPROTO_UDP && len(packet) >= header+4 &&
		binary.BigEndian.Uint16(packet[header+2:]) == q.probes
}

func (q *Queue) push(p packet) {
	q.order++
	p.order = q.order
	heap.Push(&q.waiting, p)
	if q.waiting[0].order == p.order {
		q.hurry()
	}
}

// hurry tells the releaser that the earliest packet is another.
func (q *Queue) hurry() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// release sends packets when their time has come.
func (q *Queue) release(ctx context.Context) {
	defer close(q.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait := q.sendDue()
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// sendDue sends what is due, and says how long it is until the next is.
func (q *Queue) sendDue() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) > 0 {
		if wait := q.waiting[0].at - time.Since(q.began); wait > 0 {
			return wait
		}
		p := heap.Pop(&q.waiting).(packet)
		if p.copy == nil {
			_ = q.nf.SetVerdict(p.id, nfqueue.NfAccept) // fails only when the socket is gone, and packets with it
			continue
		}
		_ = unix.Sendto(q.raw, p.copy, 0, &unix.SockaddrInet4{Addr: p.to.As4()}) // a copy may get lost
	}
	return time.Hour
}

// openRaw opens a socket that sends whole packets, marked so that they pass.
func openRaw() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err == nil {
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, Mark); err == nil {
			return fd, nil
		}
		_ = unix.Close(fd)
	}
	return -1, fmt.Errorf("packets cannot be duplicated: %w (the capability NET_RAW is needed)", err)
}

// waiting is a heap of packets by time, then by arrival.
type waiting []packet

func (w waiting) Len() int { return len(w) }
func (w waiting) Less(i, j int) bool {
	return w[i].at < w[j].at || w[i].at == w[j].at && w[i].order < w[j].order
}
func (w waiting) Swap(i, j int) { w[i], w[j] = w[j], w[i] }
func (w *waiting) Push(x any)   { *w = append(*w, x.(packet)) }
func (w *waiting) Pop() any {
	old := *w
	last := old[len(old)-1]
	*w = old[:len(old)-1]
	return last
}
