package reports

import (
	"encoding/json"
	"io"
	"maps"
	"math"

	"github.com/mlcheck/mlcheck/checker"
)

// JSON writes results.json: indented, keys in order, so that the same results
// are the same bytes. A measure that is not a finite number is none (JSON has no
// word for it) and is left out.
func JSON(w io.Writer, res *checker.Results) error {
	out := *res
	out.Measures = maps.Clone(res.Measures)
	maps.DeleteFunc(out.Measures, func(_ string, v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if out.Properties == nil {
		out.Properties = map[string]*checker.Decided{}
	}
	if out.Faults == nil {
		out.Faults = []checker.FaultReport{}
	}
	if out.Power == nil {
		out.Power = map[string]int{}
	}
	if out.Measures == nil {
		out.Measures = map[string]float64{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(&out)
}
