package reports

import (
	"fmt"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/history"
)

// fact is one thing worth knowing of a run, with its name.
type fact struct{ Name, Value string }

// facts says what the run was: its header, how long it took, what was done.
func (r *Run) facts() []fact {
	var fs []fact
	add := func(name, value string) {
		if value != "" {
			fs = append(fs, fact{name, visible(value)})
		}
	}
	h := r.History
	if h != nil {
		hd := h.Header
		add("target", hd.Target)
		add("topology", hd.Topology)
		add("leaders", strings.Join(hd.Nodes, ", "))
		add("workload", hd.Workload)
		add("conflict policy", hd.Policy)
		add("lasted", span(lasted(h).Round(time.Millisecond)))
		add("operations", strings.Replace(strings.Replace(outcomeWords(h), " operations", "", 1), " operation", "", 1))
	}
	switch {
	case r.Results != nil:
		add("seed", fmt.Sprint(r.Results.Seed))
	case h != nil && h.Header.Seed != 0:
		add("seed", fmt.Sprint(h.Header.Seed))
	}
	if !r.Base.IsZero() {
		add("began", r.Base.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	add("mlcheck", r.Version)
	return fs
}

// summary is the run in a line.
func (r *Run) summary() string {
	if r.History == nil {
		return ""
	}
	s := fmt.Sprintf("%s: %s in %s", visible(r.title()), outcomeWords(r.History), span(lasted(r.History).Round(time.Millisecond)))
	if r.Results != nil {
		s += fmt.Sprintf(", seed %d", r.Results.Seed)
	}
	return s
}

// outcomeWords counts the operations by their outcome: O(n).
func outcomeWords(h *history.History) string {
	var n [3]int
	for k := range h.Len() {
		n[h.Outcome(k)]++
	}
	s := plural(h.Len(), "operation")
	if h.Len() == 0 || n[history.OK] == h.Len() {
		return s
	}
	return fmt.Sprintf("%s (%s ok, %s failed, %s unknown)", s, count(n[history.OK]), count(n[history.Fail]), count(n[history.Info]))
}

// lasted is the latest time that the history knows: O(n).
func lasted(h *history.History) time.Duration {
	var end time.Duration
	for k := range h.Len() {
		end = max(end, h.Start(k), h.End(k))
	}
	for _, e := range h.Events {
		end = max(end, e.T)
	}
	return end
}
