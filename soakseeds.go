package mlcheck

import (
	"fmt"
	"strconv"
	"strings"
)

// Seeds are the seeds of a campaign, both ends included; the zero Seeds are seed 0
// alone.
type Seeds struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// maxSeeds bounds a campaign: beyond it is a slip of the finger.
const maxSeeds = 1_000_000_000

// ParseSeeds reads "200", which is 1 to 200, or "101-200". Its errors are
// *UsageError.
func ParseSeeds(text string) (Seeds, error) {
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		first, last = "1", text
	}
	a, errA := strconv.ParseUint(first, 10, 64)
	b, errB := strconv.ParseUint(last, 10, 64)
	switch s := (Seeds{a, b}); {
	case errA != nil || errB != nil:
		return Seeds{}, usage("seeds are a number, 200, or a range, 101-200; %q is neither", text)
	case b < a:
		return Seeds{}, usage("there are no seeds in %q: write how many, 200, or the first and the last one, 101-200", text)
	case b-a >= maxSeeds:
		return Seeds{}, usage("%s are more seeds than the %d that a campaign may have", s, maxSeeds)
	default:
		return s, nil
	}
}

// Len is how many seeds there are.
func (s Seeds) Len() int { return int(s.Last - s.First + 1) }

func (s Seeds) String() string { return fmt.Sprintf("%d-%d", s.First, s.Last) }

// Shard is one part of a campaign that is split over machines: part Index of Of,
// numbered from 1. The zero Shard is the whole campaign.
type Shard struct {
	Index int `json:"index"`
	Of    int `json:"of"`
}

// ParseShard reads "2/4". Its errors are *UsageError.
func ParseShard(text string) (Shard, error) {
	index, of, ok := strings.Cut(text, "/")
	i, errI := strconv.Atoi(index)
	n, errN := strconv.Atoi(of)
	if !ok || errI != nil || errN != nil || i < 1 || n < 1 || i > n {
		return Shard{}, usage("a shard is written 2/4, the second of four parts; %q is not", text)
	}
	return Shard{i, n}, nil
}

func (s Shard) String() string {
	s = s.whole()
	return fmt.Sprintf("%d/%d", s.Index, s.Of)
}

// whole is the shard with the zero one spelt out.
func (s Shard) whole() Shard {
	if s.Of == 0 {
		return Shard{1, 1}
	}
	return s
}

// has says whether the shard has the run of a seed in a configuration, both
// counted from 0. Runs go to the shards in diagonals, so that each shard has all
// configurations where there are seeds enough, and all of them have the same
// amount of work, within one run for each configuration.
func (s Shard) has(seed, configuration int) bool {
	s = s.whole()
	return (seed+configuration)%s.Of == s.Index-1
}

// count is how many runs the shard has. O(configurations).
func (s Shard) count(seeds, configurations int) int {
	s = s.whole()
	total := 0
	for c := range configurations {
		first := ((s.Index-1-c)%s.Of + s.Of) % s.Of // the first seed that is has
		if first < seeds {
			total += 1 + (seeds-1-first)/s.Of
		}
	}
	return total
}
