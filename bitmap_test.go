package larder_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/larderdb/larder"
)

// TestBitmaps makes random changes to bitmaps of all lengths, those in pages among
// them, while a snapshot is open or a transaction is undone, and compares every
// answer with a slice of bits.
func TestBitmaps(t *testing.T) {
	for _, size := range []int{20, 3000, 40_000, 400_000} { // bits
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			db := open(t, larder.Options{})
			r := rand.New(rand.NewPCG(1, uint64(size)))
			var model []bool
			grow := func(bits int) {
				for len(model) < (bits+7)&^7 {
					model = append(model, false)
				}
			}
			snap := db.Snapshot()
			for i := range 3000 {
				at := r.IntN(size)
				switch r.IntN(12) {
				case 0:
					err := db.Update(func(tx *larder.Tx) error {
						tx.SetBit("b", int64(at), true)
						tx.SetBit("b", int64(size+at), true)
						return errors.New("undone")
					})
					if err == nil {
						t.Fatal("Update did not fail")
					}
				case 1:
					snap.Close()
					snap = db.Snapshot()
				case 2:
					n := uint(1 + r.IntN(63))
					v := r.Uint64() >> (64 - n)
					grow(at + int(n))
					want := bitsOf(model, at, n)
					typ := fmt.Sprint("u", n)
					got, err := db.BitField("b", larder.BitFieldSet(typ, int64(at), int64(v), larder.BitWrap), larder.BitFieldGet(typ, int64(at)))
					if err != nil || uint64(got[0].Value) != want || uint64(got[1].Value) != v {
						t.Fatalf("step %d: BitField %s at %d = %v, %v; want %d, %d", i, typ, at, got, err, want, v)
					}
					for j := range n {
						model[at+int(j)] = v>>(n-1-j)&1 == 1
					}
				default:
					bit := r.IntN(2) == 1
					was, err := db.SetBit("b", int64(at), bit)
					grow(at + 1)
					if err != nil || was != model[at] {
						t.Fatalf("step %d: SetBit %d = %v, %v", i, at, was, err)
					}
					model[at] = bit
				}
				if i%50 != 0 || len(model) == 0 {
					continue
				}
				from := r.IntN(len(model))
				to := from + r.IntN(len(model)-from)
				in := larder.BitRange{Start: int64(from), End: int64(to), Unit: larder.InBits}
				count, first := 0, [2]int{-1, -1}
				for j := from; j <= to; j++ {
					b := 0
					if model[j] {
						count++
						b = 1
					}
					if first[b] < 0 {
						first[b] = j
					}
				}
				if n, err := db.BitCountIn("b", in); err != nil || n != int64(count) {
					t.Fatalf("step %d: BitCountIn %v = %d, %v; want %d", i, in, n, err, count)
				}
				for b, want := range first {
					if n, err := db.BitPosIn("b", b == 1, in); err != nil || n != int64(want) {
						t.Fatalf("step %d: BitPosIn %v of %d = %d, %v; want %d", i, in, b, n, err, want)
					}
				}
				if bit, err := db.GetBit("b", int64(from)); err != nil || bit != model[from] {
					t.Fatalf("step %d: GetBit %d = %v, %v", i, from, bit, err)
				}
			}
			snap.Close()
		})
	}
}

func bitsOf(model []bool, at int, n uint) (v uint64) {
	for _, b := range model[at : at+int(n)] {
		v <<= 1
		if b {
			v |= 1
		}
	}
	return v
}

// TestBitOps compares the operations with their definition, on strings that lie
// flat and in pages.
func TestBitOps(t *testing.T) {
	db := open(t, larder.Options{})
	r := rand.New(rand.NewPCG(7, 7))
	text := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}
	for _, n := range []int{1, 7, 100, 5000, 50_000} {
		a, b := text(n), text(r.IntN(n)+1)
		db.Set("a", a)
		db.Set("b", b)
		db.Append("b", "") // a long one goes on in pages
		for name, f := range map[string]struct {
			run func(string, ...string) (int64, error)
			of  func(x, y byte) byte
		}{
			"and": {db.BitAnd, func(x, y byte) byte { return x & y }},
			"or":  {db.BitOr, func(x, y byte) byte { return x | y }},
			"xor": {db.BitXor, func(x, y byte) byte { return x ^ y }},
		} {
			var want strings.Builder
			for i := range n {
				y := byte(0)
				if i < len(b) {
					y = b[i]
				}
				want.WriteByte(f.of(a[i], y))
			}
			if got, err := f.run("d", "a", "b"); err != nil || got != int64(n) {
				t.Errorf("%s of %d bytes = %d, %v", name, n, got, err)
			}
			if got, _ := db.Get("d"); got != want.String() {
				t.Errorf("%s of %d bytes is wrong", name, n)
			}
		}
		db.BitNot("d", "a")
		db.BitXor("d", "d", "a")
		if n8, _ := db.BitCount("d"); n8 != int64(n)*8 {
			t.Errorf("the complement of %d bytes has %d bits that differ", n, n8)
		}
	}
}

// TestBitFieldErrors: a wrong operation is told, and nothing is written.
func TestBitFieldErrors(t *testing.T) {
	db := open(t, larder.Options{})
	for _, op := range []larder.BitField{
		larder.BitFieldGet("u64", 0), larder.BitFieldGet("", 0), larder.BitFieldSet("i8", -1, 1, larder.BitWrap),
		larder.BitFieldSet("i8", 1<<32, 1, larder.BitWrap), {},
	} {
		if _, err := db.BitField("k", larder.BitFieldSet("u8", 0, 1, larder.BitWrap), op); err == nil {
			t.Errorf("%+v is no error", op)
		}
	}
	if n, _ := db.Exists("k"); n != 0 {
		t.Error("something was written")
	}
	got, err := db.BitField("k", larder.BitFieldIncrBy("i8", 0, 100, larder.BitFail), larder.BitFieldIncrBy("i8", 0, 100, larder.BitFail),
		larder.BitFieldIncrBy("i8", 0, 100, larder.BitSaturate), larder.BitFieldIncrBy("i8", 0, 1, larder.BitWrap))
	if want := "[{100 false} {0 true} {127 false} {-128 false}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("BitField = %v, %v; want %s", got, err, want)
	}
}

// TestSparseBitmap: a bit far behind the end takes a page and not half a gigabyte.
func TestSparseBitmap(t *testing.T) {
	db := open(t, larder.Options{})
	before := larder.Used(db)
	if _, err := db.SetBit("far", 1<<32-1, true); err != nil {
		t.Fatal(err)
	}
	if n := larder.Used(db) - before; n > 2<<20 {
		t.Errorf("%d bytes are used", n)
	}
	if n, err := db.BitPos("far", true); n != 1<<32-1 || err != nil {
		t.Errorf("BitPos = %d, %v", n, err)
	}
	db.Del("far") // the mirrors' comparison would write it out
}
