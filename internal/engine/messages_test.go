package engine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProgressComesInWholeLines(t *testing.T) {
	var got []string
	err := messages(strings.NewReader(`{"stream":"Step 1/2 : FROM x"}{"stream":"\n"}{"stream":" ---\u003e 12\nStep 2"}{"stream":"/2 : RUN y\n"}
		{"status":"Pulling from z","id":"1"}{"status":"Downloading","id":"a","progressDetail":{"total":9}}`), func(line string) { got = append(got, line) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Step 1/2 : FROM x", "---> 12", "Step 2/2 : RUN y", "1 Pulling from z"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestFailureInTheStreamIsAnErrorWithTheLastLines(t *testing.T) {
	err := messages(strings.NewReader(`{"stream":"E: no such package\n"}{"errorDetail":{"message":"exit 100"},"error":"exit 100"}`), nil)
	if err == nil || !strings.Contains(err.Error(), "exit 100") || !strings.Contains(err.Error(), "no such package") {
		t.Errorf("error %v", err)
	}
}

func TestStreamThatBreaksOffIsAnError(t *testing.T) {
	if err := messages(strings.NewReader(`{"stream":"Step 1`), nil); err == nil {
		t.Error("a build whose end was never told counts as a success")
	}
}
