package reports

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
)

// What of a node's log is read, and what of it a page shows.
const (
	maxLogBytes = 64 << 20 // read from disk, both ends of the file
	logHead     = 150      // lines shown from the start, where configuration and errors are
	logTail     = 250      // lines shown from the end
	logAround   = 20       // lines shown on each side of one that an operation links to
	maxLogLines = 4000     // lines shown in all, of one node
	maxLogLine  = 600      // runes shown of one line
)

// nodeLog is one node's log, split into lines.
type nodeLog struct {
	node  string
	lines [][]byte
	// at has each line's time on the history's clock; a line without one (the
	// rest of a stack trace) has the last line's, and times never go back, so
	// that a search finds its way.
	at    []time.Duration
	timed bool // some line has a time, and the history's base is known
}

// splitLog reads a log. O(bytes).
func splitLog(node string, data []byte, base time.Time) *nodeLog {
	l := &nodeLog{node: node}
	data = bytes.TrimRight(data, "\n")
	if len(data) == 0 {
		return l
	}
	l.lines = bytes.Split(data, []byte("\n"))
	l.at = make([]time.Duration, len(l.lines))
	last := time.Duration(-1 << 62)
	for i, line := range l.lines {
		if t, ok := lineTime(line); ok && !base.IsZero() {
			l.timed = true
			last = max(last, t.Sub(base))
		}
		l.at[i] = last
	}
	return l
}

// lineTime is the RFC 3339 time that a log line begins with.
func lineTime(line []byte) (time.Time, bool) {
	end := bytes.IndexByte(line, ' ')
	if end < 0 {
		end = len(line)
	}
	if end < len("2006-01-02T15:04:05Z") || end > len("2006-01-02T15:04:05.000000000+00:00") {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, string(line[:end]))
	return t, err == nil
}

// nearest is the line whose time is nearest to t: O(log n).
func (l *nodeLog) nearest(t time.Duration) (line int, ok bool) {
	if l == nil || !l.timed {
		return 0, false
	}
	i := sort.Search(len(l.at), func(i int) bool { return l.at[i] >= t })
	switch {
	case i == len(l.at):
		// The first of the lines that share the last time: it carries the stamp.
		i = sort.Search(len(l.at), func(j int) bool { return l.at[j] >= l.at[len(l.at)-1] })
	case i > 0 && t-l.at[i-1] < l.at[i]-t:
		at := l.at[i-1]
		i = sort.Search(len(l.at), func(j int) bool { return l.at[j] >= at })
	}
	return i, true
}

// logBook is every node's log, the lines that the page refers to, and where
// they are found in it.
type logBook struct {
	logs   []*nodeLog
	byNode map[string]int
	wanted []map[int]bool // per log
}

func newLogBook(logs map[string][]byte, base time.Time) *logBook {
	b := &logBook{byNode: map[string]int{}}
	for _, node := range slices.Sorted(maps.Keys(logs)) {
		b.byNode[node] = len(b.logs)
		b.logs = append(b.logs, splitLog(node, logs[node], base))
		b.wanted = append(b.wanted, map[int]bool{})
	}
	return b
}

// logLink leads from an operation to the nearest line of its node's log.
type logLink struct {
	Anchor string
	Text   string // "line 812, 3 ms later"
}

// link finds the line nearest to an operation's time and remembers that it must
// be shown.
func (b *logBook) link(node string, t time.Duration) *logLink {
	n, known := b.byNode[node]
	if !known {
		return nil
	}
	i, ok := b.logs[n].nearest(t)
	if !ok {
		return nil
	}
	b.wanted[n][i] = true
	text := fmt.Sprintf("line %d", i+1)
	switch d := b.logs[n].at[i] - t; {
	case d > 0:
		text += ", " + span(d) + " later"
	case d < 0:
		text += ", " + span(-d) + " earlier"
	}
	return &logLink{Anchor: logAnchor(n, i), Text: text}
}

// logAnchor names a line; nodes go by number, since their names may be anything.
func logAnchor(log, line int) string { return fmt.Sprintf("log-%d-%d", log+1, line+1) }

// logSection is one node's log as the page shows it.
type logSection struct {
	Node   string
	Note   string // what was cut, what cannot be matched
	Lines  string
	Blocks []logBlock
}

// logBlock is a stretch of lines that follow each other.
type logBlock struct {
	Skipped int // lines left out before it
	Lines   []logLine
}

type logLine struct {
	No     int
	Anchor string
	Time   string // on the history's clock
	Text   string
	Linked bool // an operation of a finding links here
}

func (b *logBook) sections(base time.Time) []logSection {
	var ss []logSection
	for n, l := range b.logs {
		ss = append(ss, b.section(n, l, base))
	}
	return ss
}

func (b *logBook) section(n int, l *nodeLog, base time.Time) logSection {
	s := logSection{Node: visible(l.node), Lines: plural(len(l.lines), "line")}
	shown := chooseLines(len(l.lines), b.wanted[n])
	next := 0
	for _, i := range shown {
		if i > next || len(s.Blocks) == 0 {
			s.Blocks = append(s.Blocks, logBlock{Skipped: i - next})
		}
		blk := &s.Blocks[len(s.Blocks)-1]
		blk.Lines = append(blk.Lines, b.line(n, l, i))
		next = i + 1
	}
	if next < len(l.lines) {
		s.Blocks = append(s.Blocks, logBlock{Skipped: len(l.lines) - next})
	}
	s.Note = logNote(l, len(shown), base)
	return s
}

func (b *logBook) line(n int, l *nodeLog, i int) logLine {
	line := logLine{No: i + 1, Anchor: logAnchor(n, i), Linked: b.wanted[n][i]}
	text := string(l.lines[i])
	if _, stamped := lineTime(l.lines[i]); stamped && l.timed {
		line.Time = clock(l.at[i])
	}
	line.Text = visible(strings.ReplaceAll(clip(text, maxLogLine), "\t", "    "))
	return line
}

func logNote(l *nodeLog, shown int, base time.Time) string {
	var notes []string
	if shown < len(l.lines) {
		notes = append(notes, fmt.Sprintf("%s of %s lines are shown: the start, the end, and what is near the operations of findings. The whole log is in the run folder, logs/%s.log.",
			count(shown), count(len(l.lines)), visible(l.node)))
	}
	if len(l.lines) > 0 && !l.timed {
		if base.IsZero() {
			notes = append(notes, "The run's wall clock is not known, so operations cannot be matched with lines.")
		} else {
			notes = append(notes, "No line begins with a time, so operations cannot be matched with lines.")
		}
	}
	return strings.Join(notes, " ")
}

// chooseLines picks the lines to show, in order: both ends and the
// surroundings of what is linked, the nearest surroundings first, so that every
// linked line is there as long as there is room for any.
func chooseLines(n int, wanted map[int]bool) []int {
	if n <= maxLogLines/2 {
		return seq(0, n)
	}
	type candidate struct{ line, far int }
	var cs []candidate
	for _, w := range slices.Sorted(maps.Keys(wanted)) {
		for i := max(0, w-logAround); i <= min(n-1, w+logAround); i++ {
			cs = append(cs, candidate{i, max(i-w, w-i)})
		}
	}
	for _, i := range append(seq(0, min(n, logHead)), seq(max(0, n-logTail), n)...) {
		cs = append(cs, candidate{i, 1})
	}
	slices.SortStableFunc(cs, func(a, b candidate) int { return cmp.Compare(a.far, b.far) })
	in := map[int]bool{}
	for _, c := range cs {
		if len(in) == maxLogLines {
			break
		}
		in[c.line] = true
	}
	return slices.Sorted(maps.Keys(in))
}

func seq(from, to int) []int {
	var s []int
	for i := from; i < to; i++ {
		s = append(s, i)
	}
	return s
}
