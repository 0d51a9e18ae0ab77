package mlcheck

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Axis is one thing that a campaign varies, and its values.
type Axis struct {
	Option bool   // of the target; else a field of the Test: "topology", "workload", "leaders", "followers" or "nemesis"
	Name   string // of the option, or of the field
	Values []string
}

// cell is one configuration: the Test without its seed, and what tells it from
// the others.
type cell struct {
	name  string   // "policy=lww-wall delivery=fifo"; "" where nothing varies
	parts []string // of the name
	test  Test
}

// LeftOut is a configuration that makes no sense, and why.
type LeftOut struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// OptionAxes reads options of a target as they are written on a command line:
// name=a,b tries a and b, and so does naming an option twice. Values that are free
// text may hold commas of their own, and are not split. Errors are *UsageError.
func OptionAxes(target string, options []string) ([]Axis, error) {
	t, ok := LookupTarget(target)
	if target == "" {
		t, ok = LookupTarget(defaultTarget)
	}
	listed := map[string]bool{}
	if ok { // an unknown target is refused later, as everywhere
		for _, o := range t.Options() {
			listed[o.Name] = len(o.Values) > 0
		}
	}
	var axes []Axis
	for _, o := range options {
		name, value, ok := strings.Cut(o, "=")
		if !ok || name == "" {
			return nil, usage("-o %s: an option of a target is written name=value, or name=a,b to try both", o)
		}
		values := []string{value}
		if listed[name] {
			values = strings.Split(value, ",")
		}
		i := slices.IndexFunc(axes, func(a Axis) bool { return a.Name == name })
		if i < 0 {
			axes, i = append(axes, Axis{Option: true, Name: name}), len(axes)
		}
		axes[i].Values = append(axes[i].Values, values...)
	}
	return axes, nil
}

// TopologyAxis reads topologies as they are written on a command line: ring,star
// are two, and n1-n2,n2-n1 is one, of links.
func TopologyAxis(texts []string) Axis {
	a := Axis{Name: "topology"}
	for _, text := range texts {
		if aLink.MatchString(text) {
			a.Values = append(a.Values, text)
		} else {
			a.Values = append(a.Values, strings.Split(text, ",")...)
		}
	}
	return a
}

// aLink is a link of a topology that is written as links.
var aLink = regexp.MustCompile(`(^|,)\s*[nf][0-9]+-[nf][0-9]+\s*(,|$)`)

// cells are all configurations of the campaign, the last axis varying fastest. A
// combination that the target refuses is left out; a value that fits with nothing
// is a mistake.
func (c Campaign) cells() ([]cell, []LeftOut, error) {
	all := []cell{{test: c.Test}}
	for _, a := range c.Axes {
		var next []cell
		for _, one := range all {
			for _, v := range distinct(a.Values) {
				varied, err := a.apply(one, v)
				if err != nil {
					return nil, nil, err
				}
				next = append(next, varied)
			}
		}
		if all = next; len(all) > maxCells {
			return nil, nil, usage("%d configurations and more are too many for one campaign: at most %d", len(all), maxCells)
		}
	}
	return sortOut(all)
}

// NoFaults is the value of the axis nemesis that leaves out all faults.
const NoFaults = "none"

// maxCells bounds what a campaign keeps in memory, and what anybody reads.
const maxCells = 10_000

// apply is the configuration with one value of the axis.
func (a Axis) apply(one cell, value string) (cell, error) {
	t := one.test
	switch {
	case value == "":
		return one, usage("%s has an empty value", a.Name)
	case a.Option:
		t.Options = maps.Clone(t.Options)
		if t.Options == nil {
			t.Options = map[string]string{}
		}
		t.Options[a.Name] = value
	case a.Name == "topology":
		t.Topology = value
	case a.Name == "workload":
		t.Workload = value
	case a.Name == "leaders":
		n, err := strconv.Atoi(value)
		if err != nil {
			return one, usage("%q is no number of leaders", value)
		}
		t.Leaders = n
	case a.Name == "followers":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return one, usage("%q is no number of followers", value)
		}
		t.Followers = n
	case a.Name == "nemesis":
		t.Nemesis, t.Faults = nil, nil
		if value != NoFaults {
			t.Nemesis = strings.Split(value, ",")
		}
	default:
		return one, usage("a campaign cannot vary %q: it varies options of the target, topology, workload, leaders, followers and nemesis", a.Name)
	}
	parts := one.parts
	if len(distinct(a.Values)) > 1 {
		parts = append(slices.Clone(parts), a.Name+"="+value)
	}
	return cell{name: strings.Join(parts, " "), parts: parts, test: t}, nil
}

// sortOut completes the configurations, and parts those that make no sense from
// those that do.
func sortOut(all []cell) (fit []cell, out []LeftOut, err error) {
	var first error
	fits := map[string]bool{} // "policy=lww-wall" is part of a configuration that makes sense
	whys := map[string]error{}
	for _, one := range all {
		full, err := one.test.Complete()
		if err != nil {
			if first == nil {
				first = err
			}
			out = append(out, LeftOut{Name: one.name, Why: err.Error()})
		} else {
			if one.test.Faults == nil {
				full.Faults = nil // they are drawn anew for each seed
			}
			fit = append(fit, cell{one.name, one.parts, full})
		}
		for _, part := range one.parts {
			if fits[part] = fits[part] || err == nil; whys[part] == nil {
				whys[part] = err
			}
		}
	}
	if len(fit) == 0 {
		return nil, nil, first
	}
	for _, part := range slices.Sorted(maps.Keys(fits)) {
		if !fits[part] {
			return nil, nil, &UsageError{fmt.Errorf("%s fits with nothing else of this campaign: %w", part, whys[part])}
		}
	}
	return fit, out, nil
}

// with is the configuration's Test with a seed.
func (c cell) with(seed uint64) Test {
	t := c.test
	t.Seed = seed
	return t
}
