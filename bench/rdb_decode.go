package main

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/hdt3213/rdb/parser"

	"github.com/larderdb/larder/rdb"
)

type decodeArgs struct {
	File string
	Who  string
	For  time.Duration // at least
}

type decodeFigures struct {
	MB     float64 // of the file, in a second of the process's CPU time
	Allocs float64 // megabytes that were allocated for a pass
}

// decoders are those who read a file, each the way in which it hands out every element.
// larder's first one hands out packed collections as they are.
var decoders = []struct {
	name string
	read func(f *os.File) (keys int, err error)
}{
	{"larder/rdb", func(f *os.File) (int, error) { return larderDecode(f, rdb.DecoderOptions{}) }},
	{"larder/rdb, by elements", func(f *os.File) (int, error) { return larderDecode(f, rdb.DecoderOptions{Elements: true}) }},
	{"hdt3213/rdb", func(f *os.File) (keys int, err error) {
		err = parser.NewDecoder(f).Parse(func(parser.RedisObject) bool {
			keys++
			return true
		})
		return keys, err
	}},
}

func larderDecode(f *os.File, o rdb.DecoderOptions) (keys int, err error) {
	err = rdb.NewDecoder(f, o).Decode(func(ev *rdb.Event) error {
		if ev.Kind == rdb.KindEnd {
			keys++
		}
		return nil
	})
	return keys, err
}

// measureDecode reads a file again and again.
func measureDecode(a decodeArgs) (f decodeFigures, err error) {
	info, err := os.Stat(a.File)
	if err != nil {
		return f, err
	}
	for _, d := range decoders {
		if d.name != a.Who {
			continue
		}
		var used time.Duration
		passes, t0 := 0, time.Now()
		m0 := allocated()
		for passes == 0 || time.Since(t0) < a.For {
			file, err := os.Open(a.File)
			if err != nil {
				return f, err
			}
			c0 := cpu()
			keys, err := d.read(file)
			used += cpu() - c0
			_ = file.Close()
			if err != nil || keys == 0 {
				return f, fmt.Errorf("%s: %d keys, %v", a.Who, keys, err)
			}
			passes++
		}
		f.MB = float64(info.Size()) * float64(passes) / 1e6 / max(used.Seconds(), 1e-6)
		f.Allocs = float64(allocated()-m0) / 1e6 / float64(passes)
		return f, nil
	}
	return f, fmt.Errorf("there is no decoder %q", a.Who)
}

// allocated is what this process has allocated so far, in bytes.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// decoding prints who decodes how fast.
func decoding(sc scale, w *report, names []string, files []string) error {
	w.para("Decoding with the package alone, of files that redis-server has saved: megabytes of the file in a second of CPU time, and megabytes that are allocated for one pass.")
	head := []string{""}
	for _, name := range names {
		head = append(head, name+", MB/s", "allocated")
	}
	figures := make([][][]float64, len(decoders))
	allocs := make([][]float64, len(decoders))
	for i := range figures {
		figures[i], allocs[i] = make([][]float64, len(files)), make([]float64, len(files))
	}
	for range sc.rounds {
		for i, d := range decoders {
			for j, file := range files {
				f, err := inChild[decodeFigures]("decode", 1, decodeArgs{file, d.name, sc.benchtime})
				if err != nil {
					return err
				}
				figures[i][j] = append(figures[i][j], f.MB)
				allocs[i][j] = f.Allocs
			}
		}
	}
	var rows [][]string
	for i, d := range decoders {
		row := []string{d.name}
		for j := range files {
			row = append(row, fmt.Sprintf("%.0f", median(figures[i][j])), fmt.Sprintf("%.1f", allocs[i][j]))
		}
		rows = append(rows, row)
	}
	w.table(head, rows)
	return nil
}
