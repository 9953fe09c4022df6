package rdb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/engine"
)

// Options are the options of Attach.
type Options struct {
	// Path is the file; its directory must exist. "" is what the configuration says:
	// dbfilename in dir. CONFIG SET of these moves it.
	Path string
	// DiscardOnClose has Close of the store save nothing.
	DiscardOnClose bool
}

// A Saver keeps a store in a file. Its methods may be called from any goroutine, but
// not within an Update.
//
// It has no goroutine while nothing is saved, and no timer while nothing has changed:
// a store is looked at once a second while it is written to, and then once more when
// the next save point may be due.
type Saver struct {
	srv  *admin.Server
	e    *engine.Engine
	disk disk

	failed atomic.Bool // saving in the background, the last time
	kicked atomic.Bool // a look is due because of a change

	mu        sync.Mutex // guards following; taken under no other lock and over none
	discard   bool       // Close saves nothing
	closed    bool
	base      int64 // changes of the store that are saved
	saved     bool  // the file holds what the store had then
	lastSave  time.Time
	tried     time.Time // in the background
	saves     int64
	took      time.Duration // the last time in the background; -1: never
	retained  int64
	running   *job
	scheduled bool // once more, when that has ended
	timer     *time.Timer
	got       loaded
}

// Why something was not saved.
const (
	// ErrSaving is returned while the store is being saved in the background.
	ErrSaving larder.Error = "ERR Background save already in progress"

	// ErrPathTaken is wrapped by what Attach returns for a file in which another store of
	// this process is kept: the two would overwrite each other's.
	ErrPathTaken larder.Error = "ERR another store of this process is kept in the file"

	errAttached larder.Error = "ERR the store has a file already"
)

// Attach ties a store to a file. If there is one, it is loaded, in the place of what
// the store holds; an error leaves the store as it was, and without a file.
//
// From then on the store is saved at the save points of the configuration ("3600 1 300
// 100 60 10000" if it says nothing), by Close, by the Saver, and by the commands SAVE,
// BGSAVE and FLUSHALL; DUMP, RESTORE and DEBUG RELOAD are there as well. Every time a
// whole file is written beside the old one, made durable, and put in its place. The
// error of a save by Close is Close's. Two stores of a process cannot be attached to one
// path (ErrPathTaken).
func Attach(db *larder.DB, o Options) (*Saver, error) {
	srv := bridge.Server(db)
	c := srv.Conf()
	if srv.Persistence() != nil {
		return nil, errAttached
	}
	if o.Path != "" {
		path, err := filepath.Abs(o.Path)
		if err != nil {
			return nil, err
		}
		if err := c.Preset("dir", filepath.Dir(path)); err != nil {
			return nil, fmt.Errorf("rdb: %s: %w", filepath.Dir(path), err)
		}
		if err := c.Preset("dbfilename", filepath.Base(path)); err != nil {
			return nil, fmt.Errorf("rdb: %s: %w", path, err)
		}
	}
	s := &Saver{srv: srv, e: srv.Engine(), disk: realDisk, discard: o.DiscardOnClose, took: -1}
	if err := savers.add(s); err != nil {
		return nil, err
	}
	attached := false
	defer func() {
		if !attached {
			savers.remove(s)
		}
	}()
	start := time.Now()
	switch err := s.loadFile(admin.ReloadArgs{}, func() {}); {
	case err == nil:
		srv.Log().Info(fmt.Sprintf("DB loaded from disk: %.3f seconds", time.Since(start).Seconds()))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	attached = true
	srv.SetRestored(s.got.stream)
	srv.SetPersistence(s)
	extend(ownerOf(s.e))
	s.e.AddCommands(saveTable)
	s.e.OnClose(s.close)
	s.e.OnChange(s.kick)
	c.OnChange("save", nil, func(string) error {
		time.AfterFunc(0, s.look)
		return nil
	})
	s.look()
	return s, nil
}

// Path is the file, as the configuration names it now.
func (s *Saver) Path() string {
	c := s.srv.Conf()
	return filepath.Join(c.String("dir"), c.String("dbfilename"))
}

// loadFile loads the file.
func (s *Saver) loadFile(o admin.ReloadArgs, loading func()) error {
	path := s.Path()
	f, err := os.Open(path)
	if err == nil {
		defer f.Close()
		size := int64(0)
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
		err = s.loadFrom(f, size, o, loading)
	}
	now := s.e.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil || s.lastSave.IsZero() {
		s.base, s.lastSave = s.e.Changes(), now
	}
	return wrapFile(path, err)
}

// loadFrom loads a file of a size, 0 if that is not known, while connections hear that
// this is so; loading is called when they do.
func (s *Saver) loadFrom(r io.Reader, size int64, o admin.ReloadArgs, loading func()) error {
	progress := &admin.Loading{Start: time.Now(), Total: size}
	s.srv.SetLoading(progress)
	defer s.srv.SetLoading(nil)
	loading()
	got, err := load(&counting{r, &progress.Loaded}, s.srv, loadOptions{ReloadArgs: o})
	if err == nil {
		s.mu.Lock()
		s.got, s.saved = got, true
		s.mu.Unlock()
		s.logLoaded(got)
	}
	return err
}

// A counting is a reader that counts.
type counting struct {
	io.Reader
	n *atomic.Int64
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// Save saves the store now and returns when that is done.
func (s *Saver) Save() error {
	j := &job{begun: s.e.Now(), done: make(chan struct{}), asked: true}
	if err := s.begin(j); err != nil {
		return err
	}
	sn, err := s.e.Snapshot(0)
	if err == nil {
		defer sn.Close()
		err = s.run(j, sn)
	}
	s.ended(j, err)
	return err
}

// begin makes j the job that runs. It waits for another that somebody waits for.
func (s *Saver) begin(j *job) error {
	for {
		s.mu.Lock()
		was := s.running
		if was == nil {
			s.running = j
			s.saves++
			j.changes = s.e.Changes()
			j.stream.ID = s.history()
			s.mu.Unlock()
			return nil
		}
		s.mu.Unlock()
		if !was.asked || !j.asked {
			return ErrSaving
		}
		<-was.done
	}
}

// SaveInBackground begins to save the store as it is now, and returns. Close waits
// for it. It returns ErrSaving if that is under way.
func (s *Saver) SaveInBackground() error {
	j := &job{begun: s.e.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	if err := s.begin(j); err != nil {
		return err
	}
	s.mu.Lock()
	s.tried = j.begun
	s.mu.Unlock()
	err := s.e.GoSnapshot(func(sn *engine.Snapshot) {
		if f := s.srv.OnBackground; f != nil {
			defer f()()
		}
		s.ended(j, s.run(j, sn))
	})
	if err != nil {
		s.ended(j, err)
		return err
	}
	s.srv.Log().Info("Background saving started")
	return nil
}

// SaveLater is SaveInBackground, but for that it saves after one that is under way.
func (s *Saver) SaveLater() {
	s.mu.Lock()
	s.scheduled = true
	s.mu.Unlock()
	time.AfterFunc(0, s.look)
}

// LastSave is when the store was saved or loaded, or else attached.
func (s *Saver) LastSave() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastSave
}

// DiscardOnClose has Close save nothing.
func (s *Saver) DiscardOnClose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.discard = true
}

// run writes the snapshot of a job to the file.
func (s *Saver) run(j *job, sn *engine.Snapshot) error {
	total := int64(0)
	for db := range s.e.Databases() {
		total += int64(sn.Len(db))
	}
	s.mu.Lock()
	j.sn, j.total = sn, total
	s.mu.Unlock()
	if j.stream.ID != s.history() { // the data may be that of another history
		j.stream = admin.StreamPosition{}
	}
	j.stream.Offset, j.stream.DB = sn.Journal()
	path := s.Path()
	err := s.disk.write(path, func(f diskFile) error {
		w := io.WriteSeeker(f)
		if s.srv.Conf().Bool("rdb-save-incremental-fsync") {
			w = &syncing{f, syncEvery}
		}
		err := j.encode(w, DefaultVersion)
		if !errors.Is(err, ErrVersion) {
			return err
		}
		if _, err := w.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
		return j.encode(w, MaxVersion)
	})
	retained := sn.Retained()
	s.mu.Lock()
	s.retained = retained
	s.mu.Unlock()
	if err == nil {
		s.srv.Log().Info("DB saved on disk")
	} else if err != errGivenUp {
		s.srv.Log().Warn("Failed saving the DB", "file", path, "error", err)
	}
	return wrapFile(path, err)
}

// ended takes note of what became of a job.
func (s *Saver) ended(j *job, err error) {
	now := s.e.Now()
	givenUp := errors.Is(err, errGivenUp)
	s.mu.Lock()
	if err == nil {
		s.base, s.lastSave, s.saved = j.changes, now, true
	}
	if err == nil || !j.asked && !givenUp {
		s.failed.Store(err != nil)
		s.srv.SettleGate(admin.GateSaving, s.failed.Load)
	}
	if !j.asked {
		s.took = now.Sub(j.begun)
	}
	s.running = nil // whoever sees that sees the rest
	close(j.done)
	s.mu.Unlock()
	if givenUp {
		s.srv.Log().Info("Background saving was given up")
	}
	if !j.asked && err == nil {
		s.srv.Log().Info("Background saving terminated with success")
	} else if !j.asked {
		s.srv.Log().Warn("Background saving error")
	}
	time.AfterFunc(0, s.look) // not here: who asks within an Update holds what it takes
}

// retryAfter is how long saving by itself rests after it has failed.
const retryAfter = 5 * time.Second

// kick is told of a change, under a shard's lock.
func (s *Saver) kick() {
	if s.kicked.CompareAndSwap(false, true) {
		time.AfterFunc(time.Second, func() {
			s.kicked.Store(false)
			s.look()
		})
	}
}

// look saves if a save point is due, and sees to it that the next look comes in time.
func (s *Saver) look() {
	points := s.srv.Conf().SavePoints()
	if len(points) != 0 {
		s.e.ExpectChange() // first: what changes from now on is told
	}
	changes, now := s.e.Changes(), s.e.Now()
	s.mu.Lock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.closed || s.running != nil {
		s.mu.Unlock()
		return
	}
	n, since, again := changes-s.base, now.Sub(s.lastSave), time.Duration(-1)
	due := s.scheduled
	s.scheduled = false
	for _, p := range points {
		if due || n < p.Changes || n == 0 {
			continue
		}
		wait := time.Duration(p.Seconds)*time.Second - since
		if s.failed.Load() {
			wait = max(wait, retryAfter-now.Sub(s.tried))
		}
		if wait <= 0 {
			due = true
			s.srv.Log().Info(fmt.Sprintf("%d changes in %d seconds. Saving...", p.Changes, p.Seconds))
		} else if again < 0 || wait < again {
			again = wait
		}
	}
	if !due && again >= 0 {
		s.timer = time.AfterFunc(again, s.look)
	}
	s.mu.Unlock()
	if due {
		_ = s.SaveInBackground() // it is told in the log, and by INFO
	}
}

// close saves the store at its end.
func (s *Saver) close(sn *engine.Snapshot) error {
	defer savers.remove(s)
	for {
		s.mu.Lock()
		j := s.running
		s.closed = true
		s.mu.Unlock()
		if j == nil {
			break
		}
		<-j.done // what it writes is older
	}
	changes := s.e.Changes()
	s.mu.Lock()
	if s.timer != nil {
		s.timer.Stop()
	}
	nothing := s.discard || s.saved && changes == s.base
	s.mu.Unlock()
	if nothing {
		return nil
	}
	return s.run(&job{stream: admin.StreamPosition{ID: s.history()}}, sn)
}

// history is the name of the history that the data is of, "" if nobody else knows any.
func (s *Saver) history() string {
	if s.e.IsReplica() || s.e.Backlog().Active {
		return s.srv.ReplID()
	}
	return ""
}

// logLoaded says what a redis-server says of a file that it has loaded.
func (s *Saver) logLoaded(l loaded) {
	if l.version != "" {
		s.srv.Log().Info("Loading RDB produced by version " + l.version)
	}
	s.srv.Log().Info(fmt.Sprintf("Done loading RDB, keys loaded: %d, keys expired: %d.", l.keys, l.expired))
}

// Info is for INFO.
func (s *Saver) Info() admin.PersistenceInfo {
	changes, now := s.e.Changes(), s.e.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	in := admin.PersistenceInfo{
		LastSave: s.lastSave, Changes: max(0, changes-s.base), Saves: s.saves, Failed: s.failed.Load(),
		LastTook: s.took, Retained: s.retained, Loaded: s.got.keys, LoadedExpired: s.got.expired,
	}
	if j := s.running; j != nil && !j.asked {
		in.Saving, in.SavingFor, in.SavedKeys, in.Total = true, now.Sub(j.begun), j.keys.Load(), j.total
	}
	return in
}

// Failing is for those who refuse writes.
func (s *Saver) Failing() bool { return s.failed.Load() && len(s.srv.Conf().SavePoints()) != 0 }

// Flushed gives up what is being saved in the background, since it is gone, and saves
// that there is nothing if the store saves by itself, as Redis does.
func (s *Saver) Flushed() {
	s.GiveUp()
	if len(s.srv.Conf().SavePoints()) != 0 {
		_ = s.Save() // it is told in the log
	}
}

// GiveUp ends what is being saved in the background: the file stays as it was. It
// waits for that.
func (s *Saver) GiveUp() {
	s.mu.Lock()
	j := s.running
	if j == nil || j.asked {
		s.mu.Unlock()
		return
	}
	select {
	case <-j.stop:
	default:
		close(j.stop)
	}
	s.mu.Unlock()
	<-j.done
}
