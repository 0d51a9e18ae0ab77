package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mlcheck/mlcheck/checker"
)

func TestAThousandHistoriesHaveALineEachInOrder(t *testing.T) {
	dir := t.TempDir()
	paths, want := make([]string, 1000), ""
	for i := range paths {
		read, line := 5, "unknown     -"
		if i%7 == 0 {
			read, line = 0, "unknown     cc,ccv,cm,read-your-writes"
		}
		paths[i] = filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(paths[i], fmt.Appendf(nil, "w(1,5,0,0)\nr(1,%d,0,1)\n", read), 0o644); err != nil {
			t.Fatal(err)
		}
		want += line + "  " + paths[i] + "\n"
	}
	var out, errs bytes.Buffer
	if status, err := checkMany(t.Context(), paths, nil, false, &out, &errs); status != checker.ExitUnknown || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	if out.String() != want || errs.Len() > 0 {
		t.Errorf("got\n%s%s\nwant\n%s", out.String(), errs.String(), want)
	}
}

func TestAnInterruptedCheckSaysHowFarItCame(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := checkMany(ctx, []string{"a", "b"}, nil, false, &bytes.Buffer{}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "interrupted: 0 of 2 paths were judged") {
		t.Errorf("got %v", err)
	}
}

func TestLargeHistoriesAreJudgedOneAtATime(t *testing.T) {
	r, ctx := newRoom(10), t.Context()
	over, cancel := context.WithCancel(ctx)
	cancel()
	if !r.take(ctx, 6) || !r.take(ctx, 4) {
		t.Fatal("there was room")
	}
	if r.take(over, 1) || r.taken != 10 {
		t.Errorf("%d are loaded, which is more than there is room for", r.taken)
	}
	r.give(6)
	if r.take(over, 50) || r.taken != 4 {
		t.Errorf("%d are loaded, and the large one is not alone", r.taken)
	}
	waited := make(chan bool)
	go func() { waited <- r.take(ctx, 50) }()
	r.give(4)
	if !<-waited || r.taken != 50 {
		t.Errorf("%d are loaded: a large history was not let in alone", r.taken)
	}
}
