package larder_test

import (
	"fmt"

	"github.com/larderdb/larder"
)

// The stations nearest to a visitor, with their distances.
func ExampleDB_GeoSearch() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.GeoAdd("stations",
		larder.GeoLocation{Member: "Gare du Nord", Lon: 2.3553, Lat: 48.8809},
		larder.GeoLocation{Member: "Gare de Lyon", Lon: 2.3735, Lat: 48.8443},
		larder.GeoLocation{Member: "Montparnasse", Lon: 2.3196, Lat: 48.8412},
		larder.GeoLocation{Member: "Gare de l'Est", Lon: 2.3585, Lat: 48.8768})
	near, err := db.GeoSearch(larder.GeoSearchArgs{
		Key: "stations",
		Lon: 2.3499, Lat: 48.8530, // Notre-Dame
		Radius: 3, Unit: larder.GeoKilometers,
		Order: larder.GeoAsc,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range near {
		fmt.Printf("%s, %.1f km\n", s.Member, s.Dist)
	}
	// Output:
	// Gare de Lyon, 2.0 km
	// Montparnasse, 2.6 km
	// Gare de l'Est, 2.7 km
}
