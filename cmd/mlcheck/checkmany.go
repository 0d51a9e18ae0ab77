package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/mlcheck/mlcheck"
	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
	"github.com/mlcheck/mlcheck/reports"
)

// checked is what is said of one of several paths.
type checked struct {
	exit int
	line []byte // for people, or a JSON object
	err  error  // it is no history
}

// checkMany judges several paths, one on each processor, and prints a line for
// each as soon as the ones before it are there. It returns the worst status.
func checkMany(ctx context.Context, paths []string, claims []history.Claim, asJSON bool, out, errs io.Writer) (int, error) {
	results := make([]chan checked, len(paths))
	for i := range results {
		results[i] = make(chan checked, 1)
	}
	next, room := make(chan int), newRoom(maxLoaded)
	go func() {
		defer close(next)
		for i, path := range paths {
			if !room.take(ctx, weight(path)) {
				return
			}
			next <- i
		}
	}()
	for range min(runtime.GOMAXPROCS(0), len(paths)) {
		go func() {
			for i := range next {
				results[i] <- checkOne(ctx, paths[i], claims, asJSON)
				room.give(weight(paths[i]))
			}
		}()
	}
	worst := checker.ExitHolds
	for i, r := range results {
		var c checked
		select {
		case c = <-r:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return worst, fmt.Errorf("interrupted: %d of %d paths were judged", i, len(paths))
		}
		if c.err != nil {
			fmt.Fprintln(errs, "mlcheck:", c.err)
		}
		if _, err := out.Write(c.line); err != nil {
			return worst, err
		}
		worst = worse(worst, c.exit)
	}
	return worst, nil
}

// worse of two exit statuses: a violation outweighs an unknown verdict, and
// what could not be judged outweighs both.
func worse(a, b int) int {
	order := []int{checker.ExitHolds, checker.ExitUnknown, checker.ExitViolated, exitUsage, checker.ExitInternal}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

func checkOne(ctx context.Context, path string, claims []history.Claim, asJSON bool) checked {
	res, err := mlcheck.Check(ctx, path, claims...)
	c := checked{exit: exitUsage, err: err}
	verdict, names := "unreadable", []string{}
	if err == nil {
		c.exit, verdict, names = res.Exit, string(res.Verdict), violated(res)
	}
	if asJSON {
		c.line, err = checkedJSON(path, res, err)
		c.err = cmp.Or(c.err, err)
		return c
	}
	c.line = fmt.Appendf(nil, "%-10s  %s  %s\n", verdict, cmp.Or(strings.Join(names, ","), "-"), onOneLine(path))
	return c
}

// onOneLine is the path as it is, or quoted where it would break the line.
func onOneLine(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(path)
	}
	return path
}

// violated are the names of the violated properties, claimed or not, in order.
func violated(res *checker.Results) []string {
	var names []string
	for name, d := range res.Properties {
		if d.Verdict == checker.Violated {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// checkedJSON is one line: the path, and the results or why there are none.
func checkedJSON(path string, res *checker.Results, why error) ([]byte, error) {
	object := struct {
		Path    string          `json:"path"`
		Error   string          `json:"error,omitempty"`
		Results json.RawMessage `json:"results,omitempty"`
	}{Path: path}
	if why != nil {
		object.Error = why.Error()
	} else {
		var b bytes.Buffer
		if err := reports.JSON(&b, res); err != nil {
			return nil, err
		}
		object.Results = b.Bytes()
	}
	line, err := json.Marshal(object)
	return append(line, '\n'), err
}
