package mlcheck

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/reports"
)

// Replayed is a run that was done again, and how it compares with the first time.
type Replayed struct {
	*Outcome
	// Same says that the history is the same, line by line. In the simulated world
	// it must be.
	Same bool
	// Why says what made another history, "" where it is the same.
	Why string
	// Broken says of each property that was broken before, or is now, whether it was
	// and is. Both histories are judged by this version.
	Broken []Compared
	// Internal: two runs by this very mlcheck differ in the simulated world, so that
	// mlcheck is wrong.
	Internal bool
}

// Compared is one property before and after.
type Compared struct {
	Property      string
	Before, After bool     // it was broken, it is
	Gone, New     []string // identifiers of findings that only one of the two has; in containers they are always others
}

// Replay runs the Test of a run folder again, with the same seed and the same
// faults, into a folder of its own. Errors are those of [Run], and *UsageError
// where the folder does not hold a run.
func Replay(ctx context.Context, dir string, o Options) (*Replayed, error) {
	t, before, err := readRun(dir)
	if err != nil {
		return nil, err
	}
	out, err := Run(ctx, t, o)
	if out == nil || out.Results == nil || err != nil {
		return nil, err
	}
	after, err := history.Open(out.Dir)
	if err != nil {
		return nil, err
	}
	r := &Replayed{Outcome: out}
	r.Broken = compare(checker.Check(context.WithoutCancel(ctx), before.History, checker.Options{Search: search}), out.Results)
	line, err := firstDifference(before.History, after)
	if err != nil {
		return nil, err
	}
	if r.Same = line == ""; !r.Same {
		if err := r.explain(ctx, before, after); err != nil {
			return nil, err
		}
		r.Why += "\n" + line
	}
	return r, nil
}

// readRun reads the Test and the rest of a run folder.
func readRun(dir string) (Test, *reports.Run, error) {
	if !isFolder(dir) {
		return Test{}, nil, usage("%s is no run folder: name one that `mlcheck run` has made, such as store/latest", dir)
	}
	t, err := ReadTest(filepath.Join(dir, testFile))
	if err != nil {
		return Test{}, nil, usage("what was run in %s is not known: %w", dir, err)
	}
	if _, err := t.Complete(); err != nil && len(t.Faults) > 0 {
		t.Nemesis = nil // another version draws other faults: those that there were are what counts
	}
	run, err := reports.Load(dir)
	if err != nil {
		return Test{}, nil, &UsageError{err}
	}
	return t, run, nil
}

// compare says which properties were broken, and which are.
func compare(before, after *checker.Results) []Compared {
	var cs []Compared
	for _, p := range checker.All() {
		b, a := before.Properties[p.Name], after.Properties[p.Name]
		c := Compared{Property: p.Name, Before: isBroken(b), After: isBroken(a)}
		if !c.Before && !c.After {
			continue
		}
		was, is := identifiers(b), identifiers(a)
		c.Gone = slices.DeleteFunc(slices.Clone(was), func(id string) bool { return slices.Contains(is, id) })
		c.New = slices.DeleteFunc(slices.Clone(is), func(id string) bool { return slices.Contains(was, id) })
		cs = append(cs, c)
	}
	return cs
}

func isBroken(d *checker.Decided) bool { return d != nil && d.Verdict == checker.Violated }

func identifiers(d *checker.Decided) []string {
	var ids []string
	if isBroken(d) {
		for _, f := range d.Findings {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// explain says why a history is another one. In the simulated world a third run
// tells another version from a world that is no function of its seed.
func (r *Replayed) explain(ctx context.Context, before *reports.Run, after *history.History) error {
	hd := before.History.Header
	switch was := before.Version; {
	case hd.Seed != r.Test.Seed || hd.Target != r.Test.Target || hd.Topology != r.Test.Topology || len(hd.Nodes) != r.Test.Leaders+r.Test.Followers:
		r.Why = "the Test in the folder is not that of its history: one of the two was changed"
	case r.Interrupted:
		r.Why = "this run was interrupted"
	case r.Test.World != "sim":
		r.Why = "in containers no two runs are alike: schedule and requests are those of the seed, and the times are not"
	case !reachedEnd(before.History):
		r.Why = "the first run did not come to its end"
	default:
		third, _, err := Judge(ctx, r.Test)
		if err != nil {
			return err
		}
		line, err := firstDifference(after, third)
		if err != nil {
			return err
		}
		if r.Internal = line != ""; r.Internal {
			r.Why = "two runs by this very mlcheck differ, so mlcheck is wrong: the simulated world must be a function of its seed"
			return nil
		}
		r.Why = fmt.Sprintf("this mlcheck repeats itself, so another version made the first run: that was %s, this is %s", cmp.Or(was, "(unknown)"), Version())
		if was == Version() {
			r.Why += ", built from other sources"
		}
	}
	return nil
}

// reachedEnd says whether a run came to its end.
func reachedEnd(h *history.History) bool {
	return slices.ContainsFunc(h.Events, func(ev history.Event) bool { return ev.Stage == history.StageEnd })
}

// firstDifference shows the first line in which two histories differ, "" where
// they are the same. The header counts: it says what was run.
func firstDifference(a, b *history.History) (string, error) {
	var x, y bytes.Buffer
	if err := a.WriteJSONL(&x); err != nil {
		return "", err
	}
	if err := b.WriteJSONL(&y); err != nil {
		return "", err
	}
	if bytes.Equal(x.Bytes(), y.Bytes()) {
		return "", nil
	}
	xs, ys := bytes.Split(x.Bytes(), []byte("\n")), bytes.Split(y.Bytes(), []byte("\n"))
	i := 0
	for i < len(xs) && i < len(ys) && bytes.Equal(xs[i], ys[i]) {
		i++
	}
	return fmt.Sprintf("They part at line %d of %d and %d:\n  before: %s\n  now:    %s", i+1, len(xs), len(ys), shown(xs, ys, i), shown(ys, xs, i)), nil
}

// How much of a line is shown, and how much of that is before the difference.
const (
	shownOfLine  = 160
	shownInFront = 60
)

// shown is the part of a line in which it differs from the other one.
func shown(lines, others [][]byte, i int) string {
	if i >= len(lines) {
		return "(its end)"
	}
	line, at := lines[i], 0
	for i < len(others) && at < min(len(line), len(others[i])) && line[at] == others[i][at] {
		at++
	}
	from := max(at-shownInFront, 0)
	to := min(from+shownOfLine, len(line))
	text := strings.ToValidUTF8(string(line[from:to]), "")
	if from > 0 {
		text = "…" + text
	}
	if to < len(line) {
		text += "…"
	}
	return text
}
