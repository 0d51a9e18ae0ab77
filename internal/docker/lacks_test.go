package docker

import (
	"slices"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/nemesis"
	"github.com/mlcheck/mlcheck/targets"
)

// A target that names no mechanism for its clock has none skewed, and its reason is told.
func TestOnlyClocksWithAMechanismCanBeSkewed(t *testing.T) {
	why := func(s targets.Spec) string {
		lacks := Lacks(s)
		i := slices.IndexFunc(lacks, func(l nemesis.Lack) bool { return l.Kind == nemesis.Clock })
		if i < 0 {
			return ""
		}
		return lacks[i].Why
	}
	if got := why(targets.Spec{ClockWhy: "it asks a server"}); !strings.Contains(got, "no clock can be skewed: it asks a server") {
		t.Errorf("without a mechanism: %q", got)
	}
	if got := why(targets.Spec{Clock: "vdso"}); got != "" {
		t.Errorf("with the vDSO: %q", got)
	}
}
