package docker

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkIdleAgent is what an agent costs that keeps clocks and is asked for nothing
// but its heartbeat: memory, and how much of one processor. It needs an engine on this
// machine.
func BenchmarkIdleAgent(b *testing.B) {
	c := started(b, patched)
	agent, err := processOf(c.nodes[0].sandbox, "agent")
	if err != nil {
		b.Skip(err)
	}
	const watched = 4 * time.Second
	for b.Loop() {
		before, err := spent(agent)
		if err != nil {
			b.Fatal(err)
		}
		time.Sleep(watched)
		after, err := spent(agent)
		if err != nil {
			b.Fatal(err)
		}
		rss, err := resident(agent)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(rss)/1e6, "MB")
		b.ReportMetric(100*(after-before).Seconds()/watched.Seconds(), "%cpu")
	}
}

// processOf finds a process of a container by the last word of its command.
func processOf(container, word string) (string, error) {
	paths, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return "", err
	}
	for _, p := range paths {
		group, _ := os.ReadFile(filepath.Join(p, "cgroup"))
		command, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		words := strings.Split(strings.TrimRight(string(command), "\x00"), "\x00")
		if bytes.Contains(group, []byte(container)) && len(words) == 2 && words[1] == word {
			return p, nil
		}
	}
	return "", fmt.Errorf("no process of container %.12s ends in %q here", container, word)
}

// spent is the processor time of a process's threads.
func spent(process string) (sum time.Duration, err error) {
	threads, err := filepath.Glob(filepath.Join(process, "task", "*", "schedstat"))
	if err != nil || len(threads) == 0 {
		return 0, fmt.Errorf("the kernel does not tell what threads have spent: %w", err)
	}
	for _, t := range threads {
		text, err := os.ReadFile(t)
		if err != nil {
			return 0, err
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}

// resident is the memory of a process in bytes.
func resident(process string) (int64, error) {
	statm, err := os.ReadFile(filepath.Join(process, "statm"))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
