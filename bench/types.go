package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/larderdb/larder"
)

// The data types: what their commands cost in process and beside redis-server, on
// small collections and on one of many members, and their memory.

// A filling is a large collection, as the commands that make it.
type filling struct {
	key     string
	command func(i int) []string
}

func numberedMember(i int) string { return fmt.Sprintf("m:%012d", i) }

// fillings have their members named as redis-benchmark writes random numbers.
var fillings = []filling{
	{"L", func(i int) []string { return []string{"RPUSH", "L", numberedMember(i)} }},
	{"H", func(i int) []string { return []string{"HSET", "H", numberedMember(i), numberedMember(i)} }},
	{"S", func(i int) []string { return []string{"SADD", "S", numberedMember(i)} }},
	{"Z", func(i int) []string {
		return []string{"ZADD", "Z", strconv.Itoa(i * 7919 % 1_000_003), numberedMember(i)}
	}},
	{"G", func(i int) []string {
		lon, lat := float64(i%1000)/1000*10, 45+float64(i/1000%1000)/1000*10
		return []string{"GEOADD", "G", fmt.Sprint(lon), fmt.Sprint(lat), numberedMember(i)}
	}},
}

// types is the section of the data types.
func types(sc scale, w *report) error {
	w.title("Data types")
	if err := typeCalls(sc, w); err != nil {
		return err
	}
	c, ok, stop, err := startContest(sc, w, "data types over the network")
	defer stop()
	if !ok {
		return err
	}
	for _, s := range c.servers {
		if err := s.fillAll(sc.netKeys); err != nil {
			return err
		}
	}
	w.para("Over the network, %d connections with a pipeline of 16. Small: one of %s collections of a few members; large: one of %s.", connections, count(sc.netKeys/10), count(sc.netKeys))
	n, small, large := 2*sc.requests, sc.netKeys/10, sc.netKeys
	err = c.table(sc, w, 1, []load{
		words("LPUSH", 16, n, 1, "LPUSH", "l", "xxx"),
		words("RPOP", 16, n, 1, "RPOP", "l"),
		words("LRANGE 100, large", 16, n/10, 1, "LRANGE", "L", "0", "99"),
		words("HSET, small", 16, n, small, "HSET", "h:__rand_int__", "field", "__rand_int__"),
		words("HGET, small", 16, n, small, "HGET", "h:__rand_int__", "field"),
		words("HSET, large", 16, n, large, "HSET", "H", "m:__rand_int__", "value"),
		words("HGET, large", 16, n, large, "HGET", "H", "m:__rand_int__"),
		words("SADD, small", 16, n, small, "SADD", "s:__rand_int__", "element"),
		words("SISMEMBER, small", 16, n, small, "SISMEMBER", "s:__rand_int__", "element"),
		words("SADD, large", 16, n, large, "SADD", "S", "m:__rand_int__"),
		words("SISMEMBER, large", 16, n, large, "SISMEMBER", "S", "m:__rand_int__"),
		words("ZADD, small", 16, n, small, "ZADD", "z:__rand_int__", "__rand_int__", "element"),
		words("ZADD, large", 16, n, large, "ZADD", "Z", "__rand_int__", "m:__rand_int__"),
		words("ZRANK, large", 16, n, large, "ZRANK", "Z", "m:__rand_int__"),
		words("ZRANGE 100, large", 16, n/10, 1, "ZRANGE", "Z", strconv.Itoa(large/2), strconv.Itoa(large/2+99)),
		words("PFADD", 16, n, large, "PFADD", "p", "__rand_int__"),
		words("BITCOUNT of 10 KB", 16, n, 1, "BITCOUNT", "b"),
		words("GEOSEARCH, large", 16, n/10, 1, "GEOSEARCH", "G", "FROMLONLAT", "5", "50", "BYRADIUS", "5", "km", "ASC", "COUNT", "10"),
	})
	if err != nil {
		return err
	}
	return typeMemory(sc, w)
}

// fillAll makes the large collections.
func (s *server) fillAll(n int) error {
	c, err := s.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	for _, f := range fillings {
		if err := c.fill(n, f.command); err != nil {
			return err
		}
	}
	return c.do("SETRANGE", "b", "0", value(0, 10<<10))
}

// typeMemory prints the memory of collections beside redis-server's.
func typeMemory(sc scale, w *report) error {
	many := fillings[:4:4]
	names := []string{"list", "hash", "set", "sorted set"}
	n := sc.netKeys
	w.para("Bytes a member (a hash for the small ones), of RSS without the pages of the program's file, in a server with nothing else; and by MEMORY USAGE. %s members, or hashes of 5 fields.", count(n))
	var rows [][]string
	var grown, usage [2][]float64
	once := func(fill func(c *client, n int) error, key string) error {
		c, ok, stop, err := startContest(sc, w, "memory of data types")
		defer stop()
		if !ok {
			return err
		}
		for i, s := range c.servers[:2] {
			pid := strconv.Itoa(s.pid())
			conn, err := s.dial()
			if err != nil {
				return err
			}
			defer conn.Close()
			// What the first commands of their kind take for good is no matter of the data.
			if err := fill(conn, n/100); err != nil {
				return err
			}
			if err := conn.do("FLUSHALL"); err != nil {
				return err
			}
			before := anonymous(pid)
			if err := fill(conn, n); err != nil {
				return err
			}
			grown[i] = append(grown[i], (anonymous(pid)-before)/float64(n))
			if key != "" {
				bytes, err := conn.number("MEMORY", "USAGE", key, "SAMPLES", "0")
				if err != nil {
					return err
				}
				usage[i] = append(usage[i], float64(bytes)/float64(n))
			}
		}
		return nil
	}
	measure := func(name string, fill func(c *client, n int) error, key string) error {
		grown, usage = [2][]float64{}, [2][]float64{}
		for range sc.rounds {
			if err := once(fill, key); err != nil {
				return err
			}
		}
		if grown[0] == nil { // there is no redis-server, as was said
			return nil
		}
		row := []string{name, fmt.Sprintf("%.1f", median(grown[0])), bar(median(grown[1]), median(grown[0]), "%.1f"), "", ""}
		if key != "" {
			row[3], row[4] = fmt.Sprintf("%.1f", median(usage[0])), bar(median(usage[1]), median(usage[0]), "%.1f")
		}
		rows = append(rows, row)
		return nil
	}
	for i, f := range many {
		if err := measure(names[i], func(c *client, n int) error { return c.fill(n, f.command) }, f.key); err != nil {
			return err
		}
	}
	err := measure("small hashes", func(c *client, n int) error {
		return c.fill(n, func(i int) []string {
			return []string{"HSET", fmt.Sprintf("user:%08d", i), "name", "anna", "age", "42", "city", "Berlin", "mail", "anna@example.org", "seen", strconv.Itoa(1_700_000_000 + i)}
		})
	}, "")
	if err != nil {
		return err
	}
	w.table([]string{"", "redis, RSS", "larder, RSS", "redis, usage", "larder, usage"}, rows)
	return nil
}

// number sends a command whose answer is an integer.
func (c *client) number(words ...string) (int64, error) {
	c.add(words...)
	if err := c.flush(); err != nil {
		return 0, err
	}
	line, err := c.r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != ':' {
		return 0, fmt.Errorf("%s answers %q", words[0], line)
	}
	return strconv.ParseInt(line[1:len(line)-2], 10, 64)
}

type typeArgs struct {
	Members   int
	Benchtime time.Duration
}

type typeFigures struct {
	Calls map[string]figure
	Slow  map[string][]time.Duration // ZADD alone, and while a snapshot is open: median, 99.9th percentile, longest
}

// measureTypes runs the calls of the data types on small collections and on large
// ones.
func measureTypes(a typeArgs) (f typeFigures, err error) {
	db, err := larder.Open(larder.Options{})
	if err != nil {
		return f, err
	}
	defer db.Close()
	for _, fl := range fillings {
		for i := range a.Members {
			if _, err := db.Do(fl.command(i)...); err != nil {
				return f, err
			}
		}
	}
	members := make([]string, 1000)
	for i := range members {
		members[i] = numberedMember(i * 7919 % a.Members)
	}
	small := make([]string, 1000)
	for i := range small {
		small[i] = fmt.Sprintf("small:%d", i)
		for j := range 5 {
			must1(db.HSet("h"+small[i], strconv.Itoa(j), "value"))
			must1(db.SAdd("s"+small[i], "element"+strconv.Itoa(j)))
			must1(db.ZAdd("z"+small[i], larder.Z{Member: "element" + strconv.Itoa(j), Score: float64(j)}))
		}
	}
	must1(db.SetRange("b", 0, value(0, 10<<10)))
	at := 0
	next := func(of []string) string { at++; return of[at%len(of)] }
	buf := make([]byte, 0, 64)
	calls := map[string]func(){
		"LPush + RPop":      func() { must1(db.LPush("l", "xxx")); must1(db.RPop("l")) },
		"LPush, large":      func() { must1(db.LPush("L", "xxx")) },
		"HSet, small":       func() { must1(db.HSet("h"+next(small), "3", "other")) },
		"HGetAppend, small": func() { must1(db.HGetAppend(buf, "h"+next(small), "3")) },
		"HSet, large":       func() { must1(db.HSet("H", next(members), "other")) },
		"HGetAppend, large": func() { must1(db.HGetAppend(buf, "H", next(members))) },
		"SAdd, small":       func() { must1(db.SAdd("s"+next(small), "element3")) },
		"SIsMember, large":  func() { must1(db.SIsMember("S", next(members))) },
		"ZAdd, small":       func() { must1(db.ZAdd("z"+next(small), larder.Z{Member: "element3", Score: float64(at % 10)})) },
		"ZAdd, large":       func() { must1(db.ZAdd("Z", larder.Z{Member: next(members), Score: float64(at % 1_000_000)})) },
		"ZRank, large":      func() { must1(db.ZRank("Z", next(members))) },
		"ZRange 100, large": func() { must1(db.ZRange("Z", int64(a.Members/2), int64(a.Members/2+99))) },
		"PFAdd":             func() { must1(db.PFAdd("p", next(members))) },
		"BitCount of 10 KB": func() { must1(db.BitCount("b")) },
	}
	if f.Calls, err = benchmarkAll(a.Benchtime, calls); err != nil {
		return f, err
	}
	f.Slow = map[string][]time.Duration{}
	zadds := func() []time.Duration {
		var h histogram
		for i := range 200_000 {
			t0 := time.Now()
			must1(db.ZAdd("Z", larder.Z{Member: members[i%len(members)], Score: float64(i * 31 % 1_000_000)}))
			h.add(time.Since(t0))
		}
		return []time.Duration{h.quantile(0.5), h.quantile(0.999), h.max}
	}
	f.Slow["alone"] = zadds()
	snap := db.Snapshot()
	f.Slow["while a snapshot is open"] = zadds()
	snap.Close()
	return f, nil
}

// typeCalls prints what the calls cost in process.
func typeCalls(sc scale, w *report) error {
	all := rounds{}
	var slow map[string][]time.Duration
	for range sc.rounds {
		f, err := inChild[typeFigures]("types", 1, typeArgs{sc.many, sc.benchtime})
		if err != nil {
			return err
		}
		all.add("larder", f.Calls)
		slow = f.Slow
	}
	w.para("In process, nanoseconds of %s and allocations a call. Small: collections of 5 members; large: of %s.", cpuName, count(sc.many))
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(all["larder"])) {
		rows = append(rows, []string{name, fmt.Sprintf("%.0f", median(all.cpu("larder", name))), fmt.Sprint(all.allocs("larder", name))})
	}
	w.table([]string{"", "ns", "allocs"}, rows)
	w.para("Wall time of single ZAdds to the sorted set of %s:", count(sc.many))
	rows = nil
	for _, name := range slices.Sorted(maps.Keys(slow)) {
		row := []string{name}
		for _, d := range slow[name] {
			row = append(row, fmt.Sprintf("%.1f", float64(d)/1e3))
		}
		rows = append(rows, row)
	}
	w.table([]string{"microseconds", "median", "99.9 %", "longest"}, rows)
	return nil
}
