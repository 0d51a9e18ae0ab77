package reports_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/reports"
)

// render gives a run's page and its nodes in document order.
func render(t testing.TB, r *reports.Run) (string, []*html.Node) {
	t.Helper()
	var b bytes.Buffer
	if err := reports.HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), slices.Collect(doc.Descendants())
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func ids(nodes []*html.Node) map[string]int {
	seen := map[string]int{}
	for _, n := range nodes {
		if id := attr(n, "id"); n.Type == html.ElementNode && id != "" {
			seen[id]++
		}
	}
	return seen
}

func TestPageLoadsNothingFromElsewhere(t *testing.T) {
	loading := []string{"src", "srcset", "data", "action", "formaction", "background", "poster", "xlink:href"}
	for name, r := range allRuns(t) {
		page, nodes := render(t, r)
		for _, n := range nodes {
			if n.Type != html.ElementNode {
				continue
			}
			if slices.Contains([]string{"link", "img", "iframe", "object", "embed", "base", "video", "audio", "image", "use"}, n.Data) {
				t.Errorf("%s: the page has a <%s>", name, n.Data)
			}
			for _, key := range loading {
				if v := attr(n, key); v != "" {
					t.Errorf("%s: <%s %s=%q> could load something", name, n.Data, key, v)
				}
			}
			if href := attr(n, "href"); href != "" && !strings.HasPrefix(href, "#") {
				t.Errorf("%s: <%s href=%q> leads out of the page", name, n.Data, href)
			}
			if n.Data == "style" && (strings.Contains(textOf(n), "@import") || strings.Contains(textOf(n), "url(")) {
				t.Errorf("%s: the style loads something", name)
			}
		}
		if !strings.Contains(page, "default-src &#39;none&#39;") {
			t.Errorf("%s: no policy forbids loading", name)
		}
	}
}

func TestUntrustedTextIsOnlyText(t *testing.T) {
	_, clean := render(t, holdingRun(t))
	page, nodes := render(t, hostileRun(t))
	scripts := func(nodes []*html.Node) (run []string) {
		for _, n := range nodes {
			if n.Type == html.ElementNode && n.Data == "script" && attr(n, "type") == "" {
				run = append(run, textOf(n))
			}
		}
		return run
	}
	if got, want := scripts(nodes), scripts(clean); !slices.Equal(got, want) || len(want) != 1 {
		t.Errorf("the page runs %d scripts, not just ours", len(got))
	}
	for _, n := range nodes {
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has a handler %s", n.Data, a.Key)
			}
		}
	}
	if strings.ContainsAny(page, "\x00\x1b\u202e") {
		t.Error("the page holds a control character or a mark that reverses text")
	}
	if !strings.Contains(page, "&lt;img src=http://evil.example/x") {
		t.Error("the hostile text is not shown at all")
	}
}

func TestEveryLinkWithinThePageLeadsSomewhere(t *testing.T) {
	for name, r := range allRuns(t) {
		_, nodes := render(t, r)
		there := ids(nodes)
		for id, n := range there {
			if n > 1 {
				t.Errorf("%s: id %q is there %d times", name, id, n)
			}
		}
		for _, n := range nodes {
			if href := attr(n, "href"); href != "" && there[strings.TrimPrefix(href, "#")] == 0 {
				t.Errorf("%s: %q leads nowhere", name, href)
			}
		}
	}
}

func TestEveryOperationOfAFindingHasAnAnchor(t *testing.T) {
	for name, r := range allRuns(t) {
		_, nodes := render(t, r)
		var got int
		for id := range ids(nodes) {
			if strings.HasPrefix(id, "finding-") && strings.Contains(id, "-op-") {
				got++
			}
		}
		want := 0
		if r.Results != nil {
			for _, d := range r.Results.Properties {
				for _, f := range d.Findings {
					want += len(f.Ops)
				}
			}
		}
		if got != want {
			t.Errorf("%s: %d operations of findings have an anchor, want %d", name, got, want)
		}
	}
}

func TestAnOperationLinksToTheLogLineOfItsTime(t *testing.T) {
	_, nodes := render(t, staleWinRun(t))
	var links []string
	for _, n := range nodes {
		if strings.HasPrefix(attr(n, "href"), "#log-") {
			links = append(links, attr(n, "href")+" "+textOf(n))
		}
	}
	// n1 logs every 75 ms: 12.301 s is 1 ms after its line 165, of which two
	// stack traces made 167.
	if want := "#log-1-167 line 167, 1 ms earlier"; !slices.Contains(links, want) {
		t.Errorf("no link %q among %q", want, links)
	}
}

func TestAPageWithoutAWallClockLinksNoLogAndSaysWhy(t *testing.T) {
	r := staleWinRun(t)
	if page, _ := render(t, r); !strings.Contains(page, `href="#log-`) {
		t.Error("with a wall clock there are no links")
	}
	r.Base = time.Time{}
	page, _ := render(t, r)
	if strings.Contains(page, `href="#log-`) || !strings.Contains(page, "wall clock is not known") {
		t.Error("without a wall clock there are links, or the page does not say why there are none")
	}
}

func TestThePageReadsWithoutScripts(t *testing.T) {
	r := staleWinRun(t)
	_, nodes := render(t, r)
	for _, n := range nodes {
		if attr(n, "id") != "tl-static" {
			continue
		}
		if slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "hidden" }) {
			t.Error("the picture of the timeline is hidden from who has no scripts")
		}
		words := textOf(n)
		for _, want := range []string{"n1", "n2", "n3", "n3's clock −2.1 s", "n3 → n1 and n1 → n2 cut", "30 s", "heal", "−2 s"} {
			if !strings.Contains(words, want) {
				t.Errorf("the picture of the timeline does not say %q", want)
			}
		}
		return
	}
	t.Error("there is no picture of the timeline")
}

func TestThePageSaysWhatTheResultsSay(t *testing.T) {
	r := staleWinRun(t)
	_, nodes := render(t, r)
	var all strings.Builder // but what shows only under a pointer
	for _, n := range nodes {
		if n.Type == html.TextNode && n.Parent.Data != "title" {
			all.WriteString(n.Data)
		}
	}
	words := all.String()
	want := []string{r.Results.Why, r.Results.Repeat, r.Next[0], r.Version, "5,042", "2026-03-01 09:30:00 UTC"}
	for name, d := range r.Results.Properties {
		want = append(want, name, d.Title, d.Reason, d.By)
		for _, f := range d.Findings {
			want = append(want, f.ID, f.Label, f.Story)
			for _, e := range f.Edges {
				want = append(want, e.Because)
			}
		}
	}
	for _, f := range r.Results.Faults {
		want = append(want, f.What, f.State, f.Note, fmt.Sprintf("%.3f s", float64(f.Effective)/1e9), fmt.Sprintf("%.3f s", float64(f.Healed)/1e9))
	}
	for _, w := range want {
		if !strings.Contains(words, w) {
			t.Errorf("the page does not say %q", w)
		}
	}
}

func TestLeftOutFindingsAreCounted(t *testing.T) {
	r := staleWinRun(t)
	d := r.Results.Properties["no-stale-wins"]
	d.Violations = 500
	for i := range 60 {
		d.Findings = append(d.Findings, checker.Finding{ID: fmt.Sprint("more-", i), Label: "stale win", Ops: []int{2}})
	}
	page, _ := render(t, r)
	if want := "460 more were counted and are not shown here."; !strings.Contains(page, want) {
		t.Errorf("the page does not say %q", want)
	}
	var b bytes.Buffer
	if err := reports.Terminal(&b, r, reports.Style{}); err != nil {
		t.Fatal(err)
	}
	if want := "and 497 more, see the report"; !strings.Contains(b.String(), want) {
		t.Errorf("the terminal does not say %q", want)
	}
}

func TestThePageStaysSmallHoweverLongTheHistory(t *testing.T) {
	for _, c := range []struct{ ops, most int }{{100_000, 1_500_000}, {120_000, 1_500_000}} {
		r := longRun(t, c.ops)
		page, nodes := render(t, r)
		if len(page) > c.most || len(nodes) > 5_000 {
			t.Errorf("%d operations make a page of %d bytes and %d nodes; at most %d and 5000 are bearable", c.ops, len(page), len(nodes), c.most)
		}
	}
}

func TestAPageOfNothingIsStillAPage(t *testing.T) {
	page, _ := render(t, &reports.Run{})
	if !strings.Contains(page, "not checked") {
		t.Error("the page does not say that nothing was checked")
	}
}

func BenchmarkHTML100k(b *testing.B) {
	r := longRun(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := reports.HTML(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
