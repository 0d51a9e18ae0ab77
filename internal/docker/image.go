package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck/internal/engine"
	"github.com/mlcheck/mlcheck/internal/self"
	"github.com/mlcheck/mlcheck/targets"
)

// images sees to it that the images of a run are there.
type images struct {
	eng      engine.Engine
	arch     string // the engine's
	progress func(format string, args ...any)
	// script makes the base image of a Debian suite without a registry.
	script func(ctx context.Context, suite string) error
}

// own gives the image of our own static binary and nothing else, tagged by its
// content, so that every version has its own and makes it once. Agents run in it,
// and the nodes of targets that are part of the binary.
func (im *images) own(ctx context.Context) (string, error) {
	path, err := self.Find(ctx, self.Agent(im.arch))
	if err != nil {
		return "", err
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("the agent's binary cannot be read: %w", err)
	}
	sum := sha256.Sum256(body)
	ref := "mlcheck/agent:" + hex.EncodeToString(sum[:6])
	if has, err := im.eng.HasImage(ctx, ref); has || err != nil {
		return ref, err
	}
	layer, err := engine.Tar(engine.File{Name: "mlcheck", Mode: 0o755, Body: body})
	if err != nil {
		return "", err
	}
	changes := []string{`ENTRYPOINT ["/mlcheck"]`, "LABEL " + imageLabel + "=" + agentRole}
	if err := im.eng.ImportImage(ctx, ref, layer, changes); err != nil {
		return "", fmt.Errorf("the agent's image cannot be made: %w", err)
	}
	return ref, nil
}

// target gives the image of a node: one that is there, else the official one,
// pulled, else one built from Debian packages.
func (im *images) target(ctx context.Context, spec targets.Spec) (string, error) {
	if spec.Image == targets.OwnBinary {
		return im.own(ctx)
	}
	candidates := []string{spec.Image}
	if spec.Build != nil && spec.Build.Tag != spec.Image {
		candidates = append(candidates, spec.Build.Tag)
	}
	for _, ref := range candidates {
		if ref == "" {
			continue
		}
		if has, err := im.eng.HasImage(ctx, ref); has || err != nil {
			return ref, err
		}
	}
	var pulled error
	if spec.Image != "" && (spec.Build == nil || spec.Build.Tag != spec.Image) {
		if pulled = im.pull(ctx, spec.Image); pulled == nil {
			return spec.Image, nil
		}
	}
	if spec.Build == nil {
		return "", im.waysOut(spec, pulled)
	}
	base, err := im.base(ctx, spec.Build.Suite)
	if err != nil {
		return "", im.waysOut(spec, errors.Join(pulled, err))
	}
	return spec.Build.Tag, im.build(ctx, *spec.Build, base)
}

func (im *images) pull(ctx context.Context, ref string) error {
	im.progress("pulling %s", ref)
	err := im.eng.PullImage(ctx, ref, func(line string) { im.progress("  %s", line) })
	if err != nil {
		return fmt.Errorf("%s cannot be pulled: %w", ref, err)
	}
	return nil
}

func (im *images) build(ctx context.Context, b targets.Build, base string) error {
	if !strings.Contains(b.Dockerfile, "${BASE}") {
		return fmt.Errorf("the Dockerfile of %s does not begin with FROM ${BASE}", b.Tag)
	}
	im.progress("building %s from Debian packages, once", b.Tag)
	began := time.Now()
	dockerfile := strings.Replace(b.Dockerfile, "${BASE}", base, 1)
	err := im.eng.BuildImage(ctx, b.Tag, dockerfile, map[string]string{imageLabel: targetRole}, func(line string) {
		if strings.HasPrefix(line, "Step ") {
			im.progress("  %s", line)
		}
	})
	if err != nil {
		return fmt.Errorf("image %s cannot be built: %w", b.Tag, err)
	}
	im.progress("built %s in %.0fs", b.Tag, time.Since(began).Seconds())
	return nil
}

// base gives a Debian base image of a suite: one that is there, else pulled, else
// made by the project's script.
func (im *images) base(ctx context.Context, suite string) (string, error) {
	ref := "mlcheck/base:" + suite
	if has, err := im.eng.HasImage(ctx, ref); has || err != nil {
		return ref, err
	}
	official := "debian:" + suite + "-slim"
	pulled := im.pull(ctx, official)
	if pulled == nil {
		return ref, im.eng.TagImage(ctx, official, ref)
	}
	if err := im.script(ctx, suite); err != nil {
		return "", errors.Join(pulled, err)
	}
	if has, err := im.eng.HasImage(ctx, ref); err != nil || !has {
		return "", errors.Join(pulled, fmt.Errorf("scripts/base-image %s did not make %s", suite, ref), err)
	}
	return ref, nil
}

// waysOut is the error when an image is neither there nor to be had.
func (im *images) waysOut(spec targets.Spec, why error) error {
	if spec.Build == nil {
		return fmt.Errorf("image %s is not there: %w. Let the engine reach its registry, or load the image with `docker load`", spec.Image, why)
	}
	suite := spec.Build.Suite
	return fmt.Errorf("image %s is not there and cannot be made: %w. Three ways out: let the engine reach a registry (`docker pull debian:%s-slim` must work); "+
		"or make the base image as root in a checkout of mlcheck: `scripts/base-image %s`; "+
		"or bring the finished image from another machine: `docker save %s | ssh HERE docker load`",
		spec.Build.Tag, why, suite, suite, spec.Build.Tag)
}
