package redistest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An EffectsTarget can tell what it would send to a replica, and which keyspace events it publishes.
type EffectsTarget interface {
	Target
	// Listen begins to listen with every class of event on (KEA), as a replica that has just got its snapshot: the
	// first effect is preceded by a SELECT.
	Listen(t testing.TB) Listener
}

// A Listener hears the effects and events of commands that were answered before it is asked.
type Listener interface {
	Effects() [][]string // the commands, in order, since the last call
	Events() []Event     // the keyspace events, in order, since the last call
	Close()
}

// An Event is a keyspace event.
type Event struct {
	DB        int
	Name, Key string
}

// String is the event as scripts show it: "set:k", and " db=1" after it outside of database 0.
func (e Event) String() string {
	s := e.Name + ":" + plain(e.Key)
	if e.DB != 0 {
		s += " db=" + strconv.Itoa(e.DB)
	}
	return s
}

// RunAllEffects runs each effects_*.txt of a directory in a subtest named for the file.
func RunAllEffects(t *testing.T, dir string, target EffectsTarget) {
	t.Helper()
	runEach(t, dir, true, func(t *testing.T, path string) { RunEffects(t, path, target) })
}

// RunEffects runs a script of effects, and reports every block whose effects or events differ. With -rewrite, and only
// against a Server, it writes what it saw into the script instead.
func RunEffects(t *testing.T, path string, target EffectsTarget) {
	t.Helper()
	s, err := parseFile(path, true)
	if err != nil {
		t.Fatal(err)
	}
	got := runEffects(newRunner(t, s, target, 2))
	if _, real := target.(*Server); *rewrite && real {
		for i, b := range s.blocks {
			if !matchLines(wantLines(b), got[i]) {
				b.want = []reply{{text: got[i]}}
			}
		}
		if err := os.WriteFile(path, []byte(s.format()), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	checkEffects(t, s, got)
}

func wantLines(b *block) []string {
	var lines []string
	for _, w := range b.want {
		lines = append(lines, w.text...)
	}
	return lines
}

func checkEffects(t testing.TB, s *script, got [][]string) {
	t.Helper()
	for i, b := range s.blocks {
		if want := wantLines(b); !matchLines(want, got[i]) {
			t.Errorf("%s:%d: %s\nwant %s\n got %s", s.path, b.line, strings.Join(b.head, "\n       "),
				strings.Join(want, "\n     "), strings.Join(got[i], "\n     "))
		}
	}
}

// runEffects executes the script and answers the lines of each block.
func runEffects(r *runner) [][]string {
	r.t.Helper()
	defer r.closeAll()
	r.reset()
	listener := r.target.(EffectsTarget).Listen(r.t)
	defer listener.Close()
	all := make([][]string, len(r.s.blocks))
	for i, b := range r.s.blocks {
		rounds := b.each
		if rounds == nil {
			rounds = []string{""}
		}
		if len(b.steps) == 0 {
			continue
		}
		for _, word := range rounds {
			if b.each != nil {
				all[i] = append(all[i], "{"+word+"}")
			}
			all[i] = append(all[i], runRound(r, listener, b, word)...)
		}
	}
	return all
}

// runRound executes a block once, with the word of @each if it has one.
func runRound(r *runner, listener Listener, b *block, word string) []string {
	r.t.Helper()
	var lines, events []string
	for _, st := range b.steps {
		command := st.command
		if b.each != nil {
			command = strings.ReplaceAll(command, "{}", word)
		}
		before := time.Now()
		if v, ok := r.step(st, command); ok && v.IsError() {
			lines = append(lines, v.Lines()...)
		}
		eff, ev := listener.Effects(), listener.Events()
		if st.kind == setup {
			continue
		}
		for _, words := range eff {
			lines = append(lines, showWords(words, before))
		}
		for _, e := range ev {
			events = append(events, e.String())
		}
	}
	if len(lines) == 0 {
		lines = append(lines, "(none)")
	}
	if len(events) > 0 {
		lines = append(append(lines, "@events"), events...)
	}
	return lines
}

// showWords is a command as effects show it. A time in milliseconds near now is shown by its distance in whole
// seconds from the moment before the command, which leaves the command 900 ms to come through.
func showWords(words []string, before time.Time) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = plain(w)
		if strings.ContainsAny(w, " \"'\\") {
			out[i] = strconv.Quote(w)
		}
		ms, err := strconv.ParseInt(w, 10, 64)
		if err != nil || len(w) != 13 {
			continue
		}
		const slack, tenYears = 100, 10 * 366 * 24 * 3600 * 1000
		if d := ms - before.UnixMilli(); d > -tenYears && d < tenYears {
			out[i] = fmt.Sprintf("<now%+ds>", (d+slack+tenYears)/1000-tenYears/1000)
		}
	}
	return strings.Join(out, " ")
}

// Listen connects as a replica and as a subscriber.
func (s *Server) Listen(t testing.TB) Listener {
	t.Helper()
	for _, kv := range [][2]string{
		{"repl-diskless-sync", "no"}, {"repl-diskless-sync-delay", "0"}, // no wait for further replicas
		{"repl-ping-replica-period", "86400"}, {"repl-timeout", "86400"}, // no PINGs in the stream, no need to answer
		{"notify-keyspace-events", "KEA"},
	} {
		if v := s.ask("CONFIG", "SET", kv[0], kv[1]); v.Str != "OK" {
			t.Fatalf("redistest: CONFIG SET %s: %s", kv[0], v)
		}
	}
	l := &serverListener{t: t, s: s, events: Dial(t, s.Addr)}
	if v := l.events.Do("PSUBSCRIBE", "__keyevent@*"); v.Kind != Array {
		t.Fatalf("redistest: PSUBSCRIBE = %s", v)
	}
	l.sync()
	return l
}

type serverListener struct {
	t      testing.TB
	s      *Server
	nc     net.Conn
	stream *bufio.Reader
	offset int64 // of what was read of the stream
	events *Conn
}

// sync asks for a full resynchronization and skips the snapshot: "+FULLRESYNC id offset", newlines while the server
// saves, and the file's length before the file.
func (l *serverListener) sync() {
	l.t.Helper()
	nc, err := net.DialTimeout("tcp", l.s.Addr, replyTimeout)
	if err != nil {
		l.t.Fatalf("redistest: %v", err)
	}
	l.nc, l.stream = nc, bufio.NewReader(nc)
	_ = nc.SetDeadline(time.Now().Add(4 * replyTimeout))
	if _, err := nc.Write(appendCommand(nil, []string{"PSYNC", "?", "-1"})); err != nil {
		l.t.Fatalf("redistest: PSYNC: %v", err)
	}
	v, err := ReadValue(l.stream)
	var id string
	if _, scanErr := fmt.Sscanf(v.Str, "FULLRESYNC %s %d", &id, &l.offset); err != nil || scanErr != nil {
		l.t.Fatalf("redistest: PSYNC = %s (%v)", v, err)
	}
	for {
		line, err := l.stream.ReadString('\n')
		if err != nil {
			l.t.Fatalf("redistest: waiting for the snapshot: %v", err)
		}
		if line == "\n" {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimPrefix(line, "$")), 10, 64)
		if err != nil {
			l.t.Fatalf("redistest: snapshot begins with %q", line)
		}
		if _, err := io.CopyN(io.Discard, l.stream, n); err != nil {
			l.t.Fatalf("redistest: snapshot: %v", err)
		}
		return
	}
}

// Effects reads the stream up to the offset that the server is at. Nothing else ends it: a command may have none.
func (l *serverListener) Effects() [][]string {
	l.t.Helper()
	end, err := strconv.ParseInt(infoField(askFunc(l.s.ask), "replication", "master_repl_offset"), 10, 64)
	if err != nil || end < l.offset {
		l.t.Fatalf("redistest: master_repl_offset %d after %d (%v)", end, l.offset, err)
	}
	buf := make([]byte, end-l.offset)
	l.offset = end
	_ = l.nc.SetDeadline(time.Now().Add(replyTimeout))
	if _, err := io.ReadFull(l.stream, buf); err != nil {
		l.t.Fatalf("redistest: replication stream: %v", err)
	}
	var out [][]string
	for r := bufio.NewReader(bytes.NewReader(buf)); ; {
		v, err := ReadValue(r)
		if err == io.EOF {
			return out
		}
		if err != nil || v.Kind != Array {
			l.t.Fatalf("redistest: replication stream: %s (%v)", v, err)
		}
		var words []string
		for _, e := range v.Elems {
			words = append(words, e.Str)
		}
		out = append(out, words)
	}
}

// Events reads up to the answer to a PING, which the server writes after every message that came before it.
func (l *serverListener) Events() []Event {
	l.t.Helper()
	l.events.Send("PING")
	var out []Event
	for {
		v := l.events.Receive(replyTimeout)
		if v.Kind != Array || len(v.Elems) == 0 {
			l.t.Fatalf("redistest: event: %s", v)
		}
		if v.Elems[0].Str == "pong" {
			return out
		}
		e := Event{Key: v.Elems[3].Str}
		channel, name, _ := strings.Cut(v.Elems[2].Str, "__:")
		e.Name = name
		e.DB, _ = strconv.Atoi(strings.TrimPrefix(channel, "__keyevent@"))
		out = append(out, e)
	}
}

// Close leaves, and waits until the server has noticed, so that the next one to listen is the only replica.
func (l *serverListener) Close() {
	_ = l.nc.Close()
	l.events.Close()
	for deadline := time.Now().Add(replyTimeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if infoField(askFunc(l.s.ask), "replication", "connected_slaves") == "0" {
			return
		}
	}
	l.t.Errorf("redistest: the replica's connection is still there")
}
