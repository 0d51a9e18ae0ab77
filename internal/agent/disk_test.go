package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A disk that is emptied stays full if it is, and as the agent's own files are none of
// the target's.
func TestAnEmptiedDiskHoldsNothingButTheAgentsOwn(t *testing.T) {
	d := disk{t.TempDir()}
	if n, err := d.held(); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if err := os.MkdirAll(filepath.Join(d.dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"log", ".hidden", "a/b/deep", ballastFile, trialFile} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte("x"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/", filepath.Join(d.dir, "link")); err != nil { // leads out of it
		t.Fatal(err)
	}
	const theirs = 6 // log, .hidden, a, a/b, a/b/deep, link
	if n, err := d.held(); n != theirs || err != nil {
		t.Errorf("it holds %d, want %d; %v", n, theirs, err)
	}
	if n, err := d.empty(); n != theirs || err != nil {
		t.Errorf("%d removed, want %d; %v", n, theirs, err)
	}
	if n, err := d.held(); n != 0 || err != nil {
		t.Errorf("it still holds %d; %v", n, err)
	}
	list, err := os.ReadDir(d.dir)
	var left []string
	for _, e := range list {
		left = append(left, e.Name())
	}
	if diff := cmp.Diff([]string{ballastFile, trialFile}, left); diff != "" || err != nil {
		t.Errorf("left (-want +got):\n%s%v", diff, err)
	}
}

func TestADiskThatIsNotThereCannotBeEmptied(t *testing.T) {
	if _, err := (disk{}).empty(); err == nil || !strings.Contains(err.Error(), "no volume") {
		t.Error(err)
	}
	if _, err := (disk{filepath.Join(t.TempDir(), "gone")}).held(); err == nil {
		t.Error("what is not there is counted")
	}
}

func TestWhatIsOnADiskIsTold(t *testing.T) {
	c, _, _ := session(t, Lease)
	held, err := c.Held(t.Context())
	lost, failed := c.Empty(t.Context())
	if held != 0 || lost != 3 || err != nil || failed != nil {
		t.Errorf("held %d (%v), lost %d (%v)", held, err, lost, failed)
	}
}
