package engine

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A modelTail is a tail and what it is to read: all that was written from pos on.
type modelTail struct {
	*Tail
	pos   int64
	hard  int64 // 0: the backlog
	chunk []byte
	copy  string // of chunk when it was handed out
}

// A journal that is written in pieces of all sizes, and read by tails that come, go
// and lag, is the same as a plain slice of bytes.
func TestJournalModel(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			backlog := 1 + r.IntN(100<<10)
			e := New(Config{Table: toys, Backlog: backlog})
			defer e.Close()
			j := &e.journal
			var all []byte
			var tails []*modelTail
			add := func(tail *Tail, pos, hard int64) {
				m := &modelTail{Tail: tail, pos: pos, hard: hard}
				if hard != 0 {
					tail.SetLimit(TailLimit{Hard: hard})
				}
				tails = append(tails, m)
			}
			snap, tail, err := e.Follow()
			if err != nil {
				t.Fatal(err)
			}
			snap.Close()
			add(tail, 0, 0)
			for range 2000 {
				switch n := r.IntN(12); {
				case n < 5:
					p := make([]byte, 1+r.IntN(1+r.IntN(1+r.IntN(40<<10))))
					for i := range p {
						p[i] = byte(r.Uint32())
					}
					j.mu.Lock()
					j.write(p)
					j.wake()
					j.mu.Unlock()
					all = append(all, p...)
				case n < 9 && len(tails) != 0:
					i := r.IntN(len(tails))
					m := tails[i]
					if m.copy != string(m.chunk) {
						t.Fatalf("what Next had handed out was overwritten")
					}
					m.chunk, m.copy = nil, ""
					lag, limit := int64(len(all))-m.pos, max(m.hard, int64(backlog))
					if lag == 0 {
						break
					}
					var p []byte
					if n < 8 {
						p, err = m.Next()
						m.chunk, m.copy = p, string(p)
					} else {
						p = make([]byte, 1+r.IntN(20<<10))
						var k int
						k, err = m.Read(p)
						p = p[:k]
					}
					switch {
					case err == ErrFellBehind && lag <= limit:
						t.Fatalf("a tail that is %d behind, of %d, was given up", lag, limit)
					case err == ErrFellBehind:
						tails = append(tails[:i], tails[i+1:]...)
					case err != nil:
						t.Fatal(err)
					case lag > limit+64<<10: // exact to a block, of what was written at once too
						t.Fatalf("a tail that is %d behind, of %d, was not given up", lag, limit)
					case len(p) == 0 || !bytes.Equal(p, all[m.pos:][:len(p)]):
						t.Fatalf("%d bytes at %d differ", len(p), m.pos)
					default:
						m.pos += int64(len(p))
					}
				case n == 9:
					from := int64(r.IntN(len(all) + 2))
					tail, err := e.FollowFrom(from)
					kept := e.Backlog()
					if in := from >= kept.First && from <= int64(len(all)); in != (err == nil) {
						t.Fatalf("FollowFrom(%d) = %v of %+v", from, err, kept)
					}
					if err == nil {
						add(tail, from, int64(len(all))-from+int64(r.IntN(300<<10)))
					} else if from >= int64(len(all))-int64(backlog) && from <= int64(len(all)) {
						t.Fatalf("%d is in the backlog of %d before %d, but is not kept", from, backlog, len(all))
					}
				case n == 10 && len(tails) != 0:
					m := tails[r.IntN(len(tails))]
					c, err := m.Clone()
					if err == nil {
						add(c, m.pos, m.hard)
					} else if err != ErrFellBehind {
						t.Fatal(err)
					}
				case n == 11 && len(tails) != 0:
					i := r.IntN(len(tails))
					tails[i].Abandon()
					tails = append(tails[:i], tails[i+1:]...)
				}
				checkKept(t, e, tails, int64(len(all)))
			}
		})
	}
}

// checkKept: no more is kept than the backlog and the slowest tail need.
func checkKept(t *testing.T, e *Engine, tails []*modelTail, end int64) {
	t.Helper()
	j := &e.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.end != end {
		t.Fatalf("the journal ends at %d, want %d", j.end, end)
	}
	need := end - j.size
	for _, tail := range j.tails {
		need = min(need, tail.pos)
	}
	if first := j.start(); first > max(0, need) && first != end {
		t.Fatalf("kept is from %d on, needed from %d", first, need)
	} else if need-first > 2*blockSize {
		t.Fatalf("kept is from %d on, needed only from %d: %d tails", first, need, len(j.tails))
	}
	n := 0
	for b := j.first; b != nil; b = b.next {
		if n++; b.next != nil && b.next.from != b.end() {
			t.Fatalf("a gap behind %d", b.end())
		}
	}
	if n != j.kept {
		t.Fatalf("%d blocks are kept, counted are %d", n, j.kept)
	}
}

// Writers, and readers of each kind, at once.
func TestJournalConcurrently(t *testing.T) {
	e := New(Config{Table: toys, Backlog: 64 << 10})
	var want bytes.Buffer
	var readers sync.WaitGroup
	got := make([]bytes.Buffer, 6)
	for i := range got {
		_, tail, err := e.Follow()
		if err != nil {
			t.Fatal(err)
		}
		tail.SetLimit(TailLimit{Hard: 1 << 40})
		readers.Go(func() {
			if i%2 == 0 {
				_, err := io.Copy(&got[i], tail)
				if err != nil {
					t.Error(err)
				}
				return
			}
			for {
				p, err := tail.Next()
				if err == io.EOF {
					return
				} else if err != nil {
					t.Error(err)
					return
				}
				got[i].Write(p)
			}
		})
	}
	for i := range 20000 {
		words := []string{"SET", fmt.Sprint(i), strings.Repeat("x", i%200)}
		e.Inject(words...)
		want.Write(AppendCommand(nil, words...))
	}
	e.Close()
	readers.Wait()
	for i := range got {
		if !bytes.Equal(got[i].Bytes(), want.Bytes()) {
			t.Errorf("tail %d read %d bytes, want %d", i, got[i].Len(), want.Len())
		}
	}
}

// A tail past its soft limit is given up after its time, whether anybody writes or not.
func TestTailSoftLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{Table: toys, Backlog: 1 << 10})
		defer e.Close()
		snap, tail, _ := e.Follow()
		snap.Close()
		tail.SetLimit(TailLimit{Hard: 10 << 20, Soft: 100 << 10, SoftFor: 10 * time.Second})
		e.Inject("SET", "k", strings.Repeat("x", 200<<10))
		time.Sleep(9 * time.Second)
		e.Inject("SET", "k", strings.Repeat("x", 20<<10))
		tail.Check()
		if unread, held := tail.Behind(); unread < 220<<10 || held != unread-1<<10 {
			t.Errorf("it is behind by %d, %d beyond the backlog", unread, held)
		}
		time.Sleep(2 * time.Second)
		tail.Check()
		if _, err := tail.Next(); err != ErrFellBehind {
			t.Errorf("Next past the soft limit = %v", err)
		}
		if b := e.Backlog(); b.Length > 2*blockSize {
			t.Errorf("%d bytes are kept for nobody", b.Length)
		}
	})
}

// The backlog is there for who comes back, until it is dropped.
func TestBacklog(t *testing.T) {
	e := New(Config{Table: toys, Backlog: 1 << 20})
	defer e.Close()
	d := on(e.NewSession())
	if _, err := e.FollowFrom(0); err != ErrFellBehind {
		t.Errorf("FollowFrom before anybody followed = %v", err)
	}
	d.set("k", "nobody hears it")
	snap, tail, _ := e.Follow()
	snap.Close()
	if off, db := snap.Journal(); off != 0 || db != -1 {
		t.Errorf("the snapshot is of %d, %d", off, db)
	}
	d.set("k", "v")
	if e.DropBacklog() {
		t.Error("dropped while somebody follows")
	}
	end := e.Offset()
	tail.Abandon()
	d.set("k", "w")
	back, err := e.FollowFrom(end)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := back.Next()
	if got := string(p); !strings.HasSuffix(got, "$1\r\nw\r\n") || strings.Contains(got, "SELECT") {
		t.Errorf("who came back is told %q", got)
	}
	back.Abandon()
	if !e.DropBacklog() {
		t.Error("not dropped")
	}
	end = e.Offset()
	d.set("k", "nobody hears it")
	if e.Offset() != end || e.Backlog().Active || e.Backlog().Memory != 0 {
		t.Errorf("a journal that was dropped goes on: %+v", e.Backlog())
	}
	_, tail, _ = e.Follow()
	d.set("k", "x")
	p, _ = tail.Next()
	if got := string(p); !strings.HasPrefix(got, "*2\r\n$6\r\nSELECT") {
		t.Errorf("after that it begins with %q", got)
	}
	for range 100 {
		e.Inject("SET", "k", strings.Repeat("x", 100<<10))
	}
	e.SetBacklog(100)
	if b := e.Backlog(); b.Length > 2*blockSize || b.Size != 100 {
		t.Errorf("after it was made smaller: %+v", b)
	}
}

// In the steady state a write to the journal allocates nothing, with a reader who sleeps
// and one who lags.
func TestJournalAllocations(t *testing.T) {
	if checks {
		t.Skip("SKIPPED: with invariants checked, allocations are not those of a release")
	}
	e := New(Config{Table: toys, Backlog: 256 << 10})
	defer e.Close()
	_, tail, _ := e.Follow()
	_, slow, _ := e.Follow()
	slow.SetLimit(TailLimit{Hard: 1 << 20})
	value := strings.Repeat("x", 1000)
	step := func() {
		e.Inject("SET", "key", value)
		tail.Next()
		if unread, _ := slow.Behind(); unread > 512<<10 {
			slow.Next()
		}
	}
	for range 2000 {
		step()
	}
	if n := testing.AllocsPerRun(5000, step); n > 0 {
		t.Errorf("%v allocations a write", n)
	}
}
