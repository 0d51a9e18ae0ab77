package mlcheck

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// ReadSoaked reads the results of a campaign. Its errors are *UsageError.
func ReadSoaked(path string) (*Soaked, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("the results of a campaign cannot be read: %w", err)
	}
	var s Soaked
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil || s.Format != SoakFormat || len(s.Shards) == 0 {
		return nil, usage("%s does not hold the results of a campaign: `mlcheck soak --json FILE` writes them (%w)", path, cmp.Or(err, fmt.Errorf("its format is %q, not %q", s.Format, SoakFormat)))
	}
	return &s, nil
}

// MergeSoaked joins the results of shards of one campaign, in any order. Shards
// that are missing make what is not violated unknown. Its errors are *UsageError:
// results of different campaigns, or one shard twice.
func MergeSoaked(parts []*Soaked) (*Soaked, error) {
	if len(parts) == 0 {
		return nil, usage("there is nothing to merge: name the files that `mlcheck soak --json FILE` has written")
	}
	all := *parts[0]
	all.Shards, all.Configurations, all.Planned, all.Seconds = nil, nil, 0, 0
	for _, p := range parts {
		if err := all.sameCampaign(parts[0], p); err != nil {
			return nil, err
		}
		all.Shards = append(all.Shards, p.Shards...)
		all.Planned += p.Planned
		all.Seconds += p.Seconds
		all.Interrupted = all.Interrupted || p.Interrupted
		all.TimeUp = all.TimeUp || p.TimeUp
		for i, c := range p.Configurations {
			if len(all.Configurations) == i {
				all.Configurations = append(all.Configurations, &Configuration{Name: c.Name, Test: c.Test, Properties: map[string]*Tally{}})
			}
			all.Configurations[i].merge(c)
		}
	}
	slices.SortFunc(all.Shards, func(a, b Shard) int { return cmp.Compare(a.Index, b.Index) })
	var missing []string
	for i := range all.Shards[0].Of {
		if sh := (Shard{i + 1, all.Shards[0].Of}); !slices.Contains(all.Shards, sh) {
			missing = append(missing, sh.String())
		}
	}
	all.judge(missing)
	return &all, nil
}

// sameCampaign says what keeps a part from being merged into the whole.
func (s *Soaked) sameCampaign(first, p *Soaked) error {
	what := func(x *Soaked) string { return "shard " + x.Shards[0].String() }
	same := first.Seeds == p.Seeds && first.Shards[0].Of == p.Shards[0].Of && len(first.Configurations) == len(p.Configurations)
	for i := range p.Configurations {
		same = same && first.Configurations[i].Name == p.Configurations[i].Name && sameJSON(first.Configurations[i].Test, p.Configurations[i].Test)
	}
	if !same {
		return usage("%s and %s are parts of different campaigns: seeds, number of shards and configurations must be the same", what(first), what(p))
	}
	if first.Version != p.Version {
		return usage("%s comes from mlcheck %s, %s from %s: one campaign is run by one version", what(first), first.Version, what(p), p.Version)
	}
	for _, sh := range p.Shards {
		if slices.Contains(s.Shards, sh) {
			return usage("shard %s is there twice", sh)
		}
	}
	return nil
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// merge adds what other runs of the same configuration have found.
func (c *Configuration) merge(d *Configuration) {
	c.Runs += d.Runs
	c.Holds += d.Holds
	c.Violated += d.Violated
	c.Unknown += d.Unknown
	c.Failed += d.Failed
	c.Internal += d.Internal
	c.Operations += d.Operations
	if d.Failure != nil {
		c.Failure = earlier(c.Failure, *d.Failure)
	}
	for name, t := range d.Properties {
		if c.Properties[name] == nil {
			c.Properties[name] = &Tally{}
		}
		c.Properties[name].merge(t)
	}
}

func (t *Tally) merge(u *Tally) {
	t.Claimed = t.Claimed || u.Claimed
	t.Violated += u.Violated
	t.Observed += u.Observed
	t.Unknown += u.Unknown
	t.Holds += u.Holds
	t.NotDecided += u.NotDecided
	t.Chances += u.Chances
	t.Findings += u.Findings
	if u.WhyUnknown != nil {
		t.WhyUnknown = earlier(t.WhyUnknown, *u.WhyUnknown)
	}
	t.keep(u.Smallest, max(len(t.Smallest), len(u.Smallest)))
}
