package geohash

import "math"

// The ends of the map, in degrees.
const (
	MaxLon = 180
	MaxLat = 85.05112878
)

// maxStep is the step of a score.
const maxStep = 26

// A Cell is a rectangle of the map. The zero value is none.
type Cell struct {
	col, row uint32
	step     uint8
}

// cellAt returns the cell of a step in which a place lies, of a map that ends at
// maxLat.
func cellAt(lon, lat, maxLat float64, step uint8) Cell {
	n := float64(uint64(1) << step)
	return Cell{
		col:  uint32((lon + MaxLon) / (2 * MaxLon) * n),
		row:  uint32((lat + maxLat) / (2 * maxLat) * n),
		step: step,
	}
}

// hash returns the column and the row with their bits by turns.
func (c Cell) hash() uint64 { return spread(c.row) | spread(c.col)<<1 }

// Scores returns the scores of a cell's places: from min (inclusive) to max
// (exclusive).
func (c Cell) Scores() (min, max float64) {
	h, shift := c.hash(), 2*(maxStep-c.step)
	return float64(h << shift), float64((h + 1) << shift)
}

// An area is a cell's rectangle, in degrees.
type area struct{ west, south, east, north float64 }

func (c Cell) area() area {
	part := 1 / float64(uint64(1)<<c.step)
	return area{edge(c.col, part, MaxLon), edge(c.row, part, MaxLat), edge(c.col+1, part, MaxLon), edge(c.row+1, part, MaxLat)}
}

// edge returns where a column or a row begins, of which each is a part of the map that
// reaches from -end to end.
func edge(i uint32, part, end float64) float64 { return float64(float64(i)*part*(2*end)) - end }

// beside returns the cell some columns and rows away, around the map's end to the
// other one. A column or row past the last stays where it is not moved.
func (c Cell) beside(cols, rows int) Cell {
	last := uint32(1)<<c.step - 1
	if cols != 0 {
		c.col = (c.col + uint32(cols)) & last
	}
	if rows != 0 {
		c.row = (c.row + uint32(rows)) & last
	}
	return c
}

// Valid reports whether a place is on the map.
func Valid(lon, lat float64) bool {
	return -MaxLon <= lon && lon <= MaxLon && -MaxLat <= lat && lat <= MaxLat
}

// Encode returns the score of a place, which must be valid.
func Encode(lon, lat float64) uint64 { return cellAt(lon, lat, MaxLat, maxStep).hash() }

// Decode returns the place that a score stands for, the middle of its cell. Any
// number is a score: a place results that is on the map.
func Decode(score float64) (lon, lat float64) {
	h := bits(score)
	const part = 1.0 / (1 << maxStep)
	col, row := squeeze(h>>1), squeeze(h)
	lon = (edge(col, part, MaxLon) + edge(col+1, part, MaxLon)) / 2
	lat = (edge(row, part, MaxLat) + edge(row+1, part, MaxLat)) / 2
	if lon > MaxLon { // it cannot be less than the least
		lon = MaxLon
	}
	if lat > MaxLat {
		lat = MaxLat
	}
	return lon, lat
}

// bits converts a score to an integer as C does on x86-64, where also those too large
// or too small for one become something. Go leaves open what.
func bits(f float64) uint64 {
	const two63 = 1 << 63
	switch {
	case -two63 <= f && f < two63:
		return uint64(int64(f))
	case two63 <= f && f < 2*two63:
		return uint64(int64(f-two63)) ^ two63
	case f >= 2*two63:
		return 0
	}
	return two63
}

// Integer converts a score to what Redis shows as the hash of a place.
func Integer(score float64) int64 {
	if math.Abs(score) < 1<<63 {
		return int64(score)
	}
	return math.MinInt64
}

// alphabet has the digits of a geohash in text.
const alphabet = "0123456789bcdefghjkmnpqrstuvwxyz"

// Text returns a score's place as a geohash in text: of the map that ends at the
// poles, with 10 digits and, as Redis has it, a zero.
func Text(score float64) (text [11]byte) {
	lon, lat := Decode(score)
	h := cellAt(lon, lat, 90, maxStep).hash()
	for i := range 10 {
		text[i] = alphabet[h>>(47-5*i)&31]
	}
	text[10] = alphabet[0]
	return text
}

// spread puts a zero before each bit.
func spread(n uint32) uint64 {
	x := uint64(n)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & 0x5555555555555555
}

// squeeze undoes spread; every other bit is left out.
func squeeze(x uint64) uint32 {
	x &= 0x5555555555555555
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}
