//go:build !race

package history

import (
	"strings"
	"testing"
)

// The race detector would take minutes to make these files, and memory of its own:
// scripts/test runs them without it.

func TestASmallFileCannotFillTheMemory(t *testing.T) {
	const times = 10_000_000
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"Plume text that repeats itself": {repeated(t, "", "r(1,0,0,0)\n", times), "unpack to more than 200 times as many"},
		"EDN that repeats itself":        {repeated(t, "", "{:type :info :process :nemesis}\n", times), "unpack to more than 200 times as many"},
		"empty lines":                    {repeated(t, header1, "\n", 7*times), "unpack to more than 200 times as many"},
		"one endless line":               {repeated(t, header1, "xxxxxxxx", times), "the line has more than"},
		"an endless line of Plume text":  {repeated(t, "r(1,0,0,0)\nw(", "11111111", times), "the line has more than"},
		"an endless number in EDN":       {repeated(t, "{:time ", "11111111", times), "line 1: a word has more than"},
		"an endless vector in EDN":       {repeated(t, "{:value [", "1 ", times), "line 1: one operation is made of more than"},
		"an endless list":                {repeated(t, header1+`{"i":1,"t":0,"type":"invoke","session":0,"node":"n1","ops":[["r","x",[1`, ",1111", times), "the line has more than"},
		"the greatest numbers":           {[]byte("w(9223372036854775807,134217727,2147483647,1)\nw(1,134217727,0,2)\nw(2,-9223372036854775808,1,3)\n"), ""},
		"a session with a great number":  {[]byte(header1 + `{"i":2147483647,"t":9223372036854775807,"type":"invoke","session":2147483647,"node":"n","ops":[["w","x",9223372036854775807]]}` + "\n"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := taken()
			_, err := readBytes(c.file)
			if got := taken(); got > mostMemory && got > before {
				t.Errorf("%d bytes take %d MB of memory", len(c.file), got>>20)
			}
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}
