package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Lack is a kind of fault that a world cannot make, or one shape of it.
type Lack struct {
	Kind  string
	Shape string // "": none of the kind
	Why   string
}

// lacking says why a shape of a kind cannot be made; "": it can.
func (d Draw) lacking(kind, shape string) string {
	for _, l := range d.Lacks {
		if l.Kind == kind && (l.Shape == "" || l.Shape == shape) {
			return l.Why
		}
	}
	return ""
}

// sources are what faults are drawn from. What is lacking here is refused where it was
// asked for by its name; where it is one of several things that a profile or a kind
// stands for, it is left out, and left says so.
func (d Draw) sources() (from []Source, left []string, err error) {
	all, err := expand(d.Kinds)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range all {
		lacking, why := d.lackingOf(a.Source)
		none := len(lacking) == len(a.shapes())
		switch {
		case len(lacking) == 0:
		case a.profile == "" && (none || len(a.Shapes) > 0):
			return nil, nil, fmt.Errorf("%s cannot be had here: %s", a.Source, why)
		case none:
			left = append(left, fmt.Sprintf("%s of %s is left out: %s", a.Kind, a.profile, why))
			continue
		default:
			left = append(left, fmt.Sprintf("%s:%s is left out: %s", a.Kind, strings.Join(lacking, "+"), why))
		}
		from = append(from, a.Source)
	}
	if len(from) == 0 && len(left) > 0 {
		return nil, nil, errors.New("nothing that was asked for can be had here: " + strings.Join(left, "; "))
	}
	return from, left, nil
}

// lackingOf are the shapes of a source that cannot be made, and why.
func (d Draw) lackingOf(s Source) (lacking []string, why string) {
	var whys []string
	for _, shape := range s.shapes() {
		if why := d.lacking(s.Kind, shape); why != "" {
			lacking = append(lacking, shape)
			if !slices.Contains(whys, why) {
				whys = append(whys, why)
			}
		}
	}
	return lacking, strings.Join(whys, "; ")
}

// shapes are those that the source may be drawn in.
func (s Source) shapes() []string {
	if len(s.Shapes) > 0 {
		return s.Shapes
	}
	k, _ := Lookup(s.Kind)
	return k.Shapes
}

// LeftOut says, in sentences without an end, which of the faults that Kinds stands for
// are not drawn, and why.
func (d Draw) LeftOut() []string {
	_, left, err := d.sources()
	if err != nil {
		return nil // Schedule says that
	}
	return left
}
