package mlcheck

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/dockertest"
)

// What reads lag behind shows in containers as it does in the simulated world:
// a campaign finds it, a replay finds it again, and shrinking leaves out most.
func TestSoakReplayAndShrinkInContainers(t *testing.T) {
	dockertest.Engine(t)
	ctx, store := context.Background(), t.TempDir()
	c := Campaign{Test: Test{World: "docker", Nemesis: []string{"partition"}, Time: 3 * time.Second, Rate: 40}, Seeds: Seeds{1, 2}}
	s, err := Soak(ctx, c, SoakOptions{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	tally := s.Configurations[0].Properties["linearizable"]
	if s.Runs != 2 || s.Configurations[0].Failed > 0 || tally == nil || len(tally.Smallest) == 0 {
		t.Fatalf("%s: %+v", s.Why, s.Configurations[0])
	}
	kept, _ := filepath.Glob(filepath.Join(store, "reference-*", "*"))
	if dir := tally.Smallest[0].Dir; len(kept) == 0 || len(kept) > 2 || dir == "" {
		t.Errorf("kept are %v, the smallest is %q", kept, dir)
	}
	r, err := Replay(ctx, tally.Smallest[0].Dir, Options{Store: store})
	if err != nil || r.Same || r.Internal || !strings.Contains(r.Why, "no two runs are alike") {
		t.Errorf("%+v, %v", r, err)
	}
	small, err := Shrink(ctx, tally.Smallest[0].Dir, ShrinkOptions{Property: "linearizable", Store: store, Runs: 3})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := findingIn(small.Results, "linearizable", small.Label); !ok || small.After.Operations > small.Before.Operations || small.Stopped == "" {
		t.Errorf("%+v", small)
	}
}
