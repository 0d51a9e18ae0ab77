package reports

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// powerFacts names what a run had to find something with, in order.
func powerFacts(power map[string]int) []fact {
	var fs []fact
	for _, name := range slices.Sorted(maps.Keys(power)) {
		fs = append(fs, fact{spaced(name), count(power[name])})
	}
	return fs
}

// measureFacts names the measures, each in the unit that its name ends with.
func measureFacts(measures map[string]float64) []fact {
	var fs []fact
	for _, name := range slices.Sorted(maps.Keys(measures)) {
		fs = append(fs, measureFact(name, measures[name]))
	}
	return fs
}

func measureFact(name string, v float64) fact {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fact{spaced(name), "no number"}
	}
	for suffix, unit := range map[string]time.Duration{"_ns": time.Nanosecond, "_us": time.Microsecond, "_ms": time.Millisecond, "_s": time.Second} {
		if rest, ok := strings.CutSuffix(name, suffix); ok {
			return fact{spaced(rest), span(time.Duration(v * float64(unit)))}
		}
	}
	return fact{spaced(name), figure(v)}
}

// figure writes a number of any size.
func figure(v float64) string {
	if math.Abs(v) >= 1000 && math.Abs(v) < 1e15 {
		return count(int(math.Round(v)))
	}
	return short(v)
}

func spaced(name string) string { return visible(strings.ReplaceAll(name, "_", " ")) }
