package process

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Level is how much a line matters, in Redis's four steps.
type Level int32

const (
	Debug Level = iota
	Verbose
	Notice
	Warning
)

// Marks of the levels in a line, and their names in the configuration.
const marks = ".-*#"

var levelNames = []string{"debug", "verbose", "notice", "warning"}

func (l Level) String() string { return levelNames[l] }

// ParseLevel reads a value of the loglevel directive.
func ParseLevel(name string) (Level, error) {
	for i, n := range levelNames {
		if strings.EqualFold(n, name) {
			return Level(i), nil
		}
	}
	return 0, fmt.Errorf("no log level: %q", name)
}

// SlogVerbose is the slog level that comes out as Verbose, which lies between
// slog's Debug and Info. Info comes out as Notice, Warn and Error as Warning.
const SlogVerbose slog.Level = -2

// A Log writes lines shaped as a redis-server's:
//
//	pid:role date time.ms level text
//
// Every line is one write, so lines of several goroutines do not mix and none
// waits in a buffer. A line's text stays on its line: a newline in it is
// written as \n. A line that cannot be written is lost, as in Redis: there is
// nowhere to complain.
type Log struct {
	level atomic.Int32
	role  atomic.Pointer[func() byte]

	mu   sync.Mutex // guards following
	path string     // "" is out
	out  io.Writer
	now  func() time.Time
}

// NewLog returns a log that writes lines of Notice and above to standard output,
// with role C: the process is still reading its configuration.
func NewLog() *Log {
	l := &Log{out: os.Stdout, now: time.Now}
	l.SetLevel(Notice)
	l.SetRole(func() byte { return 'C' })
	return l
}

// SetLevel makes the log leave out lines below level, from now on.
func (l *Log) SetLevel(level Level) { l.level.Store(int32(level)) }

// Level returns what SetLevel set.
func (l *Log) Level() Level { return Level(l.level.Load()) }

// SetRole gives the log the function that says what the process is when a line
// is written: C for a child or a start, M for a primary, S for a replica, X for
// a sentinel. It is called for each line and must be quick and safe for any
// goroutine.
func (l *Log) SetRole(role func() byte) { l.role.Store(&role) }

// SetFile makes the log append to a file, or to standard output if path is
// empty. The file is opened anew for each line, so it may be moved away at any
// time and a new one appears: log rotation needs no signal. The error tells
// that it cannot be opened now; then the log stays where it is.
//
// A relative path is followed from wherever the process is when it writes; a
// main resolves it against dir first.
func (l *Log) SetFile(path string) error {
	if path != "" {
		f, err := openLog(path)
		if err != nil {
			return &LogFileError{err}
		}
		f.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.path = path
	return nil
}

// A LogFileError says that the log file cannot be opened, in the words that
// tools look for.
type LogFileError struct{ Err error }

func (e *LogFileError) Error() string { return "Can't open the log file: " + e.Err.Error() }
func (e *LogFileError) Unwrap() error { return e.Err }

func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
}

// Printf writes a line, unless its level is left out.
func (l *Log) Printf(level Level, format string, args ...any) {
	if level < l.Level() {
		return
	}
	l.line(level, fmt.Sprintf(format, args...))
}

func (l *Log) line(level Level, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := make([]byte, 0, 64+len(text))
	b = strconv.AppendInt(b, int64(os.Getpid()), 10)
	b = append(b, ':', (*l.role.Load())(), ' ')
	b = l.now().AppendFormat(b, "02 Jan 2006 15:04:05.000")
	b = append(b, ' ', marks[level], ' ')
	b = append(b, onOneLine.Replace(text)...)
	l.writeLocked(append(b, '\n'))
}

var onOneLine = strings.NewReplacer("\n", `\n`, "\r", `\r`)

// Raw writes text as it is, whatever the level.
func (l *Log) Raw(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writeLocked([]byte(text))
}

func (l *Log) writeLocked(b []byte) {
	if l.path == "" {
		_, _ = l.out.Write(b)
		return
	}
	f, err := openLog(l.path)
	if err != nil {
		return
	}
	_, _ = f.Write(b)
	f.Close()
}

// Banner says what starts: a block with the port and the pid that scripts wait
// for. name is the program's, as "larder 0.1".
func (l *Log) Banner(name string, port int) {
	l.Raw(fmt.Sprintf("\n  %s (%s, %s/%s, %d bit)\n  Running in standalone mode\n  Port: %d\n  PID: %d\n\n",
		name, runtime.Version(), runtime.GOOS, runtime.GOARCH, strconv.IntSize, port, os.Getpid()))
}

// Handler returns a slog.Handler whose records come out as lines of the log:
// the message and, after it, key=value.
func (l *Log) Handler() slog.Handler { return handler{log: l} }

type handler struct {
	log   *Log
	group string // with a dot at its end
	attrs string // those of With, with a space before each
}

func fromSlog(level slog.Level) Level {
	switch {
	case level < SlogVerbose:
		return Debug
	case level < slog.LevelInfo:
		return Verbose
	case level < slog.LevelWarn:
		return Notice
	}
	return Warning
}

func (h handler) Enabled(_ context.Context, level slog.Level) bool {
	return fromSlog(level) >= h.log.Level()
}

func (h handler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	b.WriteString(h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		writeAttr(&b, h.group, a)
		return true
	})
	h.log.line(fromSlog(r.Level), b.String())
	return nil
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	for _, a := range attrs {
		writeAttr(&b, h.group, a)
	}
	h.attrs += b.String()
	return h
}

func (h handler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.group += name + "."
	}
	return h
}

func writeAttr(b *strings.Builder, group string, a slog.Attr) {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, inner := range v.Group() {
			writeAttr(b, group, inner)
		}
		return
	}
	if a.Key == "" {
		return // an empty attribute says nothing
	}
	s := v.String()
	if s == "" || strings.ContainsAny(s, " \"=\n\r\t") {
		s = strconv.Quote(s)
	}
	b.WriteString(" " + group + a.Key + "=" + s)
}
