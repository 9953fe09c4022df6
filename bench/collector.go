package main

import (
	"fmt"
	"runtime"
	"time"
)

type collectorArgs struct {
	Store string
	Keys  int
	Sets  int
}

type collectorFigures struct {
	GC          float64 // CPU ms of one collection with everything loaded
	Collections uint32  // that Sets caused
}

// measureCollector loads a store and collects garbage of which there is none.
func measureCollector(a collectorArgs) (f collectorFigures, err error) {
	s, err := openStore(a.Store, a.Keys)
	if err != nil {
		return f, err
	}
	k := makeKeys(a.Keys)
	s.load(k)
	runtime.GC()
	var ms []float64
	for range 5 {
		c0 := cpu()
		runtime.GC()
		ms = append(ms, float64(cpu()-c0)/float64(time.Millisecond))
	}
	f.GC = median(ms)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	v := value(1, valueLen)
	for i := range a.Sets {
		s.set(k.at(i%k.n), v)
	}
	runtime.ReadMemStats(&after)
	f.Collections = after.NumGC - before.NumGC
	s.close()
	return f, nil
}

func collector(sc scale, w *report) error {
	w.title("The collector")
	sets := sc.huge
	w.para("CPU of one runtime.GC with %s keys loaded, and how many collections %s Sets over values of the same size cause.", count(sc.huge), count(sets))
	var rows [][]string
	names := []string{"larder", "map + RWMutex", "otter"}
	gc, n := map[string][]float64{}, map[string][]float64{}
	for range (sc.rounds + 1) / 2 { // a child takes five collections itself
		for _, name := range names {
			f, err := inChild[collectorFigures]("collector", min(2, runtime.NumCPU()), collectorArgs{name, sc.huge, sets})
			if err != nil {
				return err
			}
			gc[name], n[name] = append(gc[name], f.GC), append(n[name], float64(f.Collections))
		}
	}
	for _, name := range names {
		ms := fmt.Sprintf("%.1f", median(gc[name]))
		if name == "larder" {
			ms = bar(median(gc[name]), 50, "%.1f")
		}
		rows = append(rows, []string{name, ms, fmt.Sprintf("%.0f", median(n[name]))})
	}
	w.table([]string{"", "ms of CPU a collection", "collections"}, rows)
	return nil
}
