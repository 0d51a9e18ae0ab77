package history

import (
	"encoding/binary"
	"strings"
)

// metaTable holds what targets tell beyond the outcome, as one long string: a
// stamp for each of ten million writes must not be an object each. An operation
// without any costs nothing, or 8 bytes once any operation has some.
type metaTable struct {
	at   []uint64 // by operation: where its entry starts in text, plus 1; 0: none
	text strings.Builder
}

// set stores the entry of operation k; an earlier one is forgotten.
func (t *metaTable) set(k int, m Meta) {
	for k >= len(t.at) {
		t.at = append(t.at, 0)
	}
	t.at[k] = uint64(t.text.Len()) + 1
	for _, s := range [...]string{m.By, m.Ctx, m.Stamp, m.Token, m.Error} {
		var size [binary.MaxVarintLen64]byte
		t.text.Write(size[:binary.PutUvarint(size[:], uint64(len(s)))])
		t.text.WriteString(s)
	}
}

// get returns the entry of operation k. Its strings share the table's memory.
func (t *metaTable) get(k int) Meta {
	if k >= len(t.at) || t.at[k] == 0 {
		return Meta{}
	}
	text := t.text.String()[t.at[k]-1:]
	var m Meta
	for _, s := range [...]*string{&m.By, &m.Ctx, &m.Stamp, &m.Token, &m.Error} {
		size, rest := cutUvarint(text)
		*s, text = rest[:size], rest[size:]
	}
	return m
}

func cutUvarint(s string) (uint64, string) {
	var n uint64
	for i := 0; ; i++ {
		n |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return n, s[i+1:]
		}
	}
}
