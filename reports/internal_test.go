package reports

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/checker"
	"github.com/mlcheck/mlcheck/history"
)

func TestAFileThatCannotBeWrittenWholeLeavesTheOldOne(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	err := writeFile(path, func(w io.Writer) error {
		_, _ = w.Write(bytes.Repeat([]byte("half"), 1<<16))
		return full
	})
	if !errors.Is(err, full) || !strings.Contains(err.Error(), path) {
		t.Errorf("the error does not say what failed where: %v", err)
	}
	b, err := os.ReadFile(path)
	if err != nil || string(b) != "old" {
		t.Errorf("the old file is %q, %v", b, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files are left, want the old one alone", len(left))
	}
}

func TestWhatLiesBesideAHistoryIsLoaded(t *testing.T) {
	dir := t.TempDir()
	base := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	if err := SaveInfo(dir, Info{Name: "a ring", Base: base, Version: "1", Next: []string{"more"}}); err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("test.json", `{"target":"x"}`)
	write("results.json", `{"verdict":"holds","properties":{}}`)
	write("logs/n1.log", "hello\n")
	write("logs/notes.txt", "not a log")
	got, err := loadBeside(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Run{
		Name: "a ring", Dir: dir, Test: []byte(`{"target":"x"}`), Base: base, Version: "1", Next: []string{"more"},
		Results: &checker.Results{Verdict: checker.Holds, Properties: map[string]*checker.Decided{}},
		Logs:    map[string][]byte{"n1": []byte("hello\n")},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestAFolderWithNothingBesideItsHistoryIsNotChecked(t *testing.T) {
	got, err := loadBeside(t.TempDir(), nil)
	if err != nil || got.Results != nil {
		t.Errorf("results %v, error %v", got, err)
	}
}

func TestDamagedResultsAreNamed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, resultsFile), []byte(`{"verdict":`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := loadBeside(dir, nil)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, resultsFile)) {
		t.Errorf("the error does not name the file: %v", err)
	}
}

func TestOfAHugeLogBothEndsAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n1.log")
	if err := os.WriteFile(path, []byte("begin"+strings.Repeat(".", 90)+"end!!"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := readEnds(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	if want := "begin\n[90 bytes of n1.log were left out here]\nend!!"; string(b) != want {
		t.Errorf("read %q, want %q", b, want)
	}
}

// unpack does what the page's script does.
func unpack(t *rapid.T, c columns) (start, took, index, session []int64, lane, cls []int, text []string) {
	t.Helper()
	packed, err := base64.RawURLEncoding.DecodeString(c.Data)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	u32 := func(col int, sums bool, scale int64) (out []int64) {
		var sum uint32
		for k := range c.N {
			v := binary.LittleEndian.Uint32(raw[4*(col*c.N+k):])
			if sum += v; sums {
				v = sum
			}
			out = append(out, int64(v)*scale)
		}
		return out
	}
	start, took, index, session = u32(0, true, c.Unit), u32(1, false, 1), u32(2, true, 1), u32(3, false, 1)
	for k := range c.N {
		lane = append(lane, int(binary.LittleEndian.Uint16(raw[16*c.N+2*k:])))
		cls = append(cls, int(raw[18*c.N+k]))
	}
	return start, took, index, session, lane, cls, strings.Split(strings.TrimSuffix(string(raw[19*c.N:]), "\n"), "\n")
}

func TestColumnsHoldWhatTheHistoryDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := history.NewBuilder(history.Header{Nodes: []string{"n1", "n2"}})
		i, at := 0, time.Duration(0)
		far := rapid.SampledFrom([]int64{1e3, 1e6, 1e9, 3600e9}).Draw(t, "far")
		for s := range rapid.IntRange(1, 30).Draw(t, "operations") {
			at += time.Duration(rapid.Int64Range(0, far).Draw(t, "pause"))
			i++
			if err := b.Invoke(i, at, s, rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "node"), []history.Step{{F: history.Write, Key: "x\ny", Value: history.Int(int64(s + 1))}}, false); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "answered") {
				i++
				at += time.Duration(rapid.Int64Range(0, far).Draw(t, "took"))
				if err := b.Complete(i, at, s, history.Outcome(rapid.IntRange(0, 2).Draw(t, "outcome")), nil, history.Meta{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		h := b.History()
		c, err := newColumns(h, seq(0, h.Len()), lasted(h))
		if err != nil {
			t.Fatal(err)
		}
		start, took, index, session, lane, cls, text := unpack(t, c)
		for k := range h.Len() {
			if d := int64(h.Start(k)) - start[k]; d < 0 || d >= c.Unit {
				t.Fatalf("operation %d begins at %d, not %d (unit %d)", k, start[k], h.Start(k), c.Unit)
			}
			if open := took[k] == never; open != (h.Return(k) == 0) {
				t.Fatalf("operation %d is open: %v", k, open)
			}
			if took[k] != never && took[k] != int64(h.End(k)-h.Start(k))/c.Unit {
				t.Fatalf("operation %d took %d, not %v", k, took[k], h.End(k)-h.Start(k))
			}
			if int(index[k]) != h.Index(k) || int(session[k]) != h.Session(k) || lane[k] != h.Node(k) || class(cls[k]) != classOf(h, k) {
				t.Fatalf("operation %d is another", k)
			}
			if want := fmt.Sprintf("w x y=%d", k+1); text[k] != want {
				t.Fatalf("operation %d reads %q, want %q", k, text[k], want)
			}
		}
	})
}

func TestTheNearestLogLineIsTheNearest(t *testing.T) {
	base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		var times []time.Duration
		at := time.Duration(0)
		for i := range rapid.IntRange(1, 20).Draw(t, "lines") {
			if i > 0 && rapid.Bool().Draw(t, "a line without a time") {
				b.WriteString("\tmore of the same\n")
				times = append(times, -1)
				continue
			}
			at += time.Duration(rapid.IntRange(0, 50).Draw(t, "pause")) * time.Millisecond
			fmt.Fprintf(&b, "%s a line\n", base.Add(at).Format(time.RFC3339Nano))
			times = append(times, at)
		}
		want := time.Duration(rapid.IntRange(0, 1000).Draw(t, "time")) * time.Millisecond
		got, ok := splitLog("n1", b.Bytes(), base).nearest(want)
		if !ok || times[got] < 0 {
			t.Fatalf("line %d, %v: it has no time", got, ok)
		}
		for i, at := range times {
			if at >= 0 && (at-want).Abs() < (times[got]-want).Abs() {
				t.Fatalf("line %d at %v is nearer to %v than line %d at %v", i, at, want, got, times[got])
			}
		}
	})
}

func TestOfALongLogNoLineIsLostWithoutACount(t *testing.T) {
	var b bytes.Buffer
	base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	const n = 10_000
	for i := range n {
		fmt.Fprintf(&b, "%s line\n", base.Add(time.Duration(i)*time.Millisecond).Format(time.RFC3339Nano))
	}
	book := newLogBook(map[string][]byte{"n1": b.Bytes()}, base)
	link := book.link("n1", 5*time.Second)
	s := book.sections(base)[0]
	shown, skipped, linked := 0, 0, false
	for _, blk := range s.Blocks {
		shown, skipped = shown+len(blk.Lines), skipped+blk.Skipped
		for _, l := range blk.Lines {
			linked = linked || l.Anchor == link.Anchor && l.Linked
		}
	}
	if shown+skipped != n || shown > maxLogLines || !linked {
		t.Errorf("%d lines are shown and %d counted as left out, of %d; the linked one is shown: %v", shown, skipped, n, linked)
	}
	if !strings.Contains(s.Note, fmt.Sprintf("%s of 10,000 lines are shown", count(shown))) {
		t.Errorf("the note does not say what was cut: %q", s.Note)
	}
}

func TestEveryLinkedLogLineIsShownAsLongAsThereIsRoom(t *testing.T) {
	wanted := map[int]bool{}
	for i := range maxLogLines - 600 {
		wanted[i*37] = true
	}
	shown := map[int]bool{}
	for _, i := range chooseLines(500_000, wanted) {
		shown[i] = true
	}
	for i := range wanted {
		if !shown[i] {
			t.Fatalf("line %d is linked and not shown", i)
		}
	}
	if len(shown) > maxLogLines {
		t.Errorf("%d lines are shown", len(shown))
	}
}

func TestThinningKeepsThePeaks(t *testing.T) {
	var ps [][2]int64
	for i := range int64(10_000) {
		ps = append(ps, [2]int64{i, i % 7})
	}
	ps[4321][1], ps[7777][1] = 99, -99
	got := thin(ps, 100)
	if len(got) > 110 {
		t.Errorf("%d points are left of 10,000, want about 100", len(got))
	}
	var lo, hi int64
	for i, p := range got {
		if i > 0 && p[0] < got[i-1][0] {
			t.Fatalf("the time goes back from %d to %d", got[i-1][0], p[0])
		}
		lo, hi = min(lo, p[1]), max(hi, p[1])
	}
	if lo != -99 || hi != 99 {
		t.Errorf("of the peaks -99 and 99, %d and %d are left", lo, hi)
	}
}

func TestManyFaultsShareRowsAndNeverOverlap(t *testing.T) {
	var fs []tlFault
	for i := range 50 {
		at := int64(i) * 10
		fs = append(fs, tlFault{Planned: at, Effective: at + 1, Healing: at + 25, Healed: at + 26})
	}
	if rows := packFaults(fs, 1000); rows != 3 {
		t.Errorf("faults of which three overlap at a time take %d rows", rows)
	}
	for i, a := range fs {
		for _, b := range fs[i+1:] {
			if a.Row == b.Row && b.Planned < a.Healed {
				t.Errorf("two faults of row %d overlap", a.Row)
			}
		}
	}
}

func TestCountsHaveTheirThousandsApart(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 123: "123", 1234: "1,234", -1234: "-1,234", -123: "-123", 123456: "123,456", 1234567: "1,234,567"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestSpansAreInTheUnitThatSuitsThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 ns", 900: "900 ns", 1500: "1.5 µs", 2100 * time.Microsecond: "2.1 ms", 840 * time.Millisecond: "840 ms",
		-2100 * time.Millisecond: "-2.1 s", 30 * time.Second: "30 s", 3 * time.Minute: "3m0s",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestWordsOfEveryStep(t *testing.T) {
	for _, c := range []struct {
		step            history.Step
		asked, inDetail string
	}{
		{history.Step{F: history.Read, Key: "x", Value: history.Int(3)}, "read x", "r x=3"},
		{history.Step{F: history.Read, Key: "x"}, "read x", "r x=nothing"},
		{history.Step{F: history.Write, Key: "x", Value: history.Int(3)}, "write x = 3", "w x=3"},
		{history.Step{F: history.Delete, Key: "x"}, "delete x", "del x"},
		{history.Step{F: history.Add, Key: "x", Value: history.Int(3)}, "add 3 to x", "add x=3"},
		{history.Step{F: history.Remove, Key: "x", Value: history.Int(3)}, "remove 3 from x", "rem x=3"},
		{history.Step{F: history.Append, Key: "x", Value: history.Int(3)}, "append 3 to x", "app x=3"},
		{history.Step{F: history.Inc, Key: "x", Value: history.Int(-3)}, "increment x by -3", "inc x=-3"},
		{history.Step{F: history.Insert, Key: "x", Value: history.List(3, 2)}, "insert 3 after 2 in x", "ins x=[3 2]"},
		{history.Step{F: history.Read, Key: "x", Value: history.List(1, 2, 3, 4, 5, 6, 7, 8)}, "read x", "r x=[1 2 3 4 5 6 … 2 more]"},
		{history.Step{F: 99, Key: "x"}, "unknown step on x", "? x=nothing"},
	} {
		op := history.Op{Outcome: history.OK, Steps: []history.Step{c.step}}
		if got := asked(op); got != c.asked {
			t.Errorf("asked: %q, want %q", got, c.asked)
		}
		if got := brief(op); got != c.inDetail {
			t.Errorf("brief: %q, want %q", got, c.inDetail)
		}
	}
}

func TestWordsOfEveryOutcome(t *testing.T) {
	read := []history.Step{{F: history.Read, Key: "x", Value: history.Int(3)}}
	write := []history.Step{{F: history.Write, Key: "x", Value: history.Int(4)}}
	for _, c := range []struct {
		op   history.Op
		want string
	}{
		{history.Op{Outcome: history.OK, Return: 2, Steps: read}, "returned 3"},
		{history.Op{Outcome: history.OK, Return: 2, Steps: write}, "acknowledged"},
		{history.Op{Outcome: history.OK, Return: 2, Steps: append(read, write...)}, "acknowledged, read x = 3"},
		{history.Op{Outcome: history.Fail, Return: 2, Steps: write, Meta: history.Meta{Error: "no"}}, "failed, had no effect: no"},
		{history.Op{Outcome: history.Info, Return: 2, Steps: write, Meta: history.Meta{Error: "timeout"}}, "unknown, may have happened: timeout"},
		{history.Op{Outcome: history.Info, Steps: write}, "never answered, may have happened"},
	} {
		if got := answered(c.op); got != c.want {
			t.Errorf("answered: %q, want %q", got, c.want)
		}
	}
}

func TestDiagramsKeepTheOrderOfTime(t *testing.T) {
	ops := []history.Op{
		{Index: 9, Return: 10, Node: "n3", Start: 29 * time.Second, End: 29*time.Second + time.Millisecond, Outcome: history.OK},
		{Index: 1, Return: 2, Node: "n1", Start: time.Millisecond, End: 2 * time.Millisecond, Outcome: history.OK},
		{Index: 3, Node: "n1", By: "n2", Start: 1500 * time.Microsecond},
	}
	d := newDiagram(ops, []checker.Edge{{From: 1, To: 9, Kind: "wr"}, {From: 1, To: 77, Kind: "so"}}, func(int) string { return "#" })
	if d.Bars[1].X >= d.Bars[2].X || d.Bars[2].X >= d.Bars[0].X {
		t.Errorf("bars begin at %v, %v and %v", d.Bars[1].X, d.Bars[2].X, d.Bars[0].X)
	}
	if len(d.Lanes) != 3 || len(d.Arrows) != 1 || !d.Bars[2].Open || len(d.Breaks) != 1 {
		t.Errorf("%d lanes, %d arrows, open %v, %d breaks; want 3, 1, true, 1", len(d.Lanes), len(d.Arrows), d.Bars[2].Open, len(d.Breaks))
	}
	for _, b := range d.Bars {
		if b.X < dgLeft || b.X+b.W > d.W || b.Y+b.H > d.AxisY {
			t.Errorf("bar %+v leaves the picture of %v by %v", b, d.W, d.AxisY)
		}
	}
}

func TestBarsAndLabelsOfALaneDoNotCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ops []history.Op
		for i := range rapid.IntRange(2, dgMaxOps).Draw(t, "operations") {
			start := time.Duration(rapid.IntRange(0, 100).Draw(t, "start")) * time.Millisecond
			took := time.Duration(rapid.IntRange(0, 100).Draw(t, "took")) * time.Millisecond
			ops = append(ops, history.Op{
				Index: 2*i + 1, Return: 2*i + 2, Node: rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "node"),
				Start: start, End: start + took, Outcome: history.OK, Steps: []history.Step{{F: history.Read, Key: "key"}},
			})
		}
		bars := newDiagram(ops, nil, func(int) string { return "#" }).Bars
		for i, a := range bars {
			for _, b := range bars[i+1:] {
				apart := a.X+max(a.W, labelWidth(a.Label)) <= b.X || b.X+max(b.W, labelWidth(b.Label)) <= a.X
				if a.Y == b.Y && !apart {
					t.Fatalf("%+v covers %+v", a, b)
				}
			}
		}
	})
}

func TestWrapKeepsEveryWordAndUnit(t *testing.T) {
	got := wrap("one two 2.1 s three a-word-that-is-far-too-long four", 12)
	want := []string{"one two", "2.1 s three", "a-word-that-is-far-too-long", "four"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
