package mlcheck

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/targets"
)

// untagged is a ring in which nobody knows whose a change is: every leader
// applies what comes and passes it on, for ever. It cannot tell whether
// replication rests.
type untagged struct{ nodes []string }

// change is a write on its way, tagged only where the ring knows better.
type change struct {
	Key   string
	Value int64
	From  string `json:",omitempty"`
}

type untaggedNode struct {
	name, next string
	tagged     bool
	cells      map[string]int64
}

func (u untagged) New(node string, _ targets.Disk) targets.Machine {
	next := u.nodes[(slices.Index(u.nodes, node)+1)%len(u.nodes)]
	return &untaggedNode{name: node, next: next, cells: map[string]int64{}}
}

func (n *untaggedNode) Step(in targets.In) []targets.Out {
	switch in.Kind {
	case targets.Message:
		var c change
		if json.Unmarshal(in.Body, &c) != nil || c.From == n.name {
			return nil
		}
		return n.apply(c)
	case targets.Request:
		var steps []history.Step
		if json.Unmarshal(in.Body, &steps) != nil {
			return nil
		}
		var outs []targets.Out
		for i, s := range steps {
			switch v := n.cells[s.Key]; {
			case s.F == history.Write && n.tagged:
				outs = append(outs, n.apply(change{s.Key, s.Value.N, n.name})...)
			case s.F == history.Write:
				outs = append(outs, n.apply(change{Key: s.Key, Value: s.Value.N})...)
			case v != 0:
				steps[i].Value = history.Int(v)
			}
		}
		body, _ := json.Marshal(steps)
		return append(outs, targets.Out{Kind: targets.Reply, To: in.From, Body: body})
	}
	return nil
}

func (n *untaggedNode) apply(c change) []targets.Out {
	n.cells[c.Key] = c.Value
	body, _ := json.Marshal(c)
	return []targets.Out{{Kind: targets.Message, To: n.next, Body: body}}
}

func (u untagged) Connect(ctx context.Context, n targets.Node) (targets.Client, error) {
	conn, err := n.Dial(ctx)
	return untaggedClient{conn}, err
}

type untaggedClient struct{ net.Conn }

func (c untaggedClient) Do(_ context.Context, ss []history.Step) (targets.Done, error) {
	body, err := json.Marshal(ss)
	if err != nil {
		return targets.Done{}, err
	}
	if _, err := c.Write(targets.AppendFrame(nil, body)); err != nil {
		return targets.Done{}, err
	}
	answer, err := targets.ReadFrame(c.Conn)
	if err != nil {
		return targets.Done{}, err
	}
	var done targets.Done
	return done, json.Unmarshal(answer, &done.Steps)
}

// tagged is the same ring when it does know: a change ends where it began.
type tagged struct{ untagged }

func (t tagged) New(node string, d targets.Disk) targets.Machine {
	m := t.untagged.New(node, d).(*untaggedNode)
	m.tagged = true
	return m
}

func judgedRing(t *testing.T, system func(nodes []string) targets.System) (*checker.Results, *history.History) {
	t.Helper()
	test := Test{Topology: "ring", Sessions: 6, Keys: 2, Rate: 5, Reads: Share(0.5), Time: 2 * time.Second, Quiet: time.Second, Seed: 3}
	p, err := test.plan()
	if err != nil {
		t.Fatal(err)
	}
	p.conf.System = system(p.nodes)
	r := &runner{plan: p, opt: Options{Store: t.TempDir(), Progress: t.Logf}}
	if r.dir, err = newFolder(r.opt.Store, p); err != nil {
		t.Fatal(err)
	}
	o, err := r.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return o.Results, recorded(t, r)
}

func TestARingWithoutOriginsGoesRound(t *testing.T) {
	res, h := judgedRing(t, func(nodes []string) targets.System { return untagged{nodes} })
	c := res.Properties["convergence"]
	if c.Verdict != checker.Violated || len(c.Findings) == 0 || c.Findings[0].Label != "loop" {
		t.Errorf("%s: %s", c.Verdict, c.Reason)
	}
	s := res.Replication.Settling
	if s == nil || s.Loops != c.Violations || s.Changes < s.Loops*5 {
		t.Errorf("%d violations, and %+v", c.Violations, s)
	}
	if state, _ := quietState(h); state != history.QuietMoving {
		t.Errorf("replication was %s", state)
	}
}

// The same store with origins applies each change once. It has no order, so its
// leaders may end differently, but nothing goes round.
func TestARingWithOriginsComesToRest(t *testing.T) {
	res, h := judgedRing(t, func(nodes []string) targets.System { return tagged{untagged{nodes}} })
	if c := res.Properties["convergence"]; strings.Contains(c.Reason, "round") || c.Counts["keys with values that go round"] > 0 {
		t.Errorf("%s: %s", c.Verdict, c.Reason)
	}
	if state, _ := quietState(h); state != history.QuietYes {
		t.Errorf("replication was %s", state)
	}
	settling := 0
	for k := range h.Len() {
		if h.Final(k) {
			settling++
		}
	}
	if once := len(h.Keys()) * len(h.Nodes()); settling < 3*once {
		t.Errorf("%d final reads are recorded: the sweeps that waited for rest are not among them", settling)
	}
}
