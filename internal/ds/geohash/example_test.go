package geohash_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/ds/geohash"
)

// Places are scores of a sorted set, near ones mostly near each other. A search looks at
// ranges of scores, and then at each place in them.
func Example() {
	catania := float64(geohash.Encode(15.087269, 37.502669))
	fmt.Printf("%.0f %s\n", catania, geohash.Text(catania))

	s := geohash.Shape{Lon: 15, Lat: 37, Radius: 200, Unit: 1000}
	s.Prepare()
	for _, c := range s.Cells(nil) {
		if min, max := c.Scores(); min <= catania && catania < max {
			lon, lat, h, ok := s.Find(catania)
			fmt.Printf("%.4f %.4f %.1f km %v\n", lon, lat, geohash.Meters(h)/1000, ok)
		}
	}
	// Output:
	// 3479447370796909 sqdtr74hyu0
	// 15.0873 37.5027 56.4 km true
}
