package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// lastLines is how much of a failed build is shown.
const lastLines = 20

// messages reads the stream with which an engine accompanies pulls, builds and
// imports, tells whole lines, and returns the error that the stream ends with.
// (These calls succeed as soon as they begin; failures come only here.)
func messages(r io.Reader, progress func(string)) error {
	var (
		dec  = json.NewDecoder(r)
		tail []string
		part string
	)
	line := func(s string) {
		if s = strings.TrimSpace(s); s == "" {
			return
		}
		tail = append(tail, s)
		if len(tail) > lastLines {
			tail = tail[1:]
		}
		if progress != nil {
			progress(s)
		}
	}
	for {
		var m struct {
			Stream, Status, ID, Progress, Error string
			ProgressDetail                      struct{ Total int64 }
		}
		switch err := dec.Decode(&m); {
		case errors.Is(err, io.EOF):
			line(part)
			return nil
		case err != nil:
			return fmt.Errorf("the engine's answer broke off: %w", err)
		case m.Error != "":
			line(part)
			return failure(m.Error, tail)
		case m.Status != "" && m.ProgressDetail.Total == 0:
			line(strings.TrimSpace(m.ID + " " + m.Status))
		}
		part += m.Stream
		for {
			head, rest, whole := strings.Cut(part, "\n")
			if !whole {
				break
			}
			line(head)
			part = rest
		}
	}
}

func failure(text string, tail []string) error {
	text = strings.TrimSpace(text)
	if len(tail) > 0 && tail[len(tail)-1] == text {
		tail = tail[:len(tail)-1]
	}
	if len(tail) == 0 {
		return errors.New(text)
	}
	return fmt.Errorf("%s; the last lines were:\n  %s", text, strings.Join(tail, "\n  "))
}
