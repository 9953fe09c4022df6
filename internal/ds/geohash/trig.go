package geohash

import "math"

// Sine, cosine and arcsine, rounded correctly but for once in some ten thousand
// arguments. Those of package math err by a bit much oftener, and not by the same on
// all machines; Redis stores distances with all their bits.
//
// An argument is a table's angle, a multiple of 1/64, and a small rest. The sum of
// two angles' sines and cosines has one term that is not small: it is kept exactly,
// in a float64 and another for what that leaves over.

// A pair is a number of some 106 bits: the sum of its parts, of which hi is the
// nearest float64.
type pair struct{ hi, lo float64 }

// sum returns a+b exactly.
func sum(a, b float64) pair {
	s := a + b
	t := s - a
	return pair{s, (a - (s - t)) + (b - t)}
}

// product returns a*b exactly.
func product(a, b float64) pair {
	p := a * b
	return pair{p, math.FMA(a, b, -p)}
}

func (a pair) add(b pair) pair {
	s := sum(a.hi, b.hi)
	return sum(s.hi, s.lo+a.lo+b.lo)
}

func (a pair) times(b pair) pair {
	p := product(a.hi, b.hi)
	return sum(p.hi, p.lo+float64(a.hi*b.lo)+float64(a.lo*b.hi))
}

// pi is π; its third part is what the two of the pair leave over.
var (
	pi    = pair{3.141592653589793116, 1.2246467991473531772e-16}
	piEnd = -2.9947698097183396659e-33
)

// tableStep is what lies between two angles of the table.
const tableStep = 1.0 / 64

// An angle is the sine and the cosine of an entry of the table.
type angle struct{ sin, cos pair }

// angles are those from 0 to past π/2.
var angles = func() (t [102]angle) {
	// The first from the series, each other one as the sum of the one before it and
	// the first.
	t[0].cos.hi = 1
	first := angle{pair{}, pair{}}
	term := pair{1, 0}
	for n := 0; n < 14; n++ {
		signed := term
		if n&2 != 0 {
			signed = pair{-term.hi, -term.lo}
		}
		if n&1 == 0 {
			first.cos = first.cos.add(signed)
		} else {
			first.sin = first.sin.add(signed)
		}
		// term * tableStep is exact; the quotient is corrected by what it leaves over.
		term = pair{term.hi * tableStep, term.lo * tableStep}
		d := float64(n + 1)
		q := term.hi / d
		rest := math.FMA(-q, d, term.hi) + term.lo
		term = sum(q, rest/d)
	}
	for i := 1; i < len(t); i++ {
		a := t[i-1]
		minus := pair{-first.sin.hi, -first.sin.lo}
		t[i].sin = a.sin.times(first.cos).add(a.cos.times(first.sin))
		t[i].cos = a.cos.times(first.cos).add(a.sin.times(minus))
	}
	return t
}()

// nearest returns the entry nearest to an angle from 0 to π/2, and what lies between
// the two, exactly.
func nearest(x float64) (a *angle, rest float64) {
	i := int(x*(1/tableStep) + 0.5)
	return &angles[i], x - float64(float64(i)*tableStep)
}

// small returns sin t - t and cos t - 1 of a small angle.
func small(t float64) (s, c float64) {
	t2 := t * t
	s = t * t2 * (-1.0/6 + float64(t2*(1.0/120-float64(t2*(1.0/5040)))))
	c = t2 * (-1.0/2 + float64(t2*(1.0/24-float64(t2*(1.0/720-float64(t2*(1.0/40320)))))))
	return s, c
}

// sinPair returns the sine of an angle from 0 to π, as a pair.
func sinPair(x float64) pair {
	var lo float64
	if x > pi.hi/2 {
		// sin x = sin(π-x)
		p := sum(pi.hi-x, pi.lo)
		x, lo = p.hi, p.lo+piEnd
	}
	a, t := nearest(x)
	s, c := small(t)
	p := product(a.cos.hi, t)
	r := sum(a.sin.hi, p.hi)
	r.lo += p.lo + a.sin.lo + float64(a.cos.lo*t) + float64(a.cos.hi*s) + float64(a.sin.hi*c) +
		float64(lo*(a.cos.hi-float64(a.sin.hi*t)))
	return r
}

// sin returns the sine of an angle from 0 to π.
func sin(x float64) float64 {
	p := sinPair(x)
	return p.hi + p.lo
}

// cos returns the cosine of an angle; beyond a right one the last bits may be off.
func cos(x float64) float64 {
	x = math.Abs(x)
	if !(x <= pi.hi/2) {
		return math.Cos(x)
	}
	a, t := nearest(x)
	s, c := small(t)
	p := product(-a.sin.hi, t)
	r := sum(a.cos.hi, p.hi)
	r.lo += p.lo + a.cos.lo - float64(a.sin.lo*t) - float64(a.sin.hi*s) + float64(a.cos.hi*c)
	return r.hi + r.lo
}

// asin returns the arcsine of a number from 0 on; that of what is more than 1, by an
// error of rounding, is π/2.
func asin(x float64) float64 {
	switch {
	case x <= 1.0/64:
		x2 := x * x
		return x + float64(x*float64(x2*(1.0/6+float64(x2*(3.0/40+float64(x2*(15.0/336+float64(x2*(105.0/3456+
			float64(x2*(945.0/42240)))))))))))
	case x >= 1:
		return pi.hi / 2
	case x <= 0.5:
		y, rest := arc(x, 0)
		return y + rest
	}
	// asin x = π/2 - 2 asin √((1-x)/2), where 1-x is exact.
	z := (1 - x) / 2
	w := math.Sqrt(z)
	y, rest := arc(w, math.FMA(-w, w, z)/(2*w))
	r := sum(pi.hi/2, -2*y)
	return r.hi + (r.lo + pi.lo/2 - 2*rest)
}

// arc returns the arcsine of x+lo, for x from 0 to 1/√2, as the arcsine of package
// math and a step of Newton's from there.
func arc(x, lo float64) (y, rest float64) {
	y = math.Asin(x)
	s := sinPair(y)
	return y, ((x - s.hi) - s.lo + lo) / math.Sqrt(1-float64(x*x))
}
