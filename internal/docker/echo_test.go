package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/dockertest"
	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/targets"
)

const echoPort = 7000

// echo is a target that needs no image but the agent's own.
type echo struct {
	image   string
	command []string
	startup time.Duration
	noClock bool
	clock   string // how it is skewed; "": by the control file
	wire    func(context.Context, []targets.Node) error
	ready   func(context.Context, targets.Node) error
	files   map[string]string
	env     map[string]string // beside its own
	data    string            // its directory, if its disk can be filled
}

func (e *echo) Spec(string) targets.Spec {
	s := targets.Spec{
		Image: e.image, Command: e.command, Port: echoPort, Startup: e.startup, Files: e.files,
		Env: map[string]string{"LD_PRELOAD": ""}, Clock: "libfaketime",
	}
	if s.Command == nil {
		s.Command = []string{"agent", "echo", strconv.Itoa(echoPort)}
	}
	if s.Startup == 0 {
		s.Startup = 20 * time.Second
	}
	if e.clock != "" {
		s.Clock, s.Env = e.clock, nil
	}
	if len(e.env) > 0 {
		s.Env = e.env
	}
	s.Data = e.data
	if e.noClock {
		s.Clock, s.ClockWhy = "", "this target's timers would break"
	}
	return s
}

func (e *echo) Ready(ctx context.Context, n targets.Node) error {
	if e.ready != nil {
		return e.ready(ctx, n)
	}
	_, err := ask(ctx, n, "clock")
	return err
}

func (e *echo) Wire(ctx context.Context, nodes []targets.Node) error {
	if e.wire != nil {
		return e.wire(ctx, nodes)
	}
	return nil
}

func (e *echo) Connect(context.Context, targets.Node) (targets.Client, error) {
	return nil, errors.New("the echo has no clients")
}

func (e *echo) Clock(ctx context.Context, n targets.Node) (time.Time, error) {
	answer, err := ask(ctx, n, "clock")
	if err != nil {
		return time.Time{}, err
	}
	nanos, err := strconv.ParseInt(answer, 10, 64)
	return time.Unix(0, nanos), err
}

// ask asks a node's echo one line.
func ask(ctx context.Context, n targets.Node, line string) (string, error) {
	conn, err := n.Dial(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if d, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(d)
	}
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(answer), err
}

// talk says whether the echo of one node can have a conversation with another's.
func talk(t *testing.T, from, to targets.Node) bool {
	t.Helper()
	answer, err := ask(t.Context(), from, "talk "+echoAt(to))
	if err != nil {
		t.Fatal(err)
	}
	return answer == "ok"
}

// agentImage makes the image that the echo runs in.
func agentImage(tb testing.TB, eng engine.Engine) string {
	tb.Helper()
	info, err := eng.Info(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	ref, err := (&images{eng: eng, arch: info.Arch}).own(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return ref
}

func runID(tb testing.TB) string {
	return fmt.Sprintf("test-%s-%d-%d", strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(tb.Name())), os.Getpid(), time.Now().UnixNano()%1e6)
}

// started deploys three echoes, and removes them at the test's end.
func started(tb testing.TB, change ...func(*Config, *echo)) *Cluster {
	tb.Helper()
	eng := dockertest.Engine(tb)
	e := &echo{image: agentImage(tb, eng)}
	cfg := Config{Run: runID(tb), Target: "echo", Nodes: []string{"n1", "n2", "n3"}, System: e, Progress: tb.Logf}
	for _, f := range change {
		f(&cfg, e)
	}
	c, err := Start(context.Background(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			tb.Error(err)
		}
		nothingLeft(tb, eng, cfg.Run)
	})
	return c
}

func nothingLeft(tb testing.TB, eng engine.Engine, run string) {
	tb.Helper()
	left, err := eng.List(context.Background(), runLabel+"="+run)
	if err != nil || len(left) > 0 {
		tb.Errorf("left over: %v, error %v", describe(left), err)
	}
}
