package history

import (
	"bytes"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func docsPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/history.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestTheExampleOfTheFormatPageIsAHistory(t *testing.T) {
	example := regexp.MustCompile("(?s)```jsonl\n(.*?)```").FindStringSubmatch(docsPage(t))
	if example == nil {
		t.Fatal("the page has no example")
	}
	h, err := readBytes([]byte(example[1]))
	if err != nil || h.Damage != "" {
		t.Fatal(err, h)
	}
	if h.Len() != 4 || len(h.Events) != 7 {
		t.Errorf("%d operations and %d events", h.Len(), len(h.Events))
	}
	var b bytes.Buffer
	if err := h.WriteJSONL(&b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(example[1], b.String()); d != "" {
		t.Errorf("mlcheck writes the example in another way:\n%s", d)
	}
}

func TestTheFormatPageNamesEveryField(t *testing.T) {
	page := docsPage(t)
	for _, of := range []any{slowLine{}, Header{}, Claim{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(of)) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/history.md does not name %q", name)
			}
		}
	}
	for f := Read; f <= Insert; f++ {
		if !strings.Contains(page, `["`+f.String()+`",`) {
			t.Errorf("docs/history.md does not name the function %q", f)
		}
	}
}
