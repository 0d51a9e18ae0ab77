package docker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/internal/agent"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// Ability is what was found about one kind of fault, on a pair of nodes that was
// made for it.
type Ability struct {
	Kind  string // of fault
	Shape string // "": all shapes of the kind are made in one way
	Works bool
	How   string // the mechanism; where it does not work: why
}

// Health is what Examine has found.
type Health struct {
	Engine    string        // what answers, and where
	Deploy    time.Duration // how long a pair of nodes took
	Abilities []Ability
}

// Examine deploys a pair of nodes and tries every kind of fault on them: each is made,
// proved, and healed. Everything is removed again.
func Examine(ctx context.Context, run string, progress func(format string, args ...any)) (_ Health, err error) {
	var h Health
	eng, err := open(ctx)
	if err != nil {
		return h, err
	}
	info, err := eng.Info(ctx)
	if err := errors.Join(err, eng.Close()); err != nil {
		return h, fmt.Errorf("the container engine does not say what it is: %w", err)
	}
	h.Engine = fmt.Sprintf("engine %s at %s, %s/%s", info.Version, info.Endpoint, info.OS, info.Arch)
	began := time.Now()
	c, err := Start(ctx, Config{Run: run, Target: "doctor", Nodes: []string{"n1", "n2"}, System: patient{}, Clients: true, Fills: true, Wipes: true, Progress: progress})
	if err != nil {
		return h, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, c.Close(ctx))
	}()
	h.Deploy = time.Since(began)
	for _, t := range trials {
		h.Abilities = append(h.Abilities, c.try(ctx, t))
		if ctx.Err() != nil {
			return h, fmt.Errorf("the examination was ended: %w", context.Cause(ctx))
		}
	}
	return h, nil
}

// try makes one fault, proves it, and heals.
func (c *Cluster) try(ctx context.Context, t trial) Ability {
	if why := c.fabric.Cannot(t.state); len(why) > 0 {
		return Ability{t.kind, t.shape, false, strings.Join(why, "; ")}
	}
	no := func(format string, args ...any) Ability {
		return Ability{t.kind, t.shape, false, fmt.Sprintf(format, args...)}
	}
	shown, err := c.shown(ctx, t)
	switch {
	case err != nil:
		return no("it was tried and failed: %v", err)
	case !shown:
		return no("it was tried, and no measurement showed it")
	}
	m, err := c.trial(ctx, nemesis.State{})
	switch {
	case err != nil:
		return no("it cannot be healed: %v", err)
	case t.shows(m) || !m.Up[there] || !m.Up[back] || m.Nodes["n1"].Is != nemesis.Up:
		return no("it was tried, and stayed after it was healed")
	}
	return Ability{t.kind, t.shape, true, t.how}
}

// shown makes a fault true and says whether measuring shows it. One that comes and goes
// must be seen both ways before long.
func (c *Cluster) shown(ctx context.Context, t trial) (bool, error) {
	m, err := c.trial(ctx, t.state)
	if err != nil || t.also == nil {
		return err == nil && t.shows(m), err
	}
	there, away := t.shows(m), t.also(m)
	for range 30 {
		if there && away {
			break
		}
		if err := c.Sleep(ctx, 40*time.Millisecond); err != nil {
			return false, err
		}
		if m, err = c.fabric.Measure(ctx); err != nil {
			return false, err
		}
		there, away = there || t.shows(m), away || t.also(m)
	}
	return there && away, nil
}

func (c *Cluster) trial(ctx context.Context, s nemesis.State) (nemesis.Measured, error) {
	if err := c.fabric.Apply(ctx, s); err != nil {
		return nemesis.Measured{}, err
	}
	return c.fabric.Measure(ctx)
}

// patient is a target that does little but tell the time: an echo of the agent's.
type patient struct{}

const (
	patientPort = 7000
	patientData = "/data"
)

func (patient) Spec(string) targets.Spec {
	return targets.Spec{
		Image: targets.OwnBinary, Command: []string{"agent", "echo", strconv.Itoa(patientPort)},
		Port: patientPort, Startup: 20 * time.Second, Clock: agent.VDSO, Data: patientData,
	}
}

// Ready says whether the patient answers, and leaves something on its disk that can be lost.
func (p patient) Ready(ctx context.Context, n targets.Node) error {
	if _, err := p.Clock(ctx, n); err != nil {
		return err
	}
	answer, err := p.ask(ctx, n, "write "+patientData+"/note "+n.Name())
	if err == nil && answer != "ok" {
		err = errors.New(answer)
	}
	return err
}

func (patient) Wire(context.Context, []targets.Node) error { return nil }

func (patient) Connect(context.Context, targets.Node) (targets.Client, error) {
	return nil, errors.New("nobody works with this target")
}

func (p patient) Clock(ctx context.Context, n targets.Node) (time.Time, error) {
	answer, err := p.ask(ctx, n, "clock")
	if err != nil {
		return time.Time{}, err
	}
	nanos, err := strconv.ParseInt(answer, 10, 64)
	return time.Unix(0, nanos), err
}

// ask asks the patient one line.
func (patient) ask(ctx context.Context, n targets.Node, line string) (string, error) {
	conn, err := n.Dial(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if d, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(d); err != nil {
			return "", err
		}
	}
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(answer), err
}
