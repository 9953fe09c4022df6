package larderhttp

import (
	"encoding/base64"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/ds/geohash"
	"github.com/larderdb/larder/internal/ds/hashfields"
	"github.com/larderdb/larder/internal/ds/hyperloglog"
	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/orderedset"
	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// What a key holds, a page at a time.

const (
	maxElements   = 200       // of a page
	defaultCut    = 1 << 10   // bytes of an element that are shown
	maxCut        = 64 << 10  // and where more is asked for
	minCut        = 64        // and where a page is full
	maxPageBytes  = 512 << 10 // after which a page ends before it has all its elements
	maxString     = 64 << 10  // bytes of a string in one answer
	defaultString = 16 << 10
	maxGroups     = 100 // of a stream
	maxConsumers  = 100 // of a group
	maxFields     = 100 // of an entry of a stream
)

type valueAnswer struct {
	keyInfo
	Now int64 `json:"now"` // Unix milliseconds, by the store's clock

	// Next is the cursor of the next page, "" behind the last.
	Next string `json:"next"`

	// One of these, by type.
	String  *stringView     `json:"string,omitempty"`
	List    *[]listElement  `json:"list,omitempty"`
	Set     *[]text         `json:"set,omitempty"`
	ZSet    *[]zsetElement  `json:"zset,omitempty"`
	Hash    *[]hashField    `json:"hash,omitempty"`
	Stream  *streamView     `json:"stream,omitempty"`
	Pending *[]pendingEntry `json:"pending,omitempty"` // of a stream's group, if one was asked for
}

type stringView struct {
	Offset int    `json:"offset"`
	Data   []byte `json:"data"` // of Offset on
	// HLL is set where the string is a HyperLogLog.
	HLL *hllView `json:"hll,omitempty"`
}

type hllView struct {
	Count    uint64 `json:"count"`
	Encoding string `json:"encoding"` // sparse or dense
	Corrupt  bool   `json:"corrupt,omitempty"`
}

type listElement struct {
	Index int  `json:"index"`
	Value text `json:"value"`
}

type zsetElement struct {
	Rank   int    `json:"rank"`
	Member text   `json:"member"`
	Score  string `json:"score"` // as text: JSON has no infinity
	// Place is what the score means if the set was filled by GEOADD; nil where no place
	// has such a score.
	Place *place `json:"place,omitempty"`
}

type place struct {
	Lon float64 `json:"lon"`
	Lat float64 `json:"lat"`
}

type hashField struct {
	Field   text  `json:"field"`
	Value   text  `json:"value"`
	Expires int64 `json:"expires"` // Unix milliseconds; 0: never
}

type streamView struct {
	LastID       string        `json:"lastId"`
	FirstID      string        `json:"firstId"`
	MaxDeletedID string        `json:"maxDeletedId"`
	Added        int64         `json:"added"`
	Nodes        int           `json:"nodes"`
	Entries      []streamEntry `json:"entries"` // newest first
	Groups       []streamGroup `json:"groups"`
	AllGroups    int           `json:"allGroups"` // how many there are
}

type streamEntry struct {
	ID     string    `json:"id"`
	Fields [][2]text `json:"fields"`
	More   int       `json:"more,omitempty"` // fields that are left out
}

type streamGroup struct {
	Key          string           `json:"key"` // its name in base64url
	Name         text             `json:"name"`
	LastID       string           `json:"lastId"`
	Read         int64            `json:"read"` // -1: not known
	Lag          int64            `json:"lag"`  // -1: not known
	Pending      int              `json:"pending"`
	Consumers    []streamConsumer `json:"consumers"`
	AllConsumers int              `json:"allConsumers"`
}

type streamConsumer struct {
	Name    text  `json:"name"`
	Pending int   `json:"pending"`
	Seen    int64 `json:"seen"`   // Unix milliseconds
	Active  int64 `json:"active"` // -1: never
}

type pendingEntry struct {
	ID         string `json:"id"`
	Consumer   text   `json:"consumer"`
	Delivered  int64  `json:"delivered"` // Unix milliseconds
	Deliveries int64  `json:"deliveries"`
}

// A pager says which part of a value is asked for, and ends it in time.
type pager struct {
	cursor string
	back   bool // from the other end
	count  int
	cut    int

	n, bytes int
}

// took counts an element that was added, and reports whether the page is full.
func (p *pager) took(ts ...text) bool {
	p.n++
	for _, t := range ts {
		p.bytes += t.size()
	}
	if p.bytes >= maxPageBytes { // what a step of a scan still brings
		p.cut = min(p.cut, minCut)
	}
	return p.n >= p.count || p.bytes >= maxPageBytes
}

// offset is a cursor that counts elements.
func (p *pager) offset() (int, error) {
	if p.cursor == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(p.cursor)
	if err != nil || n < 0 {
		return 0, badRequest("cursor is none of this key's")
	}
	return n, nil
}

// value answers value.json?db=&key=&cursor=&count=&cut=&back=&group=&offset=&length=.
func (h *handler) value(r *http.Request) (any, error) {
	p := paramsOf(r)
	db, key := h.database(p), p.bytes("key")
	pg := &pager{
		cursor: p.text("cursor"), back: p.has("back"),
		count: int(p.number("count", 1, maxElements, 100)), cut: int(p.number("cut", 1, maxCut, defaultCut)),
	}
	offset := p.number("offset", 0, 1<<40, 0)
	length := int(p.number("length", 1, maxString, defaultString))
	group, byGroup := p.bytes("group"), p.has("group")
	if !p.has("key") {
		p.fail("key is missing")
	}
	if p.err != nil {
		return nil, p.err
	}
	e := h.engine()
	var a valueAnswer
	err := h.snapshot(func(sn *engine.Snapshot) error {
		var bad error
		err := sn.Look(db, key, func(it engine.Item, size int) {
			a.keyInfo, a.Now = infoOf(e, sn.Now(), key, it, size), sn.Now()
			switch v := it.Value; v.Type() {
			case engine.TypeString:
				a.String = stringOf(v.Str(), offset, length)
			case engine.TypeList:
				l, _ := v.List()
				bad = a.list(l, pg)
			case engine.TypeSet:
				m, _ := v.Members()
				bad = a.set(m, pg)
			case engine.TypeZSet:
				z, _ := v.ZItems()
				bad = a.zset(z, pg)
			case engine.TypeHash:
				f, _ := v.Fields(sn.Now())
				bad = a.hash(f, pg)
			case engine.TypeStream:
				s := v.Obj.(*engine.Stream)
				if byGroup {
					bad = a.pending(s, group, pg)
				} else {
					bad = a.stream(s, pg)
				}
			}
		})
		if err == nil {
			err = bad
		}
		return err
	})
	return a, err
}

func stringOf(s engine.Str, offset int64, length int) *stringView {
	from := int(min(offset, int64(s.Len())))
	v := &stringView{Offset: from, Data: s.Append([]byte{}, from, min(from+length, s.Len()))}
	if s.Len() <= hyperloglog.DenseSize {
		if all := s.String(); hyperloglog.Valid(all) {
			v.HLL = &hllView{Encoding: "sparse"}
			if hyperloglog.IsDense(all) {
				v.HLL.Encoding = "dense"
			}
			n, err := hyperloglog.Count(all)
			v.HLL.Count, v.HLL.Corrupt = n, err != nil
		}
	}
	return v
}

// element is an element of a listpack to be shown.
func (p *pager) element(v listpack.Value) text {
	if v.IsInt() {
		return textOf(v.String(), p.cut)
	}
	return textOf(v.Bytes(), p.cut)
}

func (a *valueAnswer) list(l engine.ListView, p *pager) error {
	skip, err := p.offset()
	if err != nil {
		return err
	}
	a.List = &[]listElement{}
	if skip >= l.Len() {
		return nil
	}
	all := l.Range(skip)
	if p.back {
		all = l.Reverse(l.Len() - 1 - skip)
	}
	for i, v := range all {
		el := listElement{i, p.element(v)}
		*a.List = append(*a.List, el)
		if p.took(el.Value) {
			break
		}
	}
	a.after(skip)
	return nil
}

// after sets the next cursor where that counts elements, of which skip came before.
func (a *valueAnswer) after(skip int) {
	n := 0
	switch {
	case a.List != nil:
		n = len(*a.List)
	case a.ZSet != nil:
		n = len(*a.ZSet)
	case a.Set != nil:
		n = len(*a.Set)
	case a.Hash != nil:
		n = len(*a.Hash)
	}
	if skip+n < a.Elements {
		a.Next = strconv.Itoa(skip + n)
	}
}

// Sets and hashes in tables are scanned by cursor, which begins with a letter; small
// ones are counted through. If one grows between two pages, its cursor is none any more,
// and the pages begin anew.
const tableCursor = "t"

func (p *pager) table() (cursor uint64, err error) {
	if p.cursor == "" {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(p.cursor, tableCursor)
	if !ok {
		return 0, nil
	}
	if cursor, err = strconv.ParseUint(digits, 10, 48); err != nil {
		return 0, badRequest("cursor is none of this key's")
	}
	return cursor, nil
}

// scan takes steps until the page is full.
func (a *valueAnswer) scan(p *pager, step func(cursor uint64) (next uint64, full bool)) error {
	cursor, err := p.table()
	if err != nil {
		return err
	}
	// Buckets may be empty, thousands of them where most elements were removed.
	for range maxLook {
		next, full := step(cursor)
		if cursor = next; cursor == 0 {
			return nil
		}
		if full {
			break
		}
	}
	a.Next = tableCursor + strconv.FormatUint(cursor, 10)
	return nil
}

func (a *valueAnswer) set(m engine.Members, p *pager) error {
	a.Set = &[]text{}
	add := func(v listpack.Value) bool {
		t := p.element(v)
		*a.Set = append(*a.Set, t)
		return p.took(t)
	}
	if m.Big() {
		return a.scan(p, func(cursor uint64) (next uint64, full bool) {
			next = m.Scan(cursor, func(v listpack.Value) { full = add(v) })
			return next, full
		})
	}
	if strings.HasPrefix(p.cursor, tableCursor) {
		p.cursor = ""
	}
	skip, err := p.offset()
	if err != nil {
		return err
	}
	for v := range from(m.All(), skip) {
		if add(v) {
			break
		}
	}
	a.after(skip)
	return nil
}

func (a *valueAnswer) hash(f hashfields.View, p *pager) error {
	a.Hash = &[]hashField{}
	add := func(field, value hashfields.Elem, at int64) bool {
		h := hashField{textOf(field.String(), p.cut), textOf(value.String(), p.cut), at}
		*a.Hash = append(*a.Hash, h)
		return p.took(h.Field, h.Value)
	}
	if _, big := f.Form(); big {
		return a.scan(p, func(cursor uint64) (next uint64, full bool) {
			next = f.Scan(cursor, func(field, value hashfields.Elem) {
				_, at, _ := f.Lookup(field.String())
				full = add(field, value, at)
			})
			return next, full
		})
	}
	if strings.HasPrefix(p.cursor, tableCursor) {
		p.cursor = ""
	}
	skip, err := p.offset()
	if err != nil {
		return err
	}
	i := 0
	for field, e := range f.Entries() {
		if i++; i > skip && add(field, e.Value, e.ExpireAt) {
			break
		}
	}
	a.after(skip)
	return nil
}

func (a *valueAnswer) zset(z orderedset.Items, p *pager) error {
	skip, err := p.offset()
	if err != nil {
		return err
	}
	a.ZSet = &[]zsetElement{}
	if skip >= z.Len() {
		return nil
	}
	rank, step := skip, 1
	if p.back {
		rank, step = z.Len()-1-skip, -1
	}
	c := z.Cursor(rank, p.back)
	for it, ok := c.Next(); ok; it, ok = c.Next() {
		el := zsetElement{Rank: rank, Member: p.element(it.Member), Score: strconv.FormatFloat(it.Score, 'g', -1, 64)}
		if it.Score > 0 && it.Score < 1<<52 && it.Score == float64(int64(it.Score)) {
			lon, lat := geohash.Decode(it.Score)
			el.Place = &place{lon, lat}
		}
		*a.ZSet = append(*a.ZSet, el)
		rank += step
		if p.took(el.Member) {
			break
		}
	}
	a.after(skip)
	return nil
}

func (a *valueAnswer) stream(s *engine.Stream, p *pager) error {
	v := &streamView{
		LastID: s.LastID().String(), FirstID: s.FirstID().String(), MaxDeletedID: s.MaxDeletedID().String(),
		Added: s.EntriesAdded(), Nodes: s.NumNodes(), Entries: []streamEntry{}, Groups: []streamGroup{}, AllGroups: s.NumGroups(),
	}
	a.Stream = v
	until := streamlog.MaxID
	if p.cursor != "" {
		id, ok := streamlog.ParseID(p.cursor, 0)
		if !ok {
			return badRequest("cursor is none of this key's")
		}
		until = id
	} else { // groups stand on the first page only
		for g := range s.Groups() {
			if len(v.Groups) == maxGroups {
				break
			}
			v.Groups = append(v.Groups, groupOf(s, g))
		}
	}
	full := false
	for e := range s.Reverse(until, streamlog.ID{}) {
		if full {
			a.Next = e.ID.String()
			break
		}
		out := streamEntry{ID: e.ID.String(), Fields: [][2]text{}}
		for name, value := range e.Fields() {
			if len(out.Fields) == maxFields || p.bytes >= maxPageBytes {
				out.More = e.Len() - len(out.Fields)
				break
			}
			pair := [2]text{p.element(name), p.element(value)}
			out.Fields = append(out.Fields, pair)
			p.bytes += pair[0].size() + pair[1].size()
		}
		v.Entries = append(v.Entries, out)
		full = p.took()
	}
	return nil
}

func groupOf(s *engine.Stream, g *streamlog.Group) streamGroup {
	lag, ok := s.Lag(g)
	if !ok {
		lag = -1
	}
	out := streamGroup{
		Key: base64.RawURLEncoding.EncodeToString([]byte(g.Name())), Name: textOf(g.Name(), maxKeyName), LastID: g.LastID().String(),
		Read: g.EntriesRead(), Lag: lag, Pending: g.NumPending(), Consumers: []streamConsumer{}, AllConsumers: g.NumConsumers(),
	}
	for c := range g.Consumers() {
		if len(out.Consumers) == maxConsumers {
			break
		}
		out.Consumers = append(out.Consumers,
			streamConsumer{textOf(c.Name(), maxKeyName), c.NumPending(), c.SeenTime(), c.ActiveTime()})
	}
	return out
}

func (a *valueAnswer) pending(s *engine.Stream, group string, p *pager) error {
	g := s.Group(group)
	if g == nil {
		return refusal{http.StatusNotFound, "there is no such group"}
	}
	first := streamlog.ID{}
	if p.cursor != "" {
		id, ok := streamlog.ParseID(p.cursor, 0)
		if !ok {
			return badRequest("cursor is none of this key's")
		}
		first = id
	}
	a.Pending = &[]pendingEntry{}
	full := false
	for e := range g.Pending(first, streamlog.MaxID) {
		if full {
			a.Next = e.ID.String()
			break
		}
		el := pendingEntry{e.ID.String(), textOf(e.Consumer, maxKeyName), e.Time, e.Count}
		*a.Pending = append(*a.Pending, el)
		full = p.took(el.Consumer)
	}
	return nil
}

// from leaves out what comes first.
func from[T any](all iter.Seq[T], skip int) iter.Seq[T] {
	return func(yield func(T) bool) {
		i := 0
		for v := range all {
			if i++; i > skip && !yield(v) {
				return
			}
		}
	}
}
