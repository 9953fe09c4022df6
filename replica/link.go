package replica

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/resp"
)

// A link is a connection to a primary. One goroutine reads it; any may write.
//
// Nothing on it waits for ever: a read ends when no byte has come for timeout, and
// so does a write that makes no progress.
type link struct {
	conn    net.Conn
	r       *bufio.Reader
	timeout time.Duration
	heard   atomic.Int64 // when the last byte came, in Unix milliseconds

	until time.Time // if set, reads end then, whatever comes; of the reader

	mu  sync.Mutex // guards following
	out []byte
}

// Errors of a link.
var (
	errLongLine = errors.New("a line of the primary's is too long")
	errNewlines = errors.New("the primary sends nothing but newlines")
)

// A dialer makes the connection to a primary.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// dialLink connects to a primary.
func dialLink(ctx context.Context, dial dialer, addr string, config *tls.Config, timeout time.Duration) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if config != nil {
		secure := tls.Client(conn, serverNamed(config, addr))
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = secure
	}
	l := &link{conn: conn, timeout: timeout}
	l.r = bufio.NewReaderSize(reading{l}, 64<<10)
	l.heard.Store(time.Now().UnixMilli())
	return l, nil
}

// serverNamed is config with the name of the host that is dialled, if it has none.
func serverNamed(config *tls.Config, addr string) *tls.Config {
	if config.ServerName != "" || config.InsecureSkipVerify {
		return config
	}
	config = config.Clone()
	config.ServerName, _, _ = net.SplitHostPort(addr)
	return config
}

// reading reads the connection, with a deadline for each read.
type reading struct{ l *link }

func (r reading) Read(p []byte) (int, error) {
	l := r.l
	deadline := time.Now().Add(l.timeout)
	if !l.until.IsZero() && l.until.Before(deadline) {
		deadline = l.until
	}
	// A pipe that the other side has closed takes no deadline, but has an end to read.
	if err := l.conn.SetReadDeadline(deadline); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return 0, err
	}
	n, err := l.conn.Read(p)
	if n > 0 {
		l.heard.Store(time.Now().UnixMilli())
	}
	return n, err
}

// maxReply is the longest line of a reply that is read.
const maxReply = 4 << 10

// line reads a line and returns it without its end; it is good until the next read.
// Before it, up to *newlines empty lines are passed over, each of which says that
// the primary is still at work, and gives it its time anew.
func (l *link) line(newlines *int) ([]byte, error) {
	defer func() { l.until = time.Time{} }()
	for {
		l.until = time.Now().Add(l.timeout)
		var line []byte
		for {
			part, err := l.r.ReadSlice('\n')
			if len(line)+len(part) > maxReply {
				return nil, errLongLine
			}
			if line == nil && err == nil {
				line = part
				break
			}
			line = append(line, part...) // a copy: the buffer is smaller than the line
			if err == bufio.ErrBufferFull {
				continue
			}
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return nil, err
			}
			break
		}
		line = line[:len(line)-1]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(line) != 0 {
			return line, nil
		}
		if *newlines--; *newlines < 0 {
			return nil, errNewlines
		}
	}
}

// send writes a command.
func (l *link) send(words ...string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = resp.AppendCommand(l.out[:0], words...)
	return l.writeLocked()
}

// alive tells the primary that a long load is under way.
func (l *link) alive() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = append(l.out[:0], '\n')
	return l.writeLocked()
}

func (l *link) writeLocked() error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(l.out)
	return err
}

func (l *link) close() { _ = l.conn.Close() }

// A replyError is an error that the primary has answered.
type replyError struct{ to, text string }

func (e *replyError) Error() string {
	return fmt.Sprintf("the primary answers %s with: %s", e.to, e.text)
}

// ask sends a command and returns the line of its reply, an error if it is one.
func (l *link) ask(words ...string) (string, error) {
	if err := l.send(words...); err != nil {
		return "", err
	}
	newlines := 0
	line, err := l.line(&newlines)
	if err != nil {
		return "", fmt.Errorf("%s: %w", words[0], err)
	}
	switch line[0] {
	case '-':
		return "", &replyError{words[0], string(line[1:])}
	case '+':
		return string(line[1:]), nil
	}
	return "", fmt.Errorf("%s: %w: %.40q", words[0], errNotPrimary, line)
}
