package replica

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// The data set of a full synchronization. It comes in one of two forms:
//
//	$<length>\r\n             and so many bytes
//	$EOF:<40 bytes>\r\n       and bytes up to those 40, which are in no file
//
// behind newlines that say that it is being made.

// Why a data set is not whole.
var (
	errTransfer = errors.New("that announces no data set")
	errTooLong  = errors.New("there is more than the data set")
)

const markLen = 40

// An incoming is a data set as it comes. It ends with io.EOF where it is whole, and
// with io.ErrUnexpectedEOF where the link ends before.
type incoming struct {
	r    *bufio.Reader
	left int64  // bytes still to come; -1: up to the mark
	mark []byte // nil: there is a length

	total int64        // bytes; 0: not known
	read  atomic.Int64 // of them
}

// incoming reads how the data set comes.
func (l *link) incoming() (*incoming, error) {
	newlines := maxNewlines
	line, err := l.line(&newlines)
	if err != nil {
		return nil, fmt.Errorf("waiting for the data set: %w", err)
	}
	text := string(line)
	if text[0] == '-' {
		return nil, &replyError{"the request for a data set", text[1:]}
	}
	if mark, ok := strings.CutPrefix(text, "$EOF:"); ok && len(mark) == markLen {
		return &incoming{r: l.r, left: -1, mark: []byte(mark)}, nil
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "$"), 10, 64)
	if text[0] != '$' || err != nil || n < 0 {
		return nil, fmt.Errorf("%w: %.80q", errTransfer, text)
	}
	return &incoming{r: l.r, left: n, total: n}, nil
}

// Read implements io.Reader.
func (t *incoming) Read(p []byte) (n int, err error) {
	switch {
	case len(p) == 0:
		return 0, nil
	case t.left == 0:
		return 0, io.EOF
	case t.mark != nil:
		n, err = t.readToMark(p)
	default:
		n, err = t.r.Read(p[:min(int64(len(p)), t.left)])
		t.left -= int64(n)
	}
	if err == io.EOF && t.left != 0 {
		err = io.ErrUnexpectedEOF
	}
	if n > 0 {
		err = nil // it comes again
	}
	t.read.Add(int64(n))
	return n, err
}

// readToMark reads what surely lies before the mark: all that is buffered but for the
// end in which the mark may begin.
func (t *incoming) readToMark(p []byte) (int, error) {
	if _, err := t.r.Peek(markLen); err != nil {
		return 0, err
	}
	b, _ := t.r.Peek(t.r.Buffered())
	if bytes.HasPrefix(b, t.mark) {
		_, _ = t.r.Discard(markLen)
		t.left = 0
		return 0, io.EOF
	}
	safe := len(b) - markLen + 1
	if at := bytes.Index(b, t.mark); at >= 0 {
		safe = at
	}
	n := copy(p, b[:safe])
	_, _ = t.r.Discard(n)
	return n, nil
}

// finish checks that a file of so many bytes, which was read, is all that came.
func (t *incoming) finish(size int64) error {
	var more [1]byte
	switch n, err := t.Read(more[:]); {
	case n != 0 || t.read.Load() != size:
		return errTooLong
	case err != io.EOF:
		return err
	}
	return nil
}

// keepAlive tells the primary once a second that we are at work, until stop is called.
func (l *link) keepAlive() (stop func()) {
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if l.alive() != nil {
					return // who reads notices
				}
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
