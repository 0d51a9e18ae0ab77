package reports

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/checker"
)

func TestClocksAreShownAsTheyWereReadAndWithWhatTheySkewBeside(t *testing.T) {
	r := &Run{Results: &checker.Results{
		Faults: []checker.FaultReport{{
			Fault: 1, Kind: "clock", State: "effective", What: "n1's clock +2 s and n2's clock -1 s",
			Planned: 1e9, Effective: 1.01e9, Healing: 2e9, Healed: 2.01e9, Read: map[string]int64{"n2": -1.002e9, "n1": 2.001e9},
		}},
		Notes: []string{"timers are <slow>"},
	}}
	var text, page bytes.Buffer
	if err := Terminal(&text, r, Style{Width: 110}); err != nil {
		t.Fatal(err)
	}
	if err := HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"clocks read: n1 +2 s,", "Note: timers are <slow>."} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the terminal does not show %q:\n%s", want, text.String())
		}
	}
	for _, want := range []string{"&#43;2 s, n2 −1 s", "Note: timers are &lt;slow&gt;."} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not show %q", want)
		}
	}
}

func TestAClockThatJumpsIsPlannedInStretches(t *testing.T) {
	if got := jumps([4]int64{10, 5, 35, 5}, 10); len(got) != 2 || got[0] != [4]int64{10, 5, 20, 5} || got[1] != [4]int64{30, 5, 35, 5} {
		t.Errorf("%v", got)
	}
	if got := jumps([4]int64{10, 5, 1e9, 5}, 10); len(got) != 1 {
		t.Errorf("%d stretches are drawn", len(got))
	}
	if got := jumps([4]int64{10, 5, 35, 7}, 0); len(got) != 1 || got[0] != [4]int64{10, 5, 35, 7} {
		t.Errorf("%v", got)
	}
}
