package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/larderdb/larder/rdb"
)

var repairCommand = command{
	name: "repair", args: "IN OUT", files: 2, does: "Copies all keys before the damage, and says what is lost",
	setup: func(fs *flag.FlagSet) func(*tool, []string) (int, error) {
		var r repair
		fs.IntVar(&r.version, "version", 0, "the `version` of the format to write, 10 to 12 (default: as for filter)")
		return r.run
	},
}

// A repair reads a file twice: first to find the keys that are whole, then to copy
// them. So what is written never has to be taken back, and no value is held in memory,
// however large. A key whose bytes have a right shape and a wrong meaning, such as a
// member that is there twice, is left out by itself, and so is a key that was there
// before, and one of a module; what follows them is sound. Behind a shape that is
// wrong nothing can be found again.
type repair struct {
	version int

	size      int64
	announced int64 // keys, by the file's own account
	keys      int64 // that were met
	whole     int64 // of those
	lost      map[int64]bool
	end       error // of the file, nil if it is sound
}

// maxNamed is the most keys that are named in the report.
const maxNamed = 50

func (r *repair) run(t *tool, files []string) (int, error) {
	in, out := files[0], files[1]
	if in == standard {
		return statusTrouble, errors.New("repair reads its file twice: it must not be standard input")
	}
	if info, err := os.Stat(in); err == nil {
		r.size = info.Size()
	}
	if err := r.examine(t, in); err != nil {
		return statusTrouble, err
	}
	var copied int64
	err := t.create(out, func(w io.Writer) error {
		c := copier{w: w, version: r.version}
		err := t.walk(in, rdb.DecoderOptions{}, r.copy(&c))
		var damage *rdb.Error
		if errors.Is(err, errEnough) || errors.As(err, &damage) && c.keys == r.whole {
			err = nil // as was found before
		}
		if err != nil {
			return err
		}
		copied = c.keys
		return c.close()
	})
	if err != nil {
		return statusTrouble, err
	}
	told := io.Writer(t.stdout)
	if out == standard {
		told = t.stderr
	}
	fmt.Fprintf(told, "%d keys kept\n", copied)
	return r.report(t), nil
}

// examine reads the file and finds out which keys are whole.
func (r *repair) examine(t *tool, in string) error {
	r.lost = map[int64]bool{}
	check := newChecker()
	header, named := false, 0
	lose := func(ev *rdb.Event, why string) {
		if named++; named <= maxNamed {
			fmt.Fprintf(t.stderr, "lost: key %s of database %d, at byte %d: %s\n", shown(ev.Key.Name), ev.DB, ev.Offset, why)
		}
		r.lost[r.keys-1] = true
	}
	err := t.walk(in, rdb.DecoderOptions{Elements: true}, func(ev *rdb.Event) error {
		switch ev.Kind {
		case rdb.KindHeader:
			header = true
		case rdb.KindSize:
			r.announced += ev.Keys
		case rdb.KindKey:
			r.keys++
		case rdb.KindModuleAux:
			fmt.Fprintf(t.stderr, "lost: data of the module %s beside its keys\n", ev.Name)
			named++
		}
		why := check.event(ev)
		switch {
		case ev.Kind != rdb.KindEnd:
		case ev.Key.Type == rdb.Module:
			lose(ev, "data of a module")
		case why != "":
			lose(ev, why)
		default:
			r.whole++
		}
		return nil
	})
	if named > maxNamed {
		fmt.Fprintf(t.stderr, "lost: %d more keys\n", named-maxNamed)
	}
	var bad *rdb.Error
	switch {
	case err == nil:
	case !errors.As(err, &bad) || !header:
		return err // not a file, or not one of this kind
	default:
		r.end = err
	}
	return nil
}

// errEnough ends the copy before the damage.
var errEnough = errors.New("what follows is lost")

// copy passes on the keys that are whole.
func (r *repair) copy(c *copier) func(*rdb.Event) error {
	key, wanted := int64(-1), true
	left := r.whole
	return func(ev *rdb.Event) error {
		switch {
		case ev.Kind == rdb.KindKey:
			key++
			wanted = !r.lost[key]
			if wanted && left == 0 {
				return errEnough
			}
		case ev.Kind == rdb.KindModuleAux || ev.Kind == rdb.KindSlotImport:
			return nil
		}
		if ev.Key != nil && !wanted {
			return nil
		}
		if ev.Kind == rdb.KindEnd {
			left--
		}
		return c.write(ev)
	}
}

// report says what was not kept, and returns the exit status.
func (r *repair) report(t *tool) int {
	var bad *rdb.Error
	if errors.As(r.end, &bad) {
		fmt.Fprintf(t.stderr, "%v\n", r.end)
		switch {
		case errors.Is(r.end, rdb.ErrChecksum):
			fmt.Fprintf(t.stderr, "every key can be read and was kept, but bytes were changed: which, nobody can say\n")
		default:
			at := bad.Offset
			fmt.Fprintf(t.stderr, "lost: what lies behind the last whole key; %d of %d bytes lie behind the damage\n", max(0, r.size-at), r.size)
			if missing := r.announced - r.whole - int64(len(r.lost)); missing > 0 {
				fmt.Fprintf(t.stderr, "lost: about %d keys, by what the file says of its databases\n", missing)
			}
		}
		return statusFound
	}
	if len(r.lost) > 0 {
		return statusFound
	}
	return statusOK
}
