package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/skip"
	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/targets/serve"
)

// leader is `mlcheck node` as a child, on an address of this machine.
type leader struct {
	name, ip, port, dir string
	cmd                 *exec.Cmd
}

func (l *leader) Name() string { return l.name }
func (l *leader) Peer() string { return l.ip }
func (l *leader) Dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(l.ip, l.port))
}

// start returns when the leader listens.
func (l *leader) start(t *testing.T, c targets.Config) {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"Target": "reference", "Node": l.name, "Listen": net.JoinHostPort(l.ip, l.port), "Dir": l.dir, "Config": c,
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "node.json")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	l.cmd = exec.Command(binary(t), "node", path)
	stderr, err := l.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		_, address, ok := strings.Cut(lines.Text(), " listens at ")
		if ok && l.port == "0" { // it keeps its first port
			_, l.port, _ = net.SplitHostPort(address)
		}
		if ok {
			break
		}
	}
	go func() {
		for lines.Scan() { // so that it never waits for us
		}
	}()
	t.Cleanup(l.kill)
	if l.port == "0" {
		t.Fatalf("%s does not listen", l.name)
	}
}

// kill is kill -9.
func (l *leader) kill() {
	_ = l.cmd.Process.Kill()
	_ = l.cmd.Wait()
}

// TestKilledLeadersLoseNothingThatTheyHaveAcknowledged needs no engine: a leader in
// a container is this program.
func TestKilledLeadersLoseNothingThatTheyHaveAcknowledged(t *testing.T) {
	if runtime.GOOS != "linux" {
		skip.Because(t, "only Linux has 127.0.0.2 without being asked")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	target, _ := mlcheck.LookupTarget("reference")
	c := targets.Config{Nodes: []string{"n1", "n2", "n3"}, Topology: "ring", World: "docker", Options: map[string]string{}}
	for _, o := range target.Options() {
		c.Options[o.Name] = o.Default
	}
	c.Options["policy"] = "add-wins"
	plan, err := target.Configure(c)
	if err != nil {
		t.Fatal(err)
	}
	leaders, nodes, port := startLeaders(t, c)
	if err := serve.Wire(ctx, nodes, plan.Links, port); err != nil {
		t.Fatal(err)
	}
	var (
		work  sync.WaitGroup
		stop  = make(chan struct{})
		next  atomic.Int64
		acked sync.Map
	)
	for _, l := range leaders {
		work.Go(func() { addUntil(ctx, stop, plan.System, l, &next, &acked) })
	}
	for range 3 {
		for _, l := range leaders {
			time.Sleep(100 * time.Millisecond)
			l.kill()
			l.start(t, c)
		}
	}
	close(stop)
	work.Wait()
	for quiet := ""; quiet != history.QuietYes; time.Sleep(50 * time.Millisecond) {
		if quiet, _, err = plan.System.(targets.Quiet).Quiet(ctx, nodes); ctx.Err() != nil {
			t.Fatalf("replication does not come to rest: %s, %v", quiet, err)
		}
	}
	var first history.Value
	for i, l := range leaders {
		got := elements(t, ctx, plan.System, l)
		if i == 0 {
			first = got
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("%s differs from n1 (-n1 +%s):\n%s", l.name, l.name, diff)
		}
	}
	has := map[int64]bool{}
	for _, n := range first.List {
		has[n] = true
	}
	count := 0
	acked.Range(func(n, by any) bool {
		count++
		if !has[n.(int64)] {
			t.Errorf("%d, which %s had acknowledged, is lost", n, by)
		}
		return true
	})
	if count < 50 {
		t.Errorf("only %d operations were acknowledged", count)
	}
}

func startLeaders(t *testing.T, c targets.Config) (leaders []*leader, nodes []targets.Node, port int) {
	t.Helper()
	for i, name := range c.Nodes {
		l := &leader{name: name, ip: fmt.Sprintf("127.0.0.%d", i+1), port: "0", dir: t.TempDir()}
		if i > 0 {
			l.port = leaders[0].port
		}
		l.start(t, c)
		leaders, nodes = append(leaders, l), append(nodes, l)
	}
	_, _ = fmt.Sscan(leaders[0].port, &port)
	return leaders, nodes, port
}

// addUntil adds elements at a leader, through whatever becomes of it.
func addUntil(ctx context.Context, stop chan struct{}, s targets.System, l *leader, next *atomic.Int64, acked *sync.Map) {
	var client targets.Client
	defer func() {
		if client != nil {
			client.Close()
		}
	}()
	for ctx.Err() == nil {
		select {
		case <-stop:
			return
		case <-time.After(2 * time.Millisecond):
		}
		if client == nil {
			if c, err := s.Connect(ctx, l); err == nil {
				client = c
			}
			continue
		}
		n := next.Add(1)
		if _, err := client.Do(ctx, []history.Step{{F: history.Add, Key: "k", Value: history.Int(n)}}); err != nil {
			client.Close()
			client = nil
			continue
		}
		acked.Store(n, l.name)
	}
}

func elements(t *testing.T, ctx context.Context, s targets.System, l *leader) history.Value {
	t.Helper()
	client, err := s.Connect(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	done, err := client.Do(ctx, []history.Step{{F: history.Read, Key: "k"}})
	if err != nil {
		t.Fatal(err)
	}
	return done.Steps[0].Value
}
