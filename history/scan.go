package history

import (
	"encoding/json"
	"unicode/utf8"
)

// cursor walks over one line in the shape in which this package writes it. Its
// methods say false where the line is anything else; encoding/json has the say
// then.
type cursor struct {
	b []byte
	p int
}

// lit passes over s.
func (c *cursor) lit(s string) bool {
	if len(c.b)-c.p < len(s) || string(c.b[c.p:c.p+len(s)]) != s {
		return false
	}
	c.p += len(s)
	return true
}

// char passes over one byte.
func (c *cursor) char(x byte) bool {
	if c.p >= len(c.b) || c.b[c.p] != x {
		return false
	}
	c.p++
	return true
}

// number reads an integer of up to 18 digits; -0 and leading zeros are not ours.
func (c *cursor) number() (n int64, ok bool) {
	negative := c.char('-')
	from := c.p
	for c.p < len(c.b) && c.b[c.p]-'0' <= 9 {
		n = n*10 + int64(c.b[c.p]-'0')
		c.p++
	}
	digits := c.p - from
	if digits == 0 || digits > 18 || (c.b[from] == '0' && (digits > 1 || negative)) {
		return 0, false
	}
	if negative {
		return -n, true
	}
	return n, true
}

// text reads a string whose opening quote was passed. The result lies in the
// line, except where the string has escapes.
func (c *cursor) text() ([]byte, bool) {
	from, ascii := c.p, true
	for ; c.p < len(c.b); c.p++ {
		switch x := c.b[c.p]; {
		case x == '"':
			s := c.b[from:c.p]
			c.p++
			return s, ascii || utf8.Valid(s)
		case x == '\\':
			return c.escaped(from)
		case x < 0x20:
			return nil, false
		case x >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false
}

// escaped reads a string that starts at from and has an escape at the cursor.
func (c *cursor) escaped(from int) ([]byte, bool) {
	for ; c.p < len(c.b); c.p++ {
		switch c.b[c.p] {
		case '\\':
			c.p++
		case '"':
			c.p++
			var s string
			err := json.Unmarshal(c.b[from-1:c.p], &s)
			return []byte(s), err == nil
		}
	}
	return nil, false
}
