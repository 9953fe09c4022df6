package main

import (
	"cmp"
	"container/heap"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/larderdb/larder/rdb"
)

var inspectCommand = command{
	name: "inspect", args: "FILE", files: 1, does: "Tells what takes the memory: by type, by prefix of the keys, and the biggest keys",
	setup: func(fs *flag.FlagSet) func(*tool, []string) (int, error) {
		var i inspection
		i.selection.flags(fs)
		fs.StringVar(&i.html, "html", "", "also write a page with a treemap to this `file`; - is standard output, for the page alone")
		fs.StringVar(&i.prefixes.separator, "separator", ":", "what parts the names of keys")
		fs.IntVar(&i.prefixes.depth, "depth", 3, "how many `parts` of a name are told apart")
		fs.IntVar(&i.top, "top", 20, "how `many` prefixes and keys are printed")
		return i.run
	},
}

// An inspection is what is found out about a file. Memory is what the keys would take in
// a redis-server, see memory.go; the bytes in the file stand beside it. It takes the
// memory of one element, and of the prefixes.
type inspection struct {
	selection
	html string
	top  int

	meter    meter
	from     int64 // where the key begins in the file
	header   header
	all      totals
	types    [rdb.Module + 1]typeTotals
	dbs      map[int]*totals
	prefixes prefixes
	biggest  keyHeap
	ttls     [len(ttlBounds) + 2]totals
}

// header is what a file tells of itself.
type header struct {
	version int
	valkey  bool
	server  string // that wrote it
	at      int64  // when, in Unix milliseconds; 0: not told
	usedMem int64
}

type typeTotals struct {
	totals
	elements int64
}

// A bigKey is a key that may be one of the biggest.
type bigKey struct {
	name     []byte
	db       int
	typ      rdb.Type
	elements int64
	totals
	expireAt int64
}

// A keyHeap has the smallest of the biggest keys first.
type keyHeap []bigKey

func (h keyHeap) Len() int           { return len(h) }
func (h keyHeap) Less(i, j int) bool { return h[i].memory < h[j].memory }
func (h keyHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *keyHeap) Push(x any)        { *h = append(*h, x.(bigKey)) }
func (h *keyHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// ttlBounds part the times that keys have left; a class for those that never expire
// comes first, and one for more than the last.
var ttlBounds = [...]struct {
	name  string
	limit time.Duration
}{
	{"already over", 0},
	{"a minute", time.Minute},
	{"an hour", time.Hour},
	{"a day", 24 * time.Hour},
	{"a week", 7 * 24 * time.Hour},
	{"30 days", 30 * 24 * time.Hour},
	{"a year", 365 * 24 * time.Hour},
}

// ttlName is what a class of the times that are left is called.
func ttlName(i int) string {
	switch {
	case i == 0:
		return "never"
	case i == 1:
		return ttlBounds[0].name
	case i <= len(ttlBounds):
		return "within " + ttlBounds[i-1].name
	}
	return "later"
}

func (i *inspection) run(t *tool, files []string) (int, error) {
	if i.prefixes.separator == "" || i.prefixes.depth < 0 || i.top < 0 {
		return statusTrouble, fmt.Errorf("inspect: --separator must not be empty, --depth and --top not negative")
	}
	i.dbs = map[int]*totals{}
	if err := t.walk(files[0], rdb.DecoderOptions{}, i.only(i.event)); err != nil {
		return statusTrouble, err
	}
	if i.header.at == 0 {
		i.header.at = t.now().UnixMilli()
	}
	slices.SortFunc(i.biggest, func(a, b bigKey) int {
		return cmp.Or(cmp.Compare(b.memory, a.memory), cmp.Compare(a.db, b.db), slices.Compare(a.name, b.name))
	})
	if i.html != standard {
		i.print(t.stdout)
	}
	if i.html == "" {
		return statusOK, nil
	}
	return statusOK, t.create(i.html, func(w io.Writer) error { return i.page(w, files[0]) })
}

func (i *inspection) event(ev *rdb.Event) error {
	switch ev.Kind {
	case rdb.KindHeader:
		i.header.version, i.header.valkey = ev.Version, ev.Valkey
	case rdb.KindAux:
		i.header.aux(string(ev.Name), string(ev.Value))
	case rdb.KindKey:
		i.from = ev.Offset
		i.meter.begin(ev)
	case rdb.KindEnd:
		i.key(ev)
	default:
		if ev.Key != nil {
			i.meter.event(ev)
		}
	}
	return nil
}

func (h *header) aux(name, value string) {
	number := func() int64 {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	switch name {
	case "redis-ver", "valkey-ver":
		h.server = value
	case "ctime":
		h.at = number() * 1000
	case "used-mem":
		h.usedMem = number()
	}
}

// key counts a key that has ended.
func (i *inspection) key(ev *rdb.Event) {
	k := ev.Key
	t := totals{keys: 1, memory: i.meter.end(ev), file: ev.Offset - i.from}
	i.all.add(t)
	i.types[k.Type].add(t)
	i.types[k.Type].elements += i.meter.n
	if i.dbs[ev.DB] == nil {
		i.dbs[ev.DB] = &totals{}
	}
	i.dbs[ev.DB].add(t)
	i.prefixes.add(k.Name, t)
	i.ttls[i.ttl(k.ExpireAt)].add(t)
	if len(i.biggest) < i.top || i.top > 0 && t.memory > i.biggest[0].memory {
		if len(i.biggest) == i.top {
			heap.Pop(&i.biggest)
		}
		name := k.Name
		if len(name) > shownKey+1 { // enough to show that it is longer
			name = name[:shownKey+1]
		}
		heap.Push(&i.biggest, bigKey{slices.Clone(name), ev.DB, k.Type, i.meter.n, t, k.ExpireAt})
	}
}

// ttl is the class of a key that expires at a time; what is left counts from when the
// file was written.
func (i *inspection) ttl(at int64) int {
	if at == 0 {
		return 0
	}
	left := at - i.header.at
	for j, b := range ttlBounds {
		if left <= b.limit.Milliseconds() {
			return j + 1
		}
	}
	return len(ttlBounds) + 1
}

func (i *inspection) print(w io.Writer) {
	h := i.header
	dialect := "Redis"
	if h.valkey {
		dialect = "Valkey"
	}
	fmt.Fprintf(w, "%s's format, version %d", dialect, h.version)
	if h.server != "" {
		fmt.Fprintf(w, ", written by %s at %s", strconv.Quote(h.server), timeText(h.at))
	}
	fmt.Fprintf(w, "\n%d keys, about %s in a redis-server, %s in the file\n", i.all.keys, bytesText(i.all.memory), bytesText(i.all.file))

	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...any) { // figures stand to the right, what comes last to the left
		last := len(cells) - 1
		for _, c := range cells[:last] {
			fmt.Fprintf(tw, "%v\t", c)
		}
		fmt.Fprintf(tw, "  %v\n", cells[last])
	}
	section := func(head ...any) {
		_ = tw.Flush()
		fmt.Fprintln(w)
		row(head...)
	}
	section("keys", "elements", "memory", "%", "in the file", "type")
	for typ, t := range i.types {
		if t.keys > 0 {
			row(t.keys, t.elements, bytesText(t.memory), i.percent(t.memory), bytesText(t.file), rdb.Type(typ))
		}
	}
	if len(i.dbs) > 1 {
		section("keys", "memory", "%", "in the file", "database")
		for _, db := range sortedKeys(i.dbs) {
			t := i.dbs[db]
			row(t.keys, bytesText(t.memory), i.percent(t.memory), bytesText(t.file), db)
		}
	}
	section("keys", "memory", "%", "in the file", "prefix")
	for _, p := range i.topPrefixes() {
		row(p.keys, bytesText(p.memory), i.percent(p.memory), bytesText(p.file), shown([]byte(p.name)))
	}
	section("keys", "memory", "%", "expires")
	for j, t := range i.ttls {
		if t.keys > 0 {
			row(t.keys, bytesText(t.memory), i.percent(t.memory), ttlName(j))
		}
	}
	section("elements", "memory", "%", "in the file", "type", "db", "key")
	for _, k := range i.biggest {
		row(k.elements, bytesText(k.memory), i.percent(k.memory), bytesText(k.file), k.typ, k.db, shown(k.name))
	}
	_ = tw.Flush()
	if i.prefixes.full {
		fmt.Fprintf(w, "\nThere are more than %d prefixes: those that came later are not told apart.\n", maxPrefixes)
	}
}

func (i *inspection) percent(memory int64) string {
	if i.all.memory == 0 {
		return "0.0"
	}
	return fmt.Sprintf("%.1f", 100*float64(memory)/float64(i.all.memory))
}

func sortedKeys[V any](m map[int]V) []int {
	all := make([]int, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// topPrefixes are the biggest prefixes, of any depth; one whose keys are all of a longer
// one is left out for that.
func (i *inspection) topPrefixes() (top []*prefix) {
	var walk func(p *prefix)
	walk = func(p *prefix) {
		for _, c := range p.sorted() {
			top = append(top, c)
			walk(c)
		}
	}
	walk(&i.prefixes.root)
	top = slices.DeleteFunc(top, func(p *prefix) bool {
		for _, c := range p.children {
			if c.keys == p.keys {
				return true
			}
		}
		return false
	})
	slices.SortStableFunc(top, func(a, b *prefix) int {
		return cmp.Or(cmp.Compare(b.memory, a.memory), strings.Compare(a.name, b.name))
	})
	return top[:min(len(top), i.top)]
}
