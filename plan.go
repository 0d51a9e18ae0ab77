package mlcheck

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/internal/suggest"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/workload"
)

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
