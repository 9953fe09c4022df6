package geohash

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

const bigPrec = 300

func bigFloat(x float64) *big.Float { return new(big.Float).SetPrec(bigPrec).SetFloat64(x) }

// bigSin is the sine of x by its series, with far more bits than are needed.
func bigSin(x *big.Float) *big.Float { return bigSeries(x, new(big.Float).Copy(x), 1) }

func bigCos(x *big.Float) *big.Float { return bigSeries(x, bigFloat(1), 0) }

func bigSeries(x, term *big.Float, n int64) *big.Float {
	x2 := new(big.Float).SetPrec(bigPrec).Mul(x, x)
	total := new(big.Float).SetPrec(bigPrec)
	for ; term.Sign() != 0 && term.MantExp(nil) > -bigPrec; n += 2 {
		total.Add(total, term)
		term = new(big.Float).SetPrec(bigPrec).Mul(term, x2)
		term.Quo(term, bigFloat(float64((n+1)*(n+2)))).Neg(term)
	}
	return total
}

// bigAsin is the arcsine of x from 0 to 1 by Newton's method.
func bigAsin(x *big.Float) *big.Float {
	f, _ := x.Float64()
	y := bigFloat(math.Asin(f))
	for range 5 {
		c := bigCos(y)
		if c.Sign() == 0 {
			break
		}
		d := new(big.Float).SetPrec(bigPrec).Sub(x, bigSin(y))
		y.Add(y, d.Quo(d, c))
	}
	return y
}

func near(x *big.Float) float64 {
	f, _ := x.Float64()
	return f
}

// TestRounding holds the functions to their exact values: all but very few results
// must be the nearest numbers, and none may be off by more than one.
func TestRounding(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	span := func(most float64) func() float64 {
		return func() float64 {
			x := rnd.Float64() * most
			if rnd.IntN(2) == 0 { // small ones too
				x = math.Ldexp(x, -rnd.IntN(40))
			}
			return x
		}
	}
	for _, f := range []struct {
		name string
		ours func(float64) float64
		want func(*big.Float) *big.Float
		arg  func() float64
		more []float64
	}{
		{"sin", sin, bigSin, span(math.Pi), []float64{0, math.Pi, math.Pi / 2, 1.0 / 128, 3.0 / 128, 2, math.Nextafter(math.Pi/2, 2), math.Nextafter(math.Pi, 0)}},
		{"cos", cos, bigCos, span(1.4845), []float64{0, 1.4844222297453324, 1.0 / 128, 3.0 / 128, 1e-30}},
		{"asin", asin, bigAsin, span(0.9999), []float64{0, 1.0 / 64, 0.5, math.Nextafter(0.5, 1), 0.75, math.Nextafter(1.0/64, 1), 1e-30}},
	} {
		const n = 5000
		wrong := 0
		for i := range n + len(f.more) {
			var x float64
			if i < n {
				x = f.arg()
			} else {
				x = f.more[i-n]
			}
			got, want := f.ours(x), near(f.want(bigFloat(x)))
			if got == want {
				continue
			}
			if wrong++; got != math.Nextafter(want, got) {
				t.Fatalf("%s(%v) = %v, want %v", f.name, x, got, want)
			}
		}
		t.Logf("%s: %d of %d not rounded correctly", f.name, wrong, n)
		if wrong > n/1000 {
			t.Errorf("%s: %d of %d not rounded correctly", f.name, wrong, n)
		}
	}
	if got := asin(1); got != math.Pi/2 {
		t.Errorf("asin(1) = %v", got)
	}
	if got := asin(math.Nextafter(1, 2)); got != math.Pi/2 {
		t.Errorf("asin of a little more than 1 = %v", got)
	}
	for _, x := range []float64{1e-5, 0.3, 2, math.Pi} {
		if cos(-x) != cos(x) {
			t.Errorf("the cosine of %v is not that of %v", -x, x)
		}
	}
	if x := cos(3); math.Abs(x-math.Cos(3)) > 1e-15 || !math.IsNaN(cos(math.Inf(1))) {
		t.Errorf("cos beyond a right angle: %v, %v", x, cos(math.Inf(1)))
	}
}

// TestAngles: the table has twice the bits of a float64, and its pairs are normal.
func TestAngles(t *testing.T) {
	for i, a := range angles {
		x := bigFloat(float64(i) * tableStep)
		for name, p := range map[string]struct {
			got  pair
			want *big.Float
		}{"sin": {a.sin, bigSin(x)}, "cos": {a.cos, bigCos(x)}} {
			got := bigFloat(p.got.hi)
			got.Add(got, bigFloat(p.got.lo))
			got.Sub(got, p.want)
			if e := math.Abs(near(got)); e > 0x1p-100 {
				t.Errorf("%s of entry %d is off by %v", name, i, e)
			}
			if p.got.hi+p.got.lo != p.got.hi {
				t.Errorf("%s of entry %d is %v", name, i, p.got)
			}
		}
	}
}

var sink float64

func BenchmarkDistance(b *testing.B) {
	b.ReportAllocs()
	lon := 13.0
	for b.Loop() {
		sink += Distance(13.361389, 38.115556, lon, 37.5)
		lon += 1e-6
	}
}
