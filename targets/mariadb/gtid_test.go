package mariadb

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPositionsAreReadPerDomain(t *testing.T) {
	for text, want := range map[string]position{
		"":                         {},
		"1-1-17":                   {1: 17},
		"1-1-17,3-3-4":             {1: 17, 3: 4},
		" 1-1-17, 2-2-5 ":          {1: 17, 2: 5},
		"1-1-17,1-2-20":            {1: 20},
		"0-1-18446744073709551615": {0: 18446744073709551615},
	} {
		got, err := parsePosition(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestWhatIsNoPositionIsRefused(t *testing.T) {
	for _, text := range []string{"1", "1-1", "1-1-1-1", "x-1-1", "1-1-x", "1-1--2", "-1-1-1"} {
		if got, err := parsePosition(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestBehindCountsWhatIsMissingAndNeverLess(t *testing.T) {
	origin := position{1: 17, 2: 3}
	for _, c := range []struct {
		have position
		want uint64
	}{
		{position{1: 17}, 0},
		{position{1: 5}, 12},
		{position{}, 17},
		{nil, 17},
		{position{1: 18}, 0}, // asked a moment later
	} {
		if got := c.have.behind(origin, 1); got != c.want {
			t.Errorf("%v behind %v: %d, want %d", c.have, origin, got, c.want)
		}
	}
}
