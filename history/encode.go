package history

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Format is the value of "format" in the first line of a history.
const Format = "mlcheck.history/1"

// The lines are written by hand, without a single allocation: the recorder runs
// between a client's request and its answer. Fields always come in the same
// order, so the same events give the same bytes.

// appendHeader writes the first line. It happens once, so encoding/json may do it.
func appendHeader(b []byte, hd Header) ([]byte, error) {
	if hd.Nodes == nil {
		hd.Nodes = []string{}
	}
	line := bytes.NewBuffer(b)
	enc := json.NewEncoder(line) // ends the line
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Format string `json:"format"`
		Header
	}{Format, hd})
	return line.Bytes(), err
}

// appendInvoke writes the line of an operation's start.
func appendInvoke(b []byte, i int, t time.Duration, session int, node string, steps []Step, final bool, m Meta) []byte {
	b = appendOpening(b, i, t, "invoke")
	b = appendWhere(b, session, node)
	b = append(b, `,"ops":[`...)
	for n, s := range steps {
		if n > 0 {
			b = append(b, ',')
		}
		b = appendStep(b, s)
		if s.F != Read && s.F != Delete {
			b = appendValue(b, s.Value)
		}
		b = append(b, ']')
	}
	b = append(b, ']')
	if final {
		b = append(b, `,"final":true`...)
	}
	return append(appendMeta(b, m), '}', '\n')
}

// appendComplete writes the line of an operation's end. A read that returned
// nothing is null in an operation that took effect; elsewhere nothing is known
// of it, and it stays as it was invoked.
func appendComplete(b []byte, i int, t time.Duration, session int, node string, o Outcome, steps []Step, m Meta) []byte {
	b = appendOpening(b, i, t, o.String())
	b = appendWhere(b, session, node)
	if steps != nil {
		b = append(b, `,"ops":[`...)
		for n, s := range steps {
			if n > 0 {
				b = append(b, ',')
			}
			b = appendStep(b, s)
			switch {
			case s.F == Delete:
			case s.F == Read && o == OK && !s.Value.Set:
				b = append(b, `,null`...)
			default:
				b = appendValue(b, s.Value)
			}
			b = append(b, ']')
		}
		b = append(b, ']')
	}
	return append(appendMeta(b, m), '}', '\n')
}

func appendOpening(b []byte, i int, t time.Duration, kind string) []byte {
	b = append(b, `{"i":`...)
	b = strconv.AppendInt(b, int64(i), 10)
	b = append(b, `,"t":`...)
	b = strconv.AppendInt(b, int64(t), 10)
	b = append(b, `,"type":"`...)
	b = append(b, kind...)
	return append(b, '"')
}

func appendWhere(b []byte, session int, node string) []byte {
	b = append(b, `,"session":`...)
	b = strconv.AppendInt(b, int64(session), 10)
	b = append(b, `,"node":`...)
	return appendString(b, node)
}

// appendStep writes a step up to its key; value and bracket follow.
func appendStep(b []byte, s Step) []byte {
	b = append(b, `["`...)
	b = append(b, s.F.String()...)
	b = append(b, `",`...)
	return appendString(b, s.Key)
}

// appendValue writes a value with the comma before it, or nothing for nothing.
func appendValue(b []byte, v Value) []byte {
	switch {
	case v.List != nil:
		b = append(b, `,[`...)
		for n, e := range v.List {
			if n > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, e, 10)
		}
		return append(b, ']')
	case v.Set:
		return strconv.AppendInt(append(b, ','), v.N, 10)
	}
	return b
}

func appendMeta(b []byte, m Meta) []byte {
	if m == (Meta{}) {
		return b
	}
	b = appendField(b, "by", m.By)
	b = appendField(b, "ctx", m.Ctx)
	b = appendField(b, "stamp", m.Stamp)
	b = appendField(b, "token", m.Token)
	return appendField(b, "error", m.Error)
}

// appendEvent writes the line of anything else. Zero fields are left out.
func appendEvent(b []byte, ev Event) []byte {
	b = appendOpening(b, ev.Index, ev.T, string(ev.Type))
	b = appendNumber(b, "fault", int64(ev.Fault))
	b = appendField(b, "kind", ev.Kind)
	b = appendField(b, "phase", ev.Phase)
	b = appendLinks(b, ev.Links)
	b = appendNodes(b, ev.Nodes)
	b = appendOffsets(b, ev.Offsets)
	b = appendNumber(b, "ppm", ev.PPM)
	b = appendNumber(b, "period", ev.Period)
	b = appendField(b, "what", ev.What)
	b = appendNumber(b, "dropped", ev.Dropped)
	b = appendNumber(b, "met", ev.Met)
	b = appendField(b, "stage", ev.Stage)
	b = appendField(b, "state", ev.State)
	if ev.Type == MoveEvent || ev.Session != 0 { // sessions are numbered from 0
		b = append(b, `,"session":`...)
		b = strconv.AppendInt(b, int64(ev.Session), 10)
	}
	b = appendField(b, "from", ev.From)
	b = appendField(b, "to", ev.To)
	b = appendField(b, "why", ev.Why)
	return append(b, '}', '\n')
}

func appendLinks(b []byte, links []Link) []byte {
	if len(links) == 0 {
		return b
	}
	b = append(b, `,"links":[`...)
	for n, l := range links {
		if n > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, '['), l.From)
		b = appendString(append(b, ','), l.To)
		b = append(b, ']')
	}
	return append(b, ']')
}

func appendNodes(b []byte, nodes []string) []byte {
	if len(nodes) == 0 {
		return b
	}
	b = append(b, `,"nodes":[`...)
	for n, node := range nodes {
		if n > 0 {
			b = append(b, ',')
		}
		b = appendString(b, node)
	}
	return append(b, ']')
}

func appendOffsets(b []byte, offsets map[string]int64) []byte {
	if len(offsets) == 0 {
		return b
	}
	b = append(b, `,"offsets":{`...)
	for n, node := range slices.Sorted(maps.Keys(offsets)) {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, node), ':')
		b = strconv.AppendInt(b, offsets[node], 10)
	}
	return append(b, '}')
}

func appendNumber(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return strconv.AppendInt(b, n, 10)
}

func appendField(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendString(b, s)
}

// appendString writes a JSON string, byte for byte as encoding/json does with
// HTML escaping off: bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = appendEscape(append(b, s[done:i]...), c)
			i++
			done = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(append(b, s[done:i]...), `\ufffd`...)
			done = i + size
		case r == '\u2028' || r == '\u2029': // line ends in JavaScript
			b = append(append(b, s[done:i]...), `\u202`...)
			b = append(b, hexDigits[r&0xf])
			done = i + size
		}
		i += size
	}
	return append(append(b, s[done:]...), '"')
}

const hexDigits = "0123456789abcdef"

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
