package rdb

import (
	"errors"
	"io"
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/larderdb/larder/internal/engine"
)

// Loading on all processors. One goroutine reads the file, sees to its checksum, and
// cuts it into keys with values that it leaves undecoded; workers decode these and add
// them to the data set. Each worker has shards of its own, to which it alone adds keys,
// in the order of the file: so no table needs a lock, and a key that is there twice is
// found at its second place, as by one goroutine. The first error in the order of the
// file is the error.
//
//	reader ---- batches of worker 0 ----> decode, add to shards 0, n, 2n ...
//	       '--- batches of worker 1 ----> decode, add to shards 1, n+1 ...
//
// Memory is bounded: a worker has a few more than batchesAhead batches, each of about
// batchSize bytes. A value of more than bigValue bytes is decoded by its worker where the reader has
// it, while the reader waits; one of very many elements is built by the reader, element
// by element, and only added by the worker.
const (
	batchSize    = 128 << 10
	bigValue     = 512 << 10
	batchesAhead = 4
	maxWorkers   = 16 // beyond, the reader has no more to give
)

// A record is a key with its value: undecoded, or ready.
type record struct {
	loadKey
	name, raw int // lengths; the bytes lie in the batch, one record behind the other
	typ       byte
	valkey    bool
	offset    int64 // of the value in the file
	end       int64 // where it ends there
	value     engine.Value
}

// A batch is what a worker takes at once.
type batch struct {
	records []record
	bytes   []byte
	big     []byte        // instead of bytes: of the only record, the reader's
	done    chan struct{} // closed when big may go; nil: nobody waits
}

// A worker adds the keys of its shards.
type worker struct {
	ld      *loader
	failed  *atomic.Int64 // where the first error is that is known, in the file
	in      chan *batch
	free    chan *batch
	next    *batch // that the reader fills
	d       *valueDecoder
	expired int64
	err     error // the first
}

// beside loads a file with workers.
func (ld *loader) beside(d *Decoder, procs int) error {
	var failed atomic.Int64
	failed.Store(math.MaxInt64)
	limits := limitsOf(ld.e)
	workers := make([]*worker, min(procs, maxWorkers))
	var running sync.WaitGroup
	for i := range workers {
		w := &worker{ld: ld, failed: &failed, in: make(chan *batch, batchesAhead), free: make(chan *batch, batchesAhead), d: newValueDecoder(limits)}
		w.next = new(batch)
		workers[i] = w
		running.Go(w.run)
	}
	r := &reader{ld: ld, d: d, workers: workers, failed: &failed, b: builder{l: limits}}
	d.raw, d.lazyNodes = true, true
	err := d.Decode(r.event)
	for _, w := range workers {
		w.flush()
		close(w.in)
	}
	running.Wait()
	var bad *Error
	switch {
	case errors.Is(err, errWorker):
		err = nil
	case errors.As(err, &bad):
		err = r.first(bad)
	}
	first := int64(math.MaxInt64)
	for _, w := range workers {
		ld.got.expired += w.expired
		if w.err != nil {
			if at := w.err.(*Error).Offset; at < first {
				first, err = at, w.err // which lies before what the reader has found
			}
		}
	}
	return err
}

// errWorker ends the reading after a worker has found an error.
var errWorker = errors.New("rdb: a worker has failed")

// A reader gives the keys of a file to the workers.
type reader struct {
	ld      *loader
	d       *Decoder
	workers []*worker
	failed  *atomic.Int64
	b       builder // of values of very many elements
	from    int64   // where such a value begins
}

func (r *reader) event(ev *Event) error {
	if ev.Key == nil {
		return r.ld.outside(ev)
	}
	switch ev.Kind {
	case kindRaw:
		k, err := r.ld.key(ev)
		if err != nil {
			return err
		}
		return r.give(record{loadKey: k, typ: ev.Key.Encoding, valkey: ev.Valkey, offset: ev.Offset}, ev, ev.Value)
	case KindKey:
		r.from = ev.Offset
	}
	if err := r.b.event(ev); err != nil && err != errEmptyKey {
		return r.d.refuse(err)
	}
	if ev.Kind != KindEnd {
		return nil
	}
	k, err := r.ld.key(ev)
	if err != nil {
		return err
	}
	v := r.b.v
	r.b.v = engine.Value{}
	v.Flat = strings.Clone(v.Flat)
	return r.give(record{loadKey: k, offset: r.from, value: v}, ev, nil) // an empty one is left out
}

// first is the error that decoding in order gives where reading has ended with e: if that
// was within a value that was being passed over, there may be something wrong with what
// was passed.
func (r *reader) first(e *Error) *Error {
	d := r.d
	if !d.in.skim {
		return e
	}
	w := worker{ld: r.ld, d: newValueDecoder(r.b.l)}
	rec := record{loadKey: loadKey{db: d.ev.DB, unwanted: true}, typ: d.key.Encoding, valkey: d.ev.Valkey, offset: d.rawAt}
	raw := d.in.recorded()
	rec.raw = len(raw)
	was := w.record(&rec, d.key.Name, raw)
	if was == nil || was.Offset >= e.Offset || errors.Is(was, io.ErrUnexpectedEOF) { // which the end of what was passed is
		return e
	}
	return was
}

// give passes a record to the worker whose shard it belongs to.
func (r *reader) give(rec record, ev *Event, raw []byte) error {
	if r.failed.Load() < math.MaxInt64 {
		return errWorker
	}
	name := ev.Key.Name
	rec.name, rec.raw, rec.end = len(name), len(raw), ev.Offset+int64(len(raw))
	w := r.workers[r.ld.l.Shard(borrow(name))%len(r.workers)]
	b := w.next
	if len(raw) > bigValue {
		w.flush()
		b = w.next
		b.bytes = append(b.bytes, name...)
		b.records, b.big, b.done = append(b.records, rec), raw, make(chan struct{})
		done := b.done
		w.flush()
		<-done
		return nil
	}
	b.bytes = append(append(b.bytes, name...), raw...)
	b.records = append(b.records, rec)
	if len(b.bytes) >= batchSize || len(b.records) >= batchSize/64 {
		w.flush()
	}
	return nil
}

// flush gives the worker the batch that was filled for it.
func (w *worker) flush() {
	if len(w.next.records) == 0 {
		return
	}
	w.in <- w.next
	select {
	case w.next = <-w.free:
	default:
		w.next = new(batch)
	}
}

// run takes batches until there are no more.
func (w *worker) run() {
	for b := range w.in {
		w.batch(b)
		if b.done != nil {
			close(b.done)
		}
		if cap(b.bytes) > 2*bigValue {
			b.bytes = nil
		}
		clear(b.records) // the values are the data set's
		*b = batch{records: b.records[:0], bytes: b.bytes[:0]}
		select {
		case w.free <- b:
		default:
		}
	}
}

// batch adds the keys of a batch. After an error those that follow it in the file do not
// matter, but those before it do: another worker's error may come earlier.
func (w *worker) batch(b *batch) {
	at := 0
	for i := range b.records {
		rec := &b.records[i]
		name := b.bytes[at : at+rec.name]
		raw := b.big
		if raw == nil {
			raw = b.bytes[at+rec.name : at+rec.name+rec.raw]
		}
		at += rec.name + rec.raw
		if w.err != nil || rec.offset > w.failed.Load() {
			return
		}
		if err := w.record(rec, name, raw); err != nil {
			w.err = err
			for was := w.failed.Load(); err.Offset < was && !w.failed.CompareAndSwap(was, err.Offset); {
				was = w.failed.Load()
			}
		}
	}
}

// record decodes a record and adds it.
func (w *worker) record(rec *record, name, raw []byte) *Error {
	v := rec.value
	if v.Form == engine.NoForm && rec.raw > 0 {
		var err error
		if v, err = w.d.decode(rec.typ, rec.valkey, raw); err != nil && !errors.Is(err, errEmptyKey) {
			e := err.(*Error)
			e.Offset += rec.offset - 1 // which counts from the byte before
			e.DB, e.Key, e.InKey = rec.db, string(name), true
			return e
		}
	}
	expired, err := w.ld.put(rec.loadKey, borrow(name), v)
	if err != nil {
		e := &Error{Offset: rec.end, DB: rec.db, Key: string(name), InKey: true}
		e.Detail, e.Err = refusal(err)
		return e
	}
	if expired {
		w.expired++
	}
	return nil
}
