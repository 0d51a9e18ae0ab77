package history

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// chunk is a part of a file that holds whole lines, on its way from who reads
// the file to who adds up what the lines say. B is what its lines say.
type chunk[B any] struct {
	text   []byte
	fed    int64 // how much of the file was read by then
	long   bool  // text is the start of a line that is too long
	batch  B
	parsed chan struct{} // has an entry once batch is there
}

// chunkBytes is enough for a processor to be busy for half a millisecond, and
// little enough to stay in its cache.
const chunkBytes = 1 << 18

// maxLine bounds a line: a read of some three million elements.
const maxLine = 32 << 20

// errStopped says to who reads that nobody wants more.
var errStopped = errors.New("nobody wants more")

// inChunks reads a file on all processors: feed calls its argument with piece
// after piece and how much of the file was read by then, parsers work on chunks of whole lines side by side, and add
// takes what they found one after the other, in the order of the file. So what is added up is the
// same on every machine. It holds a few chunks at a time, however long the file is.
//
// head, if not nil, gets the first lines before any parser does, until it has enough.
func inChunks[B any](feed func(take func(piece []byte, fed int64) error) error, head func(line []byte) (enough bool, err error),
	parser func() func(text []byte, to *B), add func(*chunk[B]) error,
) error {
	procs := runtime.GOMAXPROCS(0)
	s := splitter[B]{head: head, free: make(chan *chunk[B], 2*procs+1), stop: make(chan struct{})}
	for range cap(s.free) {
		s.free <- &chunk[B]{parsed: make(chan struct{}, 1)}
	}
	s.work, s.inOrder = make(chan *chunk[B], cap(s.free)), make(chan *chunk[B], cap(s.free))
	var helpers sync.WaitGroup
	var fed error
	helpers.Go(func() {
		defer close(s.work)
		defer close(s.inOrder)
		if fed = feed(s.take); fed == nil {
			fed = s.end()
		}
	})
	for range procs {
		helpers.Go(func() {
			parse := parser()
			for c := range s.work {
				if !c.long {
					parse(c.text, &c.batch)
				}
				c.parsed <- struct{}{}
			}
		})
	}
	var err error
	for c := range s.inOrder {
		<-c.parsed
		if err == nil {
			if err = add(c); err != nil {
				close(s.stop)
			}
		}
		s.free <- c
	}
	helpers.Wait()
	if err != nil {
		return err
	}
	return fed
}

// splitter makes chunks of whole lines out of pieces.
type splitter[B any] struct {
	head                func(line []byte) (bool, error)
	cur                 *chunk[B]
	noEnd               int // so many bytes of the current chunk have no line end among them
	free, work, inOrder chan *chunk[B]
	stop                chan struct{}
}

// take adds a piece, which it does not keep.
func (s *splitter[B]) take(piece []byte, fed int64) error {
	for len(piece) > 0 {
		if s.cur == nil {
			if s.cur = s.next(); s.cur == nil {
				return errStopped
			}
		}
		n := min(len(piece), chunkBytes)
		s.cur.text, piece = append(s.cur.text, piece[:n]...), piece[n:]
		s.cur.fed = fed
		if err := s.header(); err != nil {
			return err
		}
		if s.head == nil && len(s.cur.text) >= chunkBytes {
			if err := s.cut(); err != nil {
				return err
			}
		}
	}
	return nil
}

// header hands out the first lines until there is enough of them.
func (s *splitter[B]) header() error {
	for s.head != nil {
		end := bytes.IndexByte(s.cur.text, '\n')
		if end < 0 {
			if len(s.cur.text) > maxLine {
				return errLong
			}
			return nil
		}
		enough, err := s.head(s.cur.text[:end])
		if err != nil {
			return err
		}
		s.cur.text = append(s.cur.text[:0], s.cur.text[end+1:]...)
		if enough {
			s.head = nil
		}
	}
	return nil
}

var errLong = fmt.Errorf("the line has more than %d bytes", maxLine)

// cut sends what is whole of the current chunk; the rest starts another one.
func (s *splitter[B]) cut() error {
	end := bytes.LastIndexByte(s.cur.text[s.noEnd:], '\n') + 1
	if end == 0 && len(s.cur.text) <= maxLine {
		s.noEnd = len(s.cur.text)
		return nil
	}
	next := s.next()
	if next == nil {
		return errStopped
	}
	if end == 0 {
		s.cur.long = true
	} else {
		end += s.noEnd
		next.text, s.cur.text = append(next.text, s.cur.text[end:]...), s.cur.text[:end]
		next.fed = s.cur.fed
	}
	s.send()
	s.cur, s.noEnd = next, 0
	return nil
}

// next is a free chunk, or nil once nobody wants more.
func (s *splitter[B]) next() *chunk[B] {
	select {
	case c := <-s.free:
		if cap(c.text) > 8*chunkBytes { // it held a long line
			c.text, c.batch = nil, *new(B)
		}
		c.text, c.long = c.text[:0], false
		return c
	case <-s.stop:
		return nil
	}
}

func (s *splitter[B]) send() {
	s.inOrder <- s.cur // neither blocks: they have room for every chunk
	s.work <- s.cur
	s.cur = nil
}

// end sends the rest. What follows the last line end is a line too.
func (s *splitter[B]) end() error {
	switch {
	case s.cur == nil || len(s.cur.text) == 0:
		return nil
	case s.head != nil:
		_, err := s.head(s.cur.text)
		return err
	}
	s.send()
	return nil
}
