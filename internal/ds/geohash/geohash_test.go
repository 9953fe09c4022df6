package geohash

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plainEncode is Encode a bit at a time.
func plainEncode(lon, lat float64) (score uint64) {
	col := uint64((lon + 180) / 360 * (1 << 26))
	row := uint64((lat + 85.05112878) / 170.10225756 * (1 << 26))
	for i := range 27 { // one more, for what lies on the end of the map
		score |= row>>i&1<<(2*i) | col>>i&1<<(2*i+1)
	}
	return score
}

// plainDecode is Decode a bit at a time.
func plainDecode(score uint64) (lon, lat float64) {
	var col, row uint64
	for i := range 32 {
		row |= score >> (2 * i) & 1 << i
		col |= score >> (2*i + 1) & 1 << i
	}
	const n = 1 << 26
	lon = (float64(col)/n*360 - 180 + float64(uint32(col+1))/n*360 - 180) / 2
	lat = (float64(row)/n*170.10225756 - 85.05112878 + float64(uint32(row+1))/n*170.10225756 - 85.05112878) / 2
	return math.Max(-180, math.Min(lon, 180)), math.Max(-85.05112878, math.Min(lat, 85.05112878))
}

// FuzzEncode holds scores and places to the plain computations, and one to the other.
func FuzzEncode(f *testing.F) {
	for _, lon := range []float64{-180, -179.9999999, -1e-9, 0, 13.361389, 90, 179.99999999999, 180} {
		for _, lat := range []float64{-MaxLat, -60, -1e-300, 0, 38.115556, 85.0511287799, MaxLat} {
			f.Add(lon, lat, math.Float64bits(lon)^math.Float64bits(lat))
		}
	}
	f.Fuzz(func(t *testing.T, lon, lat float64, h uint64) {
		if wantLon, wantLat := plainDecode(h); math.Abs(float64(h)) < 1<<53 {
			if lon, lat := Decode(float64(h)); lon != wantLon || lat != wantLat {
				t.Errorf("Decode(%d) = %v, %v, want %v, %v", h, lon, lat, wantLon, wantLat)
			}
		}
		if x, y := Decode(math.Float64frombits(h)); !Valid(x, y) {
			t.Errorf("Decode(%v) = %v, %v", math.Float64frombits(h), x, y)
		}
		if !Valid(lon, lat) {
			return
		}
		score := Encode(lon, lat)
		if want := plainEncode(lon, lat); score != want {
			t.Fatalf("Encode(%v, %v) = %d, want %d", lon, lat, score, want)
		}
		x, y := Decode(float64(score))
		if score >= 1<<53 { // at 180 degrees east: a float64 holds all bits but the last
			return
		}
		if math.Abs(x-lon) > 360.0/(1<<26) || math.Abs(y-lat) > 171.0/(1<<26) {
			t.Errorf("%v, %v is decoded as %v, %v", lon, lat, x, y)
		}
		c := Cell{col: squeeze(score >> 1), row: squeeze(score), step: maxStep}
		if from, to := c.Scores(); from != float64(score) || to != float64(score+1) {
			t.Errorf("the scores of the cell of %d are %v to %v", score, from, to)
		}
		for step := uint8(1); step < maxStep; step++ {
			from, to := cellAt(lon, lat, MaxLat, step).Scores()
			if s := float64(score); s < from || s >= to {
				// Products round: a place on the edge of two cells may be in another one.
				ends := []float64{lon, lat}
				for i, end := range []float64{MaxLon, MaxLat} {
					if e := math.Abs(math.Remainder((ends[i]+end)/(2*end)*float64(uint64(1)<<step), 1)); e < 1e-6 {
						return
					}
				}
				t.Fatalf("%v, %v has score %v, but is in the cell from %v to %v of step %d", lon, lat, s, from, to, step)
			}
		}
	})
}

func TestBits(t *testing.T) {
	for f, want := range map[float64]uint64{
		0: 0, 1.9: 1, -1.9: math.MaxUint64, -1: math.MaxUint64, 1 << 53: 1 << 53, 1 << 62: 1 << 62, 1 << 63: 1 << 63, 3 << 62: 3 << 62,
		1<<64 - 2048: 1<<64 - 2048, 1 << 64: 0, 1e300: 0, math.Inf(1): 0, -1 << 63: 1 << 63, -1e300: 1 << 63, math.Inf(-1): 1 << 63,
	} {
		if got := bits(f); got != want {
			t.Errorf("bits(%v) = %d, want %d", f, got, want)
		}
	}
	for f, want := range map[float64]int64{0: 0, 1.9: 1, 1 << 52: 1 << 52, -1.9: -1, 1 << 63: math.MinInt64, math.Inf(1): math.MinInt64, -1 << 63: math.MinInt64} {
		if got := Integer(f); got != want {
			t.Errorf("Integer(%v) = %d, want %d", f, got, want)
		}
	}
}

// plainDistance is the distance by package math and the law of cosines in space.
func plainDistance(lon1, lat1, lon2, lat2 float64) float64 {
	point := func(lon, lat float64) (x, y, z float64) {
		sinLon, cosLon := math.Sincos(lon * math.Pi / 180)
		sinLat, cosLat := math.Sincos(lat * math.Pi / 180)
		return cosLat * cosLon, cosLat * sinLon, sinLat
	}
	x1, y1, z1 := point(lon1, lat1)
	x2, y2, z2 := point(lon2, lat2)
	half := math.Sqrt((x1-x2)*(x1-x2)+(y1-y2)*(y1-y2)+(z1-z2)*(z1-z2)) / 2
	return 2 * EarthRadius * math.Asin(min(half, 1))
}

func randomPlace(rnd *rand.Rand) (lon, lat float64) {
	return rnd.Float64()*2*MaxLon - MaxLon, rnd.Float64()*2*MaxLat - MaxLat
}

func TestDistance(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range 20000 {
		lon1, lat1 := randomPlace(rnd)
		lon2, lat2 := randomPlace(rnd)
		if i%2 == 0 {
			near := math.Pow(10, -float64(rnd.IntN(6)))
			lon2, lat2 = lon1+rnd.NormFloat64()*near, lat1+rnd.NormFloat64()*near
		}
		got, want := Distance(lon1, lat1, lon2, lat2), plainDistance(lon1, lat1, lon2, lat2)
		// Near the antipodes neither is exact: an arcsine rises steeply there.
		if math.Abs(got-want) > 1e-8+got*1e-12 && want < 19.9e6 || math.Abs(got-want) > 1 {
			t.Fatalf("Distance(%v, %v, %v, %v) = %v, want %v", lon1, lat1, lon2, lat2, got, want)
		}
		if back := Distance(lon2, lat2, lon1, lat1); math.Abs(back-got) > got*1e-14 {
			t.Fatalf("there it is %v, back %v", got, back)
		}
	}
}

// FuzzShape compares what is found in the cells of a shape with a scan of all places
// by plain distances. Near the poles and the date line cells may miss some, as
// Redis's do; elsewhere none. Nothing may be found that is not there.
func FuzzShape(f *testing.F) {
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		lon, lat := randomPlace(rnd)
		f.Add(seed, lon, lat, math.Pow(10, rnd.Float64()*9-1), math.Pow(10, rnd.Float64()*9-1), seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, lon, lat, width, height float64, box bool) {
		if !Valid(lon, lat) || !(width >= 0 && height >= 0) {
			return
		}
		rnd := rand.New(rand.NewPCG(seed, 1))
		s := Shape{Lon: lon, Lat: lat, Box: box, Radius: width / 2, Width: width, Height: height, Unit: 1}
		if !box {
			height = width
		}
		s.Prepare()
		cells := s.Cells(nil)
		if len(cells) == 0 || len(cells) > 9 {
			t.Fatalf("%+v has %d cells", s, len(cells))
		}
		// Where a rectangle around the shape is on the map, with room to spare.
		north := math.Abs(lat) + height/2/EarthRadius*180/math.Pi
		wide := width / 2 / EarthRadius * 180 / math.Pi / math.Cos(min(north, 90)*math.Pi/180)
		inside := north < 80 && wide < 90 && math.Abs(lon)+wide < 180

		for range 300 {
			x, y := randomPlace(rnd)
			if rnd.IntN(2) == 0 {
				x = lon + rnd.NormFloat64()*wide/2
				y = lat + rnd.NormFloat64()*height/4/EarthRadius*180/math.Pi
				if !Valid(x, y) {
					continue
				}
			}
			score := float64(Encode(x, y))
			x, y = Decode(score)
			inCells := slices.ContainsFunc(cells, func(c Cell) bool {
				from, to := c.Scores()
				return from <= score && score < to
			})
			// What lies just on the edge may be taken for in or out.
			edge := func(distance, limit float64) (in, out bool) {
				return distance < limit*(1-1e-9)-1e-6, distance > limit*(1+1e-9)+1e-6
			}
			in, out := edge(plainDistance(lon, lat, x, y), width/2)
			if box {
				inWide, outWide := edge(plainDistance(lon, y, x, y), width/2)
				inTall, outTall := edge(plainDistance(x, lat, x, y), height/2)
				in, out = inWide && inTall, outWide || outTall
			}
			x2, y2, h, ok := s.Find(score)
			if ok && (x2 != x || y2 != y) {
				t.Fatalf("%v is found at %v, %v, want %v, %v", score, x2, y2, x, y)
			}
			if ok && out || !ok && in {
				t.Fatalf("%+v has %v, %v: %v", s, x, y, ok)
			}
			if d := plainDistance(lon, lat, x, y); ok && math.Abs(Meters(h)-d) > 1e-6+d*1e-7 {
				t.Fatalf("%v, %v is %v from %v, %v, want %v", x, y, Meters(h), lon, lat, d)
			}
			if in && inside && !inCells {
				t.Fatalf("%+v does not look at %v, %v", s, x, y)
			}
		}
	})
}

// TestShapeOfAll: what is as large as the earth has all places.
func TestShapeOfAll(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	for _, size := range []float64{math.Inf(1), 1e300, 4.1e7} {
		for _, box := range []bool{false, true} {
			for range 200 {
				s := Shape{Box: box, Radius: size, Width: size, Height: size, Unit: 1}
				s.Lon, s.Lat = randomPlace(rnd)
				s.Prepare()
				score := float64(Encode(randomPlace(rnd)))
				found := 0
				for _, c := range s.Cells(nil) {
					if from, to := c.Scores(); from <= score && score < to {
						found++
					}
				}
				if _, _, _, ok := s.Find(score); !ok || found != 1 {
					t.Fatalf("%+v: %v is in it: %v, and in %d cells", s, score, ok, found)
				}
			}
		}
	}
}
