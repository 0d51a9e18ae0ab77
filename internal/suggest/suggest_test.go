package suggest

import (
	"testing"

	"pgregory.net/rapid"
)

var targets = []string{"couchdb", "mariadb", "postgres", "reference"}

func TestTheNearestIsSuggested(t *testing.T) {
	for name, want := range map[string]string{
		"mariabd": "mariadb", "MariaDB": "mariadb", "postgresql": "postgres", "referance": "reference", "couch": "couchdb",
		"": "", "xyz": "", "oracle": "", "m": "",
	} {
		if got := Nearest(name, targets); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestAShortNameIsNotTakenForAnyOther(t *testing.T) {
	if got := Nearest("ab", []string{"cd", "xy"}); got != "" {
		t.Errorf("%q has no letter of ab", got)
	}
}

func TestTheSentenceNamesWhatThereIs(t *testing.T) {
	for got, want := range map[string]string{
		Unknown("target", "mariabd", targets):   `there is no target "mariabd"; did you mean "mariadb"? The valid ones are couchdb, mariadb, postgres, reference`,
		Unknown("target", "xyz", targets):       `there is no target "xyz"; the valid ones are couchdb, mariadb, postgres, reference`,
		Unknown("option of target a", "b", nil): `there is no option of target a "b"; there are none`,
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestDistanceIsAMetric(t *testing.T) {
	word := rapid.StringN(0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		if distance(a, a) != 0 || (a != b) != (distance(a, b) > 0) {
			t.Fatal("0 exactly where the two are the same")
		}
		if distance(a, b) != distance(b, a) {
			t.Fatal("not symmetric")
		}
		if distance(a, c) > distance(a, b)+distance(b, c) {
			t.Fatal("a detour is shorter")
		}
	})
}
