package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

// How much of what the page shows; whatever is left out is counted on it.
const (
	openCards   = 3       // findings of a property that are unfolded
	maxCards    = 40      // findings of a property that are shown at all
	maxCardOps  = 60      // operations of a finding that are listed
	maxTestSize = 256_000 // bytes of the Test document
)

// page is what the template shows.
type page struct {
	Title    string
	Verdict  checker.Verdict // "" when not checked yet
	Symbol   string
	Word     string
	Why      string
	Exit     string
	Damage   string
	Facts    []fact
	Repeat   string
	Next     []string
	Groups   []group
	Props    []propRow
	Timeline *timeline
	Static   *staticTimeline
	Drawn    string // which operations the timeline holds
	Faults   []faultRow
	Notes    []string // what has to be known of how faults were made
	Lag      []lagRow
	Apart    []apartRow
	ApartSay string
	Logs     []logSection
	Power    []fact
	Measures []fact
	Test     string
	TestNote string
	SHA      string
}

// group is a property's findings.
type group struct {
	Name, Title, Head string
	Observation       string // why these break no claim; "" where they do
	Cards, Folded     []card
	Untold            string
}

// card is one finding.
type card struct {
	Anchor, ID, Label, Property, Story string
	Ops                                []opRow
	OpsNote, Evidence                  string
	Edges                              []edgeRow
	Diagram                            *diagram
}

type opRow struct {
	Index                int
	Anchor               string
	Known                bool // in the history
	Time, Took           string
	Session              string
	Leader, Asked        string // who answered; whom the client asked, where that is another
	What, Result, Class  string
	Stamp, Token, Replac string
	Log                  *logLink
}

type edgeRow struct {
	From, To   int
	FromAnchor string
	ToAnchor   string
	Kind       string
	Class      string
	Because    string
}

type propRow struct {
	Name, Title, Standing, By, Except string
	Verdict                           checker.Verdict
	Symbol                            string
	Chances, Violations               string
	Counts, Reason, Excused           string
	Link                              string // of its findings
}

type faultRow struct {
	ID                                  int
	Kind, Class, What, State, Note      string
	Read                                string // by how much clocks were read to be off
	Planned, Effective, Healing, Healed string
	Lag, HealLag                        string
}

func newPage(r *Run) (*page, error) {
	p := &page{Title: visible(r.title()), Facts: r.facts()}
	for _, n := range r.Next {
		p.Next = append(p.Next, visible(n))
	}
	if r.History != nil {
		p.Damage = visible(r.History.Damage)
	}
	book := newLogBook(r.Logs, r.Base)
	p.verdict(r.Results)
	if r.Results != nil {
		p.results(r, book)
	}
	p.Logs = book.sections(r.Base)
	p.test(r.Test)
	var err error
	if p.Timeline, err = newTimeline(r); err != nil {
		return nil, err
	}
	if p.Timeline != nil {
		p.Static, p.Drawn = newStatic(p.Timeline), drawnWords(p.Timeline)
	}
	return p, nil
}

func (p *page) verdict(res *checker.Results) {
	if res == nil {
		p.Symbol, p.Word = "?", "not checked"
		p.Why = "There is a history, and no results yet: `mlcheck check` on the run folder gives them."
		return
	}
	p.Verdict, p.Symbol, p.Word = res.Verdict, verdictSymbol(res.Verdict), string(res.Verdict)
	p.Why = visible(res.Why)
	p.Exit = fmt.Sprintf("Exit status %d: %s.", res.Exit, exitWords(res.Exit))
	p.Repeat, p.SHA = visible(res.Repeat), visible(res.HistorySHA)
}

func (p *page) results(r *Run, book *logBook) {
	for _, prop := range properties(r.Results) {
		row := newPropRow(prop)
		if g, any := newGroup(r, book, prop, len(p.Groups)); any {
			row.Link = g.Cards[0].Anchor
			p.Groups = append(p.Groups, g)
		}
		p.Props = append(p.Props, row)
	}
	for _, f := range r.Results.Faults {
		p.Faults = append(p.Faults, newFaultRow(f))
	}
	for _, n := range r.Results.Notes {
		p.Notes = append(p.Notes, visible(n)+".")
	}
	p.replication(r.Results.Replication)
	p.Power, p.Measures = powerFacts(r.Results.Power), measureFacts(r.Results.Measures)
}

func newPropRow(p property) propRow {
	row := propRow{
		Name: visible(p.Name), Title: visible(p.Title), Standing: "not claimed", By: visible(p.By),
		Verdict: p.verdict(), Symbol: verdictSymbol(p.verdict()),
		Counts: countsWords(p.Counts), Reason: visible(p.Reason), Excused: visible(p.Excused),
	}
	if p.Claimed {
		row.Standing = "claimed"
	}
	if len(p.Except) > 0 {
		row.Except = "except under " + visible(strings.Join(p.Except, ", "))
	}
	if row.Verdict != checker.NotDecided {
		row.Chances, row.Violations = count(p.Chances), count(p.Violations)
	}
	return row
}

func newGroup(r *Run, book *logBook, p property, n int) (group, bool) {
	if len(p.Findings) == 0 {
		return group{}, false
	}
	g := group{
		Name: visible(p.Name), Title: visible(p.Title), Observation: strings.Trim(observation(p), " ()"),
		Head: plural(max(p.Violations, len(p.Findings)), "violation"),
	}
	if p.verdict() != checker.Violated {
		g.Observation = "shown for what it is; the verdict is " + string(p.verdict())
	}
	for i, f := range p.Findings {
		switch {
		case i < openCards:
			g.Cards = append(g.Cards, newCard(r, book, p, f, fmt.Sprintf("finding-%d-%d", n+1, i+1)))
		case i < maxCards:
			g.Folded = append(g.Folded, newCard(r, book, p, f, fmt.Sprintf("finding-%d-%d", n+1, i+1)))
		}
	}
	if left := untold(p, maxCards); left > 0 {
		g.Untold = fmt.Sprintf("%s more were counted and are not shown here.", count(left))
	}
	return g, true
}

func newCard(r *Run, book *logBook, p property, f checker.Finding, anchor string) card {
	c := card{Anchor: anchor, ID: visible(f.ID), Label: visible(f.Label), Property: visible(p.Name), Story: visible(f.Story)}
	href := func(index int) string { return fmt.Sprintf("%s-op-%d", anchor, index) }
	var ops []history.Op
	seen := map[int]bool{}
	for _, i := range f.Ops {
		if seen[i] {
			continue
		}
		seen[i] = true
		if len(c.Ops) == maxCardOps {
			break
		}
		row := opRow{Index: i, Anchor: href(i)}
		if op, ok := operation(r.History, i); ok {
			ops = append(ops, op)
			row.fill(op, book)
		}
		c.Ops = append(c.Ops, row)
	}
	if left := len(f.Ops) - maxCardOps; left > 0 {
		c.OpsNote = fmt.Sprintf("The first %d of %d operations are listed.", maxCardOps, len(f.Ops))
	}
	for _, e := range f.Edges {
		row := edgeRow{From: e.From, To: e.To, Kind: visible(e.Kind), Class: edgeClass(e.Kind), Because: visible(e.Because)}
		if seen[e.From] {
			row.FromAnchor = href(e.From)
		}
		if seen[e.To] {
			row.ToAnchor = href(e.To)
		}
		c.Edges = append(c.Edges, row)
	}
	c.Evidence = evidenceWords(f)
	c.Diagram = newDiagram(ops, f.Edges, func(i int) string { return "#" + href(i) })
	return c
}

func operation(h *history.History, index int) (history.Op, bool) {
	if h == nil {
		return history.Op{}, false
	}
	k, ok := h.Pos(index)
	if !ok {
		return history.Op{}, false
	}
	return h.Op(k), true
}

func (row *opRow) fill(op history.Op, book *logBook) {
	row.Known = true
	row.Time, row.Session = clock(op.Start), fmt.Sprint(op.Session)
	if op.Final {
		row.Session += ", final read"
	}
	if op.Return != 0 {
		row.Took = span(op.End - op.Start)
	}
	row.Leader = visible(by(op))
	if by(op) != op.Node {
		row.Asked = visible(op.Node)
	}
	row.What, row.Result, row.Class = asked(op), answered(op), opClass(op).String()
	row.Stamp, row.Token, row.Replac = visible(op.Meta.Stamp), visible(op.Meta.Token), visible(op.Meta.Ctx)
	row.Log = book.link(by(op), op.Start)
}

func newFaultRow(f checker.FaultReport) faultRow {
	row := faultRow{
		ID: f.Fault, Kind: visible(f.Kind), Class: faultClass(f.Kind), What: visible(f.What), State: visible(f.State), Note: visible(f.Note), Read: readWords(f.Read),
		Planned: seconds(f.Planned), Effective: seconds(f.Effective), Healing: seconds(f.Healing), Healed: seconds(f.Healed),
	}
	if f.Planned >= 0 && f.Effective >= 0 {
		row.Lag = signed(time.Duration(f.Effective - f.Planned))
	}
	if f.Healing >= 0 && f.Healed >= 0 {
		row.HealLag = signed(time.Duration(f.Healed - f.Healing))
	}
	return row
}

// test shows the Test document, indented; what is no JSON as it is.
func (p *page) test(doc []byte) {
	if len(doc) == 0 {
		return
	}
	var b bytes.Buffer
	if json.Indent(&b, doc, "", "  ") != nil {
		b.Reset()
		b.Write(doc)
	}
	if b.Len() > maxTestSize {
		p.TestNote = fmt.Sprintf("The first %s of %s bytes are shown; the whole document is %s in the run folder.", count(maxTestSize), count(b.Len()), testFile)
		b.Truncate(maxTestSize)
	}
	p.Test = b.String()
}

func drawnWords(t *timeline) string {
	if t.Total == 0 {
		return "The history has no operations."
	}
	if t.Ops.N == t.Total {
		return fmt.Sprintf("All %s are in it.", plural(t.Total, "operation"))
	}
	if t.Ops.N == 0 {
		return fmt.Sprintf("%s are too many to be in it one by one: it has counts in %s stretches of %s.",
			plural(t.Total, "operation"), count(bucketsAll), span(time.Duration(t.End/bucketsAll)))
	}
	return fmt.Sprintf("%s of %s operations are in it one by one, those around the findings; of all the others, counts in %s stretches of %s.",
		count(t.Ops.N), count(t.Total), count(bucketsAll), span(time.Duration(t.End/bucketsAll)))
}
