package larder

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strconv"
	"sync"

	"github.com/larderdb/larder/internal/ds/geohash"
	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/ds/partsort"
	"github.com/larderdb/larder/internal/engine"
)

// What is near a place: GEOSEARCH GEOSEARCHSTORE, and the older GEORADIUS
// GEORADIUSBYMEMBER with their read-only forms. A search goes through up to nine cells
// of the map, each a range of scores, and looks at nothing else.

// A GeoOrder says in which order a search returns what it has found.
type GeoOrder uint8

// The orders.
const (
	GeoUnordered GeoOrder = iota // with a Count: the nearest first, unless any will do
	GeoAsc                       // the nearest first
	GeoDesc                      // the farthest first
)

var geoOrders = [...]string{"", "ASC", "DESC"}

// GeoSearchArgs are the arguments of GEOSEARCH and GEOSEARCHSTORE.
type GeoSearchArgs struct {
	Key string

	// The middle of the search: where Member is, or if that is "", Lon and Lat.
	Member   string
	Lon, Lat float64

	// A circle, or if Width or Height is not 0, a box that stands upright. A box
	// measures Width at the latitude of each member, not at its middle.
	Radius        float64
	Width, Height float64
	Unit          GeoUnit // of the three, and of the distances found

	Order GeoOrder
	Count int64 // return so many at most; 0 is all
	Any   bool  // with Count: the first that are found, which is faster than the nearest
}

// A GeoResult is a member that a search has found.
type GeoResult struct {
	Member   string
	Dist     float64 // from the middle of the search
	Lon, Lat float64
	Hash     int64 // the score
}

const (
	errGeoRadius    Error = "ERR radius cannot be negative"
	errGeoNoRadius  Error = "ERR need numeric radius"
	errGeoNoWidth   Error = "ERR need numeric width"
	errGeoNoHeight  Error = "ERR need numeric height"
	errGeoBox       Error = "ERR height or width cannot be negative"
	errGeoCount     Error = "ERR COUNT must be > 0"
	errGeoAny       Error = "ERR the ANY argument requires COUNT argument"
	errGeoStoreWith Error = "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
	errGeoDstWith   Error = "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
)

// GeoSearch returns the members in a circle or a box. It returns none for a missing
// key, and an error for a missing Member. O(log n + m) for m members in and near it.
//
// What it finds is what Redis finds: places are looked for on a map that ends at the
// date line and near the poles, so that a shape that reaches beyond may miss some.
func (c Commands) GeoSearch(a GeoSearchArgs) ([]GeoResult, error) {
	in, err := a.internal()
	if err != nil {
		return nil, err
	}
	in.withDist = true
	r, err := opGeoSearch.Do(c.s, in)
	return r.kept, err
}

// GeoSearchStore makes what GeoSearch finds the value of dst, whatever that held, and
// returns how many members it has: a sorted set of the same places. None delete dst.
func (c Commands) GeoSearchStore(dst string, a GeoSearchArgs) (int64, error) {
	return c.geoSearchStore(dst, a, false)
}

// GeoSearchStoreDist is GeoSearchStore with the distances as scores.
func (c Commands) GeoSearchStoreDist(dst string, a GeoSearchArgs) (int64, error) {
	return c.geoSearchStore(dst, a, true)
}

func (c Commands) geoSearchStore(dst string, a GeoSearchArgs, dist bool) (int64, error) {
	in, err := a.internal()
	if err != nil {
		return 0, err
	}
	in.store, in.dst, in.storeDist = true, dst, dist
	r, err := opGeoSearchStore.Do(c.s, in)
	return int64(r.n), err
}

func (a GeoSearchArgs) internal() (in geoArgs, err error) {
	in = geoArgs{
		form: geoSearch, key: a.Key, byMember: a.Member != "", member: a.Member, lon: a.Lon, lat: a.Lat,
		box: a.Width != 0 || a.Height != 0, radius: a.Radius, width: a.Width, height: a.Height,
		unit: a.Unit, order: a.Order, count: a.Count, any: a.Any,
	}
	switch {
	case math.IsNaN(a.Radius):
		err = errGeoNoRadius
	case a.Radius < 0:
		err = errGeoRadius
	case math.IsNaN(a.Width):
		err = errGeoNoWidth
	case math.IsNaN(a.Height):
		err = errGeoNoHeight
	case a.Width < 0 || a.Height < 0:
		err = errGeoBox
	case in.box && a.Radius != 0, a.Order > GeoDesc:
		err = ErrSyntax
	case a.Unit > GeoMiles:
		err = errGeoUnit
	case a.Count < 0:
		err = errGeoCount
	case a.Any && a.Count == 0:
		err = errGeoAny
	case !in.byMember:
		err = geoValid(a.Lon, a.Lat)
	}
	return in, err
}

// A geoForm is a way to ask for a search.
type geoForm uint8

const (
	geoSearch geoForm = iota
	geoRadius
	geoRadiusByMember
)

type geoArgs struct {
	form geoForm
	key  string

	byMember bool
	member   string
	earlier  []string // members named before it, which must be there too
	lon, lat float64

	box                   bool
	radius, width, height float64
	unit                  GeoUnit

	order GeoOrder
	count int64 // 0: all
	any   bool

	withDist, withHash, withCoord bool

	dst              string
	store, storeDist bool

	// What is wrong with the words is said after Redis has looked at the key:
	// shapeErr if there is one, and the member.
	shapeErr, err error
}

// parsePlace reads the middle of the search.
func (a *geoArgs) parsePlace(p *args) { a.lon, a.lat, a.err = parsePlace(p) }

// parseRadius reads a radius and its unit.
func (a *geoArgs) parseRadius(p *args) error {
	f, ok := number(p.String())
	unit, known := parseUnit(p)
	switch {
	case !ok:
		return errGeoNoRadius
	case f < 0:
		return errGeoRadius
	case !known:
		return errGeoUnit
	}
	a.radius, a.unit, a.box = f, unit, false
	return nil
}

// parseBox reads a width, a height and their unit.
func (a *geoArgs) parseBox(p *args) error {
	w, okWidth := number(p.String())
	h, okHeight := number(p.String())
	unit, known := parseUnit(p)
	switch {
	case !okWidth:
		return errGeoNoWidth
	case !okHeight:
		return errGeoNoHeight
	case w < 0 || h < 0:
		return errGeoBox
	case !known:
		return errGeoUnit
	}
	a.width, a.height, a.unit, a.box = w, h, unit, true
	return nil
}

// parse reads what follows the keys. mayStore says whether STORE is an option.
func (a *geoArgs) parse(p *args, mayStore bool) {
	var from, by bool
	switch a.form {
	case geoRadius:
		a.parsePlace(p)
		if a.err == nil {
			a.err = a.parseRadius(p)
		}
	case geoRadiusByMember:
		a.byMember, a.member = true, p.String()
		a.shapeErr = a.parseRadius(p)
	}
	search := a.form == geoSearch
	for a.err == nil && p.More() {
		switch {
		case p.Flag("WITHDIST"):
			a.withDist = true
		case p.Flag("WITHHASH"):
			a.withHash = true
		case p.Flag("WITHCOORD"):
			a.withCoord = true
		case p.Flag("ANY"):
			a.any = true
		case p.Flag("ASC"):
			a.order = GeoAsc
		case p.Flag("DESC"):
			a.order = GeoDesc
		case p.FlagWith("COUNT", 1):
			n, ok := engine.ParseInt(p.String())
			if a.count = n; !ok {
				a.err = ErrNotInt
			} else if n <= 0 {
				a.err = errGeoCount
			}
		case !search && mayStore && p.FlagWith("STORE", 1):
			a.store, a.storeDist, a.dst = true, false, p.Key()
		case !search && mayStore && p.FlagWith("STOREDIST", 1):
			a.store, a.storeDist, a.dst = true, true, p.Key()
		case search && mayStore && p.Flag("STOREDIST"):
			a.storeDist = true
		case search && (!from || a.byMember) && p.FlagWith("FROMMEMBER", 1):
			if a.byMember {
				a.earlier = append(a.earlier, a.member)
			}
			from, a.byMember, a.member = true, true, p.String()
		case search && (!from || !a.byMember) && p.FlagWith("FROMLONLAT", 2):
			from = true
			a.parsePlace(p)
		case search && (!by || !a.box) && p.FlagWith("BYRADIUS", 2):
			by, a.err = true, a.parseRadius(p)
		case search && (!by || a.box) && p.FlagWith("BYBOX", 3):
			by, a.err = true, a.parseBox(p)
		default:
			a.err = ErrSyntax
		}
	}
	p.Rest() // what follows an error
	if a.err == nil {
		a.err = a.conflict(p, from, by)
	}
}

// conflict is the error of options that do not go together.
func (a *geoArgs) conflict(p *args, from, by bool) error {
	search := a.form == geoSearch
	switch {
	case a.store && (a.withDist || a.withHash || a.withCoord) && search:
		return errGeoDstWith
	case a.store && (a.withDist || a.withHash || a.withCoord):
		return errGeoStoreWith
	case search && !from:
		return Error("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + string(p.Words()[0]))
	case search && !by:
		return Error("ERR exactly one of BYRADIUS and BYBOX can be specified for " + string(p.Words()[0]))
	case a.any && a.count == 0:
		return errGeoAny
	}
	return nil
}

// middle finds out where the search is, in the order in which Redis complains.
func (a *geoArgs) middle(items orderedset.Items) error {
	for _, m := range a.earlier {
		if _, ok := items.Score(m); !ok {
			return errGeoMember
		}
	}
	if a.byMember {
		score, ok := items.Score(a.member)
		if !ok {
			return errGeoMember
		}
		a.lon, a.lat = geohash.Decode(score)
	}
	return a.shapeErr
}

// A geoReply is what a search has found, or how many it has stored. It borrows from
// the keyspace until it is kept.
type geoReply struct {
	stored bool
	n      int

	found                         *geoFinder
	unit                          float64
	withDist, withHash, withCoord bool
	kept                          []GeoResult
}

// A geoFinder collects what a search finds. It is taken from a pool: what it collects
// in has grown already.
type geoFinder struct {
	cells  []geohash.Cell
	items  []orderedset.Item // of a small set
	points []geoPoint
	order  []geoRank
}

// A geoPoint is a member that was found.
type geoPoint struct {
	item      orderedset.Item
	lon, lat  float64
	haversine float64
}

// A geoRank is a point by its distance in meters.
type geoRank struct {
	dist  float64
	point int
}

var geoFinders = sync.Pool{New: func() any { return &geoFinder{cells: make([]geohash.Cell, 0, 9)} }}

// done gives a finder back.
func (f *geoFinder) done() {
	if cap(f.points) > 1<<14 {
		return
	}
	clear(f.items) // they borrow
	clear(f.points)
	f.items, f.points, f.order = f.items[:0], f.points[:0], f.order[:0]
	geoFinders.Put(f)
}

// walk calls visit for the items whose scores are in the cells, cell by cell, until it
// says no.
func (f *geoFinder) walk(items orderedset.Items, visit func(orderedset.Item) bool) {
	small := items.Big() == nil
	if small { // read once, not once a cell
		for it := range items.All() {
			f.items = append(f.items, it)
		}
	}
	for _, cell := range f.cells {
		from, to := cell.Scores()
		if small {
			i := sort.Search(len(f.items), func(i int) bool { return f.items[i].Score >= from })
			for ; i < len(f.items) && f.items[i].Score < to; i++ {
				if !visit(f.items[i]) {
					return
				}
			}
			continue
		}
		c := items.Cursor(items.Below(orderedset.Bound{Score: from}), false)
		for it, ok := c.Next(); ok && it.Score < to; it, ok = c.Next() {
			if !visit(it) {
				return
			}
		}
	}
}

// search finds the members and puts those that are asked for first, and returns how
// many they are.
func (f *geoFinder) search(items orderedset.Items, a *geoArgs) (n int) {
	shape := geohash.Shape{
		Lon: a.lon, Lat: a.lat, Box: a.box, Radius: a.radius, Width: a.width, Height: a.height,
		Unit: geoUnits[a.unit].meters,
	}
	shape.Prepare()
	f.cells = shape.Cells(f.cells[:0])
	enough := math.MaxInt
	if a.any {
		enough = int(min(a.count, math.MaxInt))
	}
	f.walk(items, func(it orderedset.Item) bool {
		if lon, lat, h, ok := shape.Find(it.Score); ok {
			f.points = append(f.points, geoPoint{it, lon, lat, h})
		}
		return len(f.points) < enough
	})
	order := a.order
	if a.count != 0 && order == GeoUnordered && !a.any {
		order = GeoAsc
	}
	measured := a.withDist || a.storeDist || order != GeoUnordered
	for i := range f.points {
		r := geoRank{point: i}
		if measured {
			r.dist = geohash.Meters(f.points[i].haversine)
		}
		f.order = append(f.order, r)
	}
	n = len(f.order)
	if a.count != 0 {
		n = int(min(int64(n), a.count))
	}
	if order != GeoUnordered {
		f.sort(n, order == GeoDesc)
	}
	return n
}

// sort puts the first n in order. Those of one distance stay as they were found if
// all are sorted, and as Redis's partial sort leaves them if not.
func (f *geoFinder) sort(n int, desc bool) {
	sign := 1
	if desc {
		sign = -1
	}
	if n < len(f.order) {
		partsort.Sort(f.order, 0, n-1, func(x, y *geoRank) int { return sign * cmp.Compare(x.dist, y.dist) })
		return
	}
	slices.SortFunc(f.order, func(x, y geoRank) int {
		if c := cmp.Compare(x.dist, y.dist); c != 0 {
			return sign * c
		}
		return x.point - y.point
	})
}

func runGeoSearch(t *txn, a geoArgs) (r geoReply, err error) {
	items, err := t.ZSet(a.key)
	if err == nil {
		if err := a.middle(items); err != nil {
			return r, err
		}
	} else if err != ErrNil {
		return r, err
	}
	if a.err != nil {
		return r, a.err
	}
	r.stored, r.unit = a.store, geoUnits[a.unit].meters
	r.withDist, r.withHash, r.withCoord = a.withDist, a.withHash, a.withCoord
	if items.Len() > 0 {
		r.found = geoFinders.Get().(*geoFinder)
		r.n = r.found.search(items, &a)
	}
	if a.store {
		storeGeo(t, &a, &r)
	}
	return r, nil
}

// storeGeo makes what was found the value of the destination.
func storeGeo(t *txn, a *geoArgs, r *geoReply) {
	if r.n > 0 {
		dst := t.NewZSet(a.dst)
		var b []byte
		for _, o := range r.found.order[:r.n] {
			it := r.found.points[o.point].item
			score := it.Score
			if a.storeDist {
				score = o.dist / r.unit
			}
			b = it.Member.Append(b[:0])
			dst.Put(bytesAsString(b), score)
		}
		dst.Publish()
	}
	event := "georadiusstore"
	if a.form == geoSearch {
		event = "geosearchstore"
	}
	zstore(t, r.n, a.dst, event, a.words)
	if r.found != nil {
		r.found.done()
		r.found = nil
	}
}

// words are the command again, its options in one order.
func (a *geoArgs) words() (words []string) {
	number := func(f float64) string {
		if math.IsInf(f, 0) {
			return "inf"
		}
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	add := func(s ...string) { words = append(words, s...) }
	unit := geoUnits[a.unit].name
	switch {
	case a.form == geoRadius:
		add("GEORADIUS", a.key, number(a.lon), number(a.lat), number(a.radius), unit)
	case a.form == geoRadiusByMember:
		add("GEORADIUSBYMEMBER", a.key, a.member, number(a.radius), unit)
	default:
		add("GEOSEARCHSTORE", a.dst, a.key)
		if a.byMember {
			add("FROMMEMBER", a.member)
		} else {
			add("FROMLONLAT", number(a.lon), number(a.lat))
		}
		if a.box {
			add("BYBOX", number(a.width), number(a.height), unit)
		} else {
			add("BYRADIUS", number(a.radius), unit)
		}
	}
	if a.order != GeoUnordered {
		add(geoOrders[a.order])
	}
	if a.count != 0 {
		add("COUNT", strconv.FormatInt(a.count, 10))
	}
	if a.any {
		add("ANY")
	}
	switch {
	case a.form == geoSearch && a.storeDist:
		add("STOREDIST")
	case a.form != geoSearch && a.storeDist:
		add("STOREDIST", a.dst)
	case a.form != geoSearch:
		add("STORE", a.dst)
	}
	return words
}

func (r geoReply) keep() geoReply {
	if r.found == nil {
		return r
	}
	r.kept = make([]GeoResult, r.n)
	for i, o := range r.found.order[:r.n] {
		p := &r.found.points[o.point]
		r.kept[i] = GeoResult{p.item.Member.String(), o.dist / r.unit, p.lon, p.lat, geohash.Integer(p.item.Score)}
	}
	r.found.done()
	r.found = nil
	return r
}

func replyGeoSearch(w *reply, r geoReply) {
	if r.stored {
		w.Int(int64(r.n))
		return
	}
	w.Array(r.n)
	if r.found == nil {
		return
	}
	more := 0
	for _, with := range [...]bool{r.withDist, r.withHash, r.withCoord} {
		if with {
			more++
		}
	}
	for _, o := range r.found.order[:r.n] {
		p := &r.found.points[o.point]
		if more > 0 {
			w.Array(1 + more)
		}
		replyValue(w, p.item.Member)
		if r.withDist {
			replyGeoDist(w, o.dist/r.unit)
		}
		if r.withHash {
			w.Int(geohash.Integer(p.item.Score))
		}
		if r.withCoord {
			w.Array(2)
			replyDegrees(w, p.lon)
			replyDegrees(w, p.lat)
		}
	}
	r.found.done()
}

const (
	complexityGeo  = "O(log(N)+M) for M of N members in and near the area, O(M*log(M)) if they are sorted"
	syntaxGeoWith  = " [WITHCOORD] [WITHDIST] [WITHHASH]"
	syntaxGeoOrder = " [order<ASC|DESC>]"
	syntaxGeoShape = " from<FROMMEMBER member:string|FROMLONLAT longitude_latitude<longitude:double latitude:double>>" +
		" by<circle<BYRADIUS radius:double " + syntaxUnit + ">|box<BYBOX width:double height:double " + syntaxUnit + ">>" +
		syntaxGeoOrder + " [count<COUNT count:integer [ANY]>]"
)

var (
	opGeoSearch = geoOp("GEOSEARCH", -7, geoSearch, false, spec{
		Since: "6.2.0", Syntax: "key:key" + syntaxGeoShape + syntaxGeoWith,
		Summary: "Lists the members in a circle or a box on the earth.",
	})
	opGeoSearchStore = geoOp("GEOSEARCHSTORE", -8, geoSearch, true, spec{
		Since: "6.2.0", Syntax: "destination:key source:key" + syntaxGeoShape + " [STOREDIST]",
		Summary: "Stores the members in a circle or a box on the earth.",
	})
)

func init() {
	const (
		place  = "key:key longitude:double latitude:double radius:double " + syntaxUnit + syntaxGeoWith
		member = "key:key member:string radius:double " + syntaxUnit + syntaxGeoWith
		store  = " [STORE key:key] [STOREDIST key:key]"
		count  = " [count<COUNT count:integer [ANY]>]" + syntaxGeoOrder
		since  = " [count<COUNT count:integer [ANY]@6.2.0>]" + syntaxGeoOrder
	)
	geoOp("GEORADIUS", -6, geoRadius, true, spec{
		Since: "3.2.0", Syntax: place + since + store,
		Summary:  "Lists or stores the members in a circle around a place.",
		Replaced: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
	})
	geoOp("GEORADIUS_RO", -6, geoRadius, false, spec{
		Since: "3.2.10", Syntax: place + since,
		Summary:  "Lists the members in a circle around a place.",
		Replaced: "`GEOSEARCH` with the `BYRADIUS` argument",
	})
	geoOp("GEORADIUSBYMEMBER", -5, geoRadiusByMember, true, spec{
		Since: "3.2.0", Syntax: member + count + store,
		Summary:  "Lists or stores the members in a circle around one of them.",
		Replaced: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
	})
	geoOp("GEORADIUSBYMEMBER_RO", -5, geoRadiusByMember, false, spec{
		Since: "3.2.10", Syntax: member + count,
		Summary:  "Lists the members in a circle around one of them.",
		Replaced: "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
	})
}

// geoOp declares a search. Of s it fills what its form and mayStore tell.
func geoOp(name string, arity int, form geoForm, mayStore bool, s spec) *op[geoArgs, geoReply] {
	s.Name, s.Arity, s.Group, s.Complexity = name, arity, "geo", complexityGeo
	s.Flags, s.Keys = readOnly, engine.One("RO ACCESS")
	always := form == geoSearch && mayStore
	switch {
	case always:
		s.Keys = []engine.KeySpec{{Flags: "OW UPDATE", Index: 1}, {Flags: "RO ACCESS", Index: 2}}
		s.Flags = write | denyOOM
	case mayStore:
		options := -arity // where they begin
		s.Keys = append(s.Keys, engine.KeySpec{Flags: "OW UPDATE", Keyword: "STORE", Index: options},
			engine.KeySpec{Flags: "OW UPDATE", Keyword: "STOREDIST", Index: options})
		s.Flags = write | denyOOM | engine.MovableKeys
	}
	if s.Replaced != "" {
		s.Deprecated = "6.2.0"
	}
	return add(&op[geoArgs, geoReply]{
		Spec: s,
		Parse: func(p *args) geoArgs {
			a := geoArgs{form: form, store: always}
			if always {
				a.dst = p.Key()
			}
			a.key = p.Key()
			a.parse(p, mayStore)
			return a
		},
		Keys: func(k *keySet, a geoArgs) {
			if a.store {
				k.Write(a.dst)
			}
			k.Read(a.key)
		},
		Run:   runGeoSearch,
		Keep:  geoReply.keep,
		Reply: replyGeoSearch,
	})
}
