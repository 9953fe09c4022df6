package replica_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/resp"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/replica"
)

// A scripted is a primary that does what a test says, over links in memory.
type scripted struct {
	t     *testing.T
	links []func(*scriptedLink) // one for each link, in order; the last is for all that come after

	running sync.WaitGroup

	mu    sync.Mutex // guards following
	dials int
}

// script returns a primary whose links do what they are told.
func script(t *testing.T, links ...func(*scriptedLink)) *scripted {
	s := &scripted{t: t, links: links}
	t.Cleanup(s.running.Wait)
	return s
}

// A scriptedLink is the primary's end of a link.
type scriptedLink struct {
	*scripted
	conn   net.Conn
	in     []byte
	parser resp.Parser
	acks   []string // that have come
}

func (s *scripted) dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.links[min(s.dials, len(s.links)-1)]
	s.dials++
	ours, theirs := net.Pipe()
	s.running.Go(func() {
		defer theirs.Close()
		run(&scriptedLink{scripted: s, conn: theirs})
	})
	return ours, nil
}

// next reads a command; nil is the end of the link. Acknowledgements are noted, and so
// are newlines passed over.
func (l *scriptedLink) next() []string {
	for {
		words, n, err := l.parser.Next(l.in)
		var out []string
		for _, w := range words {
			out = append(out, string(w))
		}
		l.in = l.in[n:]
		switch {
		case err != nil:
			l.t.Errorf("the follower sends %q: %v", l.in, err)
			return nil
		case len(out) == 3 && out[0] == "REPLCONF" && out[1] == "ACK":
			l.acks = append(l.acks, out[2])
			continue
		case out != nil:
			return out
		}
		buf := make([]byte, 4096)
		m, err := l.conn.Read(buf)
		if err != nil {
			return nil
		}
		l.in = append(l.in, buf[:m]...)
	}
}

// nextACK waits for one more acknowledgement.
func (l *scriptedLink) nextACK() {
	had := len(l.acks)
	for range 100_000 {
		if len(l.acks) != had {
			break
		}
		_ = l.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		l.next()
	}
	_ = l.conn.SetReadDeadline(time.Time{})
}

func (l *scriptedLink) say(format string, args ...any) {
	_, _ = io.WriteString(l.conn, fmt.Sprintf(format, args...))
}

// A dialect is what a version of a primary knows.
type dialect struct {
	name    string
	replOK  bool // REPLCONF
	capa    bool // ... capa
	version bool // ... version
	psync   bool
	psync2  bool
	eof     bool // sends the data set with a mark
}

var dialects = []dialect{
	{name: "Redis 2.6"},
	{name: "Redis 2.8", replOK: true, psync: true},
	{name: "Redis 3", replOK: true, capa: true, psync: true, eof: true},
	{name: "Redis 4", replOK: true, capa: true, psync: true, psync2: true},
	{name: "Redis 5", replOK: true, capa: true, psync: true, psync2: true, eof: true},
	{name: "Redis 6", replOK: true, capa: true, psync: true, psync2: true},
	{name: "Redis 7", replOK: true, capa: true, psync: true, psync2: true, eof: true},
	{name: "Redis 8", replOK: true, capa: true, psync: true, psync2: true, eof: true},
	{name: "Valkey 7", replOK: true, capa: true, psync: true, psync2: true, eof: true},
	{name: "Valkey 8", replOK: true, capa: true, version: true, psync: true, psync2: true, eof: true},
	{name: "Valkey 9", replOK: true, capa: true, version: true, psync: true, psync2: true, eof: true},
}

// redis7 is the dialect of scripts that are not about dialects.
var redis7 = dialects[6]

const (
	scriptID  = "0123456789abcdef0123456789abcdef01234567"
	scriptID2 = "fedcba9876543210fedcba9876543210fedcba98"
	scriptEOF = "eeeeeeeeeeEEEEEEEEEEeeeeeeeeeeEEEEEEEEEE"
)

// greet answers a handshake up to PSYNC or SYNC, and returns what that asks for: an id
// and an offset.
func (l *scriptedLink) greet(d dialect) (id string, offset string) {
	for {
		words := l.next()
		if words == nil {
			return "", ""
		}
		switch {
		case words[0] == "PING":
			l.say("+PONG\r\n")
		case words[0] == "REPLCONF" && (!d.replOK || words[1] == "version" && !d.version || words[1] == "capa" && !d.capa):
			l.say("-ERR Unrecognized REPLCONF option: %s\r\n", words[1])
		case words[0] == "REPLCONF":
			l.say("+OK\r\n")
		case words[0] == "PSYNC" && d.psync:
			return words[1], words[2]
		case words[0] == "SYNC":
			return "SYNC", ""
		default:
			l.say("-ERR unknown command '%s'\r\n", words[0])
		}
	}
}

// sendSet sends a data set.
func (l *scriptedLink) sendSet(d dialect, file []byte) {
	l.say("\n\n")
	if d.eof {
		l.say("$EOF:%s\r\n%s%s", scriptEOF, file, scriptEOF)
	} else {
		l.say("$%d\r\n%s", len(file), file)
	}
}

// command is a command as a stream has it.
func command(words ...string) string { return string(resp.AppendCommand(nil, words...)) }

// dataset is a data set with one key for each pair.
func dataset(t *testing.T, pairs ...string) []byte {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i := 0; i < len(pairs); i += 2 {
		db.Set(pairs[i], pairs[i+1])
	}
	snap := db.Snapshot()
	defer snap.Close()
	var b bytes.Buffer
	if err := rdb.Save(&b, snap); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Every version's handshake leads to a data set and a stream. A link that breaks goes
// on where the version can, in the database that the stream had selected.
func TestDialects(t *testing.T) {
	for _, d := range dialects {
		t.Run(d.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := dataset(t, "set", "1")
				var stream string
				acked := make(chan []string, 1)
				first := func(l *scriptedLink) {
					if id, _ := l.greet(d); d.psync {
						if id != "?" && len(id) != 40 {
							t.Errorf("PSYNC %s", id)
						}
						l.say("+FULLRESYNC %s 1000\r\n", scriptID)
					}
					l.sendSet(d, file)
					stream = command("SELECT", "3") + command("SET", "a", "1") + command("PING")
					l.say("%s", stream)
				}
				second := func(l *scriptedLink) {
					id, offset := l.greet(d)
					switch {
					case d.psync2:
						l.say("+CONTINUE %s\r\n", scriptID2)
					case d.psync:
						l.say("+CONTINUE\r\n")
					default:
						l.sendSet(d, file)
						l.say("%s", command("SELECT", "3"))
					}
					if want := strconv.Itoa(1000 + len(stream) + 1); d.psync && (id != scriptID || offset != want) {
						t.Errorf("PSYNC %s %s, want %s %s", id, offset, scriptID, want)
					}
					l.say("%s", command("SET", "b", "2")+command("REPLCONF", "GETACK", "*"))
					for l.next() != nil {
					}
					acked <- l.acks
				}
				s := script(t, first, second)
				db := open(t)
				f := follow(t, db, replica.Options{Addr: "primary", Dial: s.dial})
				if v, err := db.Get("set"); v != "1" {
					t.Errorf("Get(set) = %q, %v", v, err)
				}
				eventually(t, "b is set", func() bool { v, _ := db.DB(3).Get("b"); return v == "2" })
				if v, err := db.DB(3).Get("a"); v != "1" && d.psync {
					t.Errorf("Get(a) = %q, %v", v, err)
				}
				st := f.Status()
				if want := d.psync; st.PartialSyncs == 1 != want || st.FullSyncs == 2 == want {
					t.Errorf("%d partial and %d full synchronizations", st.PartialSyncs, st.FullSyncs)
				}
				if d.psync2 && st.ReplID != scriptID2 || d.psync && !d.psync2 && st.ReplID != scriptID {
					t.Errorf("the history is %s", st.ReplID)
				}
				f.Close()
				acks := <-acked
				if d.psync != (len(acks) != 0) {
					t.Errorf("it acknowledges %q", acks)
				}
			})
		})
	}
}

// A primary that sends its data set through a child begins the stream with the first ACK
// that comes after it has noticed the child's end. That is not to cost a second.
func TestStreamBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const noticed = 100 * time.Millisecond
		begun := make(chan time.Duration, 1)
		s := script(t, func(l *scriptedLink) {
			l.greet(redis7)
			l.say("+FULLRESYNC %s 1000\r\n", scriptID)
			l.sendSet(redis7, dataset(t))
			sent := time.Now()
			_ = l.conn.SetReadDeadline(sent.Add(noticed))
			for l.next() != nil { // ACKs that come too early
			}
			_ = l.conn.SetReadDeadline(time.Time{})
			l.nextACK()
			begun <- time.Since(sent)
			l.say("%s", command("SELECT", "0")+command("SET", "a", "1"))
			for l.next() != nil {
			}
		})
		db := open(t)
		follow(t, db, replica.Options{Addr: "primary", Dial: s.dial})
		eventually(t, "a is set", func() bool { v, _ := db.Get("a"); return v == "1" })
		if d := <-begun; d > 4*noticed {
			t.Errorf("the stream begins after %v", d)
		}
	})
}

// A primary asks for a password in the words of its version.
func TestLogin(t *testing.T) {
	for _, tt := range []struct {
		user, password, ping, want string
	}{
		{"", "secret", "-NOAUTH Authentication required.", "AUTH secret"},
		{"ann", "secret", "-NOAUTH Authentication required.", "AUTH ann secret"},
		{"ann", "secret", "-NOPERM this user has no permissions to run the 'ping' command", "AUTH ann secret"},
		{"", "secret", "-ERR operation not permitted", "AUTH secret"},
	} {
		t.Run(tt.ping, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := dataset(t)
				s := script(t, func(l *scriptedLink) {
					l.next()
					l.say("%s\r\n", tt.ping)
					if got := strings.Join(l.next(), " "); got != tt.want {
						t.Errorf("it says %q, want %q", got, tt.want)
					}
					l.say("+OK\r\n")
					l.greet(redis7)
					l.say("+FULLRESYNC %s 0\r\n", scriptID)
					l.sendSet(redis7, file)
					l.next()
				})
				f := follow(t, open(t), replica.Options{Addr: "primary", Dial: s.dial, Username: tt.user, Password: tt.password})
				f.Close()
			})
		})
	}
}

// What a primary does wrong ends the link and nothing else: the data set that was there
// stays, the reason is told, and the next link is made.
func TestLyingPrimary(t *testing.T) {
	file := func(t *testing.T) []byte { return dataset(t, "old", "2", "new", "1") }
	full := "+FULLRESYNC " + scriptID + " 5000\r\n"
	broken := func(t *testing.T) []byte {
		b := file(t)
		b[len(b)/2] ^= 0x55
		return b
	}
	for _, tt := range []struct {
		name string
		bad  func(t *testing.T, l *scriptedLink)
		want string // in the error
	}{
		{"PING is answered with garbage", func(_ *testing.T, l *scriptedLink) { l.next(); l.say("HTTP/1.1 400 Bad Request\r\n") }, "no reply of a primary"},
		{"PING is refused", func(_ *testing.T, l *scriptedLink) { l.next(); l.say("-ERR go away\r\n") }, "go away"},
		{"a reply without an end", func(_ *testing.T, l *scriptedLink) { l.next(); l.say("+%s", strings.Repeat("x", 1<<16)) }, "too long"},
		{"a reply that drips", func(_ *testing.T, l *scriptedLink) {
			for l.next(); ; <-time.After(time.Second) {
				if _, err := l.conn.Write([]byte("+")); err != nil {
					return
				}
			}
		}, "timeout"},
		{"no reply", func(_ *testing.T, l *scriptedLink) { l.next(); l.next() }, "timeout"},
		{"garbage after PSYNC", func(_ *testing.T, l *scriptedLink) { l.greet(redis7); l.say("+WHATEVER\r\n") }, "no reply of a primary"},
		{"bytes after PSYNC", func(_ *testing.T, l *scriptedLink) { l.greet(redis7); l.say("\x00\xff\x00\r\n") }, "no reply of a primary"},
		{"an offset that is none", func(_ *testing.T, l *scriptedLink) { l.greet(redis7); l.say("+FULLRESYNC %s x\r\n", scriptID) }, "no reply of a primary"},
		{"an offset below zero", func(_ *testing.T, l *scriptedLink) { l.greet(redis7); l.say("+FULLRESYNC %s -1\r\n", scriptID) }, "no reply of a primary"},
		{"an offset of exabytes", func(_ *testing.T, l *scriptedLink) {
			l.greet(redis7)
			l.say("+FULLRESYNC %s %d\r\n", scriptID, int64(math.MaxInt64))
		}, "no reply of a primary"},
		{"an id that is none", func(_ *testing.T, l *scriptedLink) { l.greet(redis7); l.say("+FULLRESYNC me 0\r\n") }, "no reply of a primary"},
		{"CONTINUE with an id that is none", func(_ *testing.T, l *scriptedLink) { l.greet(redis7); l.say("+CONTINUE me\r\n") }, "no reply of a primary"},
		{"it loads", func(_ *testing.T, l *scriptedLink) {
			l.greet(redis7)
			l.say("-LOADING Redis is loading the dataset in memory\r\n")
		}, "cannot sync now"},
		{"it has no primary", func(_ *testing.T, l *scriptedLink) {
			l.greet(redis7)
			l.say("-NOMASTERLINK Can't SYNC while not connected with my master\r\n")
		}, "cannot sync now"},
		{"endless newlines", func(_ *testing.T, l *scriptedLink) {
			l.greet(redis7)
			for {
				if _, err := io.WriteString(l.conn, strings.Repeat("\n", 1<<15)); err != nil {
					return
				}
			}
		}, "nothing but newlines"},
		{"no data set", func(_ *testing.T, l *scriptedLink) { l.greet(redis7); l.say("%s+OK\r\n", full) }, "no data set"},
		{"an error for a data set", func(_ *testing.T, l *scriptedLink) { l.greet(redis7); l.say("%s-ERR no disk\r\n", full) }, "no disk"},
		{"a length of exabytes", func(t *testing.T, l *scriptedLink) {
			l.greet(redis7)
			l.say("%s$%d\r\n%s", full, int64(1)<<60, file(t))
			l.next()
		}, "timeout"},
		{"a length past 64 bits", func(_ *testing.T, l *scriptedLink) {
			l.greet(redis7)
			l.say("%s$99999999999999999999999\r\n", full)
		}, "no data set"},
		{"a length below zero", func(_ *testing.T, l *scriptedLink) { l.greet(redis7); l.say("%s$-1\r\n", full) }, "no data set"},
		{"a length that is too short", func(t *testing.T, l *scriptedLink) {
			l.greet(redis7)
			b := file(t)
			l.say("%s$%d\r\n%s", full, len(b)-3, b)
		}, "unexpected EOF"},
		{"a length that is too long", func(t *testing.T, l *scriptedLink) {
			l.greet(redis7)
			b := file(t)
			l.say("%s$%d\r\n%sxxx", full, len(b)+3, b)
		}, "more than the data set"},
		{"a data set that breaks off", func(t *testing.T, l *scriptedLink) {
			l.greet(redis7)
			b := file(t)
			l.say("%s$%d\r\n%s", full, len(b), b[:len(b)-10])
		}, "unexpected EOF"},
		{"a data set that is broken", func(t *testing.T, l *scriptedLink) { l.greet(redis7); l.say("%s", full); l.sendSet(redis7, broken(t)) }, "data set"},
		{"a data set that is no file", func(t *testing.T, l *scriptedLink) {
			l.greet(redis7)
			l.say("%s", full)
			l.sendSet(redis7, []byte("once upon a time"))
		}, "data set"},
		{"a data set of the future", func(t *testing.T, l *scriptedLink) {
			l.greet(redis7)
			b := bytes.Replace(file(t), []byte("REDIS0010"), []byte("REDIS0099"), 1)
			l.say("%s", full)
			l.sendSet(redis7, b)
		}, "version"},
		{"a mark that never comes", func(t *testing.T, l *scriptedLink) {
			l.greet(redis7)
			l.say("%s$EOF:%s\r\n%s%s", full, scriptEOF, file(t), strings.Repeat("e", 100))
		}, "more than the data set"},
		{"a mark that is late", func(t *testing.T, l *scriptedLink) {
			l.greet(redis7)
			l.say("%s$EOF:%s\r\n%s", full, scriptEOF, file(t))
			l.next()
		}, "timeout"},
		{"a mark that is early", func(t *testing.T, l *scriptedLink) {
			l.greet(redis7)
			b := file(t)
			l.say("%s$EOF:%s\r\n%s%s", full, scriptEOF, b[:len(b)-4], scriptEOF)
		}, "unexpected EOF"},
		{"a mark that is too short", func(t *testing.T, l *scriptedLink) { l.greet(redis7); l.say("%s$EOF:abc\r\n", full) }, "no data set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				good := func(l *scriptedLink) {
					l.greet(redis7)
					l.say("+FULLRESYNC %s 1000\r\n", scriptID)
					l.sendSet(redis7, dataset(t, "old", "1"))
				}
				better := func(l *scriptedLink) {
					l.greet(redis7)
					l.say("+FULLRESYNC %s 9000\r\n", scriptID2)
					l.sendSet(redis7, dataset(t, "good", "1"))
					l.next()
				}
				db := open(t)
				var f *replica.Follower
				ready, looked := make(chan bool), make(chan bool)
				look := func(l *scriptedLink) { // between the bad one and the next good one
					select {
					case ready <- true:
						<-looked
					default:
					}
					better(l)
				}
				s := script(t, good, func(l *scriptedLink) { tt.bad(t, l) }, look)
				f = follow(t, db, replica.Options{Addr: "primary", Dial: s.dial, Timeout: 30 * time.Second})
				<-ready
				st := f.Status()
				if st.Err == nil || !strings.Contains(st.Err.Error(), tt.want) {
					t.Errorf("the error is %v, want one with %q", st.Err, tt.want)
				}
				if v, err := db.Get("old"); v != "1" {
					t.Errorf("Get(old) = %q, %v", v, err)
				}
				if _, err := db.Get("new"); !errors.Is(err, larder.ErrNil) {
					t.Errorf("Get(new): %v", err)
				}
				looked <- true
				eventually(t, "it follows again", func() bool { v, _ := db.Get("good"); return v == "1" })
				f.Close()
			})
		})
	}
}

// What is wrong in the stream ends the link; what was applied stays, and the next link
// goes on behind it.
func TestLyingStream(t *testing.T) {
	set := command("SET", "k", "1")
	for _, tt := range []struct{ name, bad, want string }{
		{"garbage", "GET / HTTP/1.1\r\n", "not one of commands"},
		{"bytes", "\x00\x01\x02", "not one of commands"},
		{"a command that breaks off", set[:len(set)-5], "unexpected EOF"},
		{"a bulk of exabytes", "*2\r\n$3\r\nGET\r\n$1152921504606846976\r\n", "invalid bulk length"},
		{"a count of exabytes", "*1152921504606846976\r\n", "invalid multibulk length"},
		{"a count that is none", "*x\r\n", "invalid multibulk length"},
		{"EXEC alone", command("EXEC"), "MULTI and EXEC"},
		{"MULTI within MULTI", command("MULTI") + command("MULTI"), "MULTI and EXEC"},
		{"a transaction that breaks off", command("MULTI") + command("SET", "k", "2"), "unexpected EOF"},
		{"a transaction that selects and breaks off", command("MULTI") + command("SELECT", "3") + command("SET", "k", "2"), "unexpected EOF"},
		{"a database that there is not", command("SELECT", "16"), "has a database"},
		{"a database that is none", command("SELECT", "x"), "has a database"},
		{"SELECT alone", command("SELECT"), "has a database"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var next string
				s := script(t, func(l *scriptedLink) {
					l.greet(redis7)
					l.say("+FULLRESYNC %s 0\r\n", scriptID)
					l.sendSet(redis7, dataset(t))
					l.say("%s%s", set, tt.bad)
				}, func(l *scriptedLink) {
					_, next = l.greet(redis7)
					l.say("+CONTINUE %s\r\n%s", scriptID, command("SET", "more", "1"))
					l.next()
				})
				db := open(t)
				f := follow(t, db, replica.Options{Addr: "primary", Dial: s.dial})
				eventually(t, "it goes on", func() bool { v, _ := db.Get("more"); return v == "1" })
				if err := f.Status().Err; err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("the error is %v, want one with %q", err, tt.want)
				}
				if v, _ := db.Get("k"); v != "1" {
					t.Errorf("Get(k) = %q", v)
				}
				if want := strconv.Itoa(len(set) + 1); next != want {
					t.Errorf("it asks for offset %s, want %s", next, want)
				}
				f.Close()
			})
		})
	}
}
