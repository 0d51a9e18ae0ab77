package mlcheck

import (
	"slices"

	"github.com/mlcheck/mlcheck/targets"
	"github.com/mlcheck/mlcheck/targets/mariadb"
	"github.com/mlcheck/mlcheck/targets/reference"
)

// Targets are the systems that come with mlcheck, in the order of their names.
func Targets() []targets.Target {
	return []targets.Target{mariadb.New(), reference.Target{}}
}

// TargetNames are their names.
func TargetNames() []string {
	var names []string
	for _, t := range Targets() {
		names = append(names, t.Name())
	}
	return names
}

// LookupTarget finds a target by name.
func LookupTarget(name string) (targets.Target, bool) {
	i := slices.IndexFunc(Targets(), func(t targets.Target) bool { return t.Name() == name })
	if i < 0 {
		return nil, false
	}
	return Targets()[i], true
}
