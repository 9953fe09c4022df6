package hashtable

import "math/bits"

// What an owner of a table needs who keeps an index of its own: of the fields of a
// hash by the time at which they expire.

// FindHash returns an entry whose key has this hash and that want accepts, 0 if
// there is none. Keys that share a hash are as rare as 64 bits make them, but not
// excluded: want is called for each.
func (v *View) FindHash(hash uint64, want func(Handle) bool) Handle {
	hs, tag := hash<<v.skip, tagOf(hash)
	d := v.slotOf(hs)
	sg, b := d.seg, bucketOf(hs, d.depth)
	for range sg {
		bk := sg.bucket(b)
		for m := match8(bk.t0, tag); m != 0; m &= m - 1 {
			if h := bk.slot[bits.TrailingZeros64(m)>>3]; v.hash(v.Key(h)) == hash && want(h) {
				return h
			}
		}
		for m := match8(uint64(bk.t1), tag) & hi4; m != 0; m &= m - 1 {
			if h := bk.slot[bits.TrailingZeros64(m)>>3+8]; v.hash(v.Key(h)) == hash && want(h) {
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

// NoDeadlines says that the table need not know when its entries expire: it keeps
// their times and no more. Due then finds nothing. It is called before the first
// entry.
func (t *Table) NoDeadlines() { t.undated = true }
