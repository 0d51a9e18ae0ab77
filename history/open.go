package history

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// The names of a history in a run folder.
const (
	FileName      = "history.jsonl.zst"
	PlainFileName = "history.jsonl"
)

// LineError says that a line of a history is whole and wrong: it is no damage,
// it was written so. Whoever wrote it must mend it.
type LineError struct {
	Line int // from 1
	Msg  string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Msg) }

// Open reads a history from a file, or from the run folder that holds it
// (history.jsonl.zst, or history.jsonl without compression), or another tool's
// history: Plume text, or Jepsen's EDN. Which of them a file is shows in its content. A truncated or damaged file gives everything
// before the damage, with History.Damage saying so; an error means that nothing
// could be read or the content is not a history at all, with a [*LineError]
// where a line is to blame. It takes some 0.5 µs and 55 bytes for an operation.
func Open(path string) (*History, error) {
	f, size, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	h, err := read(f, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return h, nil
}

// SHA256 names a history by its lines: the SHA-256 of what `zstd -dc` writes, in
// hexadecimal. It depends neither on compression nor on where frames end. Of a
// damaged file it covers what comes before the damage.
func SHA256(path string) (string, error) {
	f, size, err := openFile(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	sum := sha256.New()
	if _, err := lines(f, size, func(b []byte) error { sum.Write(b); return nil }); err != nil {
		return "", fmt.Errorf("%s: %w", f.Name(), err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// openFile opens a history file, or the one in a run folder.
func openFile(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		if path, info, err = inFolder(path); err != nil {
			return nil, 0, err
		}
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is no regular file: save the history to one first", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func inFolder(dir string) (string, os.FileInfo, error) {
	for _, name := range []string{FileName, PlainFileName} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return path, info, err
		}
	}
	return "", nil, fmt.Errorf("%s holds neither %s nor %s: is it a run folder?", dir, FileName, PlainFileName)
}

// lines calls f with the uncompressed bytes of a file, piece by piece. It
// returns what it found, for a compressed file.
func lines(at io.ReaderAt, size int64, f func([]byte) error) (*zstdFile, error) {
	var magic [4]byte
	if n, err := at.ReadAt(magic[:], 0); err != nil && n == 0 {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty: there is no history in it")
		}
		return nil, err
	}
	frame := magic == [4]byte{0x28, 0xb5, 0x2f, 0xfd}
	if skippable := magic[0]>>4 == 5 && [3]byte(magic[1:]) == [3]byte{0x2a, 0x4d, 0x18}; frame || skippable {
		z := &zstdFile{at: at, size: size}
		return z, z.each(f)
	}
	_, err := io.CopyBuffer(writerFunc(f), struct{ io.Reader }{io.NewSectionReader(at, 0, size)}, make([]byte, 1<<20))
	return nil, err
}

// read reads a history.
func read(at io.ReaderAt, size int64) (*History, error) {
	if foreign := foreignFormat(startOf(at, size)); foreign != nil {
		return foreign(at, size)
	}
	r := &reader{}
	z, err := lines(at, size, r.take)
	if err == nil {
		err = r.last()
	}
	switch {
	case err != nil && !errors.Is(err, errTorn):
		return nil, err
	case z != nil && z.damage != "":
		r.damage = z.damage
	case err != nil: // r.damage says where the line was torn
	case z != nil && z.sealed && z.events != r.events:
		r.damage = fmt.Sprintf("the seal names %d events", z.events)
	}
	if r.p == nil {
		return nil, fmt.Errorf("nothing could be read: %s", cmp.Or(r.damage, "there is no line in it"))
	}
	h := r.p.b.History()
	if r.damage != "" {
		h.Damage = fmt.Sprintf("%s; %d events were read", r.damage, r.events)
	}
	return h, nil
}

// maxLine bounds a line: a read of some three million elements.
const maxLine = 32 << 20

// reader makes lines out of pieces and a history out of lines.
type reader struct {
	p      *parser      // nil before the header
	plume  *plumeReader // in its place, for Plume text
	rest   []byte       // the line that the last piece ended in
	line   int          // lines so far
	off    int64        // where the next line starts, in uncompressed bytes
	events int
	damage string // set with errTorn
}

// take reads the lines that end in this piece.
func (r *reader) take(piece []byte) error {
	for {
		end := bytes.IndexByte(piece, '\n')
		if end < 0 {
			r.rest = append(r.rest, piece...)
			if len(r.rest) > maxLine {
				return &LineError{r.line + 1, fmt.Sprintf("the line has more than %d bytes", maxLine)}
			}
			return nil
		}
		text := piece[:end]
		if len(r.rest) > 0 {
			r.rest = append(r.rest, text...)
			text = r.rest
		}
		if err := r.add(text); err != nil {
			return err
		}
		r.rest, piece = r.rest[:0], piece[end+1:]
	}
}

// last reads what follows the last line end: nothing in our files, and a whole
// line in some of other tools.
func (r *reader) last() error {
	if len(r.rest) == 0 {
		return nil
	}
	return r.add(r.rest)
}

// add reads one line without its end.
func (r *reader) add(text []byte) error {
	r.line++
	err := r.parse(text)
	switch {
	case errors.Is(err, errTorn):
		r.damage = fmt.Sprintf("line %d at byte %d is not whole", r.line, r.off)
		return errTorn
	case err != nil:
		return &LineError{r.line, err.Error()}
	}
	r.off += int64(len(text)) + 1
	return nil
}

func (r *reader) parse(text []byte) error {
	if r.plume != nil {
		return r.plume.line(text)
	}
	if r.p == nil || !r.p.fast(text) {
		if len(bytes.TrimSpace(text)) == 0 {
			return nil
		}
		if r.p == nil {
			return r.header(text)
		}
		if err := r.p.slow(text); err != nil {
			return err
		}
	}
	r.events++
	return r.p.apply()
}

// header reads the first line.
func (r *reader) header(text []byte) error {
	var in struct {
		Format string `json:"format"`
		Header
	}
	if !json.Valid(text) {
		return errTorn
	}
	const right = `a history starts with {"format":"` + Format + `","nodes":["n1",…]}`
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("%w: %s", err, right)
	}
	switch in.Format {
	case Format:
		if !slices.Contains([]string{"", ValuesRepeat, ValuesBalances}, in.Values) {
			return fmt.Errorf("\"values\" is %q: it is %q or %q, or not there", in.Values, ValuesRepeat, ValuesBalances)
		}
		r.p = &parser{b: NewBuilder(in.Header)}
		return nil
	case "":
		return errors.New("the header is missing: " + right)
	}
	return fmt.Errorf("the format is %q: this mlcheck reads %q", in.Format, Format)
}
