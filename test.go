// Package mlcheck joins the parts: a [Test] says what to run, [Run] runs it and
// records a history, [Check] judges the history, and both leave a run folder
// that anyone can read again. Users of `go test` import this package.
package mlcheck

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/docker"
	"github.com/mlcheck/mlcheck/internal/suggest"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/workload"
)

// Test is one document for everything: the configuration file, the schedule
// file, the stored test.json, and what a replay reads. Every flag of `mlcheck
// run` is a field of it. Zero fields take defaults; see [Test.Complete].
type Test struct {
	Target    string            `yaml:"target"`
	World     string            `yaml:"world,omitempty"`    // "sim" or "docker"; "": the target's first
	Topology  string            `yaml:"topology,omitempty"` // "": all-to-all
	Leaders   int               `yaml:"leaders,omitempty"`
	Followers int               `yaml:"followers,omitempty"` // that serve reads: f1 below n1, f2 below n2, and round again
	Options   map[string]string `yaml:"options,omitempty"`   // of the target: -o name=value

	Workload string   `yaml:"workload,omitempty"`
	Sessions int      `yaml:"sessions,omitempty"`
	Keys     int      `yaml:"keys,omitempty"`
	Rate     float64  `yaml:"rate,omitempty"`  // operations per second of one session
	Reads    *float64 `yaml:"reads,omitempty"` // share of reads, 0 to 1; see [Share]
	Moves    *float64 `yaml:"moves,omitempty"` // probability, before each operation of a session that moves

	// Script is what sessions ask, one operation after the other, instead of what the
	// workload draws. What can be decided and which steps there are stays the
	// workload's; Sessions to Moves are left out.
	Script []workload.Ask `yaml:"script,omitempty"`

	Time    time.Duration `yaml:"time,omitempty"`    // how long sessions run
	Timeout time.Duration `yaml:"timeout,omitempty"` // of one operation
	Quiet   time.Duration `yaml:"quiet,omitempty"`   // how long replication may take to come to rest

	// Latency is how long messages take along some links, "n1-n2" both ways or
	// "n1>n2" one way, beside their random part. Others draw theirs from the seed.
	Latency map[string]time.Duration `yaml:"latency,omitempty"`

	// Datacenters are the leaders of each, where a whole one is cut off; none: drawn.
	Datacenters [][]string `yaml:"datacenters,omitempty"`

	Nemesis nemesis.Sources `yaml:"nemesis,omitempty"` // kinds of faults to draw, profiles, and kinds with shapes and a rhythm
	Skew    time.Duration   `yaml:"skew,omitempty"`    // the largest offset of a clock
	Strobe  time.Duration   `yaml:"strobe,omitempty"`  // the longest time between two jumps of a clock that jumps back and forth
	Faults  []nemesis.Fault `yaml:"faults,omitempty"`  // the schedule; written, or drawn from Nemesis and Seed

	Claims []string `yaml:"claims,omitempty"` // beside the target's own, and without exceptions
	Seed   uint64   `yaml:"seed"`
}

// Lesson is the first run: three leaders with wall clocks for judges, in the
// simulated world, with cut links and a clock that lies.
func Lesson() Test {
	return Test{Target: "reference", Nemesis: []string{"partition", "clock"}, Claims: []string{"convergence", "no-stale-wins"}, Seed: 7}
}

// UsageError is a mistake in what was asked for: a sentence that says what
// would be right.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

func usage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// ReadTest reads a Test document, YAML or JSON, strictly.
func ReadTest(path string) (Test, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Test{}, usage("the Test document cannot be read: %w", err)
	}
	var t Test
	dec := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict())
	if err := dec.Decode(&t); errors.Is(err, io.EOF) {
		return Test{}, usage("%s is empty: it should hold a Test document; `mlcheck run --dry-run` prints one", path)
	} else if err != nil {
		return Test{}, usage("%s is not a Test document: %w", path, err)
	}
	if err := dec.Decode(&Test{}); !errors.Is(err, io.EOF) {
		return Test{}, usage("%s holds more than one document: a run takes one", path)
	}
	return t, nil
}

// YAML is the document as people read and write it.
func (t Test) YAML() ([]byte, error) { return yaml.Marshal(t) }

// plan is a Test with everything looked up, filled in and drawn.
type plan struct {
	Test
	target   targets.Target
	conf     targets.Plan
	workload workload.Workload
	params   workload.Params
	nodes    []string
	keys     []string
	latency  map[history.Link]time.Duration
}

// Complete fills in defaults, checks every field, and draws the schedule. Its
// errors are *UsageError. What it returns completes to itself.
func (t Test) Complete() (Test, error) {
	p, err := t.plan()
	if err != nil {
		return t, err
	}
	return p.Test, nil
}

func (t Test) plan() (*plan, error) {
	p := &plan{Test: t}
	for _, step := range []func() error{p.lookUp, p.fill, p.checkRanges, p.configure, p.standing, p.checkDatacenters, p.checkScript, p.checkClaims, p.schedule, p.checkWipes, p.checkMembers} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *plan) lookUp() error {
	if p.Target == "" {
		p.Target = defaultTarget
	}
	if p.Workload == "" {
		p.Workload = "register"
	}
	var ok bool
	if p.target, ok = LookupTarget(p.Target); !ok {
		return usage("%s", suggest.Unknown("target", p.Target, TargetNames()))
	}
	if p.workload, ok = workload.Lookup(p.Workload); !ok {
		var names []string
		for _, w := range workload.All() {
			names = append(names, w.Name)
		}
		return usage("%s", suggest.Unknown("workload", p.Workload, names))
	}
	p.Nemesis = p.Nemesis.Tidy()
	for _, k := range p.Nemesis {
		if names := slices.Concat(nemesis.KindNames(), nemesis.ProfileNames()); !slices.Contains(names, nemesis.Head(k)) {
			return usage("%s", suggest.Unknown("kind of fault or profile", nemesis.Head(k), names))
		}
	}
	if _, err := nemesis.Expand(p.Nemesis); err != nil {
		return &UsageError{err}
	}
	for _, c := range p.Claims {
		if _, ok := checker.Lookup(c); !ok {
			return usage("%s", suggest.Unknown("property", c, propertyNames()))
		}
	}
	return p.lookUpOptions()
}

// distinct leaves out what was said before. It returns a list of its own.
func distinct(names []string) []string {
	var ds []string
	for _, n := range names {
		if !slices.Contains(ds, n) {
			ds = append(ds, n)
		}
	}
	return ds
}

func (p *plan) lookUpOptions() error {
	options := map[string]string{}
	var names []string
	for _, o := range p.target.Options() {
		options[o.Name] = o.Default
		names = append(names, o.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Options)) {
		value := p.Options[name]
		i := slices.Index(names, name)
		if i < 0 {
			return usage("%s", suggest.Unknown(p.Target+" option", name, names))
		}
		if o := p.target.Options()[i]; len(o.Values) > 0 && !slices.Contains(o.Values, value) {
			return usage("%s", suggest.Unknown("value of "+name+" called", value, o.Values))
		}
		options[name] = value
	}
	p.Options = options
	return nil
}

// fill sets what was left out. Virtual time is cheap, real time is not.
func (p *plan) fill() error {
	set(&p.Leaders, 3)
	set(&p.Time, 20*time.Second)
	set(&p.Timeout, 5*time.Second)
	set(&p.Quiet, 60*time.Second)
	set(&p.Skew, 5*time.Second)
	set(&p.Strobe, time.Second)
	if len(p.Script) > 0 {
		return p.fillScript()
	}
	if n := p.workload.Sessions; n > 0 {
		set(&p.Sessions, n)
		set(&p.Moves, Share(0))
		if p.Sessions != n || *p.Moves != 0 {
			return usage("workload %s has %d sessions, and each of them stays where it is: leave out --sessions and --moves", p.Workload, n)
		}
	}
	set(&p.Sessions, 2*p.Leaders)
	set(&p.Keys, p.workload.KeyCount)
	set(&p.Keys, 8)
	set(&p.Rate, 20)
	set(&p.Reads, Share(0.5))
	set(&p.Moves, Share(0.05))
	return nil
}

// Share is a share for a field of Test in which 0 and "not said" differ.
func Share(x float64) *float64 { return &x }

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (p *plan) checkRanges() error {
	// A skew below its limit would be drawn too weak to be measured.
	type limit struct {
		name      string
		is        float64
		low, high float64
		unit      string
	}
	limits := []limit{
		{"leaders", float64(p.Leaders), 2, 9, ""},
		{"followers", float64(p.Followers), 0, 9, ""},
		{"sessions", float64(p.Sessions), 1, 1000, ""},
		{"time", p.Time.Seconds(), 0.1, 7 * 24 * 3600, " seconds"},
		{"timeout", p.Timeout.Seconds(), 0.01, 3600, " seconds"},
		{"quiet", p.Quiet.Seconds(), 0.1, 24 * 3600, " seconds"},
		{"skew", p.Skew.Seconds(), 0.2, 365 * 24 * 3600, " seconds"},
		{"strobe", p.Strobe.Seconds(), 5 * nemesis.LeastPeriod.Seconds(), 24 * 3600, " seconds"},
	}
	if len(p.Script) == 0 {
		limits = append(limits, []limit{
			{"keys", float64(p.Keys), 1, 100_000, ""},
			{"rate", p.Rate, 0.01, 100_000, " operations per second"},
			{"reads", *p.Reads, 0, 1, ""},
			{"moves", *p.Moves, 0, 1, ""},
		}...)
	}
	for _, l := range limits {
		if !(l.is >= l.low && l.is <= l.high) { // also refuses NaN
			return usage("%s must be between %s and %s%s; it is %s", l.name, number(l.low), number(l.high), l.unit, number(l.is))
		}
	}
	return nil
}

func (p *plan) configure() error {
	for i := range p.Leaders {
		p.nodes = append(p.nodes, "n"+strconv.Itoa(i+1))
	}
	leaders, followers := slices.Clone(p.nodes), []string(nil)
	for i := range p.Followers {
		followers = append(followers, "f"+strconv.Itoa(i+1))
	}
	p.nodes = append(p.nodes, followers...)
	p.params = workload.Params{Nodes: leaders, Followers: followers, Sessions: p.Sessions, KeyCount: p.Keys, Rate: p.Rate, Time: p.Time, Seed: p.Seed}
	if len(p.Script) > 0 {
		p.keys = scriptKeys(p.Script)
	} else {
		p.params.Reads, p.params.Moves = *p.Reads, *p.Moves
		p.keys = p.workload.Keys(p.params)
	}
	cfg := targets.Config{Nodes: leaders, Followers: followers, Topology: p.Topology, World: p.World, Options: p.Options, Keys: p.keys, Workload: p.Workload}
	if cfg.Topology == "" {
		cfg.Topology = "all-to-all"
	}
	conf, err := p.target.Configure(cfg)
	if err != nil {
		return &UsageError{fmt.Errorf("target %s: %w", p.Target, err)}
	}
	p.conf, p.Topology = conf, cfg.Topology
	if p.World == "" {
		p.World = conf.Worlds[0]
	}
	if !slices.Contains(conf.Worlds, p.World) {
		return usage("target %s does not run in world %q; it runs in: %s", p.Target, p.World, strings.Join(conf.Worlds, ", "))
	}
	if !slices.Contains(conf.Topologies, p.Topology) {
		return usage("%s", suggest.Unknown("topology of target "+p.Target, p.Topology, conf.Topologies))
	}
	if p.Followers > 0 && !conf.Followers {
		return usage("target %s has no followers: leave out --followers", p.Target)
	}
	for _, f := range p.workload.Needs {
		if !slices.Contains(conf.Supports, f) {
			return usage("workload %s needs steps %q, which target %s cannot perform", p.Workload, f.String(), p.Target)
		}
	}
	p.params.Blind = p.workload.Atomic && !conf.Atomic
	return nil
}

// checkClaims refuses a claim that this workload could never decide: such a run
// would only ever be unknown.
func (p *plan) checkClaims() error {
	for _, c := range p.Claims {
		if !slices.Contains(p.workload.Decides, c) {
			return usage("workload %s cannot decide %s; it decides %s", p.Workload, c, strings.Join(p.workload.Decides, ", "))
		}
	}
	return nil
}

// checkWipes refuses to empty the disk of a leader that cannot come back without.
func (p *plan) checkWipes() error {
	if !p.conf.Rejoins && p.wipes() {
		why := cmp.Or(p.conf.RejoinsWhy, "it does not say that a leader can come back with an empty one")
		return usage("target %s cannot lose a disk (fault %s): %s", p.Target, nemesis.Wipe, why)
	}
	return nil
}

func (p *plan) schedule() error {
	if len(p.Faults) > 0 {
		if err := p.checkDrawn(); err != nil {
			return err
		}
		if err := nemesis.Check(p.Faults, p.nodes, p.conf.Links); err != nil {
			return &UsageError{err}
		}
		return p.checkProvable()
	}
	faults, err := p.draw().Schedule()
	if err != nil {
		return &UsageError{err}
	}
	if len(p.Nemesis) > 0 && len(faults) == 0 {
		return usage("a run of %s is too short for a fault of kind %s; a second is the least", p.Time, strings.Join(p.Nemesis, ", "))
	}
	p.Faults = faults
	return p.checkProvable()
}

func (p *plan) draw() nemesis.Draw {
	return nemesis.Draw{
		Kinds: p.Nemesis, Nodes: p.nodes, Followers: p.params.Followers, Centers: p.Datacenters,
		Links: p.conf.Links, Time: p.Time, Skew: p.Skew, Strobe: p.Strobe, Seed: p.Seed, Lacks: p.lacks(),
	}
}

// lacks is what the Test's world cannot make of this target. The simulated one makes all.
func (p *plan) lacks() []nemesis.Lack {
	in, ok := p.conf.System.(targets.Containers)
	if p.World == "sim" || !ok {
		return nil
	}
	return docker.Lacks(in.Spec(p.nodes[0]))
}

// LeftOut says which of the faults that Nemesis stands for cannot be made of the Test's
// target in its world, so that they are not drawn, and why.
func (t Test) LeftOut() []string {
	p, err := t.plan()
	if err != nil {
		return nil
	}
	return p.draw().LeftOut()
}

// checkDrawn refuses a document that has both a schedule and kinds to draw one
// from, unless the one is what is drawn from the other.
func (p *plan) checkDrawn() error {
	if len(p.Nemesis) == 0 {
		return nil
	}
	if drawn, err := p.draw().Schedule(); err == nil && sameFaults(Test{Faults: drawn}, p.Test) {
		return nil
	}
	return usage("the document has faults, and nemesis: %s, from which other faults would be drawn: take out one of the two", strings.Join(p.Nemesis, ", "))
}

// checkProvable refuses faults whose end or whose effect the run could not
// measure: nothing but unknown could come of them.
func (p *plan) checkProvable() error {
	for _, f := range p.Faults {
		if f.Until > p.Time {
			return usage("fault %d (%s) lasts until %s, but the run's time is %s: end it by then, or make the time longer", f.ID, f, f.Until, p.Time)
		}
		at := f.From
		if drifts(f) {
			at = proofOfDrift(f)
		}
		for _, c := range f.Clocks {
			s := nemesis.ClockState{Offset: c.Offset, PPM: c.PPM, Since: f.From}
			if by, least := s.At(at).Abs(), clockSlack(0, c.PPM); by <= least {
				return usage("fault %d (%s) is too weak to be told from a right clock: %s after its start the clock of %s is off by %s, and clocks are measured to within %s; a larger skew helps",
					f.ID, f, at-f.From, c.Node, by, least)
			}
			if c.Period > 0 && c.Period < nemesis.LeastPeriod {
				return usage("fault %d (%s) jumps too often to be measured: the clock of %s is off for %s, and %s is the least", f.ID, f, c.Node, c.Period, nemesis.LeastPeriod)
			}
		}
	}
	return nil
}

// header is what the history says of the run.
func (p *plan) header() history.Header {
	name := p.Workload
	if p.params.Blind {
		name += "-blind"
	}
	hd := history.Header{
		Nodes: p.nodes, Target: p.Target, Workload: name, Topology: p.Topology,
		Policy: p.conf.Policy, SessionScope: p.conf.SessionScope, NodeOrder: p.conf.NodeOrder,
		Granularity: p.conf.Granularity, Decides: p.workload.Decides, Claims: slices.Clone(p.conf.Claims), Seed: p.Seed,
	}
	for _, l := range p.conf.Links {
		hd.Links = append(hd.Links, [2]string{l.From, l.To})
	}
	for _, c := range p.Claims {
		hd.Claims = slices.DeleteFunc(hd.Claims, func(h history.Claim) bool { return h.Property == c })
		hd.Claims = append(hd.Claims, history.Claim{Property: c, Source: "command line"})
	}
	return hd
}

func propertyNames() []string {
	var names []string
	for _, p := range checker.All() {
		names = append(names, p.Name)
	}
	return names
}

// Command is the command line that runs a completed Test again. What says which
// test it is is always there; the rest only where it is not the default. A
// schedule that was written by hand has no command line: then the stored document
// is the way.
func (t Test) Command() string {
	def, err := Test{Target: t.Target, Workload: t.Workload, Topology: t.Topology, Leaders: t.Leaders, Script: t.Script, Time: t.Time}.Complete()
	if err != nil {
		def = Test{}
	}
	var b strings.Builder
	b.WriteString("mlcheck run")
	flag := func(name, value, standard string) {
		if value != standard {
			b.WriteString(" --" + name + " " + quote(value))
		}
	}
	share := func(x *float64) string {
		if x == nil {
			return ""
		}
		return number(*x)
	}
	flag("target", t.Target, "")
	flag("world", t.World, def.World)
	flag("topology", t.Topology, "")
	flag("leaders", strconv.Itoa(t.Leaders), "3")
	flag("followers", strconv.Itoa(t.Followers), "0")
	for _, name := range slices.Sorted(maps.Keys(t.Options)) {
		if t.Options[name] != def.Options[name] {
			b.WriteString(" -o " + quote(name+"="+t.Options[name]))
		}
	}
	flag("workload", t.Workload, "")
	flag("sessions", strconv.Itoa(t.Sessions), strconv.Itoa(def.Sessions))
	flag("keys", strconv.Itoa(t.Keys), strconv.Itoa(def.Keys))
	flag("rate", number(t.Rate), number(def.Rate))
	flag("reads", share(t.Reads), share(def.Reads))
	flag("moves", share(t.Moves), share(def.Moves))
	flag("latency", t.latencies(), "")
	flag("datacenters", t.datacenters(), "")
	flag("nemesis", strings.Join(t.Nemesis, ","), "")
	flag("skew", t.Skew.String(), def.Skew.String())
	flag("strobe", t.Strobe.String(), def.Strobe.String())
	flag("time", t.Time.String(), "")
	flag("timeout", t.Timeout.String(), def.Timeout.String())
	flag("quiet", t.Quiet.String(), def.Quiet.String())
	flag("claim", strings.Join(t.Claims, ","), "")
	flag("seed", strconv.FormatUint(t.Seed, 10), "")
	return b.String()
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func quote(s string) string {
	if strings.ContainsAny(s, " \t\n'\"\\$`*?[]{}()<>|&;!#~") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// defaultTarget is what runs where nobody says what.
const defaultTarget = "reference"
