package docker

import (
	"cmp"

	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// Lacks are the faults that can be made on no engine, as far as the container of one of
// the target's nodes tells: a schedule need not hold them. What else an engine cannot do
// is known when it has been asked.
func Lacks(s targets.Spec) []nemesis.Lack {
	lacks := []nemesis.Lack{{Kind: nemesis.Crash, Why: noPower}, {Kind: nemesis.Disk, Shape: "slow", Why: noSlowDisk}}
	if why := neverFilled(s); why != "" {
		lacks = append(lacks, nemesis.Lack{Kind: nemesis.Disk, Shape: "full", Why: why})
	}
	if why := neverSkewed(s); why != "" {
		lacks = append(lacks, nemesis.Lack{Kind: nemesis.Clock, Why: "no clock can be skewed: " + why})
	}
	return lacks
}

// neverFilled says why the target's disk cannot be filled on any engine; "": it may be.
func neverFilled(s targets.Spec) string {
	if s.Data != "" {
		return ""
	}
	return "no disk can be filled: " + cmp.Or(s.DataWhy, "the target does not say where it keeps its data")
}

// neverSkewed says why the target's clock cannot be skewed on any engine; "": it may be.
func neverSkewed(s targets.Spec) string {
	if s.Clock != "" {
		return ""
	}
	return cmp.Or(s.ClockWhy, "this target's clock cannot be skewed")
}
