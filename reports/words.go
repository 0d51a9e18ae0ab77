package reports

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/mlcheck/mlcheck/history"
)

// How many elements of a list are written out in a table, and how many in the
// small texts of diagrams and hovers.
const (
	listInTables = 24
	listInBrief  = 6
)

// clock writes a time of the history: seconds to the microsecond, so that times
// in a column line up and two near ones can be told apart.
func clock(d time.Duration) string { return fmt.Sprintf("%.6f s", d.Seconds()) }

// span writes how long something took, in the unit that suits it.
func span(d time.Duration) string {
	switch abs := d.Abs(); {
	case abs < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case abs < time.Millisecond:
		return short(float64(d)/1e3) + " µs"
	case abs < time.Second:
		return short(float64(d)/1e6) + " ms"
	case abs < 2*time.Minute:
		return short(d.Seconds()) + " s"
	default:
		return d.Round(time.Second).String()
	}
}

// signed is a span that says in which direction.
func signed(d time.Duration) string {
	if d > 0 {
		return "+" + span(d)
	}
	return strings.Replace(span(d), "-", "−", 1)
}

// short writes a number with three figures after which nobody looks.
func short(v float64) string {
	digits := 2
	switch abs := math.Abs(v); {
	case abs >= 100:
		digits = 0
	case abs >= 10:
		digits = 1
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// count writes a whole number with its thousands apart: 1,234,567.
func count(n int) string {
	s := strconv.Itoa(n)
	head := len(s) % 3
	if n < 0 {
		head = 1 + (len(s)-1)%3
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (i-head)%3 == 0 && s[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// plural writes a count with its noun; a noun in -y or -s needs no more here.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(n) + " " + noun + "s"
}

// valueWords writes a value, with at most most elements of a list.
func valueWords(v history.Value, most int) string {
	switch {
	case v.List != nil:
		return listWords(v.List, most)
	case v.Set:
		return strconv.FormatInt(v.N, 10)
	}
	return "nothing"
}

func listWords(list []int64, most int) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, n := range list {
		if i == most {
			fmt.Fprintf(&b, " … %d more", len(list)-most)
			break
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	b.WriteByte(']')
	return b.String()
}

// asked says in words what an operation wanted.
func asked(op history.Op) string {
	var parts []string
	for _, s := range op.Steps {
		parts = append(parts, stepAsked(s))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", then ")
}

func stepAsked(s history.Step) string {
	key, v := visible(s.Key), valueWords(s.Value, listInTables)
	switch s.F {
	case history.Read:
		return "read " + key
	case history.Write:
		return "write " + key + " = " + v
	case history.Delete:
		return "delete " + key
	case history.Add:
		return "add " + v + " to " + key
	case history.Remove:
		return "remove " + v + " from " + key
	case history.Append:
		return "append " + v + " to " + key
	case history.Inc:
		return "increment " + key + " by " + v
	case history.Insert:
		if len(s.Value.List) == 2 {
			return fmt.Sprintf("insert %d after %d in %s", s.Value.List[0], s.Value.List[1], key)
		}
		return "insert " + v + " in " + key
	case history.Cas:
		if len(s.Value.List) == 2 {
			return fmt.Sprintf("write %s = %d if it is %d", key, s.Value.List[1], s.Value.List[0])
		}
		return "compare and set " + key + " " + v
	}
	return "unknown step on " + key
}

// answered says in words how an operation ended.
func answered(op history.Op) string {
	why := ""
	if op.Meta.Error != "" {
		why = ": " + visible(op.Meta.Error)
	}
	switch op.Outcome {
	case history.Fail:
		return "failed, had no effect" + why
	case history.Info:
		if op.Return == 0 {
			return "never answered, may have happened" + why
		}
		return "unknown, may have happened" + why
	}
	var reads []string
	for _, s := range op.Steps {
		if s.F != history.Read {
			continue
		}
		if len(op.Steps) == 1 {
			return "returned " + valueWords(s.Value, listInTables)
		}
		reads = append(reads, visible(s.Key)+" = "+valueWords(s.Value, listInTables))
	}
	if len(reads) == 0 {
		return "acknowledged"
	}
	return "acknowledged, read " + strings.Join(reads, ", ")
}

// brief writes an operation for where there is little room: "w x=17".
func brief(op history.Op) string {
	var b strings.Builder
	for i, s := range op.Steps {
		if i == 4 {
			fmt.Fprintf(&b, ", … %d more", len(op.Steps)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(stepBrief(s, op.Outcome))
	}
	return b.String()
}

func stepBrief(s history.Step, o history.Outcome) string {
	key := clip(visible(s.Key), 24)
	if s.F == history.Read && o != history.OK {
		return "r " + key
	}
	if s.F == history.Delete {
		return "del " + key
	}
	word := "?"
	if int(s.F) < len(briefF) {
		word = briefF[s.F]
	}
	return word + " " + key + "=" + valueWords(s.Value, listInBrief)
}

var briefF = [...]string{"?", "r", "w", "del", "add", "rem", "app", "inc", "ins"}

// by is the node that answered for an operation.
func by(op history.Op) string {
	if op.By != "" {
		return op.By
	}
	return op.Node
}

// clip shortens a text to n runes, and shows that it did.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	if rs := []rune(s); len(rs) > n {
		return string(rs[:n-1]) + "…"
	}
	return s
}

// visible makes a text of unknown origin harmless to look at: control
// characters, which could drive a terminal, and marks that reverse the direction
// of text are written out. Line ends become spaces.
func visible(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		case hidden(r):
			fmt.Fprintf(&b, "⟨%02x⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden says whether a rune shows nothing of itself and changes what is around it.
func hidden(r rune) bool {
	return unicode.IsControl(r) || r == unicode.ReplacementChar ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x2028 || r == 0x2029
}
