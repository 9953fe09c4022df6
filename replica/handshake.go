package replica

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/admin"
)

// What a replica says to its primary before data flows, as documented for the
// replication of Redis:
//
//	PING                            is anybody there, and may we speak
//	AUTH [user] password            if there is one
//	REPLCONF listening-port n       for the primary's INFO, and those who ask it
//	REPLCONF ip-address host        if replica-announce-ip is set
//	REPLCONF capa eof capa psync2   what we understand; and capa rdb12, for larders
//	REPLCONF version v
//	PSYNC id offset                 the next byte we want, or ? -1
//
// Primaries before 2.8 know neither of the last four; they are sent SYNC then, and
// tell no offset. Those before 4.0 answer +CONTINUE without an id.

// A greeting is what the handshake tells the primary.
type greeting struct {
	user, password string
	port           string // where we listen, "" if nowhere
	ip             string // where, if that is announced
	id             string // of the history that we have; "": none
	next           int64  // the offset of the byte that we want next
	failover       bool   // the primary is to become one for that: PSYNC ... FAILOVER
}

// A greeted is what comes of a handshake.
type greeted struct {
	full   bool   // a data set follows
	id     string // of the history that the stream is of; "" if the primary knows none
	offset int64  // of full: where the stream begins
}

// Why a handshake fails.
var (
	errNotPrimary = errors.New("that is no reply of a primary's")
	// errLater is wrapped by what will pass: the primary loads its data, or has lost
	// its own primary.
	errLater = errors.New("the primary cannot sync now")
)

// maxNewlines is how many newlines a primary may send while it makes the data set
// ready: it sends about one a second, and so has 18 hours.
const maxNewlines = 64 << 10

// greet shakes hands with the primary.
func (l *link) greet(g greeting) (greeted, error) {
	if _, err := l.ask("PING"); err != nil && !speaksAnyway(err) {
		return greeted{}, err
	}
	if g.password != "" {
		words := []string{"AUTH", g.password}
		if g.user != "" {
			words = []string{"AUTH", g.user, g.password}
		}
		if _, err := l.ask(words...); err != nil {
			return greeted{}, err
		}
	}
	confs := [][]string{{"REPLCONF", "capa", "eof", "capa", "psync2", "capa", capaRDB12}, {"REPLCONF", "version", admin.Version}}
	if g.ip != "" {
		confs = append([][]string{{"REPLCONF", "ip-address", g.ip}}, confs...)
	}
	if g.port != "" {
		confs = append([][]string{{"REPLCONF", "listening-port", g.port}}, confs...)
	}
	for _, words := range confs {
		var refused *replyError
		if _, err := l.ask(words...); err != nil && !errors.As(err, &refused) {
			return greeted{}, err
		}
	}
	return l.psync(g)
}

// speaksAnyway reports whether an error to PING only says that a password is needed.
func speaksAnyway(err error) bool {
	var e *replyError
	return errors.As(err, &e) && (strings.HasPrefix(e.text, "NOAUTH") || strings.HasPrefix(e.text, "NOPERM") ||
		strings.HasPrefix(e.text, "ERR operation not permitted"))
}

// psync asks for the stream.
func (l *link) psync(g greeting) (out greeted, err error) {
	words := []string{"PSYNC", "?", "-1"}
	if g.id != "" {
		words = []string{"PSYNC", g.id, strconv.FormatInt(g.next, 10)}
	}
	if g.failover {
		words = append(words, "FAILOVER")
	}
	if err := l.send(words...); err != nil {
		return out, err
	}
	newlines := maxNewlines
	line, err := l.line(&newlines)
	if err != nil {
		return out, fmt.Errorf("PSYNC: %w", err)
	}
	text := string(line)
	fields := strings.Fields(text)
	switch {
	case strings.HasPrefix(text, "+FULLRESYNC"):
		if len(fields) != 3 || !isReplID(fields[1]) {
			return out, fmt.Errorf("PSYNC: %w: %.80q", errNotPrimary, text)
		}
		out.full, out.id = true, fields[1]
		if out.offset, err = strconv.ParseInt(fields[2], 10, 64); err != nil || out.offset < 0 || out.offset > maxOffset {
			return out, fmt.Errorf("PSYNC: %w: %.80q", errNotPrimary, text)
		}
		return out, nil
	case strings.HasPrefix(text, "+CONTINUE"):
		if g.id == "" || len(fields) > 2 || len(fields) == 2 && !isReplID(fields[1]) || fields[0] != "+CONTINUE" {
			return out, fmt.Errorf("PSYNC: %w: %.80q", errNotPrimary, text)
		}
		if out.id = g.id; len(fields) == 2 {
			out.id = fields[1]
		}
		return out, nil
	case text[0] != '-':
		return out, fmt.Errorf("PSYNC: %w: %.80q", errNotPrimary, text)
	case strings.HasPrefix(text, "-NOMASTERLINK"), strings.HasPrefix(text, "-LOADING"), strings.HasPrefix(text, "-MASTERDOWN"):
		return out, fmt.Errorf("%w: %s", errLater, text[1:])
	case g.failover, !strings.HasPrefix(text, "-ERR"):
		return out, &replyError{"PSYNC", text[1:]}
	}
	// It knows no PSYNC. What answers SYNC is the data set.
	if err := l.send("SYNC"); err != nil {
		return out, err
	}
	return greeted{full: true}, nil
}

// maxOffset is the highest offset that is believed: beyond it a stream of a century
// would not fit.
const maxOffset = 1 << 62

// isReplID reports whether s is a replication id: 40 letters and digits.
func isReplID(s string) bool {
	if len(s) != 40 {
		return false
	}
	for i := range len(s) {
		if c := s[i] | 0x20; !('a' <= c && c <= 'z' || '0' <= s[i] && s[i] <= '9') {
			return false
		}
	}
	return true
}
