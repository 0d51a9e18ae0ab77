package history

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/mlcheck/mlcheck/internal/skip"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("MLCHECK_TEST_RECORD"); path != "" {
		recordUntilKilled(path)
	}
	goleak.VerifyTestMain(m)
}

func TestWhatWasRecordedIsReadBack(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		cs := calls(rt, 60)
		h := open(rt, record(rt, fresh(rt, dir), cs))
		if h.Damage != "" {
			rt.Fatalf("damage: %s", h.Damage)
		}
		if d := diff(want(rt, testHeader, cs), h); d != "" {
			rt.Fatal(d)
		}
	})
}

func TestTheSameEventsGiveTheSameFile(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		cs := calls(rt, 60)
		a, b := slurp(rt, record(rt, fresh(rt, dir), cs)), slurp(rt, record(rt, fresh(rt, dir), cs))
		if !bytes.Equal(a, b) {
			rt.Fatal("two recordings of the same events differ")
		}
	})
}

func TestFlushMovesFramesButNoLines(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		cs := calls(rt, 40)
		path := filepath.Join(fresh(rt, dir), FileName)
		var now time.Duration
		r, err := Create(path, testHeader, func() time.Duration { return now })
		if err != nil {
			rt.Fatal(err)
		}
		for _, c := range cs {
			play(r, &now, []call{c})
			if rapid.Bool().Draw(rt, "flush") {
				if err := r.Flush(); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if err := r.Close(); err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(sum(rt, record(rt, fresh(rt, dir), cs)), sum(rt, path)); d != "" {
			rt.Fatal(d)
		}
	})
}

// frames lists how many lines each frame of a file has; a seal is -1.
func frames(t testing.TB, path string) []int {
	t.Helper()
	f, size, err := openFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	z, out := &zstdFile{at: f, size: size}, []int(nil)
	if err := z.each(func(b []byte, _ int64) error { out = append(out, bytes.Count(b, []byte("\n"))); return nil }); err != nil {
		t.Fatal(err)
	}
	if z.sealed {
		out = append(out, -1)
	}
	return out
}

func TestAFrameEndsAfter4096EventsOrASecond(t *testing.T) {
	var now time.Duration
	path := filepath.Join(t.TempDir(), FileName)
	r, err := Create(path, testHeader, func() time.Duration { return now })
	if err != nil {
		t.Fatal(err)
	}
	stage := Event{Type: StageEvent, Stage: StageWork}
	for range 4096 + 10 {
		r.Event(stage)
	}
	now = time.Second - 1
	r.Event(stage) // still in the frame that started at 0
	now = time.Second
	r.Event(stage) // starts the next
	now = 2*time.Second - 1
	r.Event(stage)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]int{1, 4096, 11, 2, -1}, frames(t, path)); d != "" {
		t.Error(d)
	}
	if got := r.Count(); got != 4096+13 {
		t.Errorf("Count is %d", got)
	}
}

func TestAFrameOfLongReadsEndsEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	r, err := Create(path, testHeader, func() time.Duration { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	long := make([]int64, 100_000)
	for i := range long {
		long[i] = 1_000_000 + int64(i)
	}
	for range 3 {
		r.Invoke(0, "n1", []Step{{F: Read, Key: "s"}}, false)
		r.Complete(0, "n1", OK, []Step{{F: Read, Key: "s", Value: List(long...)}}, Meta{})
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]int{1, 4, 2, -1}, frames(t, path)); d != "" { // 0.8 MB a read
		t.Error(d)
	}
	h := open(t, path)
	if h.Damage != "" || h.Len() != 3 || !cmp.Equal(h.StepList(2), long) {
		t.Errorf("read back: %d operations, damage %q", h.Len(), h.Damage)
	}
	if got := len(h.lists.data); got != len(long) {
		t.Errorf("three equal lists take %d numbers of memory, want %d", got, len(long))
	}
}

func TestAnyZstdToolReadsTheFile(t *testing.T) {
	zstd, err := exec.LookPath("zstd")
	if err != nil {
		skip.Because(t, "no zstd on this machine")
	}
	path := record(t, t.TempDir(), fixedCalls(5000))
	lines, err := exec.Command(zstd, "-dc", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var own bytes.Buffer
	if err := open(t, path).WriteJSONL(&own); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(lines, own.Bytes()) {
		t.Errorf("zstd -dc gives %d bytes, WriteJSONL %d, or they differ", len(lines), own.Len())
	}
}

// fixedCalls is a history of n operations without randomness.
func fixedCalls(n int) []call {
	var cs []call
	for k := range n {
		at, session := time.Duration(k)*100*time.Microsecond, k%3
		steps := []Step{{F: Write, Key: fmt.Sprintf("k%d", k%7), Value: Int(int64(k) + 1)}}
		cs = append(cs,
			call{t: at, invoke: true, session: session, node: "n1", steps: steps},
			call{t: at + 50*time.Microsecond, session: session, node: "n1", outcome: OK, steps: steps})
	}
	return cs
}

func TestManySessionsRecordAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	base := time.Now()
	r, err := Create(path, testHeader, func() time.Duration { return time.Since(base) })
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for session := range 8 {
		all.Go(func() {
			for n := range 2000 {
				steps := []Step{{F: Write, Key: "x", Value: Int(int64(session*10_000 + n + 1))}}
				i, at := r.Invoke(session, "n1", steps, false)
				j, end := r.Complete(session, "n1", OK, steps, Meta{})
				if j <= i || end < at {
					t.Errorf("#%d at %v completed as #%d at %v", i, at, j, end)
				}
				if n%500 == 0 {
					if err := r.Flush(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	h := open(t, path)
	if h.Len() != 16_000 || h.Damage != "" {
		t.Fatalf("%d operations, damage %q", h.Len(), h.Damage)
	}
	for k := 1; k < h.Len(); k++ {
		if h.Start(k) < h.Start(k-1) {
			t.Fatalf("time goes back at #%d", h.Index(k))
		}
	}
}

// badDisk fails after some bytes, as a full disk does.
type badDisk struct {
	left   int
	synced error
	closed bool
}

var errFull = errors.New("no space left on device")

func (d *badDisk) Write(b []byte) (int, error) {
	if len(b) > d.left {
		n := d.left
		d.left = 0
		return n, errFull
	}
	d.left -= len(b)
	return len(b), nil
}
func (d *badDisk) Sync() error  { return d.synced }
func (d *badDisk) Close() error { d.closed = true; return nil }

func TestAFullDiskIsAnErrorThatStaysAndNobodyWaits(t *testing.T) {
	for _, room := range []int{200, 1000, 20_000} {
		d := &badDisk{left: room}
		var now time.Duration
		r, err := newRecorder(d, testHeader, func() time.Duration { return now })
		if err != nil {
			t.Fatal(err)
		}
		play(r, &now, fixedCalls(20_000)) // many more frames than may wait
		if err := r.Flush(); !errors.Is(err, errFull) {
			t.Errorf("room %d: Flush returns %v", room, err)
		}
		if err := r.Err(); !errors.Is(err, errFull) || !strings.Contains(err.Error(), "cannot write the history") {
			t.Errorf("room %d: Err returns %v", room, err)
		}
		if err := r.Close(); !errors.Is(err, errFull) {
			t.Errorf("room %d: Close returns %v", room, err)
		}
		if !d.closed {
			t.Errorf("room %d: the file stays open", room)
		}
	}
}

func TestAFailureToSealOrSyncIsAnError(t *testing.T) {
	for _, d := range []*badDisk{{left: 200, synced: errFull}, {left: 195}} {
		r, err := newRecorder(d, Header{}, func() time.Duration { return 0 })
		if err != nil {
			t.Fatal(err)
		}
		d.left = min(d.left, 5)
		if d.synced != nil {
			d.left = 1000
		}
		if err := r.Close(); !errors.Is(err, errFull) {
			t.Errorf("Close returns %v", err)
		}
	}
}

func TestCreateFailsOnAFullDiskAtOnce(t *testing.T) {
	if _, err := newRecorder(&badDisk{left: 10}, testHeader, nil); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		skip.Because(t, "no /dev/full on this machine")
	}
	defer func() { _ = full.Close() }()
	if _, err := newRecorder(full, testHeader, nil); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
}

func TestCreateOverwritesNothing(t *testing.T) {
	path := record(t, t.TempDir(), nil)
	if _, err := Create(path, testHeader, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Create(filepath.Join(t.TempDir(), "no", "folder"), testHeader, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// What no reader would accept is reported, and does not cost the rest of the file.
func TestWhatNoReaderWouldAcceptIsLeftOutAndReported(t *testing.T) {
	write := func(n int64) []Step { return []Step{{F: Write, Key: "x", Value: Int(n)}} }
	for name, c := range map[string]struct {
		do   func(r *Recorder) (int, time.Duration)
		want string
	}{
		"two operations open":   {func(r *Recorder) (int, time.Duration) { return r.Invoke(0, "n1", write(2), false) }, "while another one is open"},
		"completion from air":   {func(r *Recorder) (int, time.Duration) { return r.Complete(5, "n1", OK, nil, Meta{}) }, "has not open"},
		"no such function":      {func(r *Recorder) (int, time.Duration) { return r.Invoke(5, "n1", []Step{{F: 77}}, false) }, "no function 77"},
		"no such outcome":       {func(r *Recorder) (int, time.Duration) { return r.Complete(0, "n1", 9, nil, Meta{}) }, "no outcome 9"},
		"no such type of event": {func(r *Recorder) (int, time.Duration) { return r.Event(Event{Type: "ok"}) }, `no type "ok"`},
		"other steps":           {func(r *Recorder) (int, time.Duration) { return r.Complete(1, "n1", OK, write(3), Meta{}) }, "other steps than it started with"},
		"a read without result": {func(r *Recorder) (int, time.Duration) { return r.Complete(1, "n1", OK, nil, Meta{}) }, "without saying what it returned"},
		"a negative session":    {func(r *Recorder) (int, time.Duration) { return r.Invoke(-1, "n1", nil, false) }, "numbered from 0"},
	} {
		path := filepath.Join(t.TempDir(), FileName)
		r, err := Create(path, testHeader, func() time.Duration { return 5 })
		if err != nil {
			t.Fatal(err)
		}
		r.Invoke(0, "n1", write(1), false)
		r.Invoke(1, "n1", []Step{{F: Read, Key: "x"}, {F: Read, Key: "y"}}, false)
		if err := r.Err(); err != nil {
			t.Errorf("%s: too early: %v", name, err)
		}
		if i, _ := c.do(r); i != 0 {
			t.Errorf("%s: got index %d", name, i)
		}
		r.Complete(0, "n1", OK, write(1), Meta{})
		if err := r.Close(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Close returns %v", name, err)
		}
		if h := open(t, path); h.Len() != 2 || h.Return(0) != 3 || h.Damage != "" {
			t.Errorf("%s: the rest cannot be read: %q", name, h.Damage)
		}
	}
}

func TestAClosedRecorderSaysSo(t *testing.T) {
	r, err := Create(filepath.Join(t.TempDir(), FileName), testHeader, func() time.Duration { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Flush(); err != nil {
		t.Errorf("nothing was lost, yet Flush returns %v", err)
	}
	r.Event(Event{Type: StageEvent})
	if err := r.Err(); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}

// recordUntilKilled is the child of the test below.
func recordUntilKilled(path string) {
	r, err := Create(path, testHeader, func() time.Duration { return 0 })
	if err != nil {
		panic(err)
	}
	for n := range 100 {
		r.Event(Event{Type: StageEvent, Stage: fmt.Sprint(n)})
	}
	if err := r.Flush(); err != nil {
		panic(err)
	}
	for range 10 {
		r.Event(Event{Type: StageEvent, Stage: "not on disk yet"})
	}
	fmt.Println("flushed")
	select {}
}

func TestWhatWasFlushedSurvivesAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "MLCHECK_TEST_RECORD="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 8)
	_, err = out.Read(line)
	if kill := child.Process.Kill(); kill != nil || err != nil {
		t.Fatal(kill, err)
	}
	_ = child.Wait() // it was killed
	h := open(t, path)
	if len(h.Events) != 100 || !strings.Contains(h.Damage, "the end is missing") || !strings.Contains(h.Damage, "100 events were read") {
		t.Errorf("%d events, damage %q", len(h.Events), h.Damage)
	}
}
