package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mlcheck/mlcheck"
)

// progress tells how a campaign goes: on a terminal in one line that is written
// over again and again, in a log in lines that come ever more rarely. What is
// found for the first time has a line of its own.
type progress struct {
	*live
	bound time.Duration // of the campaign; 0: none
	next  time.Duration // when the next line is due
	every time.Duration
}

// live is an output with, on a terminal, a last line that is written over.
type live struct {
	out      io.Writer
	terminal bool
	written  int // runes of the line that stands on the terminal
}

func newLive(out io.Writer) *live { return &live{out: out, terminal: isTerminal(out)} }

// write puts a line in the place of the one that stands there.
func (l *live) write(line string) {
	l.erase()
	shown := []rune(line)
	if width := style(l.out).Width; width > 1 && len(shown) >= width {
		shown = shown[:width-1] // a line that is broken cannot be written over
	}
	fmt.Fprint(l.out, string(shown))
	l.written = len(shown)
}

// erase clears the line that stands on the terminal.
func (l *live) erase() {
	if l.written > 0 {
		fmt.Fprintf(l.out, "\r%s\r", strings.Repeat(" ", l.written))
		l.written = 0
	}
}

// How often there is a line.
const (
	onTerminal = 200 * time.Millisecond
	firstInLog = 5 * time.Second
	lastInLog  = time.Minute
)

func newProgress(out io.Writer, bound time.Duration) *progress {
	p := &progress{live: newLive(out), bound: bound, every: firstInLog, next: firstInLog}
	if p.terminal {
		p.next, p.every = 0, onTerminal
	}
	return p
}

func (p *progress) tell(s mlcheck.SoakProgress) {
	for _, line := range discovered(s.New) {
		p.erase()
		fmt.Fprintln(p.out, line)
	}
	if s.Elapsed < p.next {
		return
	}
	line := p.line(s)
	if !p.terminal {
		fmt.Fprintln(p.out, line)
		p.every = min(2*p.every, lastInLog)
	} else {
		p.write(line)
	}
	p.next = s.Elapsed + p.every
}

// discovered says what a run was the first to break: each claim in a line, and in
// another one what nobody claims.
func discovered(ds []mlcheck.Discovery) (lines []string) {
	var others []string
	where := ""
	for _, d := range ds {
		where = fmt.Sprintf("seed %d", d.Seed)
		if d.Configuration != "" {
			where = d.Configuration + ", " + where
		}
		if !d.Claimed {
			others = append(others, d.Property)
			continue
		}
		line := fmt.Sprintf("found: %s: %s is violated: %s, %s", where, d.Property, d.Label, count(d.Operations, "operation"))
		if d.Dir != "" {
			line += "; kept in " + d.Dir
		}
		lines = append(lines, line)
	}
	if len(others) > 0 {
		lines = append(lines, fmt.Sprintf("found: %s: broken, and not claimed: %s", where, strings.Join(others, ", ")))
	}
	return lines
}

// line is how far it is.
func (p *progress) line(s mlcheck.SoakProgress) string {
	rate := float64(s.Done) / s.Elapsed.Minutes()
	left := time.Duration(float64(s.Planned-s.Done) / rate * float64(time.Minute))
	if p.bound > 0 {
		left = min(left, max(p.bound-s.Elapsed, 0))
	}
	return fmt.Sprintf("%d of %d runs, %.0f a minute, %s left; %d violated, %d unknown, %d failed",
		s.Done, s.Planned, rate, left.Round(time.Second), s.Violated, s.Unknown, s.Failed)
}

func (p *progress) end() { p.erase() }
