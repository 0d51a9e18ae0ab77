package reports

import "github.com/mlcheck/mlcheck/history"

// class is how an operation is coloured: by its outcome, and if it is ok by
// whether it changed anything.
type class uint8

const (
	classRead class = iota
	classWrite
	classInfo
	classFail
	classes
)

// String is the class's name in styles and texts.
func (c class) String() string { return [...]string{"read", "write", "info", "fail"}[c] }

// classOf is the class of the operation at position k, without making a view of it.
func classOf(h *history.History, k int) class {
	switch h.Outcome(k) {
	case history.Info:
		return classInfo
	case history.Fail:
		return classFail
	}
	from, to := h.Steps(k)
	for s := from; s < to; s++ {
		if h.StepF(s).IsWrite() {
			return classWrite
		}
	}
	return classRead
}

// opClass is the same of a view.
func opClass(op history.Op) class {
	switch op.Outcome {
	case history.Info:
		return classInfo
	case history.Fail:
		return classFail
	}
	for _, s := range op.Steps {
		if s.F.IsWrite() {
			return classWrite
		}
	}
	return classRead
}
