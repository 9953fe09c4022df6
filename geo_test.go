package larder_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/ds/geohash"
	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/redistest"
)

// The wire is tested by testdata/geo*.txt. Here is what scripts cannot say: the typed
// calls, a server asked at random, and what a search looks at.

func at(member string, lon, lat float64) larder.GeoLocation {
	return larder.GeoLocation{Member: member, Lon: lon, Lat: lat}
}

func TestGeoTyped(t *testing.T) {
	db := open(t, larder.Options{})
	check := func(name string, got, want any, err error) {
		t.Helper()
		if g, w := fmt.Sprint(got), fmt.Sprint(want); err != nil || g != w {
			t.Errorf("%s = %s, %v, want %s", name, g, err, w)
		}
	}
	names := func(rs []larder.GeoResult) (names []string) {
		for _, r := range rs {
			names = append(names, r.Member)
		}
		return names
	}
	n, err := db.GeoAdd("g", at("Palermo", 13.361389, 38.115556), at("Catania", 15.087269, 37.502669))
	check("GeoAdd", n, 2, err)
	n, err = db.GeoAddArgs(larder.GeoAddArgs{Key: "g", XX: true, CH: true, Locations: []larder.GeoLocation{at("Catania", 15, 37), at("Enna", 14.3, 37.5)}})
	check("GeoAddArgs XX", n, 1, err)
	n, err = db.GeoAddArgs(larder.GeoAddArgs{Key: "g", NX: true, Locations: []larder.GeoLocation{at("Catania", 1, 1), at("Enna", 14.3, 37.5)}})
	check("GeoAddArgs NX", n, 1, err)
	n, err = db.GeoAdd("g", at("Catania", 15.087269, 37.502669))
	check("GeoAdd again", n, 0, err)
	for unit, want := range []float64{166274.1516, 166.2742, 545518.87, 103.3182} {
		d, err := db.GeoDist("g", "Palermo", "Catania", larder.GeoUnit(unit))
		check("GeoDist", math.Round(d*1e4)/1e4, want, err)
	}
	hs, err := db.GeoHash("g", "Palermo", "nope", "Catania")
	check("GeoHash", fmt.Sprintf("%q", hs), `["sqc8b49rny0" "" "sqdtr74hyu0"]`, err)
	ps, err := db.GeoPos("g", "nope", "Palermo")
	check("GeoPos", ps, "[{0 0 false} {13.361389338970184 38.1155563954963 true}]", err)
	ps, err = db.GeoPos("nokey", "a")
	check("GeoPos", ps, "[{0 0 false}]", err)

	near := larder.GeoSearchArgs{Key: "g", Lon: 15, Lat: 37, Radius: 200, Unit: larder.GeoKilometers, Order: larder.GeoAsc}
	rs, err := db.GeoSearch(near)
	check("GeoSearch", names(rs), "[Catania Enna Palermo]", err)
	check("GeoSearch", rs[0], "{Catania 56.4412578701582 15.087267458438873 37.50266842333162 3479447370796909}", err)
	near.Order, near.Count = larder.GeoDesc, 1
	rs, err = db.GeoSearch(near)
	check("GeoSearch", names(rs), "[Palermo]", err)
	near.Count, near.Member, near.Radius = 0, "Enna", 0
	rs, err = db.GeoSearch(near)
	check("GeoSearch", names(rs), "[Enna]", err)
	near.Width, near.Height = 180, 1
	rs, err = db.GeoSearch(near)
	check("GeoSearch", names(rs), "[Catania Enna]", err)
	rs, err = db.GeoSearch(larder.GeoSearchArgs{Key: "nokey", Member: "x"})
	check("GeoSearch", names(rs), "[]", err)
	near.Order, near.Any, near.Count = larder.GeoUnordered, true, 1
	rs, err = db.GeoSearch(near)
	check("GeoSearch", len(rs), 1, err)
	if rs[0].Dist == 0 && rs[0].Member != "Enna" {
		t.Errorf("no distance without an order: %v", rs)
	}

	all := larder.GeoSearchArgs{Key: "g", Radius: math.Inf(1), Unit: larder.GeoMiles}
	n, err = db.GeoSearchStore("dst", all)
	check("GeoSearchStore", n, 3, err)
	zs, err := db.ZRangeWithScores("dst", 0, -1)
	want, _ := db.ZRangeWithScores("g", 0, -1)
	check("GeoSearchStore", zs, want, err)
	all.Member = "Catania"
	n, err = db.GeoSearchStoreDist("dst", all)
	check("GeoSearchStoreDist", n, 3, err)
	f, err := db.ZScore("dst", "Palermo")
	d, _ := db.GeoDist("g", "Palermo", "Catania", larder.GeoMiles)
	check("GeoSearchStoreDist", f, d, err)
	n, err = db.GeoSearchStore("dst", larder.GeoSearchArgs{Key: "g", Lon: -100, Radius: 1})
	check("GeoSearchStore nothing", n, 0, err)
	n, err = db.Exists("dst")
	check("Exists", n, 0, err)
}

func TestGeoTypedErrors(t *testing.T) {
	db := open(t, larder.Options{})
	db.Set("s", "v")
	db.GeoAdd("g", at("a", 1, 1))
	nan := math.NaN()
	search := func(a larder.GeoSearchArgs) error {
		a.Key = "g"
		_, err := db.GeoSearch(a)
		_, err2 := db.GeoSearchStore("dst", a)
		if err != err2 {
			t.Errorf("%+v: GeoSearch %v, GeoSearchStore %v", a, err, err2)
		}
		return err
	}
	add := func(key string, l ...larder.GeoLocation) error { _, err := db.GeoAdd(key, l...); return err }
	dist := func(key, a, b string, u larder.GeoUnit) error { _, err := db.GeoDist(key, a, b, u); return err }
	for i, tt := range []struct{ err, want error }{
		{add("g"), larder.ErrSyntax},
		{add("g", at("b", 1, 1), at("a", nan, 0)), larder.ErrNotFloat},
		{add("g", at("a", 0, nan)), larder.ErrNotFloat},
		{add("g", at("b", 1, 1), at("a", 180.5, -1)), larder.Error("ERR invalid longitude,latitude pair 180.500000,-1.000000")},
		{add("g", at("a", 0, math.Inf(-1))), larder.Error("ERR invalid longitude,latitude pair 0.000000,-inf")},
		{add("s", at("a", 1, 1)), larder.ErrWrongType},
		{func() error {
			_, err := db.GeoAddArgs(larder.GeoAddArgs{Key: "g", NX: true, XX: true, Locations: []larder.GeoLocation{at("b", 1, 1)}})
			return err
		}(), larder.ErrSyntax},
		{dist("g", "a", "b", 0), larder.ErrNil},
		{dist("nokey", "a", "b", 0), larder.ErrNil},
		{dist("s", "a", "b", 0), larder.ErrWrongType},
		{dist("g", "a", "a", 4), larder.Error("ERR unsupported unit provided. please use M, KM, FT, MI")},
		{func() error { _, err := db.GeoHash("s", "a"); return err }(), larder.ErrWrongType},
		{func() error { _, err := db.GeoPos("s", "a"); return err }(), larder.ErrWrongType},
		{func() error { _, err := db.GeoSearch(larder.GeoSearchArgs{Key: "s"}); return err }(), larder.ErrWrongType},
		{search(larder.GeoSearchArgs{Member: "b"}), larder.Error("ERR could not decode requested zset member")},
		{search(larder.GeoSearchArgs{Lat: 86}), larder.Error("ERR invalid longitude,latitude pair 0.000000,86.000000")},
		{search(larder.GeoSearchArgs{Lon: nan}), larder.ErrNotFloat},
		{search(larder.GeoSearchArgs{Radius: -1}), larder.Error("ERR radius cannot be negative")},
		{search(larder.GeoSearchArgs{Radius: nan}), larder.Error("ERR need numeric radius")},
		{search(larder.GeoSearchArgs{Width: nan}), larder.Error("ERR need numeric width")},
		{search(larder.GeoSearchArgs{Height: nan}), larder.Error("ERR need numeric height")},
		{search(larder.GeoSearchArgs{Width: 1, Height: -1}), larder.Error("ERR height or width cannot be negative")},
		{search(larder.GeoSearchArgs{Radius: 1, Height: 1}), larder.ErrSyntax},
		{search(larder.GeoSearchArgs{Order: 3}), larder.ErrSyntax},
		{search(larder.GeoSearchArgs{Unit: 4}), larder.Error("ERR unsupported unit provided. please use M, KM, FT, MI")},
		{search(larder.GeoSearchArgs{Count: -1}), larder.Error("ERR COUNT must be > 0")},
		{search(larder.GeoSearchArgs{Any: true}), larder.Error("ERR the ANY argument requires COUNT argument")},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%d: %v, want %v", i, tt.err, tt.want)
		}
	}
	if n, _ := db.ZCard("g"); n != 1 {
		t.Errorf("what failed has changed the set: %d members", n)
	}
}

// TestGeoMulti queues the typed calls between MULTI and EXEC.
func TestGeoMulti(t *testing.T) {
	db := open(t, larder.Options{})
	m := db.Multi()
	add := m.GeoAdd("g", at("a", 1, 1), at("b", 1, 1.001))
	more := m.GeoAddArgs(larder.GeoAddArgs{Key: "g", CH: true, Locations: []larder.GeoLocation{at("a", 1, 1.002)}})
	dist := m.GeoDist("g", "a", "b", larder.GeoMeters)
	hash := m.GeoHash("g", "a")
	pos := m.GeoPos("g", "nope")
	near := m.GeoSearch(larder.GeoSearchArgs{Key: "g", Member: "a", Radius: 500, Order: larder.GeoDesc})
	wrong := m.GeoSearch(larder.GeoSearchArgs{Key: "g", Member: "nope"})
	store := m.GeoSearchStore("d", larder.GeoSearchArgs{Key: "g", Member: "a", Radius: 500})
	dists := m.GeoSearchStoreDist("e", larder.GeoSearchArgs{Key: "g", Member: "a", Radius: 500})
	if err := m.Exec(); err != nil {
		t.Fatal(err)
	}
	d, _ := db.GeoDist("g", "a", "b", larder.GeoMeters)
	got := fmt.Sprint(add.Val(), more.Val(), dist.Val() == d, hash.Val(), pos.Val(), near.Val()[0].Member == "b", near.Val()[0].Dist == d, store.Val(), dists.Val())
	if want := "2 1 true [s00twy2jjd0] [{0 0 false}] true true 2 2"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if err := wrong.Err(); err == nil {
		t.Error("a missing member is no error in a transaction")
	}
}

// geoWorld makes up places: everywhere, in a few crowds, on the grid, at the ends of
// the map.
func geoWorld(rnd *rand.Rand) (lon, lat float64) {
	switch rnd.IntN(8) {
	case 0:
		lon, lat = 180-rnd.ExpFloat64(), rnd.NormFloat64()*30
		if rnd.IntN(2) == 0 {
			lon = -lon
		}
	case 1:
		lon, lat = rnd.Float64()*360-180, geohash.MaxLat-rnd.ExpFloat64()
		if rnd.IntN(2) == 0 {
			lat = -lat
		}
	case 2:
		lon, lat = float64(rnd.IntN(37)*10-180), float64(rnd.IntN(17)*10-80)
	case 3:
		lon = []float64{-180, 180, 0, 90}[rnd.IntN(4)]
		lat = []float64{-geohash.MaxLat, geohash.MaxLat, 0, 66.5}[rnd.IntN(4)]
	case 4:
		lon, lat = 13.4+rnd.NormFloat64()*.1, 52.5+rnd.NormFloat64()*.1
	case 5:
		lon, lat = rnd.NormFloat64(), rnd.NormFloat64()
	default:
		lon, lat = rnd.Float64()*360-180, math.Asin(rnd.Float64()*2-1)*180/math.Pi
	}
	return max(-180, min(lon, 180)), max(-geohash.MaxLat, min(lat, geohash.MaxLat))
}

func exact(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// TestGeoLikeServer asks a redis-server and larder for the same circles and boxes of
// all sizes everywhere: whole replies must be the same, so their order as well, and
// the scores of what is stored.
func TestGeoLikeServer(t *testing.T) {
	s := redistest.Start(t)
	theirs := s.NewClient(t, 2)
	defer theirs.Close()
	ours := newConn(open(t, larder.Options{}))
	defer ours.Close()
	rnd := rand.New(rand.NewPCG(21, 22))
	both := func(words ...string) redistest.Value {
		t.Helper()
		want, got := theirs.Do(words...), ours.Do(words...)
		if want.String() != got.String() {
			w, g := strings.Split(want.String(), "\n"), strings.Split(got.String(), "\n")
			for i := range min(len(w), len(g)) {
				if w[i] != g[i] {
					t.Errorf("line %d: redis %q, larder %q", i, w[max(0, i-3):min(len(w), i+3)], g[max(0, i-3):min(len(g), i+3)])
					break
				}
			}
			t.Fatalf("%q: %d lines, want %d", words, len(g), len(w))
		}
		return want
	}
	pick := func(words ...string) string { return words[rnd.IntN(len(words))] }
	searches := 700
	if raceEnabled {
		searches = 150
	}
	found, stored, scores, rounding := 0, 0, 0, 0
	for _, n := range []int{30, 120, 600, 3000} {
		both("FLUSHALL")
		for i := range n {
			lon, lat := geoWorld(rnd)
			both("GEOADD", "g", exact(lon), exact(lat), fmt.Sprint("m", i))
		}
		for range searches {
			var search []string
			if rnd.IntN(3) == 0 {
				search = append(search, "FROMMEMBER", fmt.Sprint("m", rnd.IntN(n)))
			} else {
				lon, lat := geoWorld(rnd)
				search = append(search, "FROMLONLAT", exact(lon), exact(lat))
			}
			size := func() string { return exact(math.Pow(10, rnd.Float64()*8.5-1)) }
			if rnd.IntN(2) == 0 {
				search = append(search, "BYRADIUS", size(), pick("m", "m", "ft", "mi", "km"))
			} else {
				search = append(search, "BYBOX", size(), size(), pick("m", "m", "ft", "mi", "km"))
			}
			switch rnd.IntN(4) {
			case 0:
				search = append(search, pick("ASC", "DESC"))
			case 1:
				search = append(search, "COUNT", fmt.Sprint(1+rnd.IntN(n)), pick("ASC", "DESC", "ASC"))
			case 2:
				search = append(search, "COUNT", fmt.Sprint(1+rnd.IntN(n)), "ANY")
			}
			found += len(both(slices.Concat([]string{"GEOSEARCH", "g"}, search, []string{"WITHDIST", "WITHHASH", "WITHCOORD"})...).Elems)
			if rnd.IntN(4) != 0 {
				continue
			}
			stored += int(both(slices.Concat([]string{"GEOSEARCHSTORE", "d", "g"}, search, []string{"STOREDIST"})...).Int)
			want, got := theirs.Do("ZRANGE", "d", "0", "-1", "WITHSCORES"), ours.Do("ZRANGE", "d", "0", "-1", "WITHSCORES")
			if len(want.Elems) != len(got.Elems) {
				t.Fatalf("%q: %d elements, want %d", search, len(got.Elems), len(want.Elems))
			}
			for i := 1; i < len(want.Elems); i += 2 {
				scores++
				if want.Elems[i].Str != got.Elems[i].Str {
					rounding++
					w, _ := strconv.ParseFloat(want.Elems[i].Str, 64)
					g, _ := strconv.ParseFloat(got.Elems[i].Str, 64)
					if math.Abs(g-w) > w*1e-15 {
						t.Fatalf("%q: a distance of %s, want %s", search, got.Elems[i].Str, want.Elems[i].Str)
					}
				}
			}
		}
	}
	t.Logf("%d members found, %d stored; of %d distances %d differ in their last bit", found, stored, scores, rounding)
}

// TestGeoSearchLooksAtFew: a search in many members looks only at those in and near
// what it is asked for.
func TestGeoSearchLooksAtFew(t *testing.T) {
	n := 1_000_000
	if raceEnabled {
		n = 100_000
	}
	rnd := rand.New(rand.NewPCG(31, 32))
	set := orderedset.New()
	for i := range n {
		set.Put(strconv.Itoa(i), larder.GeoScore(rnd.Float64()*40-20, rnd.Float64()*40-20))
	}
	for _, tt := range []struct {
		radius float64 // km
		part   float64 // of the members that are looked at, at most
	}{{1, 0.0002}, {10, 0.002}, {100, 0.05}} {
		for range 20 {
			a := larder.GeoSearchArgs{Lon: rnd.Float64()*30 - 15, Lat: rnd.Float64()*30 - 15, Radius: tt.radius, Unit: larder.GeoKilometers}
			looked, found := larder.GeoLooked(set, a)
			if most := int(tt.part * float64(n)); looked > most || looked < found {
				t.Errorf("%v km around %v, %v: looked at %d of %d, found %d", tt.radius, a.Lon, a.Lat, looked, n, found)
			}
		}
	}
}

// What is found borrows until it is written: a search allocates nothing.
func TestGeoAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: pools forget under -race")
	}
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	rnd := rand.New(rand.NewPCG(41, 42))
	for i := range 3000 {
		key := "small"
		if i >= 100 {
			key = "big"
		}
		db.GeoAdd(key, at(fmt.Sprint("m", i), rnd.Float64(), rnd.Float64()))
	}
	c := newConn(db)
	defer c.Close()
	var out []byte
	for name, words := range map[string]string{
		"GEOSEARCH small":      "GEOSEARCH small FROMLONLAT 0.5 0.5 BYRADIUS 20 km ASC",
		"GEOSEARCH big":        "GEOSEARCH big FROMLONLAT 0.5 0.5 BYRADIUS 20 km ASC WITHDIST WITHCOORD WITHHASH",
		"GEOSEARCH big COUNT":  "GEOSEARCH big FROMLONLAT 0.5 0.5 BYRADIUS 20 km COUNT 5",
		"GEOSEARCH big MEMBER": "GEOSEARCH big FROMMEMBER m500 BYBOX 20 20 km",
		"GEOPOS":               "GEOPOS big m500 m600 nope",
		"GEOHASH":              "GEOHASH big m500 m600 nope",
		"GEODIST":              "GEODIST big m500 m600 km",
		"GEOADD again":         "GEOADD big 1 1 m500 1 1.5 m600",
	} {
		var cmd [][]byte
		for w := range strings.FieldsSeq(words) {
			cmd = append(cmd, []byte(w))
		}
		if n := allocs(func() { out = c.conn.Exec(out[:0], cmd) }); n > 0 && name != "GEOADD again" || n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if len(out) == 0 || out[0] == '-' || len(out) < 4 {
			t.Errorf("%s: %q", name, out)
		}
	}
}
