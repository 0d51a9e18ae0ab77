package mlcheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/mlcheck/mlcheck/checker/linear"
	"github.com/mlcheck/mlcheck/internal/limited"
)

// SearchCommand is the hidden subcommand that searches for an order: [limited.Main]
// with [linear.Serve].
const SearchCommand = "search"

// The environment variables that set what one check's searches may take, and
// what they may take without them.
const (
	searchTimeVariable   = "MLCHECK_SEARCH_TIME" // a duration: 5m
	searchMemoryVariable = "MLCHECK_SEARCH_MIB"  // MiB
	searchTime           = 10 * time.Second
	searchMiB            = 1024
)

// search looks for orders in a child process: it could take all the memory
// there is. When a child gives up, what it was asked is unknown, and another child
// goes on with the rest as long as there is time.
func search(ctx context.Context, problems []linear.Problem) []linear.Answer {
	answers := make([]linear.Answer, len(problems))
	limits, err := searchLimits()
	if err != nil {
		return allUnknown(answers, err)
	}
	until := time.Now().Add(limits.Time)
	for done := 0; done < len(problems); {
		left := limited.Limits{Memory: limits.Memory, Time: time.Until(until)}
		if left.Time <= 0 {
			return allUnknown(answers, why(limited.ErrTime, limits))
		}
		child, err := limited.Start(ctx, SearchCommand, left)
		if err != nil {
			return allUnknown(answers, fmt.Errorf("there is no child process to search in: %w", err))
		}
		for err == nil && done < len(problems) {
			if err = child.Ask(problems[done], &answers[done]); err != nil {
				answers[done] = linear.Answer{Verdict: linear.Unknown, Why: why(err, limits).Error()}
			} else if answers[done].Why == context.DeadlineExceeded.Error() {
				answers[done].Why = why(limited.ErrTime, limits).Error()
			}
			done++
		}
		_ = child.Close() // how it ended no longer matters
		if ctx.Err() != nil {
			return allUnknown(answers, fmt.Errorf("the check was stopped before its end: %w", ctx.Err()))
		}
	}
	return answers
}

// allUnknown gives one reason to all that is not answered.
func allUnknown(answers []linear.Answer, why error) []linear.Answer {
	for i := range answers {
		if answers[i].Verdict == "" {
			answers[i] = linear.Answer{Verdict: linear.Unknown, Why: why.Error()}
		}
	}
	return answers
}

// why says what the limit was and how to raise it.
func why(err error, l limited.Limits) error {
	switch mib := l.Memory >> 20; {
	case errors.Is(err, limited.ErrMemory):
		return fmt.Errorf("the search for an order took more than %d MiB; %s=%d lets it take more", mib, searchMemoryVariable, 4*mib)
	case errors.Is(err, limited.ErrTime):
		return fmt.Errorf("the search for an order took more than %v; %s=%v lets it take more", l.Time, searchTimeVariable, 10*l.Time)
	}
	return err
}

// searchLimits are the limits that the environment sets.
func searchLimits() (l limited.Limits, err error) {
	text := cmp.Or(os.Getenv(searchTimeVariable), searchTime.String())
	if l.Time, err = time.ParseDuration(text); err != nil || l.Time <= 0 {
		return l, fmt.Errorf("%s=%s is no time: write 90s or 5m", searchTimeVariable, text)
	}
	text = cmp.Or(os.Getenv(searchMemoryVariable), strconv.Itoa(searchMiB))
	mib, err := strconv.ParseInt(text, 10, 32)
	if err != nil || mib <= 0 {
		return l, fmt.Errorf("%s=%s is no number of MiB: write 4096", searchMemoryVariable, text)
	}
	l.Memory = mib << 20
	return l, nil
}
