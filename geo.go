package larder

import (
	"math"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/ds/geohash"
	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/engine"
)

// Places on the earth, which are the members of sorted sets with scores that say
// where: GEOADD GEODIST GEOHASH GEOPOS. Searches are in geo_search.go. There is no
// other type: ZREM removes a place, ZCARD counts them, ZSCAN lists them.

// A GeoLocation is a place with a name, in degrees east and north.
type GeoLocation struct {
	Member string

	// Lon is from -180 to 180, Lat from -85.05112878 to 85.05112878. They are stored
	// in 26 bits each: what is read back is off by 30 cm at most.
	Lon, Lat float64
}

// GeoAddArgs are the arguments of GEOADD.
type GeoAddArgs struct {
	Key       string
	Locations []GeoLocation

	NX, XX bool // only members that are not there, that are
	CH     bool // count the members that were moved too
}

// A GeoUnit is what a distance is in.
type GeoUnit uint8

// The units.
const (
	GeoMeters GeoUnit = iota
	GeoKilometers
	GeoFeet
	GeoMiles // of 1609.34 meters
)

var geoUnits = [...]struct {
	name, token string
	meters      float64
}{{"m", "M", 1}, {"km", "KM", 1000}, {"ft", "FT", 0.3048}, {"mi", "MI", 1609.34}}

const (
	errGeoUnit   Error = "ERR unsupported unit provided. please use M, KM, FT, MI"
	errGeoMember Error = "ERR could not decode requested zset member"
)

// GeoAdd stores where members are and returns how many of them are new. O(log n)
// each.
func (c Commands) GeoAdd(key string, locations ...GeoLocation) (int64, error) {
	return c.GeoAddArgs(GeoAddArgs{Key: key, Locations: locations})
}

// GeoAddArgs stores where members are, as a says, and returns how many of them are
// new, or with CH how many are new or were moved.
func (c Commands) GeoAddArgs(a GeoAddArgs) (int64, error) {
	in := zaddArgs{key: a.Key, nx: a.NX, xx: a.XX, ch: a.CH}
	if len(a.Locations) == 0 || a.NX && a.XX {
		return 0, ErrSyntax
	}
	for i, l := range a.Locations {
		if err := geoValid(l.Lon, l.Lat); err != nil {
			return 0, err
		}
		z := Z{l.Member, float64(geohash.Encode(l.Lon, l.Lat))}
		if i == 0 {
			in.first = z
		} else {
			in.more = append(in.more, z)
		}
	}
	r, err := opGeoAdd.Do(c.s, in)
	return r.n, err
}

// geoValid returns the error of a place that is not on the map.
func geoValid(lon, lat float64) error {
	switch {
	case math.IsNaN(lon) || math.IsNaN(lat):
		return ErrNotFloat
	case !geohash.Valid(lon, lat):
		return Error("ERR invalid longitude,latitude pair " + sixDecimals(lon) + "," + sixDecimals(lat))
	}
	return nil
}

func sixDecimals(f float64) string {
	if math.IsInf(f, 0) {
		return scoreText(f)
	}
	return strconv.FormatFloat(f, 'f', 6, 64)
}

// parsePlace reads a longitude and a latitude.
func parsePlace(p *args) (lon, lat float64, err error) {
	lon, ok := number(p.String())
	if !ok {
		return 0, 0, ErrNotFloat
	}
	if lat, ok = number(p.String()); !ok {
		return 0, 0, ErrNotFloat
	}
	return lon, lat, geoValid(lon, lat)
}

// number reads a word as parseScore does.
func number(s string) (f float64, ok bool) {
	f, inRange, ok := strtod(s)
	return f, ok && (inRange || f != 0 && !math.IsInf(f, 0))
}

var opGeoAdd = add(&op[zaddArgs, zaddReply]{
	Spec: spec{
		Name: "GEOADD", Arity: -5, Flags: write | denyOOM, Keys: engine.One("RW UPDATE"),
		Group: "geo", Since: "3.2.0", Complexity: "O(log(N)) for each member, of N in the set",
		Syntax: "key:key [condition<NX|XX>]@6.2.0 [change=CH]@6.2.0 " +
			"longitude_latitude_member<longitude:double latitude:double member:string>...",
		Summary: "Stores places on the earth as members of a sorted set.",
	},
	Parse: func(p *args) (a zaddArgs) {
		a.key = p.Key()
		for {
			switch {
			case p.Flag("NX"):
				a.nx = true
			case p.Flag("XX"):
				a.xx = true
			case p.Flag("CH"):
				a.ch = true
			default:
				parsePlaces(p, &a)
				return a
			}
		}
	},
	Keys:  opZAdd.Keys,
	Run:   zadd,
	Reply: replyZAdd,
})

func parsePlaces(p *args, a *zaddArgs) {
	n := p.Len() / 3
	if n == 0 || p.Len()%3 != 0 || a.nx && a.xx {
		p.Syntax()
		return
	}
	if n > 1 {
		a.more = make([]Z, 0, n-1)
	}
	for i := 0; p.More(); i++ {
		lon, lat, err := parsePlace(p)
		if err != nil {
			p.Fail(err)
			return
		}
		z := Z{p.String(), float64(geohash.Encode(lon, lat))}
		if i == 0 {
			a.first = z
		} else {
			a.more = append(a.more, z)
		}
	}
}

type geoDistArgs struct {
	key, member1, member2 string
	unit                  GeoUnit
}

// GeoDist returns the distance between two members, or ErrNil where one is missing.
// The earth is a ball here: it is off by 0.5 % at most. O(1).
func (c Commands) GeoDist(key, member1, member2 string, unit GeoUnit) (float64, error) {
	if unit > GeoMiles {
		return 0, errGeoUnit
	}
	return opGeoDist.Do(c.s, geoDistArgs{key, member1, member2, unit})
}

const syntaxUnit = "unit<M|KM|FT|MI>"

// parseUnit reads a unit; ok is false for a word that is none.
func parseUnit(p *args) (u GeoUnit, ok bool) {
	s := p.String()
	for i := range geoUnits {
		if strings.EqualFold(s, geoUnits[i].token) {
			return GeoUnit(i), true
		}
	}
	return 0, false
}

var opGeoDist = add(&op[geoDistArgs, float64]{
	Spec: spec{
		Name: "GEODIST", Arity: -4, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "geo", Since: "3.2.0", Complexity: "O(1)",
		Syntax:  "key:key member1:string member2:string [" + syntaxUnit + "]",
		Summary: "Measures the distance between two members.",
	},
	Parse: func(p *args) geoDistArgs {
		a := geoDistArgs{key: p.Key(), member1: p.String(), member2: p.String()}
		switch p.Len() {
		case 0:
		case 1:
			var ok bool
			if a.unit, ok = parseUnit(p); !ok {
				p.Fail(errGeoUnit)
			}
		default:
			p.Syntax()
		}
		return a
	},
	Keys: func(k *keySet, a geoDistArgs) { k.Read(a.key) },
	Run: func(t *txn, a geoDistArgs) (float64, error) {
		items, err := t.ZSet(a.key)
		if err != nil {
			return 0, err
		}
		one, ok1 := items.Score(a.member1)
		two, ok2 := items.Score(a.member2)
		if !ok1 || !ok2 {
			return 0, ErrNil
		}
		lon1, lat1 := geohash.Decode(one)
		lon2, lat2 := geohash.Decode(two)
		return geohash.Distance(lon1, lat1, lon2, lat2) / geoUnits[a.unit].meters, nil
	},
	Reply: replyGeoDist,
})

// replyGeoDist writes a distance, with four decimals and in any protocol as a string.
func replyGeoDist(w *reply, dist float64) {
	var digits [32]byte
	w.BulkBytes(strconv.AppendFloat(digits[:0], dist, 'f', 4, 64))
}

// replyDegrees writes a coordinate: in decimals, of which the zeros at the end are
// left out.
func replyDegrees(w *reply, f float64) {
	var digits [32]byte
	b := strconv.AppendFloat(digits[:0], f, 'f', 17, 64)
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	if w.Proto == 3 {
		w.RawString(",")
		w.Raw(b)
		w.RawString("\r\n")
		return
	}
	w.BulkBytes(b)
}

// geoMembers are members whose scores are looked up when they are written, or kept.
// They borrow from the keyspace and from the words.
type geoMembers struct {
	items   orderedset.Items
	members []string
	hashes  []string
	places  []MaybeGeoPos
}

func runGeoMembers(t *txn, a zmembers) (geoMembers, error) {
	items, err := t.ZSet(a.key)
	return geoMembers{items: items, members: a.members}, ignoreNil(err)
}

// GeoHash returns where members are as geohashes of 11 characters, as they are used
// elsewhere; "" for one that is missing. The longer two have the same beginning, the
// nearer they are. O(1) each.
func (c Commands) GeoHash(key string, members ...string) ([]string, error) {
	r, err := opGeoHash.Do(c.s, zmembers{key, members})
	return r.hashes, err
}

var opGeoHash = add(&op[zmembers, geoMembers]{
	Spec: spec{
		Name: "GEOHASH", Arity: -2, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "geo", Since: "3.2.0", Complexity: "O(N) for N members asked for", Syntax: "key:key member:string...",
		Summary: "Reads where members are, as standard geohashes.",
	},
	Parse: parseZMembers,
	Keys:  func(k *keySet, a zmembers) { k.Read(a.key) },
	Run:   runGeoMembers,
	Keep: func(g geoMembers) geoMembers {
		kept := geoMembers{hashes: make([]string, len(g.members))}
		for i, m := range g.members {
			if score, ok := g.items.Score(m); ok {
				text := geohash.Text(score)
				kept.hashes[i] = string(text[:])
			}
		}
		return kept
	},
	Reply: func(w *reply, g geoMembers) {
		w.Array(len(g.members))
		for _, m := range g.members {
			score, ok := g.items.Score(m)
			if !ok {
				w.Null()
				continue
			}
			text := geohash.Text(score)
			w.BulkBytes(text[:])
		}
	},
})

// A MaybeGeoPos is where a member is, which may be missing.
type MaybeGeoPos struct {
	Lon, Lat float64
	Ok       bool // there is such a member
}

// GeoPos returns where members are; for one that is missing the zero MaybeGeoPos.
// O(1) each.
func (c Commands) GeoPos(key string, members ...string) ([]MaybeGeoPos, error) {
	r, err := opGeoPos.Do(c.s, zmembers{key, members})
	return r.places, err
}

var opGeoPos = add(&op[zmembers, geoMembers]{
	Spec: spec{
		Name: "GEOPOS", Arity: -2, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "geo", Since: "3.2.0", Complexity: "O(N) for N members asked for", Syntax: "key:key member:string...",
		Summary: "Reads where members are, as longitudes and latitudes.",
	},
	Parse: parseZMembers,
	Keys:  func(k *keySet, a zmembers) { k.Read(a.key) },
	Run:   runGeoMembers,
	Keep: func(g geoMembers) geoMembers {
		kept := geoMembers{places: make([]MaybeGeoPos, len(g.members))}
		for i, m := range g.members {
			if score, ok := g.items.Score(m); ok {
				p := &kept.places[i]
				p.Ok = true
				p.Lon, p.Lat = geohash.Decode(score)
			}
		}
		return kept
	},
	Reply: func(w *reply, g geoMembers) {
		w.Array(len(g.members))
		for _, m := range g.members {
			score, ok := g.items.Score(m)
			if !ok {
				w.NullArray()
				continue
			}
			lon, lat := geohash.Decode(score)
			w.Array(2)
			replyDegrees(w, lon)
			replyDegrees(w, lat)
		}
	},
})
