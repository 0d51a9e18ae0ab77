package docker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/targets"
)

// shelf is an engine that has images and nothing else.
type shelf struct {
	engine.Engine
	has      []string
	pullable []string
	built    string // the Dockerfile
	asked    []string
}

func (s *shelf) HasImage(_ context.Context, ref string) (bool, error) {
	return slices.Contains(s.has, ref), nil
}

func (s *shelf) PullImage(_ context.Context, ref string, _ func(string)) error {
	s.asked = append(s.asked, "pull "+ref)
	if !slices.Contains(s.pullable, ref) {
		return errors.New("no such host")
	}
	s.has = append(s.has, ref)
	return nil
}

func (s *shelf) TagImage(_ context.Context, ref, as string) error {
	s.asked = append(s.asked, "tag "+ref+" "+as)
	s.has = append(s.has, as)
	return nil
}

func (s *shelf) BuildImage(_ context.Context, ref, dockerfile string, _ map[string]string, _ func(string)) error {
	s.asked = append(s.asked, "build "+ref)
	s.has, s.built = append(s.has, ref), dockerfile
	return nil
}

// images are those of a shelf whose script of base images does what it is told.
func (s *shelf) images(script func(suite string) error) *images {
	return &images{
		eng: s, progress: func(string, ...any) {},
		script: func(_ context.Context, suite string) error {
			s.asked = append(s.asked, "script "+suite)
			return script(suite)
		},
	}
}

func TestImageIsTakenFromWhereItIsNearest(t *testing.T) {
	noScript := func(string) error { return errors.New("needs root") }
	own := targets.Spec{Image: "mlcheck/db:1", Build: &targets.Build{Tag: "mlcheck/db:1", Suite: "trixie", Dockerfile: "ARG BASE\nFROM ${BASE}\nRUN x\n"}}
	official := targets.Spec{Image: "db:9", Build: own.Build}
	for _, c := range []struct {
		name   string
		spec   targets.Spec
		shelf  shelf
		script func(*shelf) func(string) error
		want   string
		asked  []string
	}{
		{name: "it is there", spec: official, shelf: shelf{has: []string{"db:9"}}, want: "db:9"},
		{name: "it was built before", spec: official, shelf: shelf{has: []string{"mlcheck/db:1"}}, want: "mlcheck/db:1"},
		{name: "it can be pulled", spec: official, shelf: shelf{pullable: []string{"db:9"}}, want: "db:9", asked: []string{"pull db:9"}},
		{
			name: "its base can be pulled", spec: own, shelf: shelf{pullable: []string{"debian:trixie-slim"}}, want: "mlcheck/db:1",
			asked: []string{"pull debian:trixie-slim", "tag debian:trixie-slim mlcheck/base:trixie", "build mlcheck/db:1"},
		},
		{name: "its base is there", spec: own, shelf: shelf{has: []string{"mlcheck/base:trixie"}}, want: "mlcheck/db:1", asked: []string{"build mlcheck/db:1"}},
		{
			name: "its base can be made", spec: official, want: "mlcheck/db:1",
			script: func(s *shelf) func(string) error {
				return func(suite string) error { s.has = append(s.has, "mlcheck/base:"+suite); return nil }
			},
			asked: []string{"pull db:9", "pull debian:trixie-slim", "script trixie", "build mlcheck/db:1"},
		},
	} {
		script := noScript
		if c.script != nil {
			script = c.script(&c.shelf)
		}
		got, err := c.shelf.images(script).target(t.Context(), c.spec)
		if err != nil || got != c.want {
			t.Errorf("%s: image %q, error %v, want %q", c.name, got, err, c.want)
		}
		if diff := cmp.Diff(c.asked, c.shelf.asked); diff != "" {
			t.Errorf("%s: what was asked (-want +got):\n%s", c.name, diff)
		}
		if c.shelf.built != "" && c.shelf.built != "ARG BASE\nFROM mlcheck/base:trixie\nRUN x\n" {
			t.Errorf("%s: built from %q", c.name, c.shelf.built)
		}
	}
}

func TestImageThatCannotBeHadNamesThreeWaysOut(t *testing.T) {
	spec := targets.Spec{Image: "mlcheck/db:1", Build: &targets.Build{Tag: "mlcheck/db:1", Suite: "trixie", Dockerfile: "FROM ${BASE}\n"}}
	_, err := new(shelf).images(func(string) error { return errors.New("scripts/base-image needs root") }).target(t.Context(), spec)
	for _, want := range []string{"no such host", "needs root", "docker pull debian:trixie-slim", "scripts/base-image trixie", "docker load"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestScriptThatMakesNoImageIsAnError(t *testing.T) {
	spec := targets.Spec{Build: &targets.Build{Tag: "mlcheck/db:1", Suite: "trixie", Dockerfile: "FROM ${BASE}\n"}}
	_, err := new(shelf).images(func(string) error { return nil }).target(t.Context(), spec)
	if err == nil || !strings.Contains(err.Error(), "did not make mlcheck/base:trixie") {
		t.Errorf("error %v", err)
	}
}

func TestDockerfileWithoutABaseIsRefused(t *testing.T) {
	s := &shelf{has: []string{"mlcheck/base:trixie"}}
	spec := targets.Spec{Build: &targets.Build{Tag: "mlcheck/db:1", Suite: "trixie", Dockerfile: "FROM debian\n"}}
	if _, err := s.images(nil).target(t.Context(), spec); err == nil || s.built != "" {
		t.Errorf("error %v, built %q", err, s.built)
	}
}
