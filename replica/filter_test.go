package replica_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/replica"
)

// keysOf are the keys of all databases, sorted.
func keysOf(db *larder.DB) (keys []string) {
	for n := range 16 {
		snap := db.DB(n).Snapshot()
		for e := range snap.All() {
			keys = append(keys, string(rune('0'+n))+":"+e.Key)
		}
		snap.Close()
	}
	slices.Sort(keys)
	return keys
}

// Of the data set and of the stream only what is asked for is kept.
func TestFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFeed(t, "user:1", "a", "other", "b")
		d := &diary{}
		o := p.options(d)
		o.DBs, o.KeyPrefixes = []int{0, 2}, []string{"user:", "u2:"}
		db := open(t)
		f := follow(t, db, o)
		d.wants(t, "reset true", "0 sync user:1: - -> a")
		for _, step := range []struct{ line, want string }{
			{"SELECT 0", ""},
			{"SET other x", ""},
			{"SET user:2 b", "0 set user:2: - -> b"},
			{"MSET other y u2:1 c", "0 set u2:1: - -> c"},
			{"DEL other user:1", "0 del user:1: a -> -"},
			{"RENAME user:2 away", "0 del user:2: b -> -"},
			{"COPY u2:1 user:3", "0 copy_to user:3: - -> c"},
			{"COPY u2:1 away", ""},
			{"SELECT 1", ""},
			{"SET user:9 x", ""},
			{"FLUSHDB", ""},
			{"SELECT 2", ""},
			{"MULTI", ""}, {"SET user:9 x", ""}, {"SET other x", ""}, {"SELECT 1", ""}, {"SET user:8 x", ""},
			{"EXEC", "2 set user:9: - -> x"},
			{"SWAPDB 1 3", ""},
			{"SWAPDB 0 2", "swapdb 0 2"},
		} {
			p.says(step.line)
			var want []string
			if step.want != "" {
				want = []string{step.want}
			}
			d.wants(t, want...)
		}
		if got, want := keysOf(db), []string{"0:user:9", "2:u2:1", "2:user:3"}; !slices.Equal(got, want) {
			t.Errorf("it holds %q, want %q", got, want)
		}
		// A link that breaks goes on where it was.
		p.breaks()
		p.says("SELECT 0")
		p.says("SET user:4 x")
		d.wants(t, "0 set user:4: - -> x")
		if st := f.Status(); st.PartialSyncs != 1 || st.FullSyncs != 1 {
			t.Errorf("%+v", st)
		}
		f.Close()
	})
}

// A command that makes what is followed out of what is not takes a data set.
func TestFilterBeyond(t *testing.T) {
	for _, line := range []string{"RENAME away user:1", "SUNIONSTORE user:1 user:2 away", "SWAPDB 0 1", "MOVE away 0"} {
		t.Run(line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newFeed(t, "user:1", "a")
				d := &diary{}
				o := p.options(d)
				o.DBs, o.KeyPrefixes = []int{0}, []string{"user:"}
				db := open(t)
				f := follow(t, db, o)
				synctest.Wait()
				d.take()
				p.file = dataset(t, "user:1", "now")
				p.says("SELECT 0")
				if strings.HasPrefix(line, "MOVE") {
					p.says("SELECT 1")
					line = "MOVE user:5 0"
				}
				p.says(line)
				time.Sleep(10 * time.Second)
				if v, err := db.Get("user:1"); v != "now" {
					t.Errorf("Get = %q, %v", v, err)
				}
				d.wants(t, "reset false", "0 sync user:1: a -> now")
				if st := f.Status(); st.FullSyncs != 2 {
					t.Errorf("%+v", st)
				}
				f.Close()
			})
		})
	}
}

// A command that is not known stops the following, or is skipped, and is counted.
func TestUnknownCommand(t *testing.T) {
	for _, in := range []string{"", "MULTI"} {
		for _, policy := range []replica.Policy{replica.Stop, replica.Skip} {
			synctest.Test(t, func(t *testing.T) {
				p := newFeed(t)
				db := open(t)
				f := follow(t, db, replica.Options{Addr: "primary", Dial: p.dial, Unknown: policy})
				p.says("SELECT 0")
				p.says("SET a 1")
				if in != "" {
					p.says("MULTI")
				}
				p.says("SET b 1")
				for _, line := range []string{"JSON.SET doc $ {}", "CONFIG SET maxmemory 1", "SHUTDOWN NOSAVE", "PUBLISH c m"} {
					if policy == replica.Skip || line[0] == 'J' {
						p.says(line)
					}
				}
				if policy == replica.Skip {
					p.says("SET c 1")
					if in != "" {
						p.says("EXEC")
					}
				}
				time.Sleep(time.Second)
				st := f.Status()
				want, skipped := []string{"0:a", "0:b", "0:c"}, int64(3)
				if policy == replica.Stop {
					if want, skipped = []string{"0:a", "0:b"}, 1; in != "" {
						want = want[:1]
					}
					if st.State != "stopped" || st.Err == nil || !strings.Contains(st.Err.Error(), "JSON.SET") {
						t.Errorf("%+v", st)
					}
					if err := f.Wait(t.Context()); err == nil {
						t.Error("Wait has no error")
					}
				} else if !st.Up || st.Offset != int64(len(p.history)) {
					t.Errorf("%+v; the stream is at %d", st, len(p.history))
				}
				if got := keysOf(db); !slices.Equal(got, want) || st.Skipped != skipped {
					t.Errorf("it holds %q, want %q; %d are skipped", got, want, st.Skipped)
				}
				f.Close()
			})
		}
	}
}

// What a program asks for is looked at before anything is done.
func TestOptions(t *testing.T) {
	note := func(replica.Change) {}
	for _, o := range []replica.Options{
		{}, {Addr: "noport"}, {Addr: "host:port"}, {Addr: "h:1", DBs: []int{-1}}, {Addr: "h:1", KeyPrefixes: []string{""}},
		{Addr: "h:1", QueueLen: -1}, {Addr: "h:1", Unknown: 7}, {Addr: "h:1", StateFile: "x"},
		{Addr: "h:1", OnChange: note, StateFile: "/there/is/no/such/directory"},
	} {
		db := open(t)
		if _, err := replica.Follow(t.Context(), db, o); err == nil || !strings.HasPrefix(err.Error(), "replica: Options.") {
			t.Errorf("%+v: %v", o, err)
		}
		if err := db.Set("k", "v"); err != nil {
			t.Errorf("%+v: the store is no longer what it was: %v", o, err)
		}
	}
}

// A store follows one primary at a time, and another one after that.
func TestFollowsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, q := newFeed(t, "k", "p"), newFeed(t, "k", "q")
		q.id = scriptID2
		db := open(t)
		f := follow(t, db, replica.Options{Addr: "primary", Dial: p.dial})
		if _, err := replica.Follow(t.Context(), db, replica.Options{Addr: "primary", Dial: q.dial}); err != replica.ErrFollowing {
			t.Errorf("Follow: %v", err)
		}
		f.Close()
		g := follow(t, db, replica.Options{Addr: "primary", Dial: q.dial})
		if v, err := db.Get("k"); v != "q" {
			t.Errorf("Get = %q, %v", v, err)
		}
		if err := f.Promote(); err != nil {
			t.Error(err)
		}
		if err := db.Set("k", "v"); err != larder.ErrReadOnlyReplica {
			t.Errorf("Set after Promote of the first one: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if st := g.Status(); st.Up {
			t.Errorf("after Close of the store: %+v", st)
		}
	})
}
