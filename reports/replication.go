package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mlcheck/mlcheck/checker"
)

func (p *page) replication(r *checker.Replication) {
	if r == nil {
		return
	}
	p.Lag = lagRows(r.Lag)
	if len(r.Keys) > 0 {
		p.Apart, p.ApartSay = divergence(r)
	}
}

// lagRow is the replication lag from one leader to another.
type lagRow struct {
	Pair             string // "n1 → n2"
	Seen             string
	Median, P95, P99 string // between which two times
	Max              string
	Rest             string // what became of the writes that were not measured
}

func lagRows(lags []checker.Lag) []lagRow {
	var rows []lagRow
	for _, l := range lags {
		rows = append(rows, lagRow{
			Pair: clip(visible(l.Origin), 24) + " → " + clip(visible(l.Observer), 24), Seen: count(l.Seen), Rest: unmeasured(l),
			Median: between(l, l.AtLeast.Median, l.AtMost.Median), P95: between(l, l.AtLeast.P95, l.AtMost.P95),
			P99: between(l, l.AtLeast.P99, l.AtMost.P99), Max: between(l, l.AtLeast.Max, l.AtMost.Max),
		})
	}
	return rows
}

// between writes the two bounds of a latency; a lag that nobody measured has none.
func between(l checker.Lag, least, most int64) string {
	if l.Seen == 0 {
		return "–"
	}
	a, b := span(time.Duration(least)), span(time.Duration(most))
	if a == b {
		return b
	}
	if least == 0 {
		return "up to " + b
	}
	return a + " to " + b
}

// unmeasured says what became of the writes whose lag is not known.
func unmeasured(l checker.Lag) string {
	var parts []string
	for _, c := range []struct {
		n    int
		what string
	}{
		{l.Hidden, "hidden by a concurrent write"},
		{l.AtEnd, "seen by final reads only"},
		{l.Missed, "never seen though read"},
		{l.Unread, "not read there"},
	} {
		if c.n > 0 {
			parts = append(parts, count(c.n)+" "+c.what)
		}
	}
	if l.InVain > 0 {
		parts = append(parts, "looked for in vain for up to "+span(time.Duration(l.InVain)))
	}
	return strings.Join(parts, ", ")
}

// apartRow is a key in which leaders differed after clients were closed.
type apartRow struct{ Key, Holds, Since, Seen, After string }

// divergence lists keys, and says how many there are.
func divergence(r *checker.Replication) (rows []apartRow, note string) {
	for _, k := range r.Keys {
		var holds []string
		for _, h := range k.Holds {
			var names []string
			for _, n := range h.Leaders {
				names = append(names, visible(n))
			}
			holds = append(holds, fmt.Sprintf("%s at %s since %s", clip(visible(h.Value), 80), strings.Join(names, ", "), seconds(h.Since)))
		}
		row := apartRow{Key: visible(k.Key), Holds: strings.Join(holds, "; "), Since: seconds(k.Since), Seen: seconds(k.Seen), After: span(time.Duration(k.AfterHealing))}
		if k.Since < 0 {
			row.Since = "they agree now"
		}
		rows = append(rows, row)
	}
	note = fmt.Sprintf("Leaders ended with different values of %s", plural(r.Differing, "key"))
	if r.Late > 0 {
		note += fmt.Sprintf("; of %s more they were seen to differ after clients were closed, and then agreed", count(r.Late))
	}
	if all := r.Differing + r.Late; all > len(rows) {
		note += fmt.Sprintf(". The first %s are listed", count(len(rows)))
	}
	return rows, note + "."
}

// lagPairs is how many pairs of leaders the terminal shows.
const lagPairs = 6

// replication tells the lag between leaders, the longest first.
func (t *terminal) replication() {
	r := t.run.Results.Replication
	if r == nil || len(r.Lag) == 0 {
		return
	}
	lags := slices.Clone(r.Lag)
	slices.SortStableFunc(lags, func(a, b checker.Lag) int { return cmp.Compare(b.AtMost.P99, a.AtMost.P99) })
	t.heading("Replication lag, acknowledged to seen")
	for i, l := range lags {
		if i == lagPairs {
			t.line("    %s", t.paint(faint, fmt.Sprintf("and %s more pairs, see the report", count(len(lags)-i))))
			break
		}
		row := lagRows([]checker.Lag{l})[0]
		mark := "  " + row.Pair + "  "
		words := "not known"
		if l.Seen > 0 {
			words = fmt.Sprintf("median %s, 99 %% %s", row.Median, row.P99)
		}
		words += fmt.Sprintf("; %s of %s measured", count(l.Seen), plural(l.Seen+l.Hidden+l.AtEnd+l.Missed+l.Unread, "write"))
		t.text(mark, utf8.RuneCountInString(mark), words)
	}
}
