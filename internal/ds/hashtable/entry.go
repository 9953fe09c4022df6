package hashtable

import (
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/chunk"
)

// This file holds how an entry lies in its slot. It and alloc.go are the only
// files with unsafe memory in them: a pointer that at returns is good until the
// slot is released, which the caller's lock, or the snapshot that sees the
// entry, prevents.

// Handle names an entry: its chunk's index << 12 | its granule in the chunk.
// There is no chunk 0, so 0 names none.
type Handle uint32

// Form is the caller's code for the type and encoding of an entry, from 0 to
// MaxForm. The table keeps it and does not look at it.
type Form uint8

const (
	// MaxForm is the largest form: five bits of the kind byte are free.
	MaxForm Form = 31

	// MaxExpireAt is the latest expiry that an entry can hold, in Unix
	// milliseconds (48 bits: the year 10889). Refusing later ones, and negative
	// ones, is the caller's duty.
	MaxExpireAt = 1<<48 - 1
)

const (
	granule       = 16
	chunkLog      = 12
	chunkGranules = 1 << chunkLog
	maxFlat       = 2048 // bytes of the largest slot
	classes       = 41
)

// A chunk has exactly the granules that a handle can tell apart.
var _ = [1]struct{}{}[chunk.Size-chunkGranules*granule]

// The kinds of a slot, in the lower three bits of its kind byte.
const (
	linked     = iota // free, in the list of its class
	loose             // free, in no list: its chunk drains
	flat              // entry: key, payload
	blob              // entry: object index, key; the object is the payload's bytes
	object            // entry: object index, key; the object is the caller's
	longBlob          // like blob, but the key is in the object too
	longObject        // like object, but the key is in the object too

	kindMask  = 7
	formShift = 3
)

// entry is the header of an entry, one granule. Key and payload follow it.
type entry struct {
	size       uint8 // of the slot, in granules
	kind       uint8 // kind and form
	klen, vlen uint16
	expHi      uint16 // Unix milliseconds in 48 bits, 0 never
	expLo      uint32
	clock      uint32 // the access clock, read and stored atomically
}

// hole is the header of a free slot. Its first two fields are an entry's, so
// that whoever walks a chunk need not know what comes next.
type hole struct {
	size, kind uint8
	_          [6]byte
	next, prev Handle
}

var (
	_ = [1]struct{}{}[unsafe.Sizeof(entry{})-granule]
	_ = [1]struct{}{}[unsafe.Sizeof(hole{})-granule]
)

// indexSize is the length of an object index, which a stub has in place of a
// payload, before its key.
const indexSize = 4

func (e *entry) is() uint8 { return e.kind & kindMask }

func (e *entry) form() Form { return Form(e.kind >> formShift) }

func (e *entry) set(kind uint8, form Form) { e.kind = kind | uint8(form)<<formShift }

func (e *entry) expireAt() int64 { return int64(e.expHi)<<32 | int64(e.expLo) }

func (e *entry) setExpireAt(ms int64) { e.expHi, e.expLo = uint16(ms>>32), uint32(ms) }

// bytes are the n bytes at offset off behind the header. None are nowhere: behind the
// last slot of a chunk is memory of somebody else, which a pointer would hold.
func (e *entry) bytes(off, n int) []byte {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(e), granule+off)), n)
}

// slot is the whole slot, header included.
func (e *entry) slot() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(e)), int(e.size)*granule)
}

func (e *entry) index() uint32 { return *(*uint32)(unsafe.Add(unsafe.Pointer(e), granule)) }

func (e *entry) setIndex(i uint32) { *(*uint32)(unsafe.Add(unsafe.Pointer(e), granule)) = i }

func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (v *View) at(h Handle) *entry {
	return (*entry)(unsafe.Add(v.addr[h>>chunkLog], int(h&(chunkGranules-1))*granule))
}

func (v *View) hole(h Handle) *hole { return (*hole)(unsafe.Pointer(v.at(h))) }

func (v *View) key(e *entry) string {
	if e.kind&kindMask == flat { // nearly all: this much is inlined
		return unsafe.String((*byte)(unsafe.Add(unsafe.Pointer(e), granule)), int(e.klen))
	}
	return v.stubKey(e)
}

// stubKey is the key of an entry that is not flat. Were it inlined, key would not be.
//
//go:noinline
func (v *View) stubKey(e *entry) string {
	if e.is() < longBlob {
		return borrow(e.bytes(indexSize, int(e.klen)))
	}
	return v.object(e.index()).obj.(*long).key
}

// An Entry is an entry that was looked up, so that several things about it can be
// read without finding it anew. It is good as long as what is borrowed from it.
type Entry struct{ e *entry }

// At returns the entry that a handle names.
func (v *View) At(h Handle) Entry { return Entry{v.at(h)} }

// ExpireAt is View.ExpireAt.
func (e Entry) ExpireAt() int64 { return e.e.expireAt() }

// Form is View.Form.
func (e Entry) Form() Form { return e.e.form() }

// Flat returns the payload that lies in the slot; ok is false for an entry that has
// it elsewhere, or is an object.
func (e Entry) Flat() (payload string, ok bool) {
	if e.e.is() != flat {
		return "", false
	}
	if e.e.vlen == 0 {
		return "", true
	}
	return unsafe.String((*byte)(unsafe.Add(unsafe.Pointer(e.e), granule+int(e.e.klen))), int(e.e.vlen)), true
}

// Clock is View.Clock.
func (e Entry) Clock() uint32 { return atomic.LoadUint32(&e.e.clock) }

// SetClock is View.SetClock.
func (e Entry) SetClock(c uint32) { atomic.StoreUint32(&e.e.clock, c) }

// Key returns the key of an entry. It is borrowed: it is good until the caller
// lets go of the lock, or of the snapshot, and never after Retire.
func (v *View) Key(h Handle) string { return v.key(v.at(h)) }

// Form returns the form of an entry.
func (v *View) Form(h Handle) Form { return v.at(h).form() }

// Bytes returns the payload of an entry that New made, borrowed as a key is, and
// "" for an object.
func (v *View) Bytes(h Handle) string {
	e := v.at(h)
	switch e.is() {
	case flat:
		return borrow(e.bytes(int(e.klen), int(e.vlen)))
	case blob, longBlob:
		return v.object(e.index()).payload()
	}
	return ""
}

// Object returns what NewObject or SetObject put there, nil for an entry that
// New made.
func (v *View) Object(h Handle) any {
	e := v.at(h)
	switch e.is() {
	case object:
		return v.object(e.index()).obj
	case longObject:
		return v.object(e.index()).obj.(*long).obj
	}
	return nil
}

// ExpireAt returns when an entry expires, in Unix milliseconds, 0 for never.
func (v *View) ExpireAt(h Handle) int64 { return v.at(h).expireAt() }

// Clock returns the access clock of an entry.
func (v *View) Clock(h Handle) uint32 { return atomic.LoadUint32(&v.at(h).clock) }

// SetClock sets the access clock of an entry. It is allowed under a read lock,
// and for an entry that snapshots see: the clock is the one thing about an entry
// that is not part of what they froze. It is not allowed on a Frozen, whose
// readers hold no lock that keeps Compact from moving the entry meanwhile.
func (v *View) SetClock(h Handle, c uint32) { atomic.StoreUint32(&v.at(h).clock, c) }

// Size returns how many bytes an entry takes: its slot, its share of the index,
// and what hangs on it as a Go object.
func (v *View) Size(h Handle) int { return v.weight(v.at(h)) + bucketShare }

// bucketShare is what an entry takes of its segment, on average: segments hold
// between 88 entries, after a split, and 176, before the next.
const bucketShare = 8

// weight is what an entry takes without its share of the index.
func (v *View) weight(e *entry) int {
	n := int(e.size) * granule
	if e.is() != flat {
		n += v.object(e.index()).weight()
	}
	return n
}

// classOf rounds a size in granules up to its class: 16 bytes apart to 256,
// which is already eight to the last doubling, then eight to a doubling.
func classOf(granules int) (class, size int) {
	shift := max(bits.Len(uint(granules-1)), 4) - 4
	q := (granules + 1<<shift - 1) >> shift
	return 8*shift + q, q << shift
}

// classIn returns the largest class that fits in a number of granules.
func classIn(granules int) (class, size int) {
	granules = min(granules, maxFlat/granule)
	shift := max(bits.Len(uint(granules)), 4) - 4
	return classOf(granules >> shift << shift)
}

// flatSize returns the class of a flat entry, and whether there is one.
func flatSize(klen, vlen int) (class, size int, ok bool) {
	// One at a time: their sum may overflow on a 32-bit system.
	if klen > maxFlat || vlen > maxFlat || granule+klen+vlen > maxFlat {
		return 0, 0, false
	}
	class, size = classOf((granule + klen + vlen + granule - 1) / granule)
	return class, size, true
}

// stubSize returns the class of a stub, and whether the key must be in the
// object.
func stubSize(klen int) (class, size int, keyOut bool) {
	if klen > maxFlat-granule-indexSize {
		klen, keyOut = 0, true
	}
	class, size = classOf((granule + indexSize + klen + granule - 1) / granule)
	return class, size, keyOut
}
