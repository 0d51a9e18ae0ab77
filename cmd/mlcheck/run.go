package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mlcheck/mlcheck"
	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/reports"
)

// runFlags are the flags of `run` that are not fields of the Test.
type runFlags struct {
	testFlags
	keep   bool
	dryRun bool
}

// testFlags are the flags that say what to test, and where it is stored.
type testFlags struct {
	test         mlcheck.Test
	reads, moves float64
	options      []string
	latency      string
	datacenters  string
	file         string
	store        string
}

func runCommand(status *int) *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a test: drive the leaders, break things, record, check, report",
		Long: `Run a test and check it. Without any flag this is the lesson: the reference
store in the simulated world, with wall clocks for judges and a clock that lies.

Every flag is a field of the Test document, which --dry-run prints and --test
reads; flags win over the document.`,
		Example: `  mlcheck run
  mlcheck run -o policy=lww-hlc --nemesis partition,clock --claim convergence,no-stale-wins
  mlcheck run --target mariadb --topology ring --workload register --nemesis partition,clock --time 30s --seed 7
  mlcheck run --leaders 5 --nemesis split-brain,clock:bump:every=4s:for=1s
  mlcheck run --test store/latest/test.json       the same run again
  mlcheck run --target mariadb --nemesis partition --dry-run`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			bare := isBare(cmd.Flags())
			t := mlcheck.Lesson()
			if !bare {
				t = mlcheck.Test{Seed: rand.Uint64N(1_000_000)}
			}
			if err := f.read(cmd.Flags(), &t); err != nil {
				return err
			}
			if err := addOptions(&t, f.options); err != nil {
				return err
			}
			return runTest(cmd, t, f, bare, status)
		},
	}
	fl := cmd.Flags()
	f.add(fl)
	fl.BoolVar(&f.keep, "keep", false, "leave the nodes up, and print how to remove them")
	fl.BoolVar(&f.dryRun, "dry-run", false, "print the Test and its schedule, and run nothing")
	return cmd
}

// add defines the flags.
func (f *testFlags) add(fl *pflag.FlagSet) {
	fl.SortFlags = false
	fl.StringVar(&f.test.Target, "target", "", "the system under test (default reference)")
	fl.StringArrayVarP(&f.options, "option", "o", nil, "an option of the target, name=value; may be given several times")
	fl.StringVar(&f.test.World, "world", "", "sim or docker, where a target has both (default: the target's first)")
	fl.StringVar(&f.test.Topology, "topology", "", "all-to-all, ring, star, or directed links: n1-n2,n2-n3,n3-n1 (default all-to-all)")
	fl.IntVar(&f.test.Leaders, "leaders", 0, "how many leaders (default 3)")
	fl.IntVar(&f.test.Followers, "followers", 0, "how many followers below the leaders serve reads, where the target has them")
	fl.StringVar(&f.test.Workload, "workload", "", "what sessions do: register, rmw, set, causal, counter-exact, removals (default register)")
	fl.IntVar(&f.test.Sessions, "sessions", 0, "how many sessions (default two for each leader)")
	fl.IntVar(&f.test.Keys, "keys", 0, "how many keys at a time (default 8; workloads set and counter-exact: 3); registers are retired during a run, so that their ends tell of all of it")
	fl.Float64Var(&f.test.Rate, "rate", 0, "operations per second of one session (default 20)")
	fl.Float64Var(&f.reads, "reads", 0.5, "share of reads among ordinary operations; probing shapes have their own")
	fl.Float64Var(&f.moves, "moves", 0.05, "how likely a session moves to another leader before an operation; the first session at each leader stays")
	fl.DurationVar(&f.test.Time, "time", 0, "how long the sessions run (default 20s)")
	fl.DurationVar(&f.test.Timeout, "timeout", 0, "of one operation (default 5s)")
	fl.DurationVar(&f.test.Quiet, "quiet", 0, "how long replication may take to come to rest after healing (default 1m)")
	fl.StringVar(&f.latency, "latency", "", "how long messages take along some links during the whole run: n1-n2=90ms both ways, n1>n2=90ms one way; several with commas (default: in the simulated world 0.5 to 5.5 ms, drawn; between containers nothing is added)")
	fl.StringVar(&f.datacenters, "datacenters", "", "which leaders stand together, so that partitions can cut off all of them: n1+n2,n3 (default: drawn, from four leaders on)")
	fl.StringSliceVar((*[]string)(&f.test.Nemesis), "nemesis", nil, "what goes wrong, drawn from the seed: kinds of faults ("+strings.Join(nemesis.KindNames(), ", ")+
		"), profiles ("+strings.Join(nemesis.ProfileNames(), ", ")+"), or a kind with shapes and a rhythm: partition:bridge+halves:every=5s:for=2s (also first=, until=, and for clock skew=); links are those between leaders, those of clients only with partition:clients or link:clients")
	fl.DurationVar(&f.test.Skew, "skew", 0, "the largest offset of a clock (default 5s)")
	fl.DurationVar(&f.test.Strobe, "strobe", 0, "the longest time between two jumps of a clock that jumps back and forth; a fifth of it is the shortest (default 1s)")
	fl.StringSliceVar(&f.test.Claims, "claim", nil, "properties that must hold, beside the target's own claims")
	fl.Uint64Var(&f.test.Seed, "seed", 0, "the one source of every random choice (default: drawn, and printed)")
	fl.StringVar(&f.file, "test", "", "read the Test document from a file, YAML or JSON")
	fl.StringVar(&f.store, "store", "store", "where run folders go")
}

// read lays the flags that were given over the Test, or over the document that
// --test names. Options are left to the caller.
func (f *testFlags) read(fl *pflag.FlagSet, t *mlcheck.Test) error {
	if f.file != "" {
		var err error
		if *t, err = mlcheck.ReadTest(f.file); err != nil {
			return err
		}
	}
	if err := noZeros(fl); err != nil {
		return err
	}
	if f.latency != "" {
		var err error
		if f.test.Latency, err = mlcheck.ParseLatency(f.latency); err != nil {
			return err
		}
	}
	if f.datacenters != "" {
		f.test.Datacenters = mlcheck.ParseDatacenters(f.datacenters)
	}
	f.test.Reads, f.test.Moves = &f.reads, &f.moves
	overlay(fl, t, f.test)
	return nil
}

// isBare says that nothing was said about what to run: that is the lesson.
func isBare(fl *pflag.FlagSet) bool {
	bare := true
	fl.Visit(func(f *pflag.Flag) {
		bare = bare && (f.Name == "store" || f.Name == "dry-run")
	})
	return bare
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &mlcheck.UsageError{Err: fmt.Errorf("`mlcheck %s` takes flags only, not %q", cmd.Name(), args[0])}
	}
	return nil
}

// noZeros refuses an explicit nothing where nothing would mean the default.
func noZeros(fl *pflag.FlagSet) error {
	var err error
	fl.Visit(func(f *pflag.Flag) {
		zero := f.Value.String() == "0" || f.Value.String() == "0s" || f.Value.String() == ""
		if zero && !slices.Contains([]string{"seed", "reads", "moves"}, f.Name) && err == nil {
			err = &mlcheck.UsageError{Err: fmt.Errorf("--%s is empty or zero; leave it out for the default", f.Name)}
		}
	})
	return err
}

// overlay copies the fields whose flags were given.
func overlay(fl *pflag.FlagSet, t *mlcheck.Test, from mlcheck.Test) {
	given := map[string]func(){
		"target": func() { t.Target = from.Target }, "world": func() { t.World = from.World },
		"topology": func() { t.Topology = from.Topology }, "leaders": func() { t.Leaders = from.Leaders },
		"followers": func() { t.Followers = from.Followers },
		"workload":  func() { t.Workload = from.Workload }, "sessions": func() { t.Sessions = from.Sessions },
		"keys": func() { t.Keys = from.Keys }, "rate": func() { t.Rate = from.Rate },
		"reads": func() { t.Reads = from.Reads }, "moves": func() { t.Moves = from.Moves },
		"time": func() { t.Time = from.Time }, "timeout": func() { t.Timeout = from.Timeout },
		"quiet": func() { t.Quiet = from.Quiet }, "skew": func() { t.Skew = from.Skew },
		"strobe":  func() { t.Strobe = from.Strobe },
		"nemesis": func() { t.Nemesis = from.Nemesis }, "claim": func() { t.Claims = from.Claims },
		"latency": func() { t.Latency = from.Latency }, "datacenters": func() { t.Datacenters = from.Datacenters },
		"seed": func() { t.Seed = from.Seed },
	}
	fl.Visit(func(f *pflag.Flag) {
		if set, ok := given[f.Name]; ok {
			set()
		}
		// A schedule that was drawn belongs to what it was drawn from.
		if len(t.Nemesis) > 0 && slices.Contains([]string{"nemesis", "seed", "time", "leaders", "followers", "topology", "datacenters", "skew", "strobe", "target"}, f.Name) {
			t.Faults = nil
		}
	})
}

func addOptions(t *mlcheck.Test, options []string) error {
	for _, o := range options {
		name, value, ok := strings.Cut(o, "=")
		if !ok || name == "" {
			return &mlcheck.UsageError{Err: fmt.Errorf("-o %s: an option of a target is written name=value", o)}
		}
		if t.Options == nil {
			t.Options = map[string]string{}
		}
		t.Options[name] = value
	}
	return nil
}

func runTest(cmd *cobra.Command, t mlcheck.Test, f runFlags, bare bool, status *int) error {
	full, err := t.Complete()
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if f.dryRun {
		return printTest(out, full)
	}
	if f.file != "" {
		fmt.Fprintf(out, "mlcheck run --test %s: %s\n", f.file, full.Command())
	} else {
		fmt.Fprintf(out, "%s\n", full.Command())
	}
	began := time.Now()
	o, err := mlcheck.Run(cmd.Context(), t, mlcheck.Options{
		Store: f.store, Keep: f.keep,
		Progress: func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) },
	})
	if err != nil {
		if o != nil && o.Results != nil {
			_ = showAs(out, o.Dir, func(r *reports.Run) { r.Exit = exitWorld }) // the error below matters more
		}
		sayKept(out, o)
		return err
	}
	fmt.Fprintf(out, "run and checked in %.1f s\n\n", time.Since(began).Seconds())
	*status = o.Results.Exit
	if err := show(out, o.Dir, next(o, bare)); err != nil {
		return err
	}
	sayKept(out, o)
	return nil
}

// sayKept says how to remove nodes that were kept.
func sayKept(out io.Writer, o *mlcheck.Outcome) {
	if o != nil && o.Kept != "" {
		fmt.Fprintf(out, "The nodes are still up. To remove them: %s\n", o.Kept)
	}
}

// next is what to try after this run.
func next(o *mlcheck.Outcome, bare bool) []string {
	if bare && o.Results.Exit == 1 {
		green := o.Test
		green.Options["policy"] = "lww-hlc"
		return []string{
			"This is the lesson: with wall clocks for judges, the last writer wins only if the clocks are right.",
			"The same run with hybrid logical clocks keeps the promise:",
			"  " + green.Command(),
			"The smallest test that shows what is broken here, a handful of operations:",
			"  mlcheck shrink " + o.Dir,
		}
	}
	if o.Results.Exit == 1 && o.Test.World == "sim" && len(o.Test.Script) == 0 {
		return []string{"The smallest test that shows what is broken here:", "  mlcheck shrink " + o.Dir}
	}
	if names := unclaimed(o.Results); o.Results.Exit == 0 && len(names) > 0 {
		again := o.Test
		again.Claims = append(slices.Clone(again.Claims), names...)
		return []string{
			"Nobody claims what was violated, so this is no failure. To make it one:",
			"  " + again.Command(),
		}
	}
	return nil
}

// unclaimed are the properties that were violated though nobody claims them.
func unclaimed(res *checker.Results) []string {
	var names []string
	for name, p := range res.Properties {
		if !p.Claimed && p.Verdict == checker.Violated {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func printTest(w io.Writer, t mlcheck.Test) error {
	doc, err := t.YAML()
	if err != nil {
		return err
	}
	fmt.Fprint(w, "# Nothing was run. To run exactly this, save it and say: mlcheck run --test FILE\n")
	if t.HasCommand() {
		fmt.Fprintf(w, "# or: %s\n", t.Command())
	}
	for _, left := range t.LeftOut() {
		fmt.Fprintf(w, "# %s\n", left)
	}
	fmt.Fprintf(w, "%s", doc)
	return nil
}

// isTerminal says whether colours make sense.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}
