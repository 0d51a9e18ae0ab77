package history

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	if _, err := lines(f, size, func(b []byte, _ int64) error { sum.Write(b); return nil }); err != nil {
		return "", fmt.Errorf("%s: %w", f.Name(), err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// openFile opens a history file, or the one in a run folder.
func openFile(path string) (*os.File, int64, error) {
	if path == "-" {
		return nil, 0, errors.New("a history is read from a file, not from standard input: save it to one first")
	}
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
	return "", nil, fmt.Errorf("%s holds neither %s nor %s, so it is no run folder; to check the histories in it, name them: %s", dir, FileName, PlainFileName, filepath.Join(dir, "*"))
}

// lines calls f with the uncompressed bytes of a file, piece by piece, and with
// how much of the file was read by then. It returns what it found, for a
// compressed file.
func lines(at io.ReaderAt, size int64, f func(piece []byte, fed int64) error) (*zstdFile, error) {
	var magic [4]byte
	if n, err := at.ReadAt(magic[:], 0); err != nil && n == 0 {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty: there is no history in it")
		}
		return nil, err
	}
	if unpack := packedByOther(magic); unpack != "" {
		return nil, fmt.Errorf("it is compressed in a way that mlcheck does not read: unpack it with `%s` first, or compress it with zstd", unpack)
	}
	frame := magic == [4]byte{0x28, 0xb5, 0x2f, 0xfd}
	if skippable := magic[0]>>4 == 5 && [3]byte(magic[1:]) == [3]byte{0x2a, 0x4d, 0x18}; frame || skippable {
		z := &zstdFile{at: at, size: size}
		return z, z.each(f)
	}
	return nil, pieces(io.NewSectionReader(at, 0, size), f)
}

// packedByOther is the command that unpacks what other tools packed, or "".
func packedByOther(magic [4]byte) string {
	switch {
	case magic[0] == 0x1f && magic[1] == 0x8b:
		return "gunzip"
	case magic == [4]byte{0xfd, '7', 'z', 'X'}:
		return "unxz"
	case magic == [4]byte{'B', 'Z', 'h', '9'}:
		return "bunzip2"
	case magic == [4]byte{'P', 'K', 3, 4}:
		return "unzip"
	}
	return ""
}

// pieces calls f with what r reads, and with how much that is so far.
func pieces(r io.Reader, f func(piece []byte, fed int64) error) error {
	buf, fed := make([]byte, chunkBytes), int64(0)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			fed += int64(n)
			if err := f(buf[:n], fed); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
