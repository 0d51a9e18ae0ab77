package linear

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Serve reads problems, as JSON one after the other, and writes an answer to
// each before it reads the next. It returns at the end of the input.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	problems, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var p Problem
		if err := problems.Decode(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("what was read is no problem: %w", err)
		}
		if err := answers.Encode(Solve(ctx, p)); err != nil {
			return fmt.Errorf("the answer cannot be written: %w", err)
		}
	}
}
