package listpack

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// TestAppender compares with elements added one by one, past the number of them
// that a header can tell.
func TestAppender(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	one, many := New(0), New(0)
	for Len(one) < 1<<16+10 {
		a := Extend(many)
		for range r.IntN(1000) {
			switch r.IntN(3) {
			case 0:
				n := r.Int64() >> r.IntN(64)
				if r.IntN(2) == 0 {
					n = -n
				}
				one = AppendInt(one, n)
				a.Int(n)
			case 1:
				s := strconv.Itoa(r.IntN(1 << 20))
				one = Append(one, s)
				a.String(s)
			default:
				s := strings.Repeat("s", r.IntN(80)*r.IntN(80)*(r.IntN(50)/49))
				one = Append(one, s)
				a.String(s)
			}
		}
		if many = a.Done(); !bytes.Equal(one, many) {
			t.Fatalf("after %d elements the bytes differ", Len(one))
		}
	}
	if n, ok := Validate(many); !ok || n != Len(one) {
		t.Errorf("Validate = %d, %v, want %d", n, ok, Len(one))
	}
}
