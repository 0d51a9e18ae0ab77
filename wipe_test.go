package mlcheck

import (
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/nemesis"
)

// A disk counts as lost once nothing was seen to be on it, and not when nobody could look.
func TestALostDiskIsProvedByLooking(t *testing.T) {
	f := nemesis.Fault{Kind: nemesis.Wipe, Nodes: []string{"n1"}}
	gone := nemesis.State{Down: []nemesis.DownState{{Node: "n1", By: nemesis.Wipe}}}
	for _, c := range []struct {
		state nemesis.State
		is    nemesis.Process
		wrong string // "": it is as it should be
		says  string
	}{
		{gone, nemesis.Process{Is: nemesis.Down, Lost: 2, Of: "files"}, "", "n1 lost its disk, with 2 files"},
		{gone, nemesis.Process{Is: nemesis.Down, Lost: 7}, "", "n1 lost its disk, with 7 records"},
		{gone, nemesis.Process{Is: nemesis.Down, Kept: 1, Lost: 2, Of: "files"}, "n1 still has 1 files on its disk", ""},
		{gone, nemesis.Process{Is: nemesis.Down, Kept: -1}, "nobody could see whether n1's disk is empty", ""},
		{gone, nemesis.Process{Is: nemesis.Up}, "n1 is up, not down", ""},
		{nemesis.State{}, nemesis.Process{Is: nemesis.Up, Bare: true}, "", "n1 came up with an empty disk"},
		{nemesis.State{}, nemesis.Process{Is: nemesis.Up, Bare: true, Why: "and is not wired yet"}, "", "n1 came up with an empty disk and is not wired yet"},
		{nemesis.State{}, nemesis.Process{Is: nemesis.Up}, "", ""},
		{nemesis.State{}, nemesis.Process{Is: nemesis.Down}, "n1 is down, not up", ""},
	} {
		m := nemesis.Measured{Nodes: map[string]nemesis.Process{"n1": c.is}}
		if wrong := strings.Join(processesDiffer(f, c.state, m), "; "); wrong != c.wrong {
			t.Errorf("%+v: %q, want %q", c.is, wrong, c.wrong)
		}
		if says := ofProcesses(f, c.state, m); c.wrong == "" && says != c.says {
			t.Errorf("%+v: it says %q, want %q", c.is, says, c.says)
		}
	}
}
