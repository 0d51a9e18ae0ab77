package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mlcheck/mlcheck"
)

// soakFlags are the flags of `soak` that say nothing of a single run.
type soakFlags struct {
	testFlags
	seeds, shard string
	soakFor      time.Duration
	jobs, keep   int
	json         string
	dryRun       bool
	merge        bool
}

func soakCommand(status *int) *cobra.Command {
	f := soakFlags{seeds: "100"}
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Run many seeds, and many configurations, and count what breaks",
		Long: `Run a test with many seeds on all processors, and count which properties break,
how often, and where most plainly. The flags are those of run; values parted by
commas in -o, --topology, --workload, --leaders and --followers are tried in every
combination, and so is each --nemesis that is given.

Runs in the simulated world leave nothing on the disk, but for the smallest that
breaks each property of each configuration, which gets its run folder. Ctrl-C ends
the campaign with what was found until then.

Exit status: 1 a run broke a claim, else 2 a verdict is unknown, or the campaign
was interrupted, else 0.`,
		Example: `  mlcheck soak --seeds 200 -o policy=lww-wall,lww-hlc -o delivery=fifo,causal --nemesis partition,clock
  mlcheck soak --seeds 1000000 --for 8h --json nightly.json
  mlcheck soak --seeds 10000 --shard 2/8 --json shard-2.json      one machine of eight
  mlcheck soak --merge shard-*.json                               what all of them found
  mlcheck soak --seeds 50 --topology ring,star --leaders 3,5 --dry-run
  mlcheck soak --seeds 50 --leaders 5 --nemesis none --nemesis partition,clock --nemesis split-brain`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.merge {
				return nil
			}
			return noArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.merge {
				return f.mergeFiles(cmd, args, status)
			}
			c, err := f.campaign(cmd.Flags())
			if err != nil {
				return err
			}
			if f.dryRun {
				return printPlan(cmd.OutOrStdout(), c)
			}
			return f.soak(cmd, c, status)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.seeds, "seeds", f.seeds, "how many seeds, from 1, or which: 101-200")
	fl.StringVar(&f.shard, "shard", "", "run one part of the campaign, 2/8: the parts are disjoint and together whole")
	fl.DurationVar(&f.soakFor, "for", 0, "begin no run after this real time")
	fl.IntVar(&f.jobs, "jobs", 0, "how many runs at a time (default: one for each processor; in containers always one)")
	fl.IntVar(&f.keep, "keep", 1, "how many runs to keep for each property of each configuration, the smallest ones")
	fl.StringVar(&f.json, "json", "", "write the results into a file")
	fl.BoolVar(&f.merge, "merge", false, "run nothing: join the results in the files that follow, of shards of one campaign")
	fl.BoolVar(&f.dryRun, "dry-run", false, "print the configurations, and run nothing")
	f.add(fl)
	for _, name := range []string{"topology", "workload", "leaders", "followers"} {
		fl.Lookup(name).Value = &list{}
		fl.Lookup(name).Usage += "; several with commas"
	}
	fl.Lookup("nemesis").Value = &list{}
	fl.Lookup("nemesis").Usage += "; given several times, each is tried, and none is no fault"
	fl.Lookup("option").Usage = "an option of the target, name=value or name=a,b; may be given several times"
	fl.Lookup("seed").Hidden = true
	return cmd
}

// list is a flag that may be given several times, with several values parted by
// commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }
func (l *list) Type() string   { return "list" }
func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// campaign is what the flags ask for.
func (f *soakFlags) campaign(fl *pflag.FlagSet) (mlcheck.Campaign, error) {
	c := mlcheck.Campaign{File: f.file, For: f.soakFor}
	if fl.Changed("seed") {
		return c, &mlcheck.UsageError{Err: errors.New("--seed is for one run; a campaign has --seeds, 200 or 7-7")}
	}
	err := f.read(fl, &c.Test)
	if err != nil {
		return c, err
	}
	if f.soakFor < 0 {
		return c, &mlcheck.UsageError{Err: fmt.Errorf("--for must be a time above 0, not %s", f.soakFor)}
	}
	if c.Seeds, err = mlcheck.ParseSeeds(f.seeds); err != nil {
		return c, err
	}
	if f.shard != "" {
		if c.Shard, err = mlcheck.ParseShard(f.shard); err != nil {
			return c, err
		}
	}
	if c.Axes, err = mlcheck.OptionAxes(c.Test.Target, f.options); err != nil {
		return c, err
	}
	if texts := *fl.Lookup("topology").Value.(*list); len(texts) > 0 {
		c.Axes = append(c.Axes, mlcheck.TopologyAxis(texts))
	}
	if each := *fl.Lookup("nemesis").Value.(*list); len(each) > 0 {
		c.Axes = append(c.Axes, mlcheck.Axis{Name: "nemesis", Values: each})
	}
	for _, name := range []string{"workload", "leaders", "followers"} {
		if values := *fl.Lookup(name).Value.(*list); len(values) > 0 {
			c.Axes = append(c.Axes, mlcheck.Axis{Name: name, Values: strings.Split(values.String(), ",")})
		}
	}
	return c, nil
}

func (f *soakFlags) soak(cmd *cobra.Command, c mlcheck.Campaign, status *int) error {
	if err := writable(f.json); err != nil {
		return err
	}
	manySmallRuns()
	out := cmd.OutOrStdout()
	p := newProgress(out, c.For)
	res, err := mlcheck.Soak(cmd.Context(), c, mlcheck.SoakOptions{Store: f.store, Keep: f.keep, Jobs: f.jobs, Progress: p.tell})
	p.end()
	if res == nil {
		if f.json != "" {
			_ = os.Remove(f.json) // there is nothing for it to hold
		}
		return err
	}
	*status = res.Exit
	return errors.Join(f.show(out, res), err)
}

func (f *soakFlags) mergeFiles(cmd *cobra.Command, paths []string, status *int) error {
	var parts []*mlcheck.Soaked
	for _, path := range paths {
		s, err := mlcheck.ReadSoaked(path)
		if err != nil {
			return err
		}
		parts = append(parts, s)
	}
	all, err := mlcheck.MergeSoaked(parts)
	if err != nil {
		return err
	}
	*status = all.Exit
	return f.show(cmd.OutOrStdout(), all)
}

// show prints results, and writes them where --json says.
func (f *soakFlags) show(out io.Writer, s *mlcheck.Soaked) error {
	err := printSoaked(out, s)
	if f.json == "" {
		return err
	}
	doc, bad := s.JSON()
	if bad == nil {
		bad = os.WriteFile(f.json, doc, 0o644)
	}
	return errors.Join(err, bad)
}

// writable finds out before hours of work whether their results can be written.
func writable(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return &mlcheck.UsageError{Err: fmt.Errorf("--json %s cannot be written: %w", path, err)}
	}
	return file.Close()
}

// printPlan says what a campaign would do.
func printPlan(out io.Writer, c mlcheck.Campaign) error {
	s, err := c.Plan()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "# Nothing was run. %s × %s; shard %s has %s.\n",
		count(s.Seeds.Len(), "seed"), count(len(s.Configurations), "configuration"), s.Shards[0], count(s.Planned, "run"))
	for _, conf := range s.Configurations {
		fmt.Fprintf(out, "%s\n  %s\n", named(conf), conf.Command())
	}
	printLeftOut(out, s)
	return nil
}

// count says how many there are.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func named(c *mlcheck.Configuration) string {
	if c.Name == "" {
		return "the one configuration"
	}
	return c.Name
}

func printLeftOut(out io.Writer, s *mlcheck.Soaked) {
	for _, l := range s.LeftOut {
		fmt.Fprintf(out, "left out: %s: %s\n", l.Name, l.Why)
	}
}

// printSoaked is the summary for people.
func printSoaked(out io.Writer, s *mlcheck.Soaked) error {
	b := &bytes.Buffer{}
	for _, c := range s.Configurations {
		printConfiguration(b, c)
	}
	printLeftOut(b, s)
	var shards []string
	for _, sh := range s.Shards {
		shards = append(shards, sh.String())
	}
	fmt.Fprintf(b, "\n%s  %s\n", strings.ToUpper(string(s.Verdict)), s.Why)
	fmt.Fprintf(b, "seeds %s, shard %s: %d of %s in %s", s.Seeds, strings.Join(shards, " "), s.Runs, count(s.Planned, "run"), short(s.Seconds))
	if s.Seconds > 0 {
		fmt.Fprintf(b, ", %.0f a minute", float64(s.Runs)/s.Seconds*60)
	}
	switch {
	case s.Interrupted:
		b.WriteString("; INTERRUPTED, the others were not tried")
	case s.TimeUp:
		b.WriteString("; the time was up, the others were not tried")
	}
	fmt.Fprintf(b, "\nexit status %d\n", s.Exit)
	_, err := out.Write(b.Bytes())
	return err
}

func short(seconds float64) string {
	if seconds < 60 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

func printConfiguration(b *bytes.Buffer, c *mlcheck.Configuration) {
	fmt.Fprintf(b, "\n%s: %s, %d violated, %d hold, %d unknown", named(c), count(c.Runs, "run"), c.Violated, c.Holds, c.Unknown)
	if c.Failed+c.Internal > 0 {
		fmt.Fprintf(b, ", %d could not be done, %d with an internal error\n  seed %d: %s", c.Failed, c.Internal, c.Failure.Seed, c.Failure.Why)
	}
	b.WriteString("\n")
	if len(c.Properties) == 0 {
		return
	}
	fmt.Fprintf(b, "  %-22s %-8s %8s %8s %8s %12s  %s\n", "property", "claimed", "broken", "unknown", "holds", "chances", "smallest")
	for _, name := range byLoudness(c) {
		t := c.Properties[name]
		claimed, smallest := "", ""
		if t.Claimed {
			claimed = "claimed"
		}
		if len(t.Smallest) > 0 {
			e := t.Smallest[0]
			smallest = fmt.Sprintf("seed %d: %s, %s", e.Seed, e.Label, count(e.Operations, "operation"))
			if t.Claimed && t.Observed > 0 {
				smallest += fmt.Sprintf("; %d of the broken ones are excused", t.Observed)
			}
		} else if t.Claimed && t.WhyUnknown != nil {
			smallest = fmt.Sprintf("unknown with seed %d: %s", t.WhyUnknown.Seed, t.WhyUnknown.Why)
		}
		line := fmt.Sprintf("  %-22s %-8s %8d %8d %8d %12d  %s", name, claimed, t.Violated+t.Observed, t.Unknown, t.Holds, t.Chances, smallest)
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
	printExamples(b, c)
}

// printExamples says how to see the broken claims again, and where nothing that is
// claimed broke, the rest. What one run shows stands together.
func printExamples(b *bytes.Buffer, c *mlcheck.Configuration) {
	shows := map[uint64][]string{}
	var runs []mlcheck.Example
	for _, name := range byLoudness(c) {
		for _, e := range c.Properties[name].Smallest {
			if e.Claimed != (c.Violated > 0) {
				continue
			}
			if shows[e.Seed] == nil {
				runs = append(runs, e)
			}
			shows[e.Seed] = append(shows[e.Seed], name)
		}
	}
	for i, e := range runs {
		fmt.Fprintf(b, "  seed %d, %s\n", e.Seed, strings.Join(shows[e.Seed], ", "))
		for _, line := range []struct{ before, what string }{{"again:   ", e.Repeat}, {"kept in: ", e.Dir}} {
			if line.what != "" {
				fmt.Fprintf(b, "    %s%s\n", line.before, line.what)
			}
		}
		if i == 0 && e.Claimed && e.Dir != "" {
			fmt.Fprintf(b, "    smaller: mlcheck shrink %s\n", e.Dir)
		}
	}
}

// byLoudness are the decided properties: broken claims, other claims, and what
// nobody claims, the more often broken the sooner.
func byLoudness(c *mlcheck.Configuration) []string {
	var names []string
	rank := func(name string) (int, int) {
		t := c.Properties[name]
		switch {
		case t.Violated > 0:
			return 0, -t.Violated
		case t.Claimed:
			return 1, -t.Unknown
		}
		return 2, -t.Observed
	}
	for name, t := range c.Properties {
		if t.Violated+t.Observed+t.Unknown+t.Holds > 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(x, y string) int {
		rx, nx := rank(x)
		ry, ny := rank(y)
		if rx != ry {
			return rx - ry
		}
		if nx != ny {
			return nx - ny
		}
		return strings.Compare(x, y)
	})
	return names
}
