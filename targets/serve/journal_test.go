package serve

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// reopen reads a log as a node that comes up does, and closes it.
func reopen(t *rapid.T, path string, more ...[]byte) (records [][]byte, torn int64) {
	j, records, torn, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	go j.run()
	for i, body := range more {
		j.work <- batch{appendRecord(nil, body), uint64(i + 1), true}
		if s := <-j.done; s.err != nil || s.synced != uint64(i+1) {
			t.Fatalf("record %d: %+v", i+1, s)
		}
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	return records, torn
}

var bodies = rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 1, 12)

func TestWhatWasWrittenIsReadAgainUpToTheDamage(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		path := filepath.Join(dir, "log")
		_ = os.Remove(path)
		all := bodies.Draw(t, "records")
		reopen(t, path, all...)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := rapid.IntRange(0, len(whole)-1).Draw(t, "damaged at")
		damaged := bytes.Clone(whole)
		switch rapid.SampledFrom([]string{"cut", "bit", "zeros"}).Draw(t, "damage") {
		case "cut":
			damaged = damaged[:at]
		case "bit":
			damaged[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case "zeros":
			damaged = append(damaged[:at], make([]byte, 3*recordHead)...)
		}
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		intact, end := 0, 0 // records that end before the damage
		for same := common(whole, damaged); intact < len(all) && end+recordHead+len(all[intact]) <= same; intact++ {
			end += recordHead + len(all[intact])
		}
		got, torn := reopen(t, path, []byte("after"))
		if diff := cmp.Diff(all[:intact], got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if want := int64(len(damaged) - end); torn != want {
			t.Fatalf("%d bytes were cut off, not %d", torn, want)
		}
		again, torn := reopen(t, path)
		if len(again) != intact+1 || string(again[intact]) != "after" || torn != 0 {
			t.Fatalf("after the repair there are %d records, not %d; %d bytes torn", len(again), intact+1, torn)
		}
	})
}

// common is how many bytes two logs share from the start.
func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func TestALogHasOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	j, _, _, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	go j.run()
	if _, _, _, err := openJournal(path); err == nil {
		t.Error("a log was opened twice")
	}
	if err := j.close(); err != nil {
		t.Error(err)
	}
}

// BenchmarkSync is a record of 100 bytes made durable.
func BenchmarkSync(b *testing.B) {
	j, _, _, err := openJournal(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	go j.run()
	body := make([]byte, 100)
	for b.Loop() {
		j.work <- batch{appendRecord(nil, body), 1, true}
		<-j.done
	}
	_ = j.close()
}
