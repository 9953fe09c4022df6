package hashtable

import (
	"math/bits"
	"unsafe"
)

// A segment is an open hash table of fixed size: 16 buckets of one cache line
// each, without pointers.

const (
	buckets   = 16
	places    = 12  // in a bucket
	segmentOf = 192 // places in a segment
	splitAt   = 176 // beyond that overflow chains grow long
	mergeAt   = 72  // two buddies with no more than this become one

	segmentSize = 1024
)

// bucket is a cache line. A tag is 0 where the place is empty; else its top bit
// is set and the others are the lowest of the hash, which take no part in
// positions.
type bucket struct {
	t0       uint64 // tags of places 0 to 7
	t1       uint32 // tags of places 8 to 11
	overflow uint16
	n        uint16 // in bucket 0: entries in the segment
	slot     [places]Handle
}

type segment [buckets]bucket

// bucket returns &sg[b], of which there is one. Go looks at *sg first where the index is
// no constant, lest sg be nil: a lookup would pay for a line that it does not need.
func (sg *segment) bucket(b int) *bucket {
	return (*bucket)(unsafe.Add(unsafe.Pointer(sg), b*int(unsafe.Sizeof(bucket{}))))
}

const lo8, hi8, hi4 = 0x0101010101010101, 0x8080808080808080, 0x80808080

// match8 marks the tags that equal tag. It may mark another one above a true
// match, but never an empty place.
func match8(tags, tag uint64) uint64 {
	x := tags ^ tag*lo8
	return (x - lo8) &^ x & hi8
}

func tagOf(hash uint64) uint64 { return hash&0x7f | 0x80 }

// bucketOf returns the bucket that a position falls into.
func bucketOf(hs uint64, depth uint8) int { return int(hs << (depth & 63) >> 60) }

func (sg *segment) count() int { return int(sg[0].n) }

// place puts a handle into the first bucket with room. The caller knows that
// there is one.
func (sg *segment) place(hash, hs uint64, depth uint8, h Handle) {
	for b := bucketOf(hs, depth); ; b = (b + 1) % buckets {
		bk := &sg[b]
		if e := ^bk.t0 & hi8; e != 0 {
			j := bits.TrailingZeros64(e) >> 3
			bk.slot[j] = h
			bk.t0 |= tagOf(hash) << (8 * j)
			break
		}
		if e := ^bk.t1 & hi4; e != 0 {
			j := bits.TrailingZeros32(e) >> 3
			bk.slot[j+8] = h
			bk.t1 |= uint32(tagOf(hash)) << (8 * j)
			break
		}
		bk.overflow++
	}
	sg[0].n++
}

func (bk *bucket) tag(j int) uint64 {
	if j < 8 {
		return bk.t0 >> (8 * j) & 0xff
	}
	return uint64(bk.t1 >> (8 * (j - 8)) & 0xff)
}

// locate finds the place of a handle. It looks at no entry.
func (sg *segment) locate(hs uint64, depth uint8, h Handle) (b, j int, ok bool) {
	b = bucketOf(hs, depth)
	for range sg {
		bk := &sg[b]
		for j, s := range bk.slot {
			if s == h {
				return b, j, true
			}
		}
		if bk.overflow == 0 {
			break
		}
		b = (b + 1) % buckets
	}
	return 0, 0, false
}

// remove empties a place that locate found.
func (sg *segment) remove(hs uint64, depth uint8, b, j int) {
	for i := bucketOf(hs, depth); i != b; i = (i + 1) % buckets {
		sg[i].overflow--
	}
	bk := &sg[b]
	bk.slot[j] = 0
	if j < 8 {
		bk.t0 &^= 0xff << (8 * j)
	} else {
		bk.t1 &^= 0xff << (8 * (j - 8))
	}
	sg[0].n--
}
