package geohash

import "math"

// EarthRadius is the radius of the earth as Redis has it, in meters.
const EarthRadius = 6372797.560856

// degree is a degree in radians: π/180 rounded as C rounds it.
const degree = 0x1.1df46a2529d39p-6

// radians converts degrees. A product by a constant of the language would be exact
// where it stands beside others.
func radians(degrees float64) float64 { return float64(degrees * degree) }

// haversine returns that of the angle between two places.
func haversine(lon1, lat1, cosLat1, lon2, lat2 float64) float64 {
	r1, r2 := radians(lat1), radians(lat2)
	u := sin(math.Abs(r2-r1) / 2)
	v := sin(math.Abs(radians(lon2)-radians(lon1)) / 2)
	return join(u, v, cosLat1, cos(r2))
}

func join(u, v, cosLat1, cosLat2 float64) float64 {
	return float64(u*u) + float64(float64(float64(cosLat1*cosLat2)*v)*v)
}

// Meters returns the distance that a haversine stands for.
func Meters(haversine float64) float64 { return 2 * EarthRadius * asin(math.Sqrt(haversine)) }

// Distance returns the distance of two places in meters.
func Distance(lon1, lat1, lon2, lat2 float64) float64 {
	return Meters(haversine(lon1, lat1, cos(radians(lat1)), lon2, lat2))
}

// A Shape is a circle around a place or, if Box is set, a box that stands upright.
type Shape struct {
	Lon, Lat      float64 // the middle
	Box           bool
	Radius        float64 // of a circle
	Width, Height float64 // of a box
	Unit          float64 // what the three are in: how many meters it has

	cosLat     float64
	wide, tall bound // of a circle: both are its radius
	window     window
}

// A window is a rectangle of columns and rows, all ends inclusive, beyond which no
// place of a shape lies: most of what the shape's cells have besides is ruled out by
// four comparisons.
type window struct{ west, south, east, north uint32 }

// everything is the window of what reaches a pole or beyond the date line.
var everything = window{0, 0, math.MaxUint32, math.MaxUint32}

// slack is what the window leaves for errors of rounding, in degrees.
const slack = 1e-9

// windowOf returns the window of a shape of which places are no more than dlat degrees
// away to the north and south, and wide to the east and west.
func (s *Shape) windowOf(dlat float64) window {
	w := everything
	dlat = dlat*(1+1e-9) + slack
	farthest := math.Abs(s.Lat) + dlat
	if !(farthest < MaxLat) {
		return w
	}
	last := float64(uint64(1) << maxStep)
	row := func(lat float64) uint32 { return uint32((lat + MaxLat) / (2 * MaxLat) * last) }
	w.south, w.north = row(s.Lat-dlat), row(s.Lat+dlat)
	// The haversine of a place is at least that of its longitude, made less by the
	// cosines of the latitudes.
	least := math.Cos(radians(farthest))
	v2 := s.wide.beyond / (s.cosLat * least)
	if s.Box {
		v2 = s.wide.beyond / (least * least)
	}
	if !(v2 < 1) {
		return w
	}
	dlon := 2*math.Asin(math.Sqrt(v2))/degree*(1+1e-9) + slack
	if s.Lon-dlon < -MaxLon || s.Lon+dlon >= MaxLon {
		return w
	}
	col := func(lon float64) uint32 { return uint32((lon + MaxLon) / (2 * MaxLon) * last) }
	w.west, w.east = col(s.Lon-dlon), col(s.Lon+dlon)
	return w
}

// A bound is a distance in meters, with the haversines that are surely not beyond it
// and surely are: few places lie between them and need an arcsine.
type bound struct{ meters, within, beyond float64 }

func boundOf(meters float64) bound {
	b := bound{meters, math.Inf(1), math.Inf(1)}
	if angle := meters / (2 * EarthRadius); angle < math.Pi/2 {
		s := math.Sin(angle)
		b.within, b.beyond = s*s*(1-1e-9), s*s*(1+1e-9)
	}
	return b
}

func (b *bound) has(haversine float64) bool {
	return haversine < b.within || haversine <= b.beyond && !(Meters(haversine) > b.meters)
}

// Prepare makes a shape ready to be used, once its fields are set.
func (s *Shape) Prepare() {
	s.cosLat = cos(radians(s.Lat))
	if s.Box {
		s.wide, s.tall = boundOf(s.Width*s.Unit/2), boundOf(s.Height*s.Unit/2)
	} else {
		s.wide = boundOf(s.Radius * s.Unit)
		s.tall = s.wide
	}
	s.window = s.windowOf(s.tall.meters / EarthRadius / degree)
}

// Find decodes the score of a place and returns the haversine of its distance from
// the middle; ok is false if it is not within the shape. A box is as wide at the
// place's latitude as at its middle.
func (s *Shape) Find(score float64) (lon, lat, h float64, ok bool) {
	b := bits(score)
	if col := squeeze(b >> 1); col < s.window.west || col > s.window.east {
		return 0, 0, 0, false
	}
	if row := squeeze(b); row < s.window.south || row > s.window.north {
		return 0, 0, 0, false
	}
	lon, lat = Decode(score)
	h, ok = s.haversine(lon, lat)
	return lon, lat, h, ok
}

func (s *Shape) haversine(lon, lat float64) (h float64, ok bool) {
	r1, r2 := radians(s.Lat), radians(lat)
	cosLat := cos(r2)
	u := sin(math.Abs(r2-r1) / 2)
	v := sin(math.Abs(radians(lon)-radians(s.Lon)) / 2)
	h = join(u, v, s.cosLat, cosLat)
	if s.Box {
		return h, s.wide.has(join(0, v, cosLat, cosLat)) && s.tall.has(float64(u*u))
	}
	return h, s.wide.has(h)
}

// half returns half of the shape's width and height, in meters.
func (s *Shape) half() (width, height float64) {
	if s.Box {
		return s.Unit * (s.Width / 2), s.Unit * (s.Height / 2)
	}
	return s.Unit * s.Radius, s.Unit * s.Radius
}

// reach returns the distance of the middle to what is farthest from it, in meters.
func (s *Shape) reach() float64 {
	if !s.Box {
		return s.Radius * s.Unit
	}
	w, h := s.Width/2, s.Height/2
	return math.Sqrt(float64(w*w)+float64(h*h)) * s.Unit
}

// around returns a rectangle around the shape. It takes one width for all of it, that
// of the side nearer to the pole, and knows nothing of the date line: near the poles
// it may be too narrow, as Redis's is.
func (s *Shape) around() area {
	width, height := s.half()
	dlat := height / EarthRadius / degree
	lat := s.Lat + dlat
	if s.Lat < 0 {
		lat = s.Lat - dlat
	}
	dlon := width / EarthRadius / cos(radians(lat)) / degree
	return area{s.Lon - dlon, s.Lat - dlat, s.Lon + dlon, s.Lat + dlat}
}

// stepFor returns a step whose cells are about as large as the shape.
func (s *Shape) stepFor() uint8 {
	const mercator = 20037726.37 // half of the map's width, in meters
	reach := s.reach()
	if reach == 0 {
		return maxStep
	}
	step := -1
	for ; reach < mercator; step++ {
		reach *= 2
	}
	if math.Abs(s.Lat) > 66 { // cells are narrower there than on the map
		step--
	}
	if math.Abs(s.Lat) > 80 {
		step--
	}
	return uint8(max(1, min(step, maxStep)))
}

// Cells appends the cells that cover the shape to dst, up to nine, in the order in
// which Redis searches them: that of the middle, then those around it as far as they
// are needed. Where they cover more than the map, two that follow each other and are
// one appear once.
func (s *Shape) Cells(dst []Cell) []Cell {
	r := s.around()
	c := cellAt(s.Lon, s.Lat, MaxLat, s.stepFor())
	if c.step > 1 && (c.beside(0, 1).area().north < r.north || c.beside(0, -1).area().south > r.south ||
		c.beside(1, 0).area().east < r.east || c.beside(-1, 0).area().west > r.west) {
		// The middle lies where its neighbors do not reach far enough.
		c = cellAt(s.Lon, s.Lat, MaxLat, c.step-1)
	}
	var noNorth, noSouth, noEast, noWest bool
	if a := c.area(); c.step > 1 {
		noNorth, noSouth, noEast, noWest = a.north > r.north, a.south < r.south, a.east > r.east, a.west < r.west
	}
	dst = append(dst, c)
	first := len(dst)
	for _, at := range [8][2]int{{0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}} {
		col, row := at[0], at[1]
		if row > 0 && noNorth || row < 0 && noSouth || col > 0 && noEast || col < 0 && noWest {
			continue
		}
		n := c.beside(col, row)
		if last := len(dst) - 1; last >= first && dst[last] == n {
			continue
		}
		dst = append(dst, n)
	}
	return dst
}
