package nemesis

import (
	"slices"
	"strings"
)

// Profile is a name for several sources of faults at once.
type Profile struct {
	Name    string
	Help    string
	Sources []string // as ParseSource reads them
}

// Profiles are all profiles, in the order of their names.
func Profiles() []Profile {
	return []Profile{
		{
			"clock-chaos", "clocks are far off most of the time, while nodes and links are cut off now and then",
			[]string{"clock:skew=30s", "partition:isolate+link"},
		},
		{
			"datacenter-outage", "a whole data center is cut off, links flap, and nodes lose power",
			[]string{"partition:datacenter", "partition:flapping", "crash"},
		},
		{
			"flaky-wan", "long links: slow, with long tails, losing, doubling and reordering messages, and sometimes gone for a moment",
			[]string{"link:slow+tail", "link:lossy+bursty+messy+narrow", "partition:link+one-way+flapping:for=1s"},
		},
		{
			"gentle", "what every system must bear: a link down for a moment, a slow one, a clock half a second off",
			[]string{"partition:link:for=1s", "link:slow", "clock:bump:skew=500ms"},
		},
		{
			"split-brain", "leaders that do not agree who is there: a node alone, halves, majorities that overlap, a bridge, one way only; and pauses",
			[]string{"partition:isolate+one-way+halves+majority+majorities-ring+bridge", "pause"},
		},
	}
}

// ProfileNames are the names of all profiles, in order.
func ProfileNames() []string {
	var names []string
	for _, p := range Profiles() {
		names = append(names, p.Name)
	}
	return names
}

// Expand reads kinds, kinds with a rhythm, and profiles, into sources. What comes
// twice is taken once.
func Expand(texts []string) ([]Source, error) {
	all, err := expand(texts)
	var sources []Source
	for _, a := range all {
		sources = append(sources, a.Source)
	}
	return sources, err
}

// asked is a source, and the profile that it is of; "": it was asked for itself.
type asked struct {
	Source
	profile string
}

func expand(texts []string) ([]asked, error) {
	var all []asked
	add := func(text, profile string) error {
		s, err := ParseSource(text)
		switch i := slices.IndexFunc(all, func(o asked) bool { return o.String() == s.String() }); {
		case err != nil:
		case i < 0:
			all = append(all, asked{s, profile})
		case profile == "":
			all[i].profile = ""
		}
		return err
	}
	for _, text := range texts {
		list, profile := []string{text}, ""
		if p, ok := LookupProfile(text); ok {
			list, profile = p.Sources, text
		}
		for _, one := range list {
			if err := add(one, profile); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// LookupProfile finds a profile by name.
func LookupProfile(name string) (Profile, bool) {
	i := slices.IndexFunc(Profiles(), func(p Profile) bool { return p.Name == name })
	if i < 0 {
		return Profile{}, false
	}
	return Profiles()[i], true
}

// Head is the kind, or the profile, that a source's text begins with.
func Head(text string) string {
	head, _, _ := strings.Cut(text, ":")
	return head
}
