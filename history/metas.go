package history

import (
	"encoding/binary"
	"strings"
)

// metaTable holds what targets tell beyond the outcome, as a few long texts: a
// stamp for each of ten million writes must not be an object each. An operation
// without any costs nothing, or 8 bytes once any operation has some.
type metaTable struct {
	at    []uint64           // by operation: text number << 32 | where its entry starts there, plus 1; 0: none
	texts []*strings.Builder // each as large as it will ever be: growing would copy them all
	entry []byte             // scratch
}

// metaText is the size of a text that holds many entries.
const metaText = 1 << 20

// set stores the entry of operation k; an earlier one is forgotten.
func (t *metaTable) set(k int, m Meta) {
	for k >= len(t.at) {
		t.at = append(t.at, 0)
	}
	t.entry = t.entry[:0]
	for _, s := range [...]string{m.By, m.Ctx, m.Stamp, m.Token, m.Error} {
		t.entry = append(binary.AppendUvarint(t.entry, uint64(len(s))), s...)
	}
	last := len(t.texts) - 1
	if last < 0 || t.texts[last].Cap()-t.texts[last].Len() < len(t.entry) {
		last++
		t.texts = append(t.texts, &strings.Builder{})
		t.texts[last].Grow(max(len(t.entry), metaText>>max(0, 14-2*last))) // a short history has a short text
	}
	t.at[k] = uint64(last)<<32 | uint64(t.texts[last].Len()) + 1
	t.texts[last].Write(t.entry)
}

// get returns the entry of operation k. Its strings share the table's memory.
func (t *metaTable) get(k int) Meta {
	if k >= len(t.at) || t.at[k] == 0 {
		return Meta{}
	}
	text := t.texts[t.at[k]>>32].String()[uint32(t.at[k])-1:]
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
