package serve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// A record on disk: four bytes of length, four of CRC-32C (Castagnoli) over the
// length and the body, little endian, and the body. The length is under the
// checksum too, so that zeros, which a file system may leave at the end of a file
// after a crash, are no record.
const recordHead = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(length, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, body)
}

func appendRecord(dst, body []byte) []byte {
	at := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(body)))
	dst = binary.LittleEndian.AppendUint32(dst, checksum(dst[at:], body))
	return append(dst, body...)
}

// cutRecord cuts the first record off; false: what is there is no whole record.
func cutRecord(b []byte) (body, rest []byte, ok bool) {
	if len(b) < recordHead {
		return nil, b, false
	}
	n := binary.LittleEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-recordHead) {
		return nil, b, false
	}
	body, rest = b[recordHead:recordHead+n], b[recordHead+n:]
	if checksum(b[:4], body) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, b, false
	}
	return body, rest, true
}

// batch are records that go to the disk together.
type batch struct {
	bytes []byte
	last  uint64 // number of the last one
	sync  bool   // one of them is to be synced
}

// stored is what became of a batch.
type stored struct {
	synced uint64 // all records up to here are on disk
	err    error
}

// file is what a journal needs of one.
type file interface {
	io.WriteCloser
	Sync() error
}

// journal writes the log. It takes one batch at a time from work and answers each on
// done; neither blocks, since nothing more is asked before the answer.
type journal struct {
	path  string
	file  file
	work  chan batch
	done  chan stored
	ended chan struct{}
}

// openJournal reads a log, or makes an empty one. What follows the last whole
// record is cut off, and torn says how many bytes that were.
func openJournal(path string) (j *journal, records [][]byte, torn int64, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("the log cannot be opened: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, nil, 0, fmt.Errorf("the log %s is another process's: %w", path, err)
	}
	all, err := io.ReadAll(f)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("the log %s cannot be read: %w", path, err)
	}
	rest := all
	for {
		body, more, ok := cutRecord(rest)
		if !ok {
			break
		}
		records, rest = append(records, body), more
	}
	torn = int64(len(rest))
	whole := int64(len(all)) - torn
	if err := errors.Join(f.Truncate(whole), seek(f, whole), f.Sync(), syncDir(filepath.Dir(path))); err != nil {
		return nil, nil, 0, fmt.Errorf("the log %s cannot be prepared: %w", path, err)
	}
	j = &journal{path: path, file: f, work: make(chan batch, 1), done: make(chan stored, 1), ended: make(chan struct{})}
	return j, records, torn, nil
}

func seek(f *os.File, to int64) error {
	_, err := f.Seek(to, io.SeekStart)
	return err
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (j *journal) run() {
	defer close(j.ended)
	synced := uint64(0)
	for b := range j.work {
		_, err := j.file.Write(b.bytes)
		if err == nil && b.sync {
			err = j.file.Sync()
		}
		if err == nil && b.sync {
			synced = b.last
		}
		j.done <- stored{synced, err}
	}
}

// close waits for the batch that is on its way, and brings everything to the disk.
func (j *journal) close() error {
	close(j.work)
	select {
	case <-j.done:
	case <-j.ended:
	}
	<-j.ended
	return errors.Join(j.file.Sync(), j.file.Close())
}
