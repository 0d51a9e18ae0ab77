package mariadb

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// fakeServer speaks just enough of the MySQL protocol to be asked: it greets,
// lets everybody in, and answers each query as the test says. It counts, because
// a request that arrives twice would make two operations out of one.
type fakeServer struct {
	mu      sync.Mutex
	dials   int
	queries []string
	// answer is called for each query: what to send back, and whether to reset
	// the connection then.
	answer func(query string) (packet []byte, reset bool)
	// handshake false: reset instead of greeting.
	handshake bool
}

func newFakeServer(answer func(string) ([]byte, bool)) *fakeServer {
	return &fakeServer{answer: answer, handshake: true}
}

func (f *fakeServer) Name() string { return "n1" }
func (f *fakeServer) Peer() string { return "n1" }

// Dial connects to a new conversation over a loopback socket: a pipe cannot be
// reset, and its writes block.
func (f *fakeServer) Dial(ctx context.Context) (net.Conn, error) {
	f.mu.Lock()
	f.dials++
	f.mu.Unlock()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		defer func() { _ = l.Close() }()
		if conn, err := l.Accept(); err == nil {
			f.serve(conn.(*net.TCPConn))
		}
	}()
	return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
}

func (f *fakeServer) serve(conn *net.TCPConn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetLinger(0) // closing is resetting
	if !f.handshake {
		return
	}
	if writePacket(conn, 0, greeting()) != nil {
		return
	}
	if _, _, err := readPacket(conn); err != nil {
		return
	}
	if writePacket(conn, 2, okPacket(0)) != nil {
		return
	}
	for {
		_, body, err := readPacket(conn)
		if err != nil || len(body) == 0 || body[0] != 3 { // COM_QUERY
			return
		}
		query := string(body[1:])
		f.mu.Lock()
		f.queries = append(f.queries, query)
		f.mu.Unlock()
		packet, reset := f.answer(query)
		if packet != nil && writePacket(conn, 1, packet) != nil || reset {
			return
		}
	}
}

// asked is how often a query that starts so has arrived.
func (f *fakeServer) asked(prefix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, q := range f.queries {
		if strings.HasPrefix(q, prefix) {
			n++
		}
	}
	return n
}

// last is the statement that arrived last.
func (f *fakeServer) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queries[len(f.queries)-1]
}

func (f *fakeServer) connect(t *testing.T, s *system) *client {
	t.Helper()
	c, err := s.Connect(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*client)
}

func greeting() []byte {
	p := append([]byte{10}, "10.11.0-MariaDB\x00"...)
	p = binary.LittleEndian.AppendUint32(p, 1) // thread
	p = append(p, "abcdefgh\x00"...)
	const capabilities = 1<<0 | 1<<1 | 1<<3 | 1<<9 | 1<<13 | 1<<15 | 1<<19
	p = binary.LittleEndian.AppendUint16(p, capabilities&0xffff)
	p = append(p, 45)                          // utf8mb4
	p = binary.LittleEndian.AppendUint16(p, 2) // autocommit
	p = binary.LittleEndian.AppendUint16(p, capabilities>>16)
	p = append(p, 21)
	p = append(p, make([]byte, 10)...)
	p = append(p, "ijklmnopqrst\x00"...)
	return append(p, "mysql_native_password\x00"...)
}

func okPacket(affected byte) []byte { return []byte{0, affected, 0, 2, 0, 0, 0} }

func errorPacket(number uint16, text string) []byte {
	p := binary.LittleEndian.AppendUint16([]byte{0xff}, number)
	return append(append(p, "#HY000"...), text...)
}

func readPacket(r io.Reader) (seq byte, body []byte, err error) {
	var head [4]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	body = make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	_, err = io.ReadFull(r, body)
	return head[3], body, err
}

func writePacket(w io.Writer, seq byte, body []byte) error {
	n := len(body)
	_, err := w.Write(append([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}, body...))
	return err
}
