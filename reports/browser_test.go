package reports_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mlcheck/mlcheck/internal/skip"
	"github.com/mlcheck/mlcheck/reports"
)

// TestThePageWorksInABrowser looks at what Chromium makes of the pages: the
// script runs under the page's own policy, replaces the picture of the timeline,
// and complains of nothing.
func TestThePageWorksInABrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		skip.Because(t, "chromium is not installed: %v", err)
	}
	runs := allRuns(t)
	runs["long"] = longRun(t, 150_000)
	for name, r := range runs {
		dir := t.TempDir()
		if err := reports.WriteAll(dir, r); err != nil {
			t.Fatal(err)
		}
		dom, console := open(t, chromium, filepath.Join(dir, "report.html"))
		if !strings.Contains(dom, `<div id="tl-static" hidden="">`) || strings.Contains(dom, `<div id="tl" hidden`) {
			t.Errorf("%s: the script did not take the timeline over", name)
		}
		if console != "" {
			t.Errorf("%s: the console says:\n%s", name, console)
		}
	}
}

// open gives the document after its scripts have run, and what the console says.
func open(t *testing.T, chromium, page string) (dom, console string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	profile, err := os.MkdirTemp("", "mlcheck-browser")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(profile) // Chromium may still be writing to it
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+profile,
		"--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom", "file://"+page)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	for l := range strings.Lines(errs.String()) {
		if strings.Contains(l, "CONSOLE") {
			console += l
		}
	}
	return out.String(), console
}
