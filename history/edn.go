package history

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ednKind is what an EDN value is. What no history of operations needs in
// detail (floats, ratios, characters, big numbers) is ednOther, as its text.
type ednKind uint8

const (
	ednNil ednKind = iota
	ednInt
	ednString
	ednKeyword
	ednSymbol // true and false too
	ednOther
	ednVector
	ednList
	ednSet
	ednMap
)

// edn is one value. Tags are passed over: #tag value is value.
type edn struct {
	kind  ednKind
	n     int64
	text  string // without the colon of a keyword and the quotes of a string
	items []edn  // of a map: key, value, key, value, …
}

func (v *edn) isNil() bool { return v.kind == ednNil }

// isPair says whether a value is a vector of two, Jepsen's [key value].
func (v *edn) isPair() bool { return v.kind == ednVector && len(v.items) == 2 }

func (v *edn) isCollection() bool {
	return v.kind == ednVector || v.kind == ednList || v.kind == ednSet
}

// get is the value of a map's keyword.
func (v *edn) get(keyword string) (*edn, bool) {
	for i := 0; i+1 < len(v.items); i += 2 {
		if k := &v.items[i]; k.kind == ednKeyword && k.text == keyword {
			return &v.items[i+1], true
		}
	}
	return nil, false
}

// String is the value as EDN.
func (v *edn) String() string {
	switch v.kind {
	case ednNil:
		return "nil"
	case ednInt:
		return strconv.FormatInt(v.n, 10)
	case ednString:
		return strconv.Quote(v.text)
	case ednKeyword:
		return ":" + v.text
	case ednSymbol, ednOther:
		return v.text
	}
	parts := make([]string, len(v.items))
	for i := range v.items {
		parts[i] = v.items[i].String()
	}
	brackets := map[ednKind][2]string{ednVector: {"[", "]"}, ednList: {"(", ")"}, ednSet: {"#{", "}"}, ednMap: {"{", "}"}}[v.kind]
	return brackets[0] + strings.Join(parts, " ") + brackets[1]
}

// The bounds of one value: how deep it nests, how many values it is made of,
// and how long a word or a string in it is.
const (
	maxEDNDepth = 64
	maxEDNItems = 2 << 20
	maxEDNText  = 1 << 20
)

// ednReader reads values one after the other, with a memory of the one at hand.
type ednReader struct {
	in    *bufio.Reader
	line  int // of the next byte, from 1
	items int // of the value at hand
	text  []byte
	words map[string]string // keywords and symbols that were met already
}

func newEDNReader(in io.Reader) *ednReader {
	return &ednReader{in: bufio.NewReaderSize(in, 1<<16), line: 1, words: map[string]string{}}
}

// errCut says that the input ends within a value.
var errCut = errors.New("the file ends within a value: it was cut off")

func (r *ednReader) byte() (byte, error) {
	c, err := r.in.ReadByte()
	if c == '\n' && err == nil {
		r.line++
	}
	return c, err
}

func (r *ednReader) back(c byte) {
	if c == '\n' {
		r.line--
	}
	_ = r.in.UnreadByte() // follows a ReadByte
}

// skip passes over white space and comments and returns the byte after them.
func (r *ednReader) skip() (byte, error) {
	comment := false
	for {
		c, err := r.byte()
		switch {
		case err != nil:
			return 0, err
		case comment:
			comment = c != '\n'
		case c == ';':
			comment = true
		case !ednSpace(c):
			return c, nil
		}
	}
}

func ednSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == ',' || c == '\f'
}

func ednEnds(c byte) bool { return ednSpace(c) || strings.IndexByte(`()[]{}";`, c) >= 0 }

// value reads the value that starts with c.
func (r *ednReader) value(c byte, depth int) (edn, error) {
	if r.items++; r.items > maxEDNItems {
		return edn{}, fmt.Errorf("one operation is made of more than %d values", maxEDNItems)
	}
	if depth > maxEDNDepth {
		return edn{}, fmt.Errorf("values are nested more than %d deep", maxEDNDepth)
	}
	switch c {
	case '{':
		v, err := r.until('}', ednMap, depth)
		if err == nil && len(v.items)%2 != 0 {
			err = errors.New("a map has a key without a value")
		}
		return v, err
	case '[':
		return r.until(']', ednVector, depth)
	case '(':
		return r.until(')', ednList, depth)
	case ')', ']', '}':
		return edn{}, fmt.Errorf("%q closes nothing", c)
	case '"':
		return r.string()
	case '#':
		return r.dispatch(depth)
	case '^': // metadata, and the value that it is about
		if _, err := r.inner(depth); err != nil {
			return edn{}, err
		}
		return r.inner(depth)
	case '\\':
		return r.character()
	}
	return r.word(c)
}

// inner reads the next value, which must be there.
func (r *ednReader) inner(depth int) (edn, error) {
	for {
		c, err := r.skip()
		if err != nil {
			return edn{}, cut(err)
		}
		if c == '#' {
			dropped, err := r.discard(depth)
			if err != nil {
				return edn{}, err
			}
			if dropped {
				continue
			}
		}
		return r.value(c, depth+1)
	}
}

// discard passes over #_ and the value after it, if that is what follows a #.
func (r *ednReader) discard(depth int) (bool, error) {
	c, err := r.byte()
	if err != nil {
		return false, cut(err)
	}
	if c != '_' {
		r.back(c)
		return false, nil
	}
	if depth > maxEDNDepth {
		return false, fmt.Errorf("values are nested more than %d deep", maxEDNDepth)
	}
	_, err = r.inner(depth + 1)
	return true, err
}

func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return errCut
	}
	return err
}

func (r *ednReader) until(end byte, kind ednKind, depth int) (edn, error) {
	v := edn{kind: kind}
	if kind == ednMap {
		v.items = make([]edn, 0, 14) // an operation has some seven entries
	}
	for {
		c, err := r.skip()
		if err != nil {
			return v, cut(err)
		}
		if c == end {
			return v, nil
		}
		if c == '#' {
			dropped, err := r.discard(depth)
			if err != nil {
				return v, err
			}
			if dropped {
				continue
			}
		}
		item, err := r.value(c, depth+1)
		if err != nil {
			return v, err
		}
		v.items = append(v.items, item)
	}
}

// dispatch reads what follows a #: a set, a number that is none, or a tag.
func (r *ednReader) dispatch(depth int) (edn, error) {
	c, err := r.byte()
	switch {
	case err != nil:
		return edn{}, cut(err)
	case c == '{':
		return r.until('}', ednSet, depth)
	case c == '#': // ##Inf, ##NaN
		return edn{kind: ednOther, text: "##NaN"}, r.rest(nil)
	}
	r.back(c)
	if err := r.rest(nil); err != nil {
		return edn{}, err
	}
	if len(r.text) == 0 {
		return edn{}, errors.New("a # without a tag")
	}
	return r.inner(depth)
}

// errNotUTF8 says that a text is none: names could not be told apart.
var errNotUTF8 = errors.New("the file is not UTF-8")

// rest reads the bytes up to the end of a word into r.text.
func (r *ednReader) rest(start []byte) error {
	r.text = append(r.text[:0], start...)
	for {
		c, err := r.byte()
		switch {
		case errors.Is(err, io.EOF), err == nil && ednEnds(c):
			if err == nil {
				r.back(c)
			}
			if !utf8.Valid(r.text) {
				return errNotUTF8
			}
			return nil
		case err != nil:
			return err
		case len(r.text) >= maxEDNText:
			return fmt.Errorf("a word has more than %d bytes", maxEDNText)
		}
		r.text = append(r.text, c)
	}
}

func (r *ednReader) character() (edn, error) {
	c, err := r.byte()
	if err != nil {
		return edn{}, cut(err)
	}
	err = r.rest([]byte{'\\', c})
	return edn{kind: ednOther, text: string(r.text)}, err
}

// word reads a number, a keyword, a symbol or nil.
func (r *ednReader) word(c byte) (edn, error) {
	if err := r.rest([]byte{c}); err != nil {
		return edn{}, err
	}
	text := r.text
	switch {
	case string(text) == "nil":
		return edn{}, nil
	case c == ':':
		if len(text) == 1 {
			return edn{}, errors.New("a keyword has no name")
		}
		return edn{kind: ednKeyword, text: r.intern(text[1:])}, nil
	case c >= '0' && c <= '9', (c == '-' || c == '+') && len(text) > 1 && text[1] >= '0' && text[1] <= '9':
		number := strings.TrimSuffix(string(text), "N")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			return edn{kind: ednInt, n: n}, nil
		}
		return edn{kind: ednOther, text: string(text)}, nil
	}
	return edn{kind: ednSymbol, text: r.intern(text)}, nil
}

// intern gives the same string for the same word, for the first few thousand.
func (r *ednReader) intern(text []byte) string {
	if s, ok := r.words[string(text)]; ok {
		return s
	}
	s := string(text)
	if len(r.words) < 4096 && len(s) < 256 {
		r.words[s] = s
	}
	return s
}

func (r *ednReader) string() (edn, error) {
	r.text = r.text[:0]
	for {
		c, err := r.byte()
		if err != nil {
			return edn{}, cut(err)
		}
		if c == '"' {
			if !utf8.Valid(r.text) {
				return edn{}, errNotUTF8
			}
			return edn{kind: ednString, text: string(r.text)}, nil
		}
		if c == '\\' {
			if err := r.escape(); err != nil {
				return edn{}, err
			}
			continue
		}
		if r.text = append(r.text, c); len(r.text) > maxEDNText {
			return edn{}, fmt.Errorf("a string has more than %d bytes", maxEDNText)
		}
	}
}

func (r *ednReader) escape() error {
	c, err := r.byte()
	if err != nil {
		return cut(err)
	}
	if i := strings.IndexByte(`tnrbf"\`, c); i >= 0 {
		r.text = append(r.text, "\t\n\r\b\f\"\\"[i])
		return nil
	}
	if c != 'u' {
		return fmt.Errorf(`there is no escape \%c in a string`, c)
	}
	var hex [4]byte
	for i := range hex {
		if hex[i], err = r.byte(); err != nil {
			return cut(err)
		}
	}
	code, err := strconv.ParseUint(string(hex[:]), 16, 32)
	if err != nil {
		return fmt.Errorf(`\u%s in a string is no character`, hex)
	}
	r.text = utf8.AppendRune(r.text, rune(code))
	return nil
}
