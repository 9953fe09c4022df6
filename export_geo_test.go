package larder

import (
	"github.com/larderdb/larder/internal/ds/geohash"
	"github.com/larderdb/larder/internal/ds/orderedset"
)

// GeoLooked counts the members of a sorted set that a search looks at, and those that
// it finds.
func GeoLooked(set *orderedset.Set, a GeoSearchArgs) (looked, found int) {
	in, err := a.internal()
	if err != nil {
		panic(err)
	}
	f := geoFinders.Get().(*geoFinder)
	found = f.search(set.Items(), &in)
	f.walk(set.Items(), func(orderedset.Item) bool { looked++; return true })
	f.done()
	return looked, found
}

// GeoScore is the score of a place.
func GeoScore(lon, lat float64) float64 { return float64(geohash.Encode(lon, lat)) }
