package mlcheck

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// To leave takes time, and so does to join: leaders are asked for it, and how far it is,
// again and again. In between a question must not wait for one that does not answer.
const (
	memberEvery = 50 * time.Millisecond
	memberAsk   = time.Second
)

// membership is who leaves, who is out, and who joins again.
type membership struct {
	leaving []*departure
	left    []string        // out, as the faults in force want it: their processes have ended
	joining []nemesis.Fault // over, and nobody has seen yet that their nodes are members again
	calling []string        // nodes whose leave is to be called off, until they have said that it is
	was     map[int]bool    // faults that were seen in effect
}

// departure is a fault whose nodes have not all left.
type departure struct {
	nemesis.Fault
	members []string // of its nodes those that were seen to be members
	why     string   // what it waits for
}

// view is whom a leader takes for members.
type view struct {
	members []string
	err     error
}

// say is whether the view of a leader counts: one that joins, or leaves, has none yet.
func (v view) say(of string) bool { return v.err != nil || slices.Contains(v.members, of) }

// checkMembers refuses to have leaders leave where they cannot.
func (p *plan) checkMembers() error {
	leaders := p.params.Nodes
	for _, f := range p.Faults {
		switch _, can := p.conf.System.(targets.Members); {
		case f.Kind != nemesis.Member:
		case !p.conf.Members || !can:
			why := cmp.Or(p.conf.MembersWhy, "it does not say how one does")
			return usage("the leaders of target %s cannot leave and join (fault %s): %s", p.Target, nemesis.Member, why)
		case slices.ContainsFunc(f.Nodes, func(n string) bool { return !slices.Contains(leaders, n) }):
			return usage("fault %d (%s): only leaders leave", f.ID, f)
		case len(leaders)-len(nemesis.At(p.Faults, f.From).Out) < nemesis.LeastStay:
			return usage("fault %d (%s): when it begins %s are to be out at once, and of %d leaders %d must stay", f.ID, f,
				strings.Join(nemesis.At(p.Faults, f.From).Out, ", "), len(leaders), nemesis.LeastStay)
		}
	}
	return nil
}

// state is what is wrong now, where of the leaders that are to be out those are down that
// have left.
func (n *saboteur) state() nemesis.State { return nemesis.At(n.Faults, n.at).With(n.members.left) }

// rest sleeps, and sees on the way to who leaves and who joins.
func (n *saboteur) rest(ctx context.Context, d time.Duration) error {
	until := n.cluster.Now() + d
	for len(n.members.leaving)+len(n.members.joining) > 0 {
		left := until - n.cluster.Now()
		if left <= 0 {
			return nil
		}
		if err := n.cluster.Sleep(ctx, min(left, memberEvery)); err != nil {
			return err
		}
		if err := n.passages(ctx); err != nil {
			return err
		}
	}
	return n.cluster.Sleep(ctx, max(until-n.cluster.Now(), 0))
}

// passages sees to who leaves and who joins. Who has left is down from now on.
func (n *saboteur) passages(ctx context.Context) error {
	n.joinAgain(ctx, n.state())
	gone := len(n.members.left)
	var done []*departure
	for _, d := range n.members.leaving {
		if n.goes(ctx, d) {
			done = append(done, d)
		}
	}
	if gone < len(n.members.left) {
		if err := n.cluster.Fabric().Apply(ctx, n.state()); err != nil {
			return fmt.Errorf("ending who has left: %w", err)
		}
	}
	for _, d := range done {
		n.members.leaving = slices.DeleteFunc(n.members.leaving, func(e *departure) bool { return e == d })
		n.members.was[d.ID], n.before[d.ID] = true, 0
		m, err := n.look(ctx)
		if err != nil {
			return fmt.Errorf("measuring that who has left is out: %w", err)
		}
		if err := n.judgeEdge(ctx, d.Fault, m, history.Effective, history.Absent); err != nil {
			return err
		}
	}
	return nil
}

// goes has the nodes of a fault leave, and says whether all have.
func (n *saboteur) goes(ctx context.Context, d *departure) bool {
	all := true
	for _, node := range d.Nodes {
		if slices.Contains(n.members.left, node) {
			continue
		}
		if d.why = n.leaves(ctx, d, node); d.why == "" {
			n.members.left = append(n.members.left, node)
		} else {
			all = false
		}
	}
	return all
}

// leaves has a node leave, and says what that waits for; "": for nothing any more. It
// must have been a member, and those that are to stay must be.
func (n *saboteur) leaves(ctx context.Context, d *departure, node string) (why string) {
	s := n.state()
	if why := inTrouble(s, node); why != "" {
		return why
	}
	if !slices.Contains(d.members, node) {
		if why := n.noMember(node, n.views(ctx, s)); why != "" {
			return why
		}
		d.members = append(d.members, node)
	}
	out := nemesis.At(n.Faults, n.at).Out
	for _, f := range n.members.joining {
		out = append(out, f.Nodes...)
	}
	slices.Sort(out)
	if len(n.params.Nodes)-len(slices.Compact(out)) < nemesis.LeastStay {
		return "not all that left before are members again"
	}
	asked, cancel := n.cluster.WithTimeout(ctx, memberAsk)
	defer cancel()
	left, why, err := n.conf.System.(targets.Members).Leave(asked, n.node(node), n.others(node))
	switch {
	case err != nil:
		return err.Error()
	case !left:
		return cmp.Or(why, node+" has not left yet")
	}
	return ""
}

// begins is a fault that begins.
func (n *saboteur) begins(f nemesis.Fault) {
	n.members.leaving = append(n.members.leaving, &departure{Fault: f, why: "nobody had the time to ask for it"})
}

// isLeaving says whether not all nodes of a fault have left yet.
func (n *saboteur) isLeaving(f nemesis.Fault) bool {
	return slices.ContainsFunc(n.members.leaving, func(d *departure) bool { return d.ID == f.ID })
}

// callOff ends a fault of which not all nodes have left. Where other faults were in its
// way it could not act; else it should have been there and was not.
func (n *saboteur) callOff(f nemesis.Fault) {
	i := slices.IndexFunc(n.members.leaving, func(d *departure) bool { return d.ID == f.ID })
	if i < 0 {
		return
	}
	ev := describe(f, history.Absent)
	if n.inTheWay(f) {
		ev.Phase = history.Covered
	}
	ev.Why = "the leave was called off, since it had not come to its end: " + n.members.leaving[i].why
	n.opt.Progress("%6.1f s  %s: %s: %s", n.cluster.Now().Seconds(), f.Kind, ev.Phase, ev.Why)
	n.rec.Event(ev)
	n.members.leaving = slices.Delete(n.members.leaving, i, i+1)
	for _, node := range f.Nodes {
		if !slices.Contains(n.members.left, node) {
			n.members.calling = append(n.members.calling, node)
		}
	}
}

// inTheWay says whether another fault could keep leaders from handing over what they have.
func (n *saboteur) inTheWay(f nemesis.Fault) bool {
	return slices.ContainsFunc(n.Faults, func(g nemesis.Fault) bool {
		return g.ID != f.ID && g.From < f.Until && f.From < g.Until && len(g.Links)+len(g.Nodes) > 0
	})
}

// stillOut forgets those that no fault has out any more: they are to join.
func (n *saboteur) stillOut() {
	out := nemesis.At(n.Faults, n.at).Out
	n.members.left = slices.DeleteFunc(n.members.left, func(node string) bool { return !slices.Contains(out, node) })
	n.members.calling = slices.DeleteFunc(n.members.calling, func(node string) bool { return slices.Contains(out, node) })
}

// joinAgain sees to who joins, and records who is a member again. It says what the others
// wait for.
func (r *runner) joinAgain(ctx context.Context, s nemesis.State) (why string) {
	if len(r.members.joining) == 0 {
		return ""
	}
	views := r.views(ctx, s)
	r.members.joining = slices.DeleteFunc(r.members.joining, func(f nemesis.Fault) bool {
		for _, node := range f.Nodes {
			if w := r.joins(ctx, s, node, views); w != "" {
				why = w
				return false
			}
		}
		ev := describe(f, history.Healed)
		ev.Why = strings.Join(f.Nodes, ", ") + ": a member again by the word of every leader, and serves"
		r.opt.Progress("%6.1f s  %s: %s", r.cluster.Now().Seconds(), f.Kind, ev.Why)
		r.rec.Event(ev)
		return true
	})
	return why
}

// joins has a node join, or stay, and says what that waits for.
func (r *runner) joins(ctx context.Context, s nemesis.State, node string, views map[string]view) string {
	if s.DownBy(node) == nemesis.Member {
		return "" // another fault has it out, and has to prove it
	}
	if why := inTrouble(s, node); why != "" {
		return why
	}
	ask, cancel := r.cluster.WithTimeout(ctx, memberAsk)
	defer cancel()
	system := r.conf.System.(targets.Members)
	if i := slices.Index(r.members.calling, node); i >= 0 {
		if err := system.Stay(ask, r.node(node), r.others(node)); err != nil {
			return err.Error()
		}
		r.members.calling = slices.Delete(r.members.calling, i, i+1)
	}
	joined, why, err := system.Join(ask, r.node(node), r.others(node))
	switch {
	case err != nil:
		return err.Error()
	case !joined:
		return node + " has not joined again: " + why
	}
	return cmp.Or(r.noMember(node, views), r.servesNot(ask, node))
}

// noMember says why a node cannot be told to be a member; "": it takes all leaders for
// members that have not left, and they take it for one.
func (r *runner) noMember(node string, views map[string]view) string {
	for _, by := range r.params.Nodes {
		v, asked := views[by]
		switch {
		case slices.Contains(r.members.left, by):
		case !asked:
			return by + " cannot be asked now"
		case v.err != nil:
			return fmt.Sprintf("%s does not say whom it takes for a member: %v", by, v.err)
		case !slices.Contains(v.members, node):
			return by + " does not take " + node + " for a member"
		case !slices.Contains(views[node].members, by):
			return node + " does not take " + by + " for a member"
		}
	}
	return ""
}

// servesNot says why a node does not serve; "": it has answered a read.
func (r *runner) servesNot(ctx context.Context, node string) string {
	client, err := r.conf.System.Connect(ctx, r.node(node))
	if err == nil {
		_, err = client.Do(ctx, []history.Step{{F: history.Read, Key: r.keys[0]}})
		_ = client.Close() // it has served its purpose
	}
	if err != nil {
		return fmt.Sprintf("%s does not serve: %v", node, err)
	}
	return ""
}

// inTrouble says why a State keeps a node from being asked for anything; "": it does not.
// One whose disk is full may have died of that.
func inTrouble(s nemesis.State, node string) string {
	bad := func(l history.Link) bool { return s.Cuts(l) || s.Impairs(l) != nemesis.Impairment{} }
	switch is := s.Process(node); {
	case is != nemesis.Up:
		return node + " is " + is
	case s.Disk(node).Full:
		return node + "'s disk is full"
	case slices.ContainsFunc(nemesis.ClientLinks([]string{node}), bad):
		return "the links between clients and " + node + " are in trouble"
	}
	return ""
}

// views asks every leader that can be asked whom it takes for members.
func (r *runner) views(ctx context.Context, s nemesis.State) map[string]view {
	views := map[string]view{}
	for _, name := range r.params.Nodes {
		if inTrouble(s, name) != "" {
			continue
		}
		asked, cancel := r.cluster.WithTimeout(ctx, memberAsk)
		members, err := r.conf.System.(targets.Members).Members(asked, r.node(name))
		cancel()
		views[name] = view{members, err}
	}
	return views
}

// membersDiffer says who takes a node of a fault for a member that has left.
func (n *saboteur) membersDiffer(f nemesis.Fault, s nemesis.State, m look) (bad []string) {
	for _, node := range f.Nodes {
		if f.Kind != nemesis.Member || s.DownBy(node) != nemesis.Member {
			continue
		}
		for _, by := range n.params.Nodes {
			v, asked := m.views[by]
			switch {
			case !asked || !v.say(by):
			case v.err != nil:
				bad = append(bad, fmt.Sprintf("%s does not say whom it takes for a member: %v", by, v.err))
			case slices.Contains(v.members, node):
				bad = append(bad, by+" takes "+node+" for a member")
			}
		}
	}
	return bad
}

// nobodySays says that a fault cannot be told to have begun, since no leader has a say:
// later, others may pause or kill them all.
func (n *saboteur) nobodySays(f nemesis.Fault, m look) string {
	if f.Kind != nemesis.Member || slices.ContainsFunc(n.params.Nodes, func(by string) bool {
		v, asked := m.views[by]
		return asked && v.err == nil && v.say(by)
	}) {
		return ""
	}
	return "nobody could say whether " + strings.Join(f.Nodes, ", ") + " is a member"
}

func (r *runner) node(name string) targets.Node {
	return r.cluster.Nodes()[slices.Index(r.nodes, name)]
}

// others are all leaders but one.
func (r *runner) others(than string) []targets.Node {
	return slices.DeleteFunc(r.cluster.Nodes()[:len(r.params.Nodes)], func(n targets.Node) bool { return n.Name() == than })
}

// mayBe are the States that a moment may have: all have left that are to be out, or none.
func mayBe(faults []nemesis.Fault, at time.Duration) []nemesis.State {
	s := nemesis.At(faults, at)
	return []nemesis.State{s.With(nil), s.With(s.Out)}
}
