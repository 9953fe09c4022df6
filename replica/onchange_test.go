package replica_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/replica"
)

// A diary is what OnChange was told, a line for each change.
type diary struct {
	mu    sync.Mutex // guards following
	lines []string
	all   []replica.Change
}

func (d *diary) note(c replica.Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, c)
	line := fmt.Sprintf("%d %s %s: %s -> %s", c.DB, c.Event, c.Key, brief(c.Old), brief(c.New))
	switch {
	case c.Event == "reset":
		line = fmt.Sprintf("reset %v", c.Fresh)
	case c.Event == "swapdb":
		line = fmt.Sprintf("swapdb %d %d", c.DB, c.Other)
	case c.Key == "":
		line = fmt.Sprintf("%d %s", c.DB, c.Event)
	}
	d.lines = append(d.lines, line)
}

// brief is a value in a few words.
func brief(v replica.Value) string {
	switch v.Type() {
	case "none":
		return "-"
	case "string":
		return v.String()
	case "list":
		return fmt.Sprint(v.List())
	case "set":
		return fmt.Sprint(v.Set())
	case "zset":
		return fmt.Sprint(v.ZSet())
	case "hash":
		return fmt.Sprint(v.Hash())
	}
	return fmt.Sprint(v.Stream())
}

func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines, d.all = nil, nil
	return lines
}

// wants waits until what was told is want. The keys behind a reset come in no order.
func (d *diary) wants(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	got := d.take()
	if len(got) > 0 && strings.HasPrefix(got[0], "reset") {
		slices.Sort(got[1:])
	}
	if !slices.Equal(got, want) {
		t.Fatalf("it was told\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// A feed is a primary whose stream a test writes, in a bubble.
type feed struct {
	*scripted
	id      string
	file    []byte
	history string // the stream from offset 0 on
	link    *scriptedLink
	asked   []string // for what PSYNC has asked
	cannot  bool     // go on where a link has ended
}

func newFeed(t *testing.T, pairs ...string) *feed {
	f := &feed{id: scriptID, file: dataset(t, pairs...)}
	f.scripted = script(t, func(l *scriptedLink) {
		id, next := l.greet(redis7)
		f.asked = append(f.asked, id+" "+next)
		at, _ := strconv.Atoi(next)
		if id == f.id && !f.cannot && at-1 <= len(f.history) {
			l.say("+CONTINUE %s\r\n%s", f.id, f.history[at-1:])
		} else {
			l.say("+FULLRESYNC %s %d\r\n", f.id, len(f.history))
			l.sendSet(redis7, f.file)
		}
		f.link = l
		for l.next() != nil {
		}
	})
	return f
}

// says adds a command to the stream.
func (f *feed) says(line string) {
	synctest.Wait()
	raw := command(strings.Fields(line)...)
	f.history += raw
	f.link.say("%s", raw)
	synctest.Wait()
}

// breaks ends the link, and waits for the next one.
func (f *feed) breaks() {
	synctest.Wait()
	f.link.conn.Close()
	time.Sleep(10 * time.Second)
	synctest.Wait()
}

func (f *feed) options(d *diary) replica.Options {
	return replica.Options{Addr: "primary", Dial: f.dial, OnChange: d.note}
}

func TestOnChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFeed(t, "there", "1")
		d := &diary{}
		db := open(t)
		f := follow(t, db, p.options(d))
		d.wants(t, "reset true", "0 sync there: - -> 1")
		for _, step := range []struct{ line, want string }{
			{"SELECT 0", ""},
			{"SET k 1", "0 set k: - -> 1"},
			{"APPEND k 2", "0 append k: 1 -> 12"},
			{"SET k 3 PXAT 99999999999999", "0 set k: 12 -> 3|0 expire k: 12 -> 3"},
			{"DEL k gone", "0 del k: 3 -> -"},
			{"DEL k", ""},
			{"RPUSH l a b", "0 rpush l: - -> [a b]"},
			{"LPOP l", "0 lpop l: [a b] -> [b]"},
			{"LPOP l", "0 lpop l: [b] -> -|0 del l: [b] -> -"},
			{"SADD s x", "0 sadd s: - -> [x]"},
			{"HSET h f v", "0 hset h: - -> map[f:v]"},
			{"ZADD z 1 m", "0 zadd z: - -> [{m 1}]"},
			{"XADD x 1-1 f v", "0 xadd x: - -> [{1-1 [f v]}]"},
			{"RENAME s s2", "0 rename_from s: [x] -> -|0 rename_to s2: - -> [x]"},
			{"PING", ""},
			{"SELECT 2", ""},
			{"MSET a 1 b 2", "2 set a: - -> 1|2 set b: - -> 2"},
			{"MULTI", ""}, {"INCRBY a 1", ""}, {"INCRBY a 1", ""}, {"SELECT 3", ""}, {"SET c 1", ""},
			{"EXEC", "2 incrby a: 1 -> 2|2 incrby a: 2 -> 3|3 set c: - -> 1"},
			{"SWAPDB 2 3", "swapdb 2 3"},
			{"FLUSHDB", "3 flushdb"},
			{"FLUSHALL ASYNC", "3 flushall"},
			{"INCRBY nothing x", ""},
		} {
			p.says(step.line)
			var want []string
			if step.want != "" {
				want = strings.Split(step.want, "|")
			}
			d.wants(t, want...)
		}
		if st := f.Status(); st.Failed != 1 || st.Offset != int64(len(p.history)) || st.LagBytes != 0 || st.Lag != 0 || !st.Up {
			t.Errorf("%+v", st)
		}

		// A link that breaks in the middle of a command repeats nothing and leaves
		// nothing out.
		raw := command("SET", "k", "after")
		p.link.say("%s", raw[:12])
		p.history += raw
		p.breaks()
		d.wants(t, "3 set k: - -> after")

		// After a full synchronization what differs is told.
		p.cannot = true
		p.id = scriptID2
		p.file = dataset(t, "k", "0", "there", "1")
		p.breaks()
		d.wants(t, "reset false", "0 sync k: - -> 0", "0 sync there: - -> 1", "3 sync k: after -> -")
		p.file = dataset(t, "k", "0", "there", "2")
		p.breaks()
		d.wants(t, "reset false", "0 sync there: 1 -> 2")
		f.Close()
	})
}

// A change has the offset behind its transaction, and the name of the history.
func TestChangeOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFeed(t)
		d := &diary{}
		f := follow(t, open(t), p.options(d))
		for _, line := range []string{"SELECT 0", "SET a 1", "MULTI", "SET b 1", "SET c 1", "EXEC"} {
			p.says(line)
		}
		f.Close()
		synctest.Wait()
		end := int64(len(p.history))
		block := int64(len(command("MULTI") + command("SET", "b", "1") + command("SET", "c", "1") + command("EXEC")))
		var got []int64
		for _, c := range d.all {
			if c.ReplID != scriptID {
				t.Errorf("%s %s is of the history %s", c.Event, c.Key, c.ReplID)
			}
			got = append(got, c.Offset)
		}
		if want := []int64{0, end - block, end, end}; !slices.Equal(got, want) {
			t.Errorf("the offsets are %d, want %d", got, want)
		}
	})
}

// A queue that is full holds the apply back, and nothing is lost.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFeed(t)
		d := &diary{}
		o := p.options(d)
		gate := make(chan bool)
		o.QueueLen = 5
		o.OnChange = func(c replica.Change) { <-gate; d.note(c) }
		db := open(t)
		f := follow(t, db, o)
		synctest.Wait()
		go func() {
			for i := range 100 {
				p.history += command("SET", "k", fmt.Sprint(i))
			}
			p.link.say("%s", p.history)
		}()
		gate <- true // the reset
		time.Sleep(time.Minute)
		if v, _ := db.Get("k"); v != "5" {
			t.Errorf("SET %s was applied last, of which one is told, and 5 wait", v)
		}
		if st := f.Status(); st.Queued > 7 || st.LagBytes == 0 || st.Lag < 59*time.Second || !st.Up {
			t.Errorf("%+v", st)
		}
		synctest.Wait()
		if len(p.link.acks) < 50 {
			t.Errorf("the primary hears %d acknowledgements in a minute", len(p.link.acks))
		}
		close(gate)
		synctest.Wait()
		if got := d.take(); len(got) != 101 || got[100] != "0 set k: 98 -> 99" {
			t.Errorf("%d changes were told, at last %s", len(got), got[len(got)-1])
		}
		f.Close()
	})
}

// Close waits until all that was applied is told.
func TestCloseTellsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFeed(t)
		d := &diary{}
		o := p.options(d)
		o.OnChange = func(c replica.Change) { time.Sleep(time.Second); d.note(c) }
		db := open(t)
		f := follow(t, db, o)
		for i := range 20 {
			p.says("SET k " + fmt.Sprint(i))
		}
		f.Close()
		v, _ := db.Get("k")
		if got := d.take(); got[len(got)-1] != "0 set k: 18 -> "+v {
			t.Errorf("k is %s, and told at last was %s", v, got[len(got)-1])
		}
		if st := f.Status(); st.State != "stopped" || st.Queued != 0 {
			t.Errorf("%+v", st)
		}
		if err := db.Set("k", "x"); err != larder.ErrReadOnlyReplica {
			t.Errorf("Set after Close: %v", err)
		}
		if err := f.Promote(); err != nil {
			t.Error(err)
		}
		if err := db.Set("k", "x"); err != nil {
			t.Errorf("Set after Promote: %v", err)
		}
	})
}

// With a StateFile, and the data in a file, changes are told on from where they ended.
func TestStateFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		data, state := filepath.Join(dir, "data.rdb"), filepath.Join(dir, "state")
		p := newFeed(t, "there", "1")
		var db *larder.DB
		var f *replica.Follower
		d := &diary{}
		start := func() {
			var err error
			if db, err = rdb.Open(data, larder.Options{Config: []string{"save", ""}}); err != nil {
				t.Fatal(err)
			}
			o := p.options(d)
			o.StateFile = state
			f = follow(t, db, o)
		}
		end := func() {
			f.Close()
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		keep := func(path string) []byte {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}

		start()
		p.says("SELECT 5")
		p.says("SET k 1")
		d.wants(t, "reset true", "0 sync there: - -> 1", "5 set k: - -> 1")
		end()
		oldData, oldState := keep(data), keep(state)

		// An orderly restart, with a stream that has gone on.
		p.history += command("SET", "k", "2")
		start()
		d.wants(t, "5 set k: 1 -> 2")
		p.says("SET k 3")
		d.wants(t, "5 set k: 2 -> 3")
		if len(p.asked) != 2 || !strings.HasPrefix(p.asked[1], scriptID) {
			t.Errorf("it asks for %q", p.asked)
		}
		end()

		// The data of a crash is older than what was told: nothing is told twice.
		if err := os.WriteFile(data, oldData, 0o644); err != nil {
			t.Fatal(err)
		}
		p.history += command("SET", "k", "4")
		start()
		d.wants(t, "5 set k: 3 -> 4")
		end()

		// What was told is older than the data: all is told anew.
		if err := os.WriteFile(state, oldState, 0o644); err != nil {
			t.Fatal(err)
		}
		start()
		d.wants(t, "reset true", "0 sync there: - -> 1", "5 sync k: - -> 4")
		end()

		// A file of nonsense is as good as none.
		for _, b := range []string{"", "{", `{"replication_id":"x","offset":1}`, strings.Repeat("{", 1<<17)} {
			if err := os.WriteFile(state, []byte(b), 0o644); err != nil {
				t.Fatal(err)
			}
			start()
			d.wants(t, "reset true", "0 sync there: - -> 1", "5 sync k: - -> 4")
			end()
		}

		// The primary cannot go on: what it sends is told against nothing, if the data
		// is older than what was told, or else against the data.
		p.cannot = true
		p.file = dataset(t, "there", "2")
		start()
		d.wants(t, "reset false", "0 sync there: 1 -> 2", "5 sync k: 4 -> -")
		end()
		if err := os.WriteFile(data, oldData, 0o644); err != nil {
			t.Fatal(err)
		}
		start()
		d.wants(t, "reset true", "0 sync there: - -> 2")
		end()
	})
}

// While changes wait the file is not ahead of what was told.
func TestStateFileWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := filepath.Join(t.TempDir(), "state")
		p := newFeed(t)
		o := p.options(&diary{})
		o.StateFile = state
		before, changes := int64(0), 0
		o.OnChange = func(c replica.Change) {
			if b, err := os.ReadFile(state); err == nil {
				_, rest, _ := strings.Cut(string(b), `"offset":`)
				if n, _ := strconv.ParseInt(rest[:strings.IndexAny(rest+",", ",")], 10, 64); n > before {
					t.Errorf("the file is at %d, told was up to %d", n, before)
				}
			}
			time.Sleep(300 * time.Millisecond)
			before = c.Offset
			changes++
		}
		f := follow(t, open(t), o)
		for i := range 50 {
			p.says("SET k " + fmt.Sprint(i))
		}
		f.Close()
		if changes != 51 {
			t.Errorf("%d changes were told", changes)
		}
		s, err := os.ReadFile(state)
		if want := fmt.Sprintf(`"offset":%d`, len(p.history)); err != nil || !strings.Contains(string(s), want) {
			t.Errorf("the file has %s, %v; want %s", s, err, want)
		}
	})
}

// The file is behind what was told, never ahead, and not far behind.
func TestStateFileFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := filepath.Join(t.TempDir(), "state")
		p := newFeed(t)
		told, d := int64(0), &diary{}
		o := p.options(d)
		o.StateFile = state
		gate := make(chan bool, 1000)
		o.OnChange = func(c replica.Change) { <-gate; told = c.Offset }
		gate <- true
		f := follow(t, open(t), o)
		offset := func() int64 {
			time.Sleep(time.Second)
			synctest.Wait()
			b, _ := os.ReadFile(state)
			_, rest, _ := strings.Cut(string(b), `"offset":`)
			n, _ := strconv.ParseInt(rest[:strings.IndexAny(rest+",", ",")], 10, 64)
			return n
		}
		p.says("SET a 1")
		if got := offset(); got != 0 {
			t.Errorf("the file is at %d before OnChange has returned", got)
		}
		gate <- true
		if got := offset(); got != told || got == 0 {
			t.Errorf("the file is at %d, told was up to %d", got, told)
		}
		p.says("PING")
		if got := offset(); got != int64(len(p.history)) {
			t.Errorf("the file is at %d, the stream at %d", got, len(p.history))
		}
		for range 100 {
			gate <- true
		}
		f.Close()
	})
}
