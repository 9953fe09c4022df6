package larder

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// GetOrLoad returns the string at key or, where there is none, what load
// returns, which is stored for ttl; 0 means for ever. However many callers miss
// the same key at once, load runs once, and all get its result or its error; an
// error is not stored. Load runs until it returns even if the callers that wait
// for it give up, each as its own ctx ends; its ctx carries the values of the
// first caller's and ends when nobody waits any more. A panic in load is
// returned to everyone as an error.
func (db *DB) GetOrLoad(ctx context.Context, key string, ttl time.Duration, load func(context.Context) (string, error)) (string, error) {
	if v, err := db.Get(key); err != ErrNil {
		return v, err
	}
	l := db.shared.loads.join(ctx, db, key, ttl, load)
	defer db.shared.loads.leave(l)
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	case <-db.shared.e.Closed():
		return "", ErrClosed
	}
}

// loads are the loads of GetOrLoad that are under way.
type loads struct {
	mu sync.Mutex // guards following
	m  map[loadKey]*oneLoad
}

type loadKey struct {
	db  int
	key string
}

// A oneLoad is a load and those who wait for it.
type oneLoad struct {
	at      loadKey
	waiting int // guarded by loads.mu
	cancel  context.CancelFunc
	done    chan struct{}
	value   string // guarded by done, as err
	err     error
}

// join returns the load of key, which it starts if there is none.
func (ls *loads) join(ctx context.Context, db *DB, key string, ttl time.Duration, load func(context.Context) (string, error)) *oneLoad {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	at := loadKey{db.s.DB, key}
	l := ls.m[at]
	if l == nil {
		if ls.m == nil {
			ls.m = map[loadKey]*oneLoad{}
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		l = &oneLoad{at: at, cancel: cancel, done: make(chan struct{})}
		ls.m[at] = l
		go l.run(ctx, db, ttl, load)
	}
	l.waiting++
	return l
}

// leave is called by each who waits no longer.
func (ls *loads) leave(l *oneLoad) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l.waiting--; l.waiting == 0 {
		l.cancel()
		ls.forget(l)
	}
}

// forget lets the next caller start a load of its own. ls.mu is held.
func (ls *loads) forget(l *oneLoad) {
	if ls.m[l.at] == l {
		delete(ls.m, l.at)
	}
}

func (l *oneLoad) run(ctx context.Context, db *DB, ttl time.Duration, load func(context.Context) (string, error)) {
	defer func() {
		if p := recover(); p != nil {
			l.err = fmt.Errorf("larder: load panicked: %v", p)
		}
		ls := &db.shared.loads
		ls.mu.Lock()
		ls.forget(l)
		ls.mu.Unlock()
		close(l.done)
	}()
	if l.value, l.err = load(ctx); l.err != nil {
		return
	}
	l.err = db.SetArgs(SetArgs{Key: l.at.key, Value: l.value, TTL: ttl})
}
