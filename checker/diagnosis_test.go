package checker

import (
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/history"
)

// lacking is a history of keys with one write each, by who wrote it, and of
// what each leader shows of it at the end: "n1 110" is a write of n1 that n1 and
// n2 show and n3 does not.
func lacking(keys ...string) string {
	var work, ends strings.Builder
	for i, k := range keys {
		origin, shown, _ := strings.Cut(k, " ")
		key, value := "k"+string(rune('a'+i)), string(rune('1'+i))
		work.WriteString("s" + origin[1:] + "@" + origin + " w " + key + " " + value + "\n")
		for n, c := range shown {
			read := "-"
			if c == '1' {
				read = value
			}
			ends.WriteString("final n" + string(rune('1'+n)) + " r " + key + " " + read + "\n")
		}
	}
	return work.String() + "end quiet\n" + ends.String()
}

func TestADivergenceNamesTheLinkThatExplainsItAll(t *testing.T) {
	ring := history.Header{Topology: "ring", Links: [][2]string{{"n1", "n2"}, {"n2", "n3"}, {"n3", "n1"}}}
	mesh := history.Header{Topology: "all-to-all", Links: [][2]string{{"n1", "n2"}, {"n1", "n3"}, {"n2", "n1"}, {"n2", "n3"}, {"n3", "n1"}, {"n3", "n2"}}}
	star := history.Header{Topology: "star", Links: [][2]string{{"n1", "n2"}, {"n2", "n1"}, {"n3", "n2"}, {"n2", "n3"}}}
	for _, tc := range []struct {
		name string
		hd   history.Header
		text string
		want string
	}{
		{"a leader in a ring passes nothing on", ring, lacking("n1 110", "n1 110", "n2 111"), "all 2 concern writes of n1 that n2 has and n3 lacks: the link n2 → n3 does not forward them"},
		{"a link in a ring is broken", ring, lacking("n1 110", "n2 010", "n1 110"), "all 3 concern writes of n1 and n2 that n2 has and n3 lacks: the link n2 → n3 does not carry them"},
		{"everybody beyond lacks it", ring, lacking("n2 010", "n2 010"), "all 2 concern writes of n2 that n2 has and n3 lacks: the link n2 → n3 does not carry them"},
		{"a link of all to all", mesh, lacking("n1 110", "n1 110"), "all 2 concern writes of n1 that n1 has and n3 lacks: the link n1 → n3 does not carry them"},
		{"the hub of a star", star, lacking("n1 110", "n1 110", "n2 111"), "all 2 concern writes of n1 that n2 has and n3 lacks: the link n2 → n3 does not forward them"},
		{"two links", mesh, lacking("n1 110", "n1 101"), ""},
		{"one write, two links", mesh, lacking("n1 100", "n1 100"), ""},
		{"one key is too little", ring, lacking("n1 110", "n1 111"), ""},
		{"the origin itself lacks it", ring, lacking("n1 011", "n1 011"), ""},
		{"no links are known", history.Header{}, lacking("n1 110", "n1 110"), ""},
		{"concurrent values: it may have come and been refused", ring, "s1@n1 w x 1\ns3@n3 w x 2\ns1@n1 w y 3\ns3@n3 w y 4\nend quiet\nfinal n1 r x 1\nfinal n2 r x 1\nfinal n3 r x 2\nfinal n1 r y 3\nfinal n2 r y 3\nfinal n3 r y 4\n", ""},
		{"something older is certain", ring, "s3@n3 w x 1\ns1@n1 r x 1\ns1@n1 w x 2\ns1@n1 w y 3\nend quiet\nfinal n1 r x 2\nfinal n2 r x 2\nfinal n3 r x 1\nfinal n1 r y 3\nfinal n2 r y 3\nfinal n3 r y -\n", "all 2 concern writes of n1 that n2 has and n3 lacks: the link n2 → n3 does not forward them"},
	} {
		r := check(t, "convergence", parse(t, tc.hd, tc.text))
		if _, why, _ := strings.Cut(r.Reason, "; "); why != tc.want || r.Verdict != Violated {
			t.Errorf("%s: %q, want %q", tc.name, r.Reason, tc.want)
		}
	}
}
