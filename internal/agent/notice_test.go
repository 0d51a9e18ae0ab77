package agent

import (
	"path/filepath"
	"testing"
	"time"

	nodes "github.com/mlcheck/mlcheck/targets/serve"
)

func TestATargetThatReadsItsClockFromTheNoticeIsOffAsAsked(t *testing.T) {
	n := &notice{path: filepath.Join(t.TempDir(), "notice")}
	if err := n.set(nil); err != nil {
		t.Fatal(err)
	}
	clock := nodes.SkewedBy(n.path)
	for _, want := range []*Clock{
		{Offset: time.Hour},
		{Offset: -time.Nanosecond},
		{PPM: 900_000, Elapsed: 20 * time.Second},
		{Offset: -time.Second, PPM: -900_000, Elapsed: time.Millisecond},
		nil,
	} {
		if err := n.set(want); err != nil {
			t.Fatal(err)
		}
		low, before := n.offset(), time.Now()
		shown, err := clock()
		if err != nil {
			t.Fatal(err)
		}
		after, high := time.Now(), n.offset()
		if high < low {
			low, high = high, low
		}
		const slack = time.Millisecond // the machine's clock may be corrected meanwhile
		if shown.Before(before.Round(0).Add(low-slack)) || shown.After(after.Round(0).Add(high+slack)) {
			t.Errorf("%+v: its clock shows %v, which is %v to %v off", want, shown, low, high)
		}
	}
	if n.offset() != 0 {
		t.Errorf("healed, and off by %v", n.offset())
	}
}
