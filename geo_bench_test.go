package larder_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/larderdb/larder"
)

func BenchmarkGeo(b *testing.B) {
	const members = 100_000
	db := open(b, larder.Options{})
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range members {
		db.GeoAdd("g", at(fmt.Sprint("m", i), rnd.Float64()*10, 40+rnd.Float64()*10))
		if i < 100 {
			db.GeoAdd("small", at(fmt.Sprint("m", i), rnd.Float64()*10, 40+rnd.Float64()*10))
		}
	}
	c := newConn(db)
	defer c.Close()
	var out []byte
	for _, line := range []string{
		"GEOSEARCH g FROMLONLAT 5 45 BYRADIUS 10 km ASC",
		"GEOSEARCH g FROMLONLAT 5 45 BYRADIUS 10 km WITHDIST WITHCOORD",
		"GEOSEARCH g FROMLONLAT 5 45 BYRADIUS 50 km COUNT 10",
		"GEOSEARCH g FROMLONLAT 5 45 BYBOX 20 20 km",
		"GEOSEARCH small FROMLONLAT 5 45 BYRADIUS 100 km ASC",
		"GEODIST g m1 m2 km",
		"GEOPOS g m1",
		"GEOADD g 5 45 m1",
	} {
		var cmd [][]byte
		for w := range strings.FieldsSeq(line) {
			cmd = append(cmd, []byte(w))
		}
		b.Run(line, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out = c.conn.Exec(out[:0], cmd)
			}
		})
	}
}
