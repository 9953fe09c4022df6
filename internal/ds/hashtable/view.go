package hashtable

import (
	"hash/maphash"
	"iter"
	"math/bits"
	"unsafe"
)

// View is all that a lookup needs: the directory, the list of chunks and the list
// of objects. A Table is a view that changes; a Frozen is one that does not.
//
// A handle that a view's method takes must be that of an entry which the view
// can see, or which the caller has made or published out and not yet retired.
type View struct {
	seed    maphash.Seed
	dir     []dirSlot
	shift   uint8 // 64 - depth of the directory
	skip    uint8 // bits that chose the shard
	addr    []unsafe.Pointer
	objects []*[objectBlock]objectSlot

	count, expiring, segments int
}

// Len counts the entries, expired ones too.
func (v *View) Len() int { return v.count }

// Expiring counts the entries that have an expiry.
func (v *View) Expiring() int { return v.expiring }

// Find returns the entry of a key, 0 if there is none. hash is the key's.
func (v *View) Find(hash uint64, key string) Handle {
	hs := hash << (v.skip & 63)
	d := v.slotOf(hs)
	bk := d.seg.bucket(bucketOf(hs, d.depth))
	if m := match8(bk.t0, tagOf(hash)); m != 0 { // nearly always it is the first match there
		if h := bk.slot[bits.TrailingZeros64(m)>>3]; v.key(v.at(h)) == key {
			return h
		}
	}
	return v.search(hash, key)
}

// search is Find, wherever the entry may lie.
func (v *View) search(hash uint64, key string) Handle {
	hs, tag := hash<<v.skip, tagOf(hash)
	d := v.slotOf(hs)
	sg, b := d.seg, bucketOf(hs, d.depth)
	for range sg {
		bk := sg.bucket(b)
		for m := match8(bk.t0, tag); m != 0; m &= m - 1 {
			if h := bk.slot[bits.TrailingZeros64(m)>>3]; v.key(v.at(h)) == key {
				return h
			}
		}
		for m := match8(uint64(bk.t1), tag) & hi4; m != 0; m &= m - 1 {
			if h := bk.slot[bits.TrailingZeros64(m)>>3+8]; v.key(v.at(h)) == key {
				return h
			}
		}
		if bk.overflow == 0 {
			break
		}
		b = (b + 1) % buckets
	}
	return 0
}

// Step calls f for the entries of one home bucket at or after a cursor and
// returns the next cursor. A cursor is the top 48 bits of a position, so that it
// survives clients that read it as a signed 64-bit number or as a double. The
// next one passes the last position of this shard when the shard is done; past
// the last position of all it is 0. An entry that is there from the first step
// to the last is met exactly once, however the table grows or shrinks between
// steps. f must not change the table.
func (v *View) Step(cursor uint64, f func(Handle)) (next uint64) {
	from := cursor << 16
	hs := from << v.skip
	low := 60 - v.skip - v.slotOf(hs).depth // bits of a cursor's position below its bucket
	v.home(hs, func(h Handle, _ uint64) { f(h) })
	return (from>>low + 1) << low >> 16
}

// home calls f for the entries of one home bucket at or after a position and
// returns the position where the next one begins, 0 after the last.
func (v *View) home(hs uint64, f func(h Handle, hash uint64)) (next uint64) {
	d := v.slotOf(hs)
	low := 60 - d.depth // bits of a position below its bucket
	b := bucketOf(hs, d.depth)
	for range d.seg {
		bk := &d.seg[b]
		for _, h := range bk.slot {
			if h == 0 {
				continue
			}
			// A chain holds other buckets' overflow; and after a merge the walk may
			// go on in the middle of a bucket, whose first entries were met before.
			hash := v.hash(v.Key(h))
			if p := hash << v.skip; p>>low == hs>>low && p >= hs {
				f(h, hash)
			}
		}
		if bk.overflow == 0 {
			break
		}
		b = (b + 1) % buckets
	}
	return (hs>>low + 1) << low
}

// Spread tells how entries lie: spread[n] home buckets have n of those that count. Its
// last element is not 0. It looks at every entry.
func (v *View) Spread(count func(Handle) bool) (spread []int) {
	for hs := uint64(0); ; {
		n := 0
		hs = v.home(hs, func(h Handle, _ uint64) {
			if count(h) {
				n++
			}
		})
		for len(spread) <= n {
			spread = append(spread, 0)
		}
		if spread[n]++; hs == 0 {
			return spread
		}
	}
}

// All yields every entry, in the order of positions from segment to segment, and
// in none inside a segment. The table must not change meanwhile.
func (v *View) All() iter.Seq[Handle] {
	return func(yield func(Handle) bool) {
		for i := 0; i < len(v.dir); {
			d := &v.dir[i]
			for b := range d.seg {
				for _, h := range d.seg[b].slot {
					if h != 0 && !yield(h) {
						return
					}
				}
			}
			i += len(v.dir) >> d.depth
		}
	}
}

// randomTries bounds how often Random draws. A draw hits with the share of
// places that are in use, a quarter or so, times the share of directory slots
// that are the first of a segment, a quarter at worst: almost no call gets here.
const randomTries = 256

// Random returns an entry, each with the same probability, and 0 if there is
// none. rnd returns uniform 64-bit numbers.
func (v *View) Random(rnd func() uint64) Handle {
	if v.count == 0 {
		return 0
	}
	if v.segments > 1 {
		// Draw from all places of all segments, and again if the place is empty.
		// Accepting a segment only by the first of its slots makes it as likely
		// as one that has a single slot.
		for range randomTries {
			r := rnd()
			d := v.slotOf(r)
			if i := r >> v.shift; i&(uint64(len(v.dir))>>d.depth-1) != 0 {
				continue
			}
			p := uniform(rnd, segmentOf)
			if h := d.seg[p/places].slot[p%places]; h != 0 {
				return h
			}
		}
	}
	// Count to a number that was drawn. This costs a walk over the segments, and
	// is exact whatever shape they have.
	n := uniform(rnd, v.count)
	for i := 0; i < len(v.dir); {
		d := &v.dir[i]
		if n < d.seg.count() {
			for b := range d.seg {
				for _, h := range d.seg[b].slot {
					if h == 0 {
						continue
					}
					if n == 0 {
						return h
					}
					n--
				}
			}
		}
		n -= d.seg.count()
		i += len(v.dir) >> d.depth
	}
	return 0
}

// uniform returns a number below n. It favours some by n in 2^64.
func uniform(rnd func() uint64, n int) int {
	i, _ := bits.Mul64(rnd(), uint64(n))
	return int(i)
}
