// Package geohash turns places on the earth into the numbers under which Redis keeps
// them in sorted sets, and back, and finds the cells of the earth in which the places
// of a circle or a box lie.
//
// # Terms
//
//	place      a longitude from -180 to 180 and a latitude from -85.05112878 to
//	           85.05112878, in degrees: beyond them Mercator's map has no end
//	cell       a rectangle of the map, one of the 4^step into which step halvings of
//	           both sides divide it
//	hash       the numbers of a cell's column and row with their bits by turns: the
//	           column's odd, the row's even. All places of a cell have hashes that
//	           begin with its own
//	score      the hash of a place at step 26, of 52 bits, which a float64 holds
//	haversine  (1-cos d)/2 of an angle d: what the distance is computed from, and
//	           what grows with it
//
// # Operations
//
// [Encode] and [Decode] are a place's score and the middle of a score's cell.
// [Distance] is that of two places. A [Shape] is a circle or a box: [Shape.Cells]
// returns up to nine cells that cover it, [Shape.Find] says whether a place is within
// it, and how far from its middle. [Text] is the geohash that the rest of the world uses.
//
// # Invariants
//
// A score and the distance of two scores are those of a redis-server on x86-64, bit
// for bit: its order of operations is kept, none are fused, and sines are those
// of correct rounding, which the C library misses once in some seven hundred. They
// are the same on every machine, so that a replica that runs the command again has
// the same set.
//
// A cell is named by its column and row. A place at 180 degrees east, or at the
// northern end, lies in a column or a row of its own, one past the last.
package geohash
