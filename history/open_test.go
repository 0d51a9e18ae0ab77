package history

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

func readBytes(b []byte) (*History, error) { return read(bytes.NewReader(b), int64(len(b))) }

// plain is the lines of the calls.
func plain(tb tb, cs []call) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := want(tb, testHeader, cs).WriteJSONL(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// isPrefix says how a damaged history differs from the first events of the
// whole one; "": not at all.
func isPrefix(tb tb, cs []call, h *History) string {
	tb.Helper()
	n := len(h.Events)
	for k := range h.Len() {
		if n++; h.Return(k) != 0 {
			n++
		}
	}
	if n > len(cs) {
		return fmt.Sprintf("%d events came out of %d", n, len(cs))
	}
	if !strings.Contains(h.Damage, fmt.Sprintf("; %d events were read", n)) {
		return fmt.Sprintf("%d events came out, the damage is %q", n, h.Damage)
	}
	return diff(want(tb, testHeader, cs[:n]), h)
}

func TestATruncatedFileGivesEverythingBeforeTheCut(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		cs := calls(rt, 40)
		whole := slurp(rt, record(rt, fresh(rt, dir), cs))
		cut := rapid.IntRange(0, len(whole)-1).Draw(rt, "cut")
		h, err := readBytes(whole[:cut])
		if err != nil {
			if cut >= headerFrame(rt, whole) {
				rt.Fatalf("cut at %d of %d: %v", cut, len(whole), err)
			}
			return
		}
		if d := isPrefix(rt, cs, h); d != "" {
			rt.Fatalf("cut at %d of %d: %s", cut, len(whole), d)
		}
	})
}

// headerFrame is the size of the frame that holds the header.
func headerFrame(tb tb, whole []byte) int {
	tb.Helper()
	p, err := newFrameWalker(bytes.NewReader(whole), int64(len(whole))).next()
	if err != nil {
		tb.Fatal(err)
	}
	return int(p.size)
}

func TestEveryWholeFrameBeforeTheCutIsRead(t *testing.T) {
	cs := fixedCalls(10_000) // five frames: 20,000 events in 4,096s
	whole, lines := slurp(t, record(t, t.TempDir(), cs)), plain(t, cs)
	for _, c := range []struct{ cut, events int }{{1, 20_000}, {40, 4 * 4096}, {len(whole) / 2, 2 * 4096}} {
		h, err := readBytes(whole[:len(whole)-c.cut])
		if err != nil {
			t.Fatal(err)
		}
		var left bytes.Buffer
		if err := h.WriteJSONL(&left); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(lines, left.Bytes()) {
			t.Errorf("%d bytes cut: what is left differs from what was recorded", c.cut)
		}
		if got := bytes.Count(left.Bytes(), []byte("\n")) - 1; got != c.events || h.Damage == "" {
			t.Errorf("%d bytes cut: %d events left, want %d; damage %q", c.cut, got, c.events, h.Damage)
		}
	}
}

func TestAChangedByteNeverGivesAWrongEvent(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		cs := calls(rt, 40)
		b := slurp(rt, record(rt, fresh(rt, dir), cs))
		at := rapid.IntRange(0, len(b)-1).Draw(rt, "at")
		b[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "flip"))
		h, err := readBytes(b)
		if err != nil {
			if at >= headerFrame(rt, slurp(rt, record(rt, fresh(rt, dir), cs))) {
				rt.Fatalf("a flip at %d loses the header: %v", at, err)
			}
			return
		}
		// Some bits of a frame's header mean nothing for what is in it.
		if h.Damage == "" {
			if d := diff(want(rt, testHeader, cs), h); d != "" {
				rt.Fatal(d)
			}
			return
		}
		if d := isPrefix(rt, cs, h); d != "" {
			rt.Fatal(d)
		}
	})
}

func TestEveryByteOfASmallFileMayBreak(t *testing.T) {
	cs := fixedCalls(10)
	whole := slurp(t, record(t, t.TempDir(), cs))
	header := headerFrame(t, whole)
	silent := []int{}
	for at := range whole {
		for _, x := range []byte{1, 0x10, 0x80, 0xff} {
			b := bytes.Clone(whole)
			b[at] ^= x
			h, err := readBytes(b)
			switch {
			case err != nil && at >= header:
				t.Errorf("byte %d: %v", at, err)
			case err == nil && h.Damage != "":
				if d := isPrefix(t, cs, h); d != "" {
					t.Errorf("byte %d: %s", at, d)
				}
			case err == nil:
				silent = append(silent, at)
				if d := diff(want(t, testHeader, cs), h); d != "" {
					t.Errorf("byte %d: %s", at, d)
				}
			}
		}
	}
	if len(silent) > len(whole)*4/50 { // bits of frame headers that mean nothing here
		t.Errorf("%d changes went unnoticed, though without harm: at %d", len(silent), silent)
	}
}

func TestATornLineEndsAPlainFile(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cs := calls(rt, 20)
		whole := plain(rt, cs)
		cut := rapid.IntRange(0, len(whole)-1).Draw(rt, "cut")
		h, err := readBytes(whole[:cut])
		if err != nil {
			if bytes.IndexByte(whole[:cut], '\n') >= 0 {
				rt.Fatal(err)
			}
			return
		}
		lines := bytes.Count(whole[:cut+1], []byte("\n")) // one may lack its end only
		if whole[cut-1] == '\n' || whole[cut] == '\n' {   // between lines: a plain file cannot tell
			if d := diff(want(rt, testHeader, cs[:lines-1]), h); d != "" || h.Damage != "" {
				rt.Fatal(d, h.Damage)
			}
			return
		}
		if d := isPrefix(rt, cs, h); d != "" {
			rt.Fatal(d)
		}
		if !strings.Contains(h.Damage, fmt.Sprintf("line %d at byte ", lines+1)) {
			rt.Fatalf("damage: %q", h.Damage)
		}
	})
}

func TestDamageSaysWhereAndHowMuchIsLeft(t *testing.T) {
	cs := fixedCalls(10_000)
	whole := slurp(t, record(t, t.TempDir(), cs))
	var starts []int64
	w := newFrameWalker(bytes.NewReader(whole), int64(len(whole)))
	for p, err := w.next(); !errors.Is(err, io.EOF); p, err = w.next() {
		if err != nil {
			t.Fatal(err)
		}
		starts = append(starts, p.off)
	}
	third, seal := starts[3], starts[len(starts)-1] // the third frame of events; the header is frame 1
	flip := func(at int64) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 0x10
		return b
	}
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"cut in a frame":       {whole[:third+100], fmt.Sprintf("frame 4 at byte %d is cut short; 8192 events were read", third)},
		"cut in a header":      {whole[:third+3], fmt.Sprintf("frame 4 at byte %d is cut short; 8192 events were read", third)},
		"cut between frames":   {whole[:third], fmt.Sprintf("the end is missing after byte %d: the run was cut short before it sealed the file, or the file lost its last frames; 8192 events were read", third)},
		"never sealed":         {whole[:seal], fmt.Sprintf("the end is missing after byte %d: the run was cut short before it sealed the file, or the file lost its last frames; 20000 events were read", seal)},
		"cut in the seal":      {whole[:seal+10], fmt.Sprintf("frame 7 at byte %d is cut short; 20000 events were read", seal)},
		"flipped in a frame":   {flip(third + 1000), fmt.Sprintf("frame 4 at byte %d is damaged (invalid input: magic number mismatch); 8192 events were read", third)},
		"garbage in a frame":   {append(bytes.Clone(whole[:third]), "garbage from here on"...), fmt.Sprintf("frame 4 at byte %d is no zstd frame: the bytes from there on are damaged or do not belong to the file; 8192 events were read", third)},
		"garbage at the end":   {append(bytes.Clone(whole), "garbage"...), fmt.Sprintf("frame 8 at byte %d is no zstd frame: the bytes from there on are damaged or do not belong to the file; 20000 events were read", len(whole))},
		"zeros at the end":     {append(bytes.Clone(whole[:seal]), make([]byte, 4096)...), fmt.Sprintf("frame 7 at byte %d is no zstd frame: the bytes from there on are damaged or do not belong to the file; 20000 events were read", seal)},
		"another file after":   {append(bytes.Clone(whole), whole...), fmt.Sprintf("byte %d and what follows it come after the seal and do not belong to the file; 20000 events were read", len(whole))},
		"a frame was taken":    {append(bytes.Clone(whole[:starts[5]]), whole[seal:]...), "the seal names 20000 events; 16384 events were read"},
		"nothing but a header": {whole[:starts[1]], fmt.Sprintf("the end is missing after byte %d: the run was cut short before it sealed the file, or the file lost its last frames; 0 events were read", starts[1])},
	} {
		h, err := readBytes(c.file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if name == "flipped in a frame" { // the library's words for it differ with the bit
			from, to := strings.Index(h.Damage, "("), strings.Index(h.Damage, ")")
			if from < 0 || to < 0 {
				t.Errorf("%s: %s", name, h.Damage)
				continue
			}
			h.Damage = h.Damage[:from] + "(invalid input: magic number mismatch" + h.Damage[to:]
		}
		if d := cmp.Diff(c.want, h.Damage); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if h, err := readBytes(whole); err != nil || h.Damage != "" {
		t.Errorf("the whole file: %v, damage %q", err, h.Damage)
	}
}

func TestWhatIsNoHistoryIsAnError(t *testing.T) {
	pack := func(s string) string {
		enc, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = enc.Close() }()
		return string(enc.EncodeAll([]byte(s), nil))
	}
	for _, c := range []struct{ file, want string }{
		{"", "the file is empty"},
		{"\n\n", "nothing could be read"},
		{pack(""), "nothing could be read"},
		{"\x28\xb5\x2f\xfd", "nothing could be read: frame 1 at byte 0 is cut short"},
		{`{"format":"mlcheck.his`, "nothing could be read: line 1 at byte 0 is not whole"},
		{"PK\x03\x04", "unpack it with `unzip` first"},
		{"\x1f\x8b\x08\x00", "unpack it with `gunzip` first"},
		{"\xfd7zXZ", "unpack it with `unxz` first"},
		{"BZh91AY", "unpack it with `bunzip2` first"},
		{"\x7fELF", "nothing could be read: line 1 at byte 0 is not whole"},
		{`{"i":1,"t":0,"type":"invoke","session":0,"node":"n1","ops":[["r","x"]]}` + "\n", `line 1: the header is missing: a history starts with {"format":"mlcheck.history/1"`},
		{pack(`{"i":1}` + "\n"), "line 1: the header is missing"},
		{`{"format":"mlcheck.history/2","nodes":[]}` + "\n", `line 1: the format is "mlcheck.history/2": this mlcheck reads "mlcheck.history/1"`},
		{`{"format":"mlcheck.history/1","nodes":7}` + "\n", "line 1: json: cannot unmarshal number"},
		{"[]\n", "line 1: json: cannot unmarshal array"},
	} {
		h, err := readBytes([]byte(c.file))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q gives %v, %v", c.file, h, err)
		}
	}
}

func TestAHeaderAloneIsAHistory(t *testing.T) {
	h, err := readBytes([]byte(`{"format":"mlcheck.history/1","nodes":["n1"],"policy":"lww-hlc","claims":[{"property":"cc","except":["clock"]}],"seed":18446744073709551615}`))
	if err != nil || h.Damage != "" {
		t.Fatal(err, h)
	}
	want := Header{Nodes: []string{"n1"}, Policy: "lww-hlc", Claims: []Claim{{Property: "cc", Except: []string{"clock"}}}, Seed: 1<<64 - 1}
	if d := cmp.Diff(want, h.Header); d != "" {
		t.Error(d)
	}
}

const header1 = `{"format":"mlcheck.history/1","nodes":["n1","n2"]}` + "\n"

// Each of these is whole and wrong.
// packAs packs as another tool would: one frame, whatever the size.
func packAs(tb tb, lines []byte, options ...zstd.EOption) []byte {
	tb.Helper()
	var b bytes.Buffer
	enc, err := zstd.NewWriter(&b, options...)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := enc.Write(lines); err != nil {
		tb.Fatal(err)
	}
	if err := enc.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestAFrameOfAnySizeFromAnotherToolIsRead(t *testing.T) {
	large, small := plain(t, fixedCalls(50_000)), plain(t, fixedCalls(10))
	if len(large) <= maxContent {
		t.Fatalf("%d bytes are not large", len(large))
	}
	for name, c := range map[string]struct {
		file []byte
		ops  int
	}{
		"large":                {packAs(t, large), 50_000},
		"no checksum":          {packAs(t, small, zstd.WithEncoderCRC(false)), 10},
		"small":                {packAs(t, small), 10},
		"a line in two frames": {append(packAs(t, small[:500]), packAs(t, small[500:])...), 10},
		"skippable frames":     {append(append([]byte("\x5f\x2a\x4d\x18\x04\x00\x00\x00abcd"), packAs(t, small)...), "\x51\x2a\x4d\x18\x00\x00\x01\x00"+string(make([]byte, 1<<16))...), 10},
	} {
		h, err := readBytes(c.file)
		if err != nil || h.Damage != "" || h.Len() != c.ops {
			t.Errorf("%s: %v, %v", name, err, h)
		}
	}
}

func TestADamagedLargeFrameGivesNothingOfIt(t *testing.T) {
	lines := plain(t, fixedCalls(50_000))
	at := bytes.Index(lines, []byte("\n{\"i\":1001,")) + 1
	first := packAs(t, lines[:at])
	second := packAs(t, lines[at:])
	second[len(second)/2] ^= 1
	for _, bad := range [][]byte{second, second[:len(second)-1]} {
		h, err := readBytes(append(bytes.Clone(first), bad...))
		if err != nil {
			t.Fatal(err)
		}
		if d := isPrefix(t, fixedCalls(500), h); d != "" || h.Len() != 500 {
			t.Errorf("%d operations, damage %q: %s", h.Len(), h.Damage, d)
		}
	}
}

func TestALineWithoutAnEndIsRefusedBeforeItFillsTheMemory(t *testing.T) {
	bomb := packAs(t, bytes.Repeat([]byte(" "), maxLine+10))
	_, err := readBytes(bomb)
	var line *LineError
	if !errors.As(err, &line) || !strings.Contains(line.Msg, "more than") {
		t.Errorf("%d bytes give %v", len(bomb), err)
	}
}

func TestOpenFindsTheHistoryOfARunFolder(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir)
	if err == nil || !strings.Contains(err.Error(), "holds neither history.jsonl.zst nor history.jsonl") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, PlainFileName), plain(t, fixedCalls(2)), 0o644); err != nil {
		t.Fatal(err)
	}
	if h := open(t, dir); h.Len() != 2 {
		t.Errorf("%d operations", h.Len())
	}
	record(t, dir, fixedCalls(3))
	if h := open(t, dir); h.Len() != 3 {
		t.Errorf("%d operations", h.Len())
	}
	if _, err := Open(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte(header1+`{"i":1}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(bad); err == nil || err.Error() != bad+`: line 2: "i" is missing` && !strings.HasPrefix(err.Error(), bad+": line 2: ") {
		t.Errorf("got %v", err)
	}
	if _, err := Open(os.DevNull); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("got %v", err)
	}
}

func TestTheSumDependsOnLinesOnly(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		cs := calls(rt, 30)
		lines, sub := plain(rt, cs), fresh(rt, dir)
		one, two := filepath.Join(sub, "plain"), filepath.Join(sub, "packed")
		for path, b := range map[string][]byte{one: lines, two: packAs(rt, lines)} {
			if err := os.WriteFile(path, b, 0o644); err != nil {
				rt.Fatal(err)
			}
		}
		own := sum(rt, record(rt, fresh(rt, dir), cs))
		if a, b := sum(rt, one), sum(rt, two); a != b || a != own {
			rt.Fatalf("%s, %s, %s", a, b, own)
		}
	})
	path := filepath.Join(dir, "known")
	if err := os.WriteFile(path, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := sum(t, path); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("got %s", got)
	}
	if _, err := SHA256(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestOnlyARightSealIsASeal(t *testing.T) {
	if n, ok := parseSeal(seal(42)[8:]); !ok || n != 42 {
		t.Errorf("got %d, %v", n, ok)
	}
	for _, s := range []string{"", "mlcheck.seal/1 42 events", "mlcheck.seal/1 -2 events\n", "mlcheck.seal/1 042 events\n", "mlcheck.seal/1 42 events\nx", "padding"} {
		if _, ok := parseSeal([]byte(s)); ok {
			t.Errorf("%q is a seal", s)
		}
	}
	if got := len(seal(1<<62)) - 8; got > maxSeal {
		t.Errorf("a seal may have %d bytes", got)
	}
	if got := binary.LittleEndian.Uint32(seal(1)); got != 0x184d2a50 {
		t.Errorf("%x is no skippable frame", got)
	}
}
