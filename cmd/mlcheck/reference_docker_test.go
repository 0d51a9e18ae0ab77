package main

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/mlcheck/mlcheck/internal/dockertest"
)

func TestAKilledRunOfTheReferenceStoreLeavesNothing(t *testing.T) {
	eng := dockertest.Engine(t)
	for i, moment := range []string{"mlcheck run", "partition: "} {
		seed := 7170 + i
		p := start(t, "--target", "reference", "--world", "docker", "--nemesis", "partition,clock", "--time", "1m", "--seed", fmt.Sprint(seed))
		p.says(t, moment)
		if err := p.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.exit(t)
		nothingIsLeft(t, eng, seed)
	}
}
