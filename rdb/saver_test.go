package rdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/engine"
)

// attached returns a store with a file in a directory of its own.
func attached(t testing.TB, config ...string) (*larder.DB, *Saver) {
	t.Helper()
	db := newDB(t, config...)
	s, err := Attach(db, Options{Path: filepath.Join(t.TempDir(), "dump.rdb")})
	if err != nil {
		t.Fatal(err)
	}
	return db, s
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.rdb")
	open := func() *larder.DB {
		t.Helper()
		db, err := Open(path, larder.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open()
	db.Set("k", "v")
	db.DB(3).RPush("list", "a", "b")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	first, _ := os.Stat(path)
	db = open()
	if v, err := db.Get("k"); v != "v" || err != nil {
		t.Errorf("Get = %q, %v", v, err)
	}
	if n, _ := db.DB(3).LLen("list"); n != 2 {
		t.Errorf("%d elements", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.Stat(path); !os.SameFile(first, again) {
		t.Error("Close saves a store that has not changed")
	}
	db = open()
	db.FlushAll()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open()
	defer db.Close()
	if n, _ := db.DBSize(); n != 0 {
		t.Errorf("%d keys after FlushAll", n)
	}
	if _, err := Attach(db, Options{}); err == nil {
		t.Error("a second file is attached")
	}
	os.WriteFile(path, []byte("REDIS0010 is what it is not"), 0o600)
	if db, err := Open(path, larder.Options{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Open of a bad file = %v, %v", db, err)
	}
	for _, p := range []string{"", filepath.Join(t.TempDir(), "no", "such", "file")} {
		if _, err := Open(p, larder.Options{}); err == nil {
			t.Errorf("Open(%q) succeeds", p)
		}
	}
}

// Save points are kept to the second, and nothing is saved without need.
func TestSavePoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, s := attached(t, "save", "3600 1 300 100 60 10000")
		var files atomic.Int32
		s.disk.create = func(path string) (diskFile, error) {
			files.Add(1)
			return realDisk.create(path)
		}
		saves := func(want int32, after time.Duration) {
			t.Helper()
			time.Sleep(after - 3*time.Second)
			synctest.Wait()
			if n := files.Load(); n != want-1 {
				t.Fatalf("%d files after %v, want %d", n, after-3*time.Second, want-1)
			}
			time.Sleep(6 * time.Second)
			synctest.Wait()
			if n := files.Load(); n != want {
				t.Fatalf("%d files after %v, want %d", n, after, want)
			}
		}
		time.Sleep(100 * time.Hour)
		if n := files.Load(); n != 0 {
			t.Fatalf("%d files for nothing", n)
		}
		bridge.Server(db).Conf().Set("save", "3600 1 300 100 60 10000")
		s.Save() // from now on the time counts
		files.Store(0)
		db.Set("k", "v")
		saves(1, time.Hour)
		for i := range 100 {
			db.Set(fmt.Sprint(i), "v")
		}
		saves(2, 5*time.Minute-3*time.Second) // since the last save, three seconds ago
		for i := range 10000 {
			db.Set(fmt.Sprint(i), "w")
		}
		saves(3, time.Minute-3*time.Second)
		time.Sleep(100 * time.Hour)
		synctest.Wait()
		if n := files.Load(); n != 3 {
			t.Errorf("%d files, though nothing has changed", n)
		}
		bridge.Server(db).Conf().Set("save", "")
		db.Set("k", "v")
		time.Sleep(100 * time.Hour)
		if n := files.Load(); n != 3 {
			t.Errorf("%d files without a save point", n)
		}
		bridge.Server(db).Conf().Set("save", "10 1")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := files.Load(); n != 4 {
			t.Errorf("%d files after a save point that is long past", n)
		}
	})
}

var errDisk = errors.New("the disk is broken")

// A badFile fails at one of its steps.
type badFile struct {
	diskFile
	step string
	room int
}

func (f *badFile) Write(b []byte) (int, error) {
	if f.step == "write" {
		if f.room -= len(b); f.room < 0 {
			n, _ := f.diskFile.Write(b[:len(b)+f.room])
			return n, errDisk
		}
	}
	return f.diskFile.Write(b)
}

func (f *badFile) Sync() error {
	if f.step == "sync" {
		return errDisk
	}
	return f.diskFile.Sync()
}

func (f *badFile) Close() error {
	err := f.diskFile.Close()
	if f.step == "close" && err == nil {
		return errDisk
	}
	return err
}

// breakDisk has saving fail at a step.
func (s *Saver) breakDisk(step string, room int) {
	fails := func(is string) error {
		if step == is {
			return errDisk
		}
		return nil
	}
	s.disk = disk{
		create: func(path string) (diskFile, error) {
			if err := fails("create"); err != nil {
				return nil, err
			}
			f, err := realDisk.create(path)
			return &badFile{f, step, room}, err
		},
		rename: func(from, to string) error {
			if err := fails("rename"); err != nil {
				return err
			}
			return os.Rename(from, to)
		},
		sync: func(string) error { return fails("dir") },
	}
}

// Whatever fails while a file is written, the old one is whole, the error is told, and
// nothing is left over.
func TestDiskFails(t *testing.T) {
	for _, step := range []string{"create", "write", "sync", "close", "rename", "dir"} {
		t.Run(step, func(t *testing.T) {
			db, s := attached(t, "save", "")
			db.Set("old", "v")
			if err := s.Save(); err != nil {
				t.Fatal(err)
			}
			old, _ := os.ReadFile(s.Path())
			for i := range 1000 {
				db.Set(fmt.Sprint("new", i), random(200))
			}
			s.breakDisk(step, 100<<10)
			if err := s.Save(); !errors.Is(err, errDisk) || !strings.Contains(err.Error(), s.Path()) {
				t.Errorf("Save = %v", err)
			}
			if now, _ := os.ReadFile(s.Path()); string(now) != string(old) && step != "dir" {
				t.Error("the file is not the old one")
			}
			if files, _ := os.ReadDir(filepath.Dir(s.Path())); len(files) != 1 {
				t.Errorf("%d files are left", len(files))
			}
			if n := s.Info().Changes; n != 1000 {
				t.Errorf("%d changes since the last save", n)
			}
			if err := db.Close(); !errors.Is(err, errDisk) {
				t.Errorf("Close = %v", err)
			}
		})
	}
}

const misconf = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "

// While saving in the background fails, connections may not write.
func TestStopWrites(t *testing.T) {
	db, s := attached(t, "save", "3600 1")
	w := dial(t, db)
	w.want("OK", "SET", "k", "v")
	s.breakDisk("sync", 0)
	bgsave := func() {
		t.Helper()
		if err := s.SaveInBackground(); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		j := s.running
		s.mu.Unlock()
		if j != nil {
			<-j.done
		}
		for s.Info().Saving {
		}
	}
	bgsave()
	refused := func(words ...string) {
		t.Helper()
		if got := w.do(words...); !strings.HasPrefix(got, misconf) {
			t.Errorf("%q = %q", words, got)
		}
	}
	if got := w.info("rdb_last_bgsave_status"); got != "err" {
		t.Errorf("status %q", got)
	}
	refused("SET", "k", "w")
	refused("DEL", "nokey")
	refused("PING")
	w.want("v", "GET", "k")
	w.want("OK", "MULTI")
	refused("SET", "k", "w")
	w.want("EXECABORT Transaction discarded because of previous errors.", "EXEC")
	w.want("OK", "CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
	w.want("OK", "MULTI")
	w.want("QUEUED", "SET", "k", "w")
	other := dial(t, db)
	other.want("OK", "CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
	if got := w.do("EXEC"); !strings.HasPrefix(got, "EXECABORT Transaction discarded because of: "+misconf) {
		t.Errorf("EXEC = %q", got)
	}
	if err := db.Set("k", "x"); err != nil {
		t.Errorf("a Go caller is refused: %v", err)
	}
	w.want("OK", "CONFIG", "SET", "save", "")
	w.want("OK", "SET", "k", "y")
	w.want("OK", "CONFIG", "SET", "save", "3600 1")
	refused("SET", "k", "z")
	s.disk = realDisk
	bgsave()
	w.want("OK", "SET", "k", "z")
	if got := w.info("rdb_last_bgsave_status"); got != "ok" {
		t.Errorf("status %q", got)
	}
}

// A snapshot that is being saved does not see what is written meanwhile, and Close
// waits for it.
func TestBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, s := attached(t, "save", "", "rdb-key-save-delay", "1000000", "enable-debug-command", "yes")
		w := dial(t, db)
		for i := range 10 {
			db.Set(fmt.Sprint(i), "old")
		}
		was := digest(t, db)
		w.want("Background saving started", "BGSAVE")
		time.Sleep(2500 * time.Millisecond)
		for i := range 10 {
			db.Set(fmt.Sprint(i), "new")
		}
		for _, words := range [][]string{{"BGSAVE"}, {"BGSAVE", "SCHEDULE"}, {"SAVE"}} {
			w.want("ERR Background save already in progress", words...)
		}
		w.want("ERR syntax error", "BGSAVE", "NOW")
		for name, want := range map[string]string{
			"rdb_bgsave_in_progress": "1", "rdb_current_bgsave_time_sec": "2", "current_save_keys_processed": "3",
			"current_save_keys_total": "10", "current_fork_perc": "30.00", "rdb_changes_since_last_save": "20",
			"rdb_last_bgsave_time_sec": "-1", "rdb_saves": "1",
		} {
			if got := w.info(name); got != want {
				t.Errorf("%s:%s, want %s", name, got, want)
			}
		}
		time.Sleep(10 * time.Second)
		for name, want := range map[string]string{
			"rdb_bgsave_in_progress": "0", "rdb_current_bgsave_time_sec": "-1", "rdb_last_bgsave_time_sec": "10",
			"rdb_changes_since_last_save": "10", "rdb_last_bgsave_status": "ok",
		} {
			if got := w.info(name); got != want {
				t.Errorf("%s:%s, want %s", name, got, want)
			}
		}
		w.want("OK", "DEBUG", "RELOAD", "NOSAVE")
		if got := digest(t, db); got != was {
			t.Error("what was saved is not what there was when it began")
		}

		w.want("OK", "MULTI")
		w.want("QUEUED", "BGSAVE")
		w.want("QUEUED", "SET", "in", "exec")
		w.do("EXEC")
		synctest.Wait()
		if s.Info().Total != 11 {
			t.Errorf("a save that was scheduled in EXEC has %d keys", s.Info().Total)
		}
		// FLUSHALL ends it.
		start := time.Now()
		w.want("OK", "FLUSHALL")
		if s.Info().Saving || time.Since(start) != 0 {
			t.Error("a save goes on after FLUSHALL")
		}

		db.Set("a", "1")
		db.Set("b", "2")
		w.want("Background saving started", "BGSAVE")
		start = time.Now()
		w.conn.Close()
		if err := db.Close(); err != nil || time.Since(start) != 2*time.Second {
			t.Errorf("Close = %v after %v", err, time.Since(start))
		}
	})
}

func TestReload(t *testing.T) {
	db, s := attached(t, "save", "", "enable-debug-command", "yes")
	w := dial(t, db)
	db.Set("k", "v")
	db.HSet("h", "f", "v")
	w.do("HPEXPIRE", "h", "1000000", "FIELDS", "1", "f")
	was := digest(t, db)
	w.want("OK", "DEBUG", "RELOAD")
	if got := digest(t, db); got != was {
		t.Error("the store is another")
	}
	db.Set("k", "changed")
	db.Set("other", "v")
	w.want("ERR Error trying to load the RDB dump, check server logs.", "DEBUG", "RELOAD", "NOSAVE", "NOFLUSH")
	w.want("changed", "GET", "k")
	w.want("OK", "DEBUG", "RELOAD", "nosave", "noflush", "merge")
	w.want("v", "GET", "k")
	w.want("v", "GET", "other")
	w.want("OK", "DEBUG", "RELOAD", "NOSAVE")
	if got := digest(t, db); got != was {
		t.Error("the store is another")
	}
	w.want("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.", "DEBUG", "RELOAD", "X")
	s.breakDisk("rename", 0)
	w.want("ERR", "DEBUG", "RELOAD")
	w.want("ERR", "SAVE")
	s.disk = realDisk
	os.WriteFile(s.Path(), []byte("nothing"), 0o600)
	w.want("ERR Error trying to load the RDB dump, check server logs.", "DEBUG", "RELOAD", "NOSAVE")
	if got := digest(t, db); got != was {
		t.Error("the store is another after a bad file")
	}
}

// Who watches or waits for a key learns that it came with a file, and who follows the
// journal that it has lost its place.
func TestLoadIsSeen(t *testing.T) {
	src := newDB(t)
	src.RPush("list", "a", "b")
	src.Set("k", "v")
	file := saved(t, src)
	db := newDB(t)
	_, tail, err := bridge.Server(db).Engine().Follow()
	if err != nil {
		t.Fatal(err)
	}
	w := dial(t, db)
	w.want("OK", "WATCH", "k")
	w.want("OK", "MULTI")
	w.want("QUEUED", "PING")
	got := make(chan string)
	go func() {
		v, err := db.BLPop(t.Context(), 0, "list")
		got <- fmt.Sprint(v, err)
	}()
	for bridge.Server(db).Engine().Stats().Blocked == 0 {
	}
	if err := Load(strings.NewReader(string(file)), db); err != nil {
		t.Fatal(err)
	}
	if g := <-got; !strings.Contains(g, "a") {
		t.Errorf("BLPop = %s", g)
	}
	w.want("", "EXEC")
	if _, err := tail.Read(make([]byte, 10)); err != engine.ErrFellBehind {
		t.Errorf("the journal = %v", err)
	}
}

// Writers, saves and loads at once: every file is that of one instant.
func TestSaveConcurrently(t *testing.T) {
	db, s := attached(t, "save", "")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				db.Update(func(tx *larder.Tx) error {
					tx.Incr("a")
					tx.Incr("b")
					tx.RPush("list", fmt.Sprint(i))
					return nil
				}, "a", "b", "list")
			}
		})
	}
	for range 20 {
		if err := s.Save(); err != nil {
			t.Fatal(err)
		}
		other := newDB(t)
		f, err := os.Open(s.Path())
		if err != nil {
			t.Fatal(err)
		}
		if err := Load(f, other); err != nil {
			t.Fatal(err)
		}
		f.Close()
		a, _ := other.Get("a")
		b, _ := other.Get("b")
		if n, _ := other.LLen("list"); a != b || a != fmt.Sprint(n) && a != "" {
			t.Errorf("a = %s, b = %s, %d elements", a, b, n)
		}
	}
	close(stop)
	wg.Wait()
}

// While a file is loaded connections hear so, and INFO tells how far it has come.
func TestLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := newDB(t)
		w := dial(t, db)
		l := &admin.Loading{Start: time.Now(), Total: 1000}
		bridge.Server(db).SetLoading(l)
		time.Sleep(10 * time.Second)
		l.Loaded.Store(250)
		for _, words := range [][]string{{"GET", "k"}, {"SET", "k", "v"}, {"PING"}} {
			w.want("LOADING Redis is loading the dataset in memory", words...)
		}
		for name, want := range map[string]string{
			"loading": "1", "loading_total_bytes": "1000", "loading_loaded_bytes": "250", "loading_loaded_perc": "25.00", "loading_eta_seconds": "30",
		} {
			if got := w.info(name); got != want {
				t.Errorf("%s:%s, want %s", name, got, want)
			}
		}
		bridge.Server(db).SetLoading(nil)
		w.want("PONG", "PING")
		if got := w.info("loading") + w.info("loading_eta_seconds"); got != "0" {
			t.Errorf("loading:%s", got)
		}
	})
}

// Close ends a load, and the memory under it stays until that has noticed.
func TestCloseEndsLoad(t *testing.T) {
	src := newDB(t)
	for i := range 20000 {
		src.Set(fmt.Sprint(i), "v")
	}
	file := saved(t, src)
	db := newDB(t)
	closed := make(chan error)
	r := &pausing{r: strings.NewReader(string(file)), after: len(file) / 2, do: func() {
		go func() { closed <- db.Close() }()
		<-bridge.Server(db).Engine().Closed()
	}}
	if err := Load(r, db); !errors.Is(err, larder.ErrClosed) {
		t.Errorf("Load = %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := Load(strings.NewReader(string(file)), db); !errors.Is(err, larder.ErrClosed) {
		t.Errorf("Load into a store that is closed = %v", err)
	}
}

// A pausing does something when so many bytes were read.
type pausing struct {
	r     *strings.Reader
	after int
	do    func()
}

func (p *pausing) Read(b []byte) (int, error) {
	n, err := p.r.Read(b[:min(len(b), 4096)])
	if p.after > 0 {
		if p.after -= n; p.after <= 0 {
			p.do()
		}
	}
	return n, err
}
