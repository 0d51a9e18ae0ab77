package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mlcheck/mlcheck/targets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// list is a machine that keeps what it is told: a request "+x" is logged, sent to
// every peer and answered with the number of things kept; "?" is answered with all of
// them; "~x" is as "+x" without a log, and the answer to "!x" does not wait for it; a
// message is kept as it is.
type list struct {
	lists
	kept []string
}

type lists struct {
	peers []string
	steps *atomic.Int64 // counts what happens; nil: nobody wants to know
}

func (l lists) New(_ string, d targets.Disk) targets.Machine {
	m := &list{lists: l}
	for _, r := range d.Read() {
		m.kept = append(m.kept, string(r))
	}
	return m
}

func (m *list) Step(in targets.In) []targets.Out {
	text := string(in.Body)
	if m.steps != nil {
		m.steps.Add(1)
	}
	reply := func() targets.Out {
		return targets.Out{Kind: targets.Reply, To: in.From, Body: fmt.Appendf(nil, "%d", len(m.kept))}
	}
	switch {
	case in.Kind == targets.Message:
		m.kept = append(m.kept, text)
		return []targets.Out{{Kind: targets.Log, Body: in.Body, Sync: true}}
	case in.Kind != targets.Request:
	case text == "?":
		return []targets.Out{{Kind: targets.Reply, To: in.From, Body: []byte(strings.Join(append([]string{"kept"}, m.kept...), " "))}}
	case text == "now":
		return []targets.Out{{Kind: targets.Reply, To: in.From, Body: fmt.Append(nil, in.Wall.UnixNano())}}
	case text == "full":
		return []targets.Out{{Kind: targets.Reply, To: in.From, Body: fmt.Append(nil, in.Full)}}
	case text[0] == '!':
		m.kept = append(m.kept, text)
		eager := reply()
		eager.Eager = true
		return []targets.Out{{Kind: targets.Log, Body: in.Body, Sync: true}, {Kind: targets.Trace, Body: in.Body}, eager}
	case text[0] == '~':
		m.kept = append(m.kept, text)
		return []targets.Out{reply()}
	default:
		m.kept = append(m.kept, text)
		outs := []targets.Out{{Kind: targets.Log, Body: in.Body, Sync: true}}
		for _, p := range m.peers {
			outs = append(outs, targets.Out{Kind: targets.Message, To: p, Body: in.Body})
		}
		return append(outs, reply())
	}
	return nil
}

// running is a node of a test. It is a targets.Node.
type running struct {
	name, address string
	stop          context.CancelFunc
	ended         chan error
	said          *notes
}

type notes struct {
	mu   sync.Mutex
	text []string
}

func (n *notes) Logf(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = append(n.text, fmt.Sprintf(format, args...))
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.text, "\n")
}

func (r *running) Name() string { return r.name }
func (r *running) Peer() string { return r.address }
func (r *running) Dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", r.address)
}

// up starts a node; the second time it is given its address.
func up(t *testing.T, cfg Config, address string) *running {
	t.Helper()
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{name: cfg.Node, address: l.Addr().String(), stop: cancel, ended: make(chan error, 1), said: &notes{}}
	cfg.Listen, cfg.Logf = l, r.said.Logf
	go func() { r.ended <- Run(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-r.ended:
		case <-time.After(20 * time.Second):
			t.Errorf("%s does not end", r.name)
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", r.name, r.said)
		}
	})
	return r
}

// down ends a node as a kill would: it gets no chance to write anything.
func (r *running) down(t *testing.T) {
	t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	r.ended <- nil
}

// caller is a client of a test.
type caller struct {
	t    *testing.T
	conn net.Conn
}

func call(t *testing.T, r *running) *caller {
	t.Helper()
	conn, err := r.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &caller{t, conn}
}

func (c *caller) send(text string) {
	c.t.Helper()
	if _, err := c.conn.Write(targets.AppendFrame(nil, []byte(text))); err != nil {
		c.t.Fatal(err)
	}
}

func (c *caller) receive(within time.Duration) (string, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(within))
	body, err := targets.ReadFrame(c.conn)
	return string(body), err
}

func (c *caller) ask(text string) string {
	c.t.Helper()
	c.send(text)
	answer, err := c.receive(20 * time.Second)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

// eventually tries until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// gate is a disk whose syncs wait until they are let through.
type gate struct {
	file
	pass  chan struct{} // closed: all pass
	syncs atomic.Int64
}

func (g *gate) Sync() error {
	g.syncs.Add(1)
	<-g.pass
	return g.file.Sync()
}

func TestWhatWasAcknowledgedSurvivesAKillAndNothingElseIsKept(t *testing.T) {
	cfg := Config{Node: "n1", System: lists{}, Dir: filepath.Join(t.TempDir(), "made")}
	n := up(t, cfg, "")
	c := call(t, n)
	if got := c.ask("+a") + c.ask("~b") + c.ask("+c"); got != "123" {
		t.Fatalf("answers %s", got)
	}
	n.down(t)
	n = up(t, cfg, n.address)
	if got := call(t, n).ask("?"); got != "kept +a +c" {
		t.Errorf("after the restart: %s", got)
	}
}

func TestNothingLeavesTheNodeBeforeItIsOnDisk(t *testing.T) {
	g := &gate{pass: make(chan struct{})}
	cfg := Config{Node: "n1", System: lists{}, Dir: t.TempDir(), wrap: func(f file) file { g.file = f; return g }}
	n := up(t, cfg, "")
	writer, reader := call(t, n), call(t, n)
	writer.send("+a")
	eventually(t, "the record is on its way", func() bool { return g.syncs.Load() == 1 })
	// What another client would be shown has been logged in an earlier step.
	reader.send("?")
	for _, c := range []*caller{writer, reader} {
		if got, err := c.receive(50 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q left the node, error %v", got, err)
		}
	}
	close(g.pass)
	if got, err := writer.receive(20 * time.Second); got != "1" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := reader.receive(20 * time.Second); got != "kept +a" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestWhatIsEagerLeavesBeforeItIsOnDisk(t *testing.T) {
	g := &gate{pass: make(chan struct{})}
	n := up(t, Config{Node: "n1", System: lists{}, Dir: t.TempDir(), wrap: func(f file) file { g.file = f; return g }}, "")
	defer close(g.pass)
	if got := call(t, n).ask("!a"); got != "1" {
		t.Error(got)
	}
}

func TestAMachineIsToldThatTheDiskIsFull(t *testing.T) {
	var left atomic.Uint64
	n := up(t, Config{Node: "n1", System: lists{}, Dir: t.TempDir(), room: func(string) uint64 { return left.Load() }}, "")
	c := call(t, n)
	for bytes, want := range map[uint64]string{0: "true", reserve - 1: "true", reserve: "false", 1 << 40: "false"} {
		left.Store(bytes)
		if got := c.ask("full"); got != want {
			t.Errorf("%d bytes free, full: %s", bytes, got)
		}
	}
	if got := room(t.TempDir()); got == 0 || got > 1<<60 {
		t.Errorf("this machine's disk has room for %d bytes", got)
	}
}

func TestRecordsThatComeDuringASyncShareTheNext(t *testing.T) {
	g := &gate{pass: make(chan struct{})}
	steps := &atomic.Int64{}
	cfg := Config{Node: "n1", System: lists{steps: steps}, Dir: t.TempDir(), wrap: func(f file) file { g.file = f; return g }}
	n := up(t, cfg, "")
	c := call(t, n)
	c.send("+first")
	eventually(t, "the first record is on its way", func() bool { return g.syncs.Load() == 1 })
	for range 50 {
		c.send("+more")
	}
	eventually(t, "all requests are taken", func() bool { return steps.Load() == 52 }) // the start is a step too
	close(g.pass)
	for i := range 51 {
		if got, err := c.receive(20 * time.Second); got != fmt.Sprint(i+1) {
			t.Fatalf("answer %d is %q, %v", i+1, got, err)
		}
	}
	if got := g.syncs.Load(); got != 2 {
		t.Errorf("%d syncs for the first record and the 50 that came meanwhile", got)
	}
}

// full is a disk that takes so many bytes and no more.
type full struct {
	file
	room int
}

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		n, _ := f.file.Write(p[:len(p)+f.room]) // a torn record
		return n, syscall.ENOSPC
	}
	return f.file.Write(p)
}

func TestALogThatCannotBeWrittenEndsTheNodeAndAcknowledgesNothing(t *testing.T) {
	cfg := Config{Node: "n1", System: lists{}, Dir: t.TempDir(), wrap: func(f file) file { return &full{f, 3*(recordHead+2) + 5} }}
	n := up(t, cfg, "")
	c := call(t, n)
	for range 3 {
		c.ask("+x")
	}
	c.send("+y")
	if got, err := c.receive(20 * time.Second); err == nil {
		t.Errorf("%q was answered to a write that is not on disk", got)
	}
	err := <-n.ended
	n.ended <- nil
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "n1") || !strings.Contains(err.Error(), filepath.Join(cfg.Dir, logFile)) {
		t.Errorf("it ended with %v", err)
	}
	cfg.wrap = nil
	n = up(t, cfg, "")
	if got := call(t, n).ask("?"); got != "kept +x +x +x" {
		t.Errorf("after the restart: %s", got)
	}
	if !strings.Contains(n.said.String(), "5 bytes") {
		t.Errorf("nothing is said of the torn record: %s", n.said)
	}
}

// pair is two nodes that are wired.
func pair(t *testing.T) (cfg [2]Config, n [2]*running) {
	t.Helper()
	for i, name := range []string{"n1", "n2"} {
		cfg[i] = Config{Node: name, System: lists{peers: []string{"n1", "n2", "n3"}}, Dir: t.TempDir()}
		n[i] = up(t, cfg[i], "")
	}
	for i := range n {
		if err := tell(t.Context(), n[i], wireLine, map[string]string{n[1-i].name: n[1-i].address}); err != nil {
			t.Fatal(err)
		}
	}
	return cfg, n
}

func TestALeaderThatHasLostItsDiskIsToldItsPeersAlsoWhenNoneAnswers(t *testing.T) {
	cfg, n := pair(t)
	for i := range n {
		n[i].down(t)
	}
	if err := os.RemoveAll(cfg[1].Dir); err != nil {
		t.Fatal(err)
	}
	n[1] = up(t, cfg[1], n[1].address)
	if err := tell(t.Context(), n[1], rejoinLine, map[string]string{"n1": n[0].address}); err != nil {
		t.Fatalf("it waits for a peer that is down: %v", err)
	}
	if peers, err := readPeers(filepath.Join(cfg[1].Dir, peersFile)); err != nil || peers["n1"] != n[0].address {
		t.Errorf("it does not remember its peers: %v, %v", peers, err)
	}
	n[0] = up(t, cfg[0], n[0].address)
	eventually(t, "n1 hears n2", func() bool {
		call(t, n[1]).ask("+a")
		return strings.Contains(call(t, n[0]).ask("?"), "+a")
	})
}

func TestPeersTalkAgainAfterOneWasKilledAndNeitherIsWiredAgain(t *testing.T) {
	cfg, n := pair(t)
	c := call(t, n[0])
	c.ask("+a")
	eventually(t, "n2 has heard of a", func() bool { return call(t, n[1]).ask("?") == "kept +a" })
	n[1].down(t)
	c.ask("+lost") // nobody is there to hear it
	n[1] = up(t, cfg[1], n[1].address)
	eventually(t, "n2 has heard of what came after its restart", func() bool {
		c.ask("+b")
		return strings.Contains(call(t, n[1]).ask("?"), "+b")
	})
	eventually(t, "n1 hears n2", func() bool {
		call(t, n[1]).ask("+c")
		return strings.Contains(c.ask("?"), "+c")
	})
	if got := call(t, n[1]).ask("?"); strings.Contains(got, "lost") {
		t.Errorf("a message outlived its connection: %s", got)
	}
}

func TestAPeerThatTakesNothingNeverHoldsUpTheNode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	quit := make(chan struct{})
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { // says welcome and never reads again
				io.WriteString(conn, welcome)
				<-quit
				conn.Close()
			})
		}
	})
	defer func() { l.Close(); close(quit); conns.Wait() }()
	n := up(t, Config{Node: "n1", System: lists{peers: []string{"n2"}}, Dir: t.TempDir()}, "")
	if err := tell(t.Context(), n, wireLine, map[string]string{"n2": l.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	c, body := call(t, n), strings.Repeat("x", 64<<10)
	for i := range 300 { // 20 MB: more than queue and sockets hold
		if got := c.ask("+" + body); got != fmt.Sprint(i+1) {
			t.Fatal(got)
		}
	}
}

func TestAClientThatDoesNotReadLosesItsConnectionAndNobodyElse(t *testing.T) {
	n := up(t, Config{Node: "n1", System: lists{}, Dir: t.TempDir()}, "")
	other := call(t, n)
	other.ask("~" + strings.Repeat("x", 64<<10))
	deaf, ask := call(t, n), targets.AppendFrame(nil, []byte("?"))
	eventually(t, "its requests are not taken any more", func() bool {
		_ = deaf.conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, err := deaf.conn.Write(ask)
		return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
	})
	if !strings.Contains(n.said.String(), "does not read its replies") {
		t.Errorf("said: %s", n.said)
	}
	other.ask("?")
}

func TestWiringFailsWhereAnotherNodeAnswers(t *testing.T) {
	n := up(t, Config{Node: "n1", System: lists{}, Dir: t.TempDir()}, "")
	other := up(t, Config{Node: "n2", System: lists{}, Dir: t.TempDir()}, "")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	l := &link{node: "n1", peer: "n3", address: other.address}
	if conn, err := l.dial(ctx); err == nil {
		conn.Close()
		t.Error("n2 was taken for n3")
	}
	conn, err := n.Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(targets.AppendFrame([]byte(wireLine+"\n"), []byte("{")))
	if answer, err := targets.ReadFrame(conn); err != nil || string(answer) == welcome {
		t.Errorf("rubbish was taken for addresses: %q, %v", answer, err)
	}
	if got := call(t, n).ask("?"); got != "kept" {
		t.Error(got)
	}
}

func TestRubbishEndsItsConnectionAlone(t *testing.T) {
	n := up(t, Config{Node: "n1", System: lists{}, Dir: t.TempDir()}, "")
	for _, text := range []string{"GET / HTTP/1.0\r\n\r\n", prefix + "fly\n", peerPrefix + "n2 n9\n", prefix + strings.Repeat("m", 10_000), "\xff\xff\xff\xff"} {
		conn, err := n.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn.Write([]byte(text))
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		if rest, err := io.ReadAll(conn); len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%.20q is answered with %q, %v", text, rest, err)
		}
		conn.Close()
	}
	if got := call(t, n).ask("+a"); got != "1" {
		t.Error(got)
	}
}

// BenchmarkWrite is a request that is logged, synced and answered, from one client.
func BenchmarkWrite(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Config{Node: "n1", System: lists{}, Listen: l, Dir: b.TempDir()}) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	request := targets.AppendFrame(nil, []byte("+a"))
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		conn.Write(request)
		if _, err := targets.ReadFrame(conn); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-µs")
	conn.Close()
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// Who is asked to end has its log on disk, also what nobody wanted synced.
func TestAnOrderlyEndBringsTheLogToTheDisk(t *testing.T) {
	g := &gate{pass: make(chan struct{})}
	dir := t.TempDir()
	steps := &atomic.Int64{}
	n := up(t, Config{Node: "n1", System: lists{steps: steps}, Dir: dir, wrap: func(f file) file { g.file = f; return g }}, "")
	c := call(t, n)
	c.send("+a")
	eventually(t, "the record is on its way", func() bool { return g.syncs.Load() == 1 })
	c.send("+b")
	eventually(t, "the second request is taken", func() bool { return steps.Load() == 3 }) // the start is a step too
	close(g.pass)
	n.down(t)
	if g.syncs.Load() < 2 {
		t.Error("the second record was not synced")
	}
	j, records, torn, err := openJournal(filepath.Join(dir, logFile))
	if err != nil {
		t.Fatal(err)
	}
	go j.run()
	if err := j.close(); err != nil || len(records) != 2 || torn != 0 {
		t.Errorf("%d records, %d torn bytes, %v", len(records), torn, err)
	}
}
