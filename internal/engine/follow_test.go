package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A toyReplica is an engine that is a replica, its applier, and a tail of its journal.
type toyReplica struct {
	*Engine
	s    *Session
	t    *testing.T
	snap *Snapshot
	tail *Tail
	raw  bytes.Buffer // what the tail must have
}

func openReplica(t *testing.T, c Config) *toyReplica {
	c.Table = toys
	r := &toyReplica{Engine: New(c), t: t}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := r.BecomeReplica(); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.snap, r.tail, err = r.Follow(); err != nil {
		t.Fatal(err)
	}
	r.s = r.NewSession()
	r.s.Primary, r.s.NoTouch = true, true
	return r
}

// apply runs a command of the primary's, whose bytes are raw, and returns the reply.
func (r *toyReplica) apply(raw, line string) string {
	var words [][]byte
	for _, w := range strings.Fields(line) {
		words = append(words, []byte(w))
	}
	w := Reply{Proto: 2}
	r.s.Relay([]byte(raw))
	r.s.Exec(words, &w)
	r.s.Relayed()
	r.raw.WriteString(raw)
	return strings.TrimSpace(strings.ReplaceAll(string(w.Buf), "\r\n", " "))
}

// check compares the journal with the bytes that were applied, and its offset.
func (r *toyReplica) check(start int64) {
	r.t.Helper()
	r.tail.Close()
	got, err := io.ReadAll(r.tail)
	if err != nil || !bytes.Equal(got, r.raw.Bytes()) {
		r.t.Errorf("the journal has %q, %v; want %q", got, err, r.raw.Bytes())
	}
	if n := r.Offset(); n != start+int64(r.raw.Len()) {
		r.t.Errorf("it ends at %d, want %d", n, start+int64(r.raw.Len()))
	}
}

// On a replica the journal has the primary's bytes, whatever they are, and nothing else.
func TestRelay(t *testing.T) {
	r := openReplica(t, Config{})
	mine := on(r.NewSession())
	if err := mine.set("k", "v"); err != ErrReadOnlyReplica {
		t.Errorf("set: %v", err)
	}
	for raw, line := range map[string]string{
		"a write in other words": "SET k v",
		"one without an effect":  "DEL nothing",
		"a read":                 "GET k",
		"one that fails":         "INCRBY list x",
		"nothing":                "SET k",
	} {
		r.apply(raw, line)
	}
	r.s.Begin()
	for _, line := range []string{"SET a 1", "RPUSH", "SET b 2"} {
		if line != "RPUSH" {
			r.s.Exec(bytes.Fields([]byte(line)), &Reply{Proto: 2})
		}
	}
	r.s.Relay([]byte("a block"))
	if err := r.s.ExecQueue(&Reply{Proto: 2}); err != nil {
		t.Error(err)
	}
	r.s.Relayed()
	r.raw.WriteString("a block")
	if err := r.SetReplicaWritable(true); err != nil {
		t.Fatal(err)
	}
	if err := mine.set("mine", "x"); err != nil {
		t.Errorf("set on a writable replica: %v", err)
	}
	if err := r.SetReplicaWritable(false); err != nil {
		t.Fatal(err)
	}
	if got, want := dump(t, r.Engine), "0 a 1\n0 b 2\n0 k v\n0 mine x\n"; got != want {
		t.Errorf("it holds\n%swant\n%s", got, want)
	}
	r.check(0)
	promoted := false
	if err := r.BecomePrimary(func() { promoted = true }); err != nil || !promoted {
		t.Error(err, promoted)
	}
	if err := mine.set("k", "w"); err != nil {
		t.Errorf("set on a primary: %v", err)
	}
}

// Who follows a replica gets a snapshot and the bytes behind it, of the same instant:
// each write is in one of them.
func TestFollowReplica(t *testing.T) {
	r := openReplica(t, Config{Backlog: 1 << 20})
	const n = 2000
	done := make(chan bool)
	go func() {
		defer close(done)
		for i := range n {
			r.apply(fmt.Sprintf("%8d", i), "INCRBY n 1")
		}
	}()
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		snap, tail, err := r.Follow()
		if err != nil {
			t.Fatal(err)
		}
		has := "0"
		_ = snap.Get(0, "n", func(it Item) { has = strings.Clone(show(it.Value)) })
		if offset, _ := snap.Journal(); fmt.Sprint(offset/8) != has || tail.Offset() != offset {
			t.Fatalf("the snapshot of offset %d has %s; the tail begins at %d", offset, has, tail.Offset())
		}
		snap.Close()
		tail.Abandon()
	}
	r.check(0)
}

// A command that waits ends when the store becomes a replica. One that only reads may
// wait there, and is served by the primary's writes.
func TestWaitersOfReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{Table: toys})
		defer e.Close()
		ended := make(chan error)
		go func() {
			_, err := on(e.NewSession()).blpop(t.Context(), 0, "list")
			ended <- err
		}()
		synctest.Wait()
		if err := e.BecomeReplica(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != ErrRoleChanged {
			t.Errorf("blpop: %v", err)
		}
		if err := e.AtRest(); err != nil {
			t.Error(err)
		}
		if _, err := on(e.NewSession()).blpop(context.Background(), 0, "list"); err != ErrReadOnlyReplica {
			t.Errorf("blpop on a replica: %v", err)
		}
	})
}

// What a served waiter of a writable replica does is not in the journal.
func TestServedOnReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openReplica(t, Config{})
		if err := r.SetReplicaWritable(true); err != nil {
			t.Fatal(err)
		}
		got := make(chan string)
		go func() {
			v, _ := on(r.NewSession()).blpop(t.Context(), 0, "list")
			got <- v
		}()
		synctest.Wait()
		r.apply("push it", "LPUSH list x")
		if v := <-got; v != "x" {
			t.Errorf("blpop = %q", v)
		}
		r.check(0)
	})
}

// A replica hides what has expired; for its primary it is there until that deletes it.
func TestExpiryOnReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openReplica(t, Config{})
		r.apply("1", "SET k 1 PX 1000")
		r.apply("2", "SET l 1 PX 1000")
		time.Sleep(time.Hour)
		mine := on(r.NewSession())
		if _, err := mine.get("k"); err != ErrNil {
			t.Errorf("get: %v", err)
		}
		if got := r.apply("3", "INCRBY k 1"); got != ":2" {
			t.Errorf("the primary's INCRBY answers %s", got)
		}
		if keys, _ := r.Size(0); keys != 2 {
			t.Errorf("%d keys", keys)
		}
		if got := r.apply("4", "DEL k"); got != ":1" {
			t.Errorf("the primary's DEL answers %s", got)
		}
		r.check(0)
		if err := r.BecomePrimary(nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if keys, _ := r.Size(0); keys != 0 {
			t.Errorf("%d keys after it has become a primary", keys)
		}
	})
}

// A replica takes what its primary has, whatever maxmemory says, unless it is told to
// keep to that; the primary's stream is never refused.
func TestMemoryOfReplica(t *testing.T) {
	r := openReplica(t, Config{})
	if err := r.SetMaxMemory(1); err != nil {
		t.Fatal(err)
	}
	r.SetPolicy(AllKeysRandom)
	for i := range 100 {
		if got := r.apply("x", fmt.Sprintf("SET k%d v", i)); got != "+OK" {
			t.Fatalf("SET answers %s", got)
		}
	}
	if keys, _ := r.Size(0); keys != 100 {
		t.Errorf("%d keys, want 100", keys)
	}
	r.SetReplicaEvicts(true)
	if got := r.apply("x", "SET last v"); got != "+OK" {
		t.Errorf("SET answers %s", got)
	}
	if keys, _ := r.Size(0); keys > 1 {
		t.Errorf("%d keys where there is room for none", keys)
	}
	r.check(0)
}

// A data set that is installed at an offset takes the place of the data and of the
// journal, at once.
func TestInstallAt(t *testing.T) {
	r := openReplica(t, Config{})
	r.apply("1234567", "SET old 1")
	l, err := r.NewLoad()
	if err != nil {
		t.Fatal(err)
	}
	l.Add(3, "new", Value{Form: StringRaw, Flat: "2"}, 0, 0)
	adopted := int64(0)
	if err := l.InstallAt(5000, 3, func() { adopted, _ = r.Place() }); err != nil || adopted != 5000 {
		t.Errorf("InstallAt: %v, adopted at %d", err, adopted)
	}
	if _, err := r.tail.Next(); err != ErrFellBehind {
		t.Errorf("the old tail: %v", err)
	}
	if got := dump(t, r.Engine); got != "3 new 2\n" {
		t.Errorf("it holds %q", got)
	}
	snap, tail, err := r.Follow()
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	if offset, db := snap.Journal(); offset != 5000 || db != 3 {
		t.Errorf("the journal is at %d in database %d", offset, db)
	}
	r.s.DB = 3
	r.apply("more", "SET new 3")
	if b, err := tail.Next(); string(b) != "more" {
		t.Errorf("Next = %q, %v", b, err)
	}
	if _, err := r.FollowFrom(4999); err != ErrFellBehind {
		t.Errorf("FollowFrom: %v", err)
	}
	if err := r.Resume(77); err != nil || r.Offset() != 77 {
		t.Errorf("Resume: %v, %d", err, r.Offset())
	}
}

// A ChangeLog has the value of each key that a command changed, before it and after it,
// and both stay what they were.
func TestChangeLog(t *testing.T) {
	r := openReplica(t, Config{})
	log := new(ChangeLog)
	r.s.NoteChanges(log)
	model := map[string]string{}
	var kept []KeyChange
	var shown []string
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		k := string(rune('a' + rnd.IntN(4)))
		other := string(rune('a' + rnd.IntN(4)))
		var lines []string
		for range 1 + rnd.IntN(3) {
			lines = append(lines, []string{
				"SET " + k + " " + fmt.Sprint(rnd.IntN(100)), "SET " + k + " 1 PX 1000000", "DEL " + k + " " + other,
				"LPUSH " + k + " " + fmt.Sprint(rnd.IntN(100)) + " y", "LPOP " + k, "RENAME " + k + " " + other,
				"INCRBY " + k + " 1",
			}[rnd.IntN(7)])
		}
		var snap *Snapshot
		if rnd.IntN(3) == 0 { // then nothing may be changed in place
			snap, _ = r.Snapshot(0)
		}
		r.s.Begin()
		w := Reply{Proto: 2}
		for _, line := range lines {
			r.s.Exec(bytes.Fields([]byte(line)), &w)
		}
		r.s.Relay([]byte("x"))
		if err := r.s.ExecQueue(&w); err != nil {
			t.Fatal(err)
		}
		r.s.Relayed()
		last := map[string]string{} // of several effects of one command on a key each has both
		for _, c := range log.Take() {
			both := shownOf(c.Old) + "|" + shownOf(c.New)
			if got := shownOf(c.Old); got != model[c.Key] && both != last[c.Key] {
				t.Fatalf("%q: %s %s: the old value is %q, want %q", lines, c.Event, c.Key, got, model[c.Key])
			}
			kept, shown = append(kept, c), append(shown, both)
			model[c.Key], last[c.Key] = shownOf(c.New), both
		}
		if snap != nil {
			snap.Close()
		}
	}
	now := map[string]string{}
	for line := range strings.Lines(dump(t, r.Engine)) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 3)
		now[f[1]] = f[2]
	}
	for k, v := range model {
		if now[k] != v {
			t.Errorf("%s is %q, and %q was told last", k, now[k], v)
		}
	}
	for i, c := range kept {
		if got := shownOf(c.Old) + "|" + shownOf(c.New); got != shown[i] {
			t.Fatalf("change %d has become %q from %q", i, got, shown[i])
		}
	}
	if len(kept) < 3000 {
		t.Errorf("only %d changes", len(kept))
	}
}

func shownOf(k Kept) string {
	if k.Value.Form == NoForm {
		return ""
	}
	return show(k.Value)
}

// Times of expiry are those before and after, too, also where only they change.
func TestChangeLogExpiry(t *testing.T) {
	r := openReplica(t, Config{Now: func() time.Time { return time.UnixMilli(1e12) }})
	log := new(ChangeLog)
	r.s.NoteChanges(log)
	for _, step := range []struct {
		line     string
		old, new int64
	}{
		{"SET k 1 PX 1000", 0, 1e12 + 1000},
		{"INCRBY k 1", 1e12 + 1000, 1e12 + 1000},
		{"SET k 1 PX 2000", 1e12 + 1000, 1e12 + 2000},
		{"SET k 1", 1e12 + 2000, 0},
	} {
		r.s.Begin()
		r.s.Exec(bytes.Fields([]byte(step.line)), &Reply{Proto: 2})
		if err := r.s.ExecQueue(&Reply{Proto: 2}); err != nil {
			t.Fatal(err)
		}
		c := log.Take()
		if len(c) != 1 || c[0].Old.ExpireAt != step.old || c[0].New.ExpireAt != step.new {
			t.Errorf("%s: %+v", step.line, c)
		}
	}
}

// A closed engine becomes nothing.
func TestClosedBecomes(t *testing.T) {
	e := New(Config{Table: toys})
	e.Close()
	for _, err := range []error{e.BecomeReplica(), e.BecomePrimary(nil), e.Resume(1)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%v, want ErrClosed", err)
		}
	}
}

// A key that expires in thousands of years has no timer go off in between.
func TestFarExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{Table: toys})
		defer e.Close()
		if _, err := toySet.Do(e.NewSession(), toySetArgs{key: "k", value: "v", px: 99999999999999}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // hangs if timers go off without end
	})
}
