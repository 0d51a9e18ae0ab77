// Package mlcheck joins the parts: a [Test] says what to run, [Run] runs it and
// records a history, [Check] judges the history, and both leave a run folder
// that anyone can read again. Users of `go test` import this package.
package mlcheck

import (
	"bytes"
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

	"github.com/mlcheck/mlcheck/nemesis"
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

// Share is a share for a field of Test in which 0 and "not said" differ.
func Share(x float64) *float64 { return &x }

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
