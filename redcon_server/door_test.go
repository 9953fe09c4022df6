package redcon_server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder/internal/resp"
)

func TestCommands(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	c := dial(t, s)
	expect(t, "PING", c.do("PING"), "PONG")
	expect(t, "SET", c.do("SET", "a", "b"), "OK")
	expect(t, "GET", c.do("GET", "a"), `"b"`)
	expect(t, "BUFFERS", c.do("BUFFERS"), `"qbuf=17 qbuf-free=16367"`)
	expect(t, "QUIT", c.do("QUIT"), "OK")
	expect(t, "behind QUIT", c.all(), "")
}

// A client may write all it has to say before it reads a reply.
func TestPipelineUnread(t *testing.T) {
	const n = 200_000
	s := start(t, newFakeDB(), Options{})
	c := dial(t, s)
	value := strings.Repeat("v", 1000)
	c.do("SET", "k", value)
	c.send(strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", n))
	want := "$1000\r\n" + value + "\r\n"
	got := make([]byte, len(want))
	for i := range n {
		if _, err := io.ReadFull(c.r.Buffer(), got); err != nil || string(got) != want {
			t.Fatalf("reply %d = %.20q, %v", i, got, err)
		}
	}
}

func TestMillionCommands(t *testing.T) {
	const n = 1_000_000
	s := start(t, newFakeDB(), Options{})
	for name, c := range map[string]*client{"tcp": dial(t, s), "memory": dialMemory(t, s)} {
		before := memory()
		go io.WriteString(c, strings.Repeat(ping, n))
		if got, err := io.CopyN(io.Discard, c.r.Buffer(), n*7); err != nil {
			t.Fatalf("%s: %d of %d bytes, %v", name, got, n*7, err)
		}
		if used := memory() - before; used > 40<<20 {
			t.Errorf("%s: holds %d bytes behind a million commands", name, used)
		}
	}
}

func dialMemory(t testing.TB, s *Server) *client {
	c, err := s.Dial(context.Background(), "", "")
	return newClient(t, c, err)
}

// memory is what the heap and the stacks take once everything is collected.
func memory() int {
	var m runtime.MemStats
	for range 3 { // pools are emptied by the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}

// redcon by itself ends the process on this: it recurses once a read. And each
// byte is looked at once, or this would take minutes.
func TestDrip(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	c := dialMemory(t, s)
	c.send("*20001\r\n$4\r\nECHO\r\n")
	for range 20_000 {
		for _, b := range []string{"$", "1", "\r", "\n", "a", "\r", "\n"} {
			c.send(b)
		}
	}
	expect(t, "20,001 words", c.read(), "(error) ERR wrong number of arguments for 'echo' command")
	for i := range len(ping) {
		c.send(ping[i : i+1])
	}
	expect(t, "PING", c.read(), "PONG")
}

func TestNeverReads(t *testing.T) {
	for name, dialer := range map[string]func(testing.TB, *Server) *client{"tcp": dial, "memory": dialMemory} {
		s := start(t, newFakeDB(), Options{Limits: Limits{Normal: OutputLimit{Hard: 4 << 20}}})
		other := dial(t, s)
		other.do("SET", "k", strings.Repeat("v", 10_000))
		before := memory()
		c := dialer(t, s)
		gets := strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 1000)
		for range 200 { // two gigabytes of replies
			if _, err := io.WriteString(c, gets); err != nil {
				break
			}
		}
		waitFor(t, "the connection to be closed", func() bool { return s.Stats().Connected == 1 })
		if used := memory() - before; used > 12<<20 {
			t.Errorf("%s: %d bytes held for a client that does not read, limit 4 MB", name, used)
		}
		expect(t, "another client", other.do("PING"), "PONG")
	}
}

func TestAnnouncedGigabyte(t *testing.T) {
	s := start(t, newFakeDB(), Options{Limits: Limits{MaxBulk: 1 << 30}})
	before := memory()
	var cs []*client
	for range 100 {
		c := dial(t, s)
		c.send("*1000000\r\n$1073741824\r\n" + strings.Repeat("a", 20_000))
		cs = append(cs, c)
	}
	waitFor(t, "all to have been read", func() bool {
		used := 0
		for _, n := range queries(s) {
			used += n
		}
		return used >= 100*20_000
	})
	if used := memory() - before; used > 100*200<<10 {
		t.Errorf("%d bytes for each announcement of a gigabyte", used/100)
	}
	runtime.KeepAlive(cs)
}

// queries are the query buffers in use.
func queries(s *Server) (used []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.doors {
		if b := (*transport)(d).Buffers(); b.QueryUsed > 0 {
			used = append(used, b.QueryUsed)
		}
	}
	return used
}

func TestQueryLimit(t *testing.T) {
	s := start(t, newFakeDB(), Options{Limits: Limits{QueryBuffer: 1 << 20}})
	c := dial(t, s)
	go io.WriteString(c, "*2\r\n$4\r\nECHO\r\n$10000000\r\n"+strings.Repeat("a", 10_000_000))
	if _, err := io.ReadAll(c); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	expect(t, "a word below the limit", dial(t, s).do("ECHO", strings.Repeat("a", 900_000))[:3], `"aa`)
}

// A long command's memory is given back.
func TestLongCommand(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	c := dial(t, s)
	c.do("PING")
	before := memory()
	long := strings.Repeat("a", 64<<20)
	go c.Write(resp.AppendCommand(nil, "ECHO", long))
	if _, err := io.CopyN(io.Discard, c.r.Buffer(), int64(len("$67108864\r\n")+len(long)+2)); err != nil {
		t.Fatal(err)
	}
	long = ""
	c.do("PING")
	waitFor(t, "the memory of a long command to be given back", func() bool { return memory()-before < 4<<20 })
}

// A client that hangs up while it waits, with commands behind, gets nothing
// that another could have had.
func TestHangUpWhileBlocked(t *testing.T) {
	for name, dialer := range map[string]func(testing.TB, *Server) *client{"tcp": dial, "memory": dialMemory} {
		for _, behind := range []int{0, 1, 10_000} {
			db := newFakeDB()
			s := start(t, db, Options{})
			c := dialer(t, s)
			c.send("*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n")
			waitFor(t, "BLPOP to wait", func() bool { return db.waiting() == 1 })
			c.send(strings.Repeat(ping, behind))
			c.Close()
			waitFor(t, "the hang-up to be seen", func() bool { return s.Stats().Connected == 0 })
			o := dial(t, s)
			expect(t, "LPUSH", o.do("LPUSH", "l", "v"), "(integer) 1")
			expect(t, name+": BLPOP", o.do("BLPOP", "l", "1"), `"v"`)
		}
	}
}

func TestBlockedThenServed(t *testing.T) {
	db := newFakeDB()
	s := start(t, db, Options{})
	c, o := dial(t, s), dial(t, s)
	for i := range 3 {
		// What comes first is answered before the wait, what comes behind after it.
		c.send(ping + "*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n" + strings.Repeat("*2\r\n$4\r\nECHO\r\n$1\r\nb\r\n", 5000))
		expect(t, "PING", c.read(), "PONG")
		waitFor(t, "BLPOP to wait", func() bool { return db.waiting() == i+1 })
		waitFor(t, "the door to read on", func() bool { q := queries(s); return len(q) == 1 && q[0] >= 21*5000 })
		for range 30 { // whoever has got the buffer of BLPOP's words writes over them
			dialMemory(t, s).do("ECHO", strings.Repeat("x", 15_000))
		}
		o.do("LPUSH", "l", "v")
		expect(t, "BLPOP", c.read(), `"v"`)
		for range 5000 {
			expect(t, "ECHO", c.read(), `"b"`)
		}
	}
}

func TestKill(t *testing.T) {
	db := newFakeDB()
	s := start(t, db, Options{})
	c := dial(t, s)
	c.send(ping + "*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n" + ping)
	waitFor(t, "BLPOP to wait", func() bool { return db.waiting() == 1 })
	db.mu.Lock()
	for fc := range db.conns {
		fc.t.Kill()
		fc.t.Kill()
	}
	db.mu.Unlock()
	expect(t, "all that is answered", c.all(), "+PONG\r\n")
	waitFor(t, "clean-up", func() bool { db.mu.Lock(); defer db.mu.Unlock(); return len(db.conns) == 0 })
}

func TestPanic(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	o := dial(t, s)
	c := dial(t, s)
	c.send(ping + "PANIC\r\n" + ping)
	expect(t, "replies", c.all(), "+PONG\r\n-ERR internal error\r\n")
	expect(t, "another", o.do("PING"), "PONG")
}

func TestPubSub(t *testing.T) {
	db := newFakeDB()
	s := start(t, db, Options{})
	p := dial(t, s)
	for range 50 {
		c := dial(t, s)
		done := make(chan bool)
		go func() {
			for range 20 {
				p.do("PUBLISH", "a", "m")
			}
			close(done)
		}()
		// Replies before it, its own, and those behind it keep their order
		// among the messages.
		c.send("ECHO 1\r\nSUBSCRIBE a\r\nECHO 2\r\nECHO 3\r\n")
		var got []string
		for len(got) < 4 {
			if v := c.read(); !strings.Contains(v, "message") {
				got = append(got, v)
			} else if len(got) < 2 {
				t.Errorf("a message before SUBSCRIBE's reply")
			}
		}
		expect(t, "replies", strings.Join(got, " "), `"1" ["subscribe" "a" (integer) 1] "2" "3"`)
		<-done
		c.Close()
		waitFor(t, "the subscriber to leave", func() bool { return s.Stats().Connected == 1 })
	}
}

func TestSlowSubscriber(t *testing.T) {
	s := start(t, newFakeDB(), Options{Limits: Limits{PubSub: OutputLimit{Hard: 1 << 20}}})
	c, p := dial(t, s), dial(t, s)
	expect(t, "SUBSCRIBE", c.do("SUBSCRIBE", "a"), `["subscribe" "a" (integer) 1]`)
	message := strings.Repeat("m", 100_000)
	for i := 0; p.do("PUBLISH", "a", message) == "(integer) 1"; i++ {
		if i > 1000 {
			t.Fatal("a subscriber that does not read was never closed")
		}
	}
}

func TestMaxClients(t *testing.T) {
	s := start(t, newFakeDB(), Options{Limits: Limits{MaxClients: 2}})
	a, _ := dial(t, s), dial(t, s)
	a.do("PING")
	waitFor(t, "two clients", func() bool { return s.Stats().Connected == 2 })
	expect(t, "the third", dial(t, s).all(), "-ERR max number of clients reached\r\n")
	expect(t, "the third, in memory", dialMemory(t, s).all(), "-ERR max number of clients reached\r\n")
	a.do("QUIT")
	waitFor(t, "one to leave", func() bool { return s.Stats().Connected == 1 })
	expect(t, "the next", dial(t, s).do("PING"), "PONG")
	s.Reconfigure(func(l *Limits) { l.MaxClients = 3 })
	expect(t, "one more", dial(t, s).do("PING"), "PONG")
	if st := s.Stats(); st.Rejected != 2 || st.Accepted != 6 {
		t.Errorf("Stats = %+v", st)
	}
}

// In a bubble nothing may wait but on what the bubble knows.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newFakeDB()
		s := newServer(db.newConn, Options{Limits: Limits{Timeout: time.Minute}})
		defer s.Close()
		c := dialMemory(t, s)
		c.SetDeadline(time.Time{})
		begin := time.Now()
		expect(t, "BLPOP", c.do("BLPOP", "l", "300"), "nil")
		if d := time.Since(begin); d != 300*time.Second {
			t.Errorf("BLPOP waited %v, want 300 s, idle or not", d)
		}
		expect(t, "when idle", c.all(), "")
		if d := time.Since(begin); d != 360*time.Second {
			t.Errorf("closed after %v, want 300 s and a minute of silence", d)
		}

		// A change of the timeout counts for who is idle already; subscribers
		// never are.
		c, sub := dialMemory(t, s), dialMemory(t, s)
		c.SetDeadline(time.Time{})
		sub.SetDeadline(time.Time{})
		sub.do("SUBSCRIBE", "a")
		expect(t, "PING", c.do("PING"), "PONG")
		time.Sleep(30 * time.Second)
		s.Reconfigure(func(l *Limits) { l.Timeout = 10 * time.Second })
		begin = time.Now()
		expect(t, "when idle", c.all(), "")
		if d := time.Since(begin); d != 10*time.Second {
			t.Errorf("closed %v after the change, want 10 s", d)
		}
		s.Reconfigure(func(l *Limits) { l.Timeout = 0 })
		c = dialMemory(t, s)
		c.SetDeadline(time.Time{})
		time.Sleep(time.Hour)
		expect(t, "after an hour without a timeout", c.do("PING"), "PONG")
		expect(t, "a subscriber", sub.do("PUBLISH", "a", "m"), `["message" "a" "m"]`)
	})
}

func TestBubbleStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(newFakeDB().newConn, Options{Limits: Limits{
			WriteTimeout: time.Minute,
			PubSub:       OutputLimit{Hard: 1 << 30, Soft: 1 << 20, SoftFor: 10 * time.Second},
		}})
		defer s.Close()
		c := dialMemory(t, s)
		c.SetDeadline(time.Time{})
		c.do("SET", "k", strings.Repeat("v", 100_000))
		gets := strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 3)

		// Slow is not stalled.
		c.send(gets)
		for range 3 * 100_011 / 1000 {
			time.Sleep(5 * time.Second)
			if _, err := io.CopyN(io.Discard, c.Conn, 1000); err != nil {
				t.Fatal(err)
			}
		}
		c.Conn.Close()

		c = dialMemory(t, s)
		c.SetDeadline(time.Time{})
		begin := time.Now()
		c.send(gets)
		synctest.Wait()
		for s.Stats().Connected > 0 {
			time.Sleep(time.Second)
		}
		if d := time.Since(begin).Round(time.Second); d < time.Minute || d > 61*time.Second {
			t.Errorf("a stalled client was closed after %v, want a minute", d)
		}

		// The soft limit.
		sub, p := dialMemory(t, s), dialMemory(t, s)
		sub.SetDeadline(time.Time{})
		p.SetDeadline(time.Time{})
		sub.do("SUBSCRIBE", "a")
		begin = time.Now()
		p.do("PUBLISH", "a", strings.Repeat("m", 2<<20))
		synctest.Wait()
		for s.Stats().Connected > 1 {
			time.Sleep(time.Second)
		}
		if d := time.Since(begin).Round(time.Second); d < 10*time.Second || d > 12*time.Second {
			t.Errorf("closed %v past the soft limit, want 10 s", d)
		}
	})
}

// Close returns when the last goroutine has ended, whatever they were doing.
func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	db := newFakeDB()
	s := newServer(db.newConn, Options{Addr: "127.0.0.1:0", Endpoints: []Endpoint{{Addr: "127.0.0.1:0"}}})
	served := make(chan error)
	go func() { served <- s.ListenAndServe() }()
	waitFor(t, "listening", func() bool { return s.Addr() != nil })
	for i := range 20 {
		c := dial(t, s)
		if i%2 == 0 {
			c = dialMemory(t, s)
		}
		switch i % 5 {
		case 0:
		case 1:
			c.do("PING")
		case 2:
			c.send("*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n" + ping)
		case 3: // replies wait
			c.do("SET", "k", strings.Repeat("v", 100_000))
			c.send(strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 100))
		case 4: // and so does a QUIT behind them
			c.send(strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 100) + "QUIT\r\n")
		}
	}
	waitFor(t, "BLPOPs to wait", func() bool { return db.waiting() == 4 })
	for range 3 {
		go s.Close()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, what := range []string{"(*output).drain", "(*door).", "memoryListener"} {
		if bytes.Contains(stacks, []byte(what)) {
			t.Errorf("%s is still running after Close:\n%s", what, stacks)
		}
	}
	db.mu.Lock()
	left := len(db.conns)
	db.mu.Unlock()
	if left != 0 || s.Stats().Connected != 0 {
		t.Errorf("%d connections after Close", left)
	}
	if err := <-served; err != nil {
		t.Errorf("ListenAndServe = %v, want nil after Close", err)
	}
	if _, err := s.Dial(context.Background(), "", ""); err != net.ErrClosed {
		t.Errorf("Dial after Close: %v", err)
	}
	waitFor(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestQuitFlushes(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	c := dial(t, s)
	c.do("SET", "k", strings.Repeat("v", 100_000))
	c.send(strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 200) + "QUIT\r\n")
	if got := c.all(); len(got) != 200*100_011+5 || !strings.HasSuffix(got, "+OK\r\n") {
		t.Errorf("%d bytes, ending in %.20q", len(got), got[max(0, len(got)-20):])
	}
}

// Who has read the reply to QUIT is there no more for anybody.
func TestQuitLeaves(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	other := dial(t, s)
	for range 200 {
		c := dial(t, s)
		c.do("SUBSCRIBE", "a")
		expect(t, "QUIT", c.do("QUIT"), "OK")
		expect(t, "PUBLISH behind it", other.do("PUBLISH", "a", "b"), "(integer) 0")
		if n := s.Stats().Connected; n != 1 {
			t.Errorf("%d clients are connected", n)
		}
	}
}

// The cost of redcon and the door is per batch: a longer one allocates no more.
func TestAllocations(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	c := dialMemory(t, s)
	c.do("SET", "k", "v")
	run := func(n int) float64 {
		data := []byte(strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nw\r\n", n))
		got := make([]byte, n*len("$1\r\nv\r\n+OK\r\n"))
		return testing.AllocsPerRun(200, func() {
			c.Write(data)
			io.ReadFull(c.Conn, got)
		})
	}
	run(100)
	if few, many := run(1), run(100); many > few+2 {
		t.Errorf("a batch of 200 commands allocates %v times, one of two %v times", many, few)
	}
}

func TestIdleMemory(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("SKIPPED: under -short or -race memory is not measured")
	}
	n := map[string]int{"memory": 10_000, "tcp": 400} // each end of a socket takes a descriptor
	s := start(t, newFakeDB(), Options{Limits: Limits{MaxClients: 20_000}})
	for name, dialer := range map[string]func() (net.Conn, error){
		"memory": func() (net.Conn, error) { return s.Dial(context.Background(), "", "") },
		"tcp":    func() (net.Conn, error) { return net.Dial("tcp", s.Addr().String()) },
	} {
		before := memory()
		var cs []net.Conn
		pong := make([]byte, 7)
		for range n[name] {
			c, err := dialer()
			if err != nil {
				t.Fatal(err)
			}
			c.SetReadDeadline(time.Now().Add(20 * time.Second))
			cs = append(cs, c)
			io.WriteString(c, ping)
			if _, err := io.ReadFull(c, pong); err != nil {
				t.Fatal(err)
			}
			c.SetReadDeadline(time.Time{})
		}
		each := (memory() - before) / len(cs)
		t.Logf("%s: %d bytes for each of %d idle connections, both ends", name, each, len(cs))
		if each > 20<<10 {
			t.Errorf("%s: an idle connection takes %d bytes", name, each)
		}
		for _, c := range cs {
			c.Close()
		}
		waitFor(t, "all to leave", func() bool { return s.Stats().Connected == 0 })
	}
}

func TestFairness(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	busy, c := dial(t, s), dial(t, s)
	stop := make(chan struct{})
	go func() {
		b := []byte(strings.Repeat(ping, 1000))
		for {
			if _, err := busy.Write(b); err != nil {
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	go io.Copy(io.Discard, busy.Conn)
	for i := range 100 {
		expect(t, "ECHO", c.do("ECHO", strconv.Itoa(i)), `"`+strconv.Itoa(i)+`"`)
	}
	close(stop)
}
