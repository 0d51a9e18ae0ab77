package mlcheck

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/internal/skip"
)

// Histories that Knossos and Elle were shown, with what is known of them. They lie
// beside the repository, where there are any.
func TestJepsensHistoriesAreLinearizableAsKnown(t *testing.T) {
	root := filepath.Join("..", "shared", "data", "edn")
	if _, err := os.Stat(root); err != nil {
		skip.Because(t, "the histories that others recorded are not beside the repository: %v", err)
	}
	for name, want := range map[string]string{
		"cas-register-bad":  "violated",
		"cas-register-good": "holds",
		"bank":              "not decided the history is of accounts",
		"list-append-gh-30": "violated", // G2-item, which real time only makes worse
		"counter":           "unknown 0 chances",
		"set":               "unknown 0 chances",
		"set_full":          "unknown 0 chances",
		"rw-register":       "not decided this history does not say which operation was over",
		"paper-example":     "not decided this history does not say which operation was over",
	} {
		d := linearizable(t, filepath.Join(root, name+".edn"))
		if got := string(d.Verdict) + " " + d.Reason; !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
}
