package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"strconv"

	"github.com/larderdb/larder/rdb"
)

var toRESPCommand = command{
	name: "to-resp", args: "FILE", files: 1, does: "Prints the commands that make the keys, for redis-cli --pipe",
	setup: func(fs *flag.FlagSet) func(*tool, []string) (int, error) {
		var r toRESP
		r.selection.flags(fs)
		fs.BoolVar(&r.replace, "replace", false, "delete each key first, and replace libraries of functions")
		fs.BoolVar(&r.skipModules, "skip-modules", false, "leave out the data of modules, which no command makes")
		return r.run
	},
}

// The most that goes into one command, but for a single element that is longer.
const (
	maxWords = 1000
	maxBytes = 256 << 10
)

// A toRESP prints a file as commands, as it comes. Collections are made by commands of
// at most maxWords words and maxBytes bytes; a string is one SET. Keys whose time was
// over when the file is read are left out, as a server does.
//
// What commands cannot do: pending entries of a stream whose entry was deleted cannot be
// claimed, and when consumers were last seen cannot be set; nor does anything tell how
// often a key was used. Fields that expire take Redis 7.4, the rest 7.0.
type toRESP struct {
	selection
	replace     bool
	skipModules bool

	t       *tool
	db      int      // that is selected; -1: none
	words   [][]byte // of the command that is being put together
	bytes   int
	expired int64 // keys that were left out
	skip    bool  // the key
	group   respGroup
	times   fieldTimes
}

func (r *toRESP) run(t *tool, files []string) (int, error) {
	r.t, r.db = t, -1
	o := rdb.DecoderOptions{Elements: true}
	if r.skipModules {
		o.Modules = rdb.SkipModules
	}
	err := t.walk(files[0], o, r.only(r.event))
	if err == nil && r.expired > 0 {
		fmt.Fprintf(t.stderr, "%d keys were left out: their time is over\n", r.expired)
	}
	return statusOK, err
}

func (r *toRESP) event(ev *rdb.Event) error {
	if ev.Kind == rdb.KindKey {
		if err := r.begin(ev); err != nil {
			return err
		}
	}
	if ev.Key != nil && r.skip {
		return nil
	}
	switch ev.Kind {
	case rdb.KindFunction:
		if r.replace {
			return r.command("FUNCTION", "LOAD", "REPLACE", string(ev.Value))
		}
		return r.command("FUNCTION", "LOAD", string(ev.Value))
	case rdb.KindModuleAux:
		return fmt.Errorf("there is data of the module %s, which no command makes (--skip-modules leaves it out)", ev.Name)
	case rdb.KindString:
		return r.string(ev)
	case rdb.KindElement:
		name := "RPUSH"
		if ev.Key.Type == rdb.Set {
			name = "SADD"
		}
		return r.element(name, ev, ev.Value)
	case rdb.KindMember:
		return r.element("ZADD", ev, scoreWord(ev.Score), ev.Value)
	case rdb.KindField:
		r.times.add(ev)
		return r.element("HSET", ev, ev.Field, ev.Value)
	case rdb.KindEntry, rdb.KindStream, rdb.KindGroup, rdb.KindPending, rdb.KindConsumer, rdb.KindOwn:
		return r.stream(ev)
	case rdb.KindEnd:
		return r.end(ev)
	}
	return nil
}

// begin makes ready for a key.
func (r *toRESP) begin(ev *rdb.Event) error {
	r.skip = ev.Key.ExpireAt != 0 && ev.Key.ExpireAt <= r.t.now().UnixMilli()
	switch {
	case r.skip:
		r.expired++
		return nil
	case ev.Key.Type == rdb.Module:
		return fmt.Errorf("key %s of database %d is a module's, which no command makes (--skip-modules leaves it out)",
			shown(ev.Key.Name), ev.DB)
	case ev.DB != r.db:
		r.db = ev.DB
		if err := r.command("SELECT", strconv.Itoa(ev.DB)); err != nil {
			return err
		}
	}
	if r.replace && ev.Key.Type != rdb.String { // SET does so itself
		return r.command("DEL", string(ev.Key.Name))
	}
	return nil
}

func (r *toRESP) string(ev *rdb.Event) error {
	words := [][]byte{[]byte("SET"), ev.Key.Name, ev.Value}
	if at := ev.Key.ExpireAt; at != 0 {
		words = append(words, []byte("PXAT"), strconv.AppendInt(nil, at, 10))
	}
	return r.print(words)
}

// element adds words to the command of a name for the key, and prints it when it is
// full.
func (r *toRESP) element(name string, ev *rdb.Event, words ...[]byte) error {
	size := 0
	for _, w := range words {
		size += len(w)
	}
	if len(r.words) > 0 && (len(r.words)+len(words) > maxWords || r.bytes+size > maxBytes) {
		if err := r.flush(); err != nil {
			return err
		}
	}
	if len(r.words) == 0 {
		r.words = append(r.words, []byte(name), ev.Key.Name) // the name is good until the key ends
		r.bytes = len(ev.Key.Name)
	}
	for _, w := range words {
		r.words = append(r.words, append([]byte(nil), w...))
	}
	r.bytes += size
	return nil
}

// flush prints the command that has been put together.
func (r *toRESP) flush() error {
	if len(r.words) == 0 {
		return nil
	}
	err := r.print(r.words)
	clear(r.words)
	r.words, r.bytes = r.words[:0], 0
	return err
}

func (r *toRESP) end(ev *rdb.Event) error {
	if err := r.flush(); err != nil {
		return err
	}
	if err := r.claim(string(ev.Key.Name)); err != nil {
		return err
	}
	r.group = respGroup{}
	if err := r.times.print(r, ev.Key); err != nil {
		return err
	}
	if at := ev.Key.ExpireAt; at != 0 && ev.Key.Type != rdb.String {
		return r.command("PEXPIREAT", string(ev.Key.Name), strconv.FormatInt(at, 10))
	}
	return nil
}

func (r *toRESP) command(words ...string) error {
	all := make([][]byte, len(words))
	for i, w := range words {
		all[i] = []byte(w)
	}
	return r.print(all)
}

// print prints a command as a client sends it.
func (r *toRESP) print(words [][]byte) error {
	var room [32]byte
	head := func(kind byte, n int) {
		b := strconv.AppendInt(append(room[:0], kind), int64(n), 10)
		_, _ = r.t.stdout.Write(append(b, '\r', '\n')) // its error comes again
	}
	head('*', len(words))
	for _, w := range words {
		head('$', len(w))
		_, _ = r.t.stdout.Write(w)
		_, _ = r.t.stdout.WriteString("\r\n")
	}
	_, err := r.t.stdout.Write(nil)
	return err
}

func scoreWord(f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return []byte("inf")
	case math.IsInf(f, -1):
		return []byte("-inf")
	}
	return strconv.AppendFloat(nil, f, 'g', -1, 64)
}

// fieldTimes are the fields of a hash that expire, which is told when all are there.
// They are few, or the file is of a kind that Redis 7.0 does not read: they are held in
// memory.
type fieldTimes struct {
	at     []int64
	fields [][]byte
}

func (f *fieldTimes) add(ev *rdb.Event) {
	if ev.ExpireAt != 0 {
		f.at = append(f.at, ev.ExpireAt)
		f.fields = append(f.fields, append([]byte(nil), ev.Field...))
	}
}

// print prints a command for each run of fields with one time.
func (f *fieldTimes) print(r *toRESP, k *rdb.Key) error {
	for i := 0; i < len(f.at); {
		n := i
		for n < len(f.at) && f.at[n] == f.at[i] && n-i < maxWords {
			n++
		}
		words := [][]byte{[]byte("HPEXPIREAT"), k.Name, strconv.AppendInt(nil, f.at[i], 10), []byte("FIELDS"), strconv.AppendInt(nil, int64(n-i), 10)}
		if err := r.print(append(words, f.fields[i:n]...)); err != nil {
			return err
		}
		i = n
	}
	*f = fieldTimes{}
	return nil
}

// A respGroup is a group of consumers that is being printed: what is pending comes
// before whose it is.
type respGroup struct {
	name     []byte
	consumer []byte
	pending  map[rdb.ID]delivery

	ids [][]byte // that are claimed by the next command
	as  delivery
}

// A delivery says when an entry was given to a consumer, and how many times.
type delivery struct{ time, count int64 }

var errPending = errors.New("an entry of a consumer is not pending in its group")

// stream prints a part of a stream.
func (r *toRESP) stream(ev *rdb.Event) error {
	k, g := string(ev.Key.Name), &r.group
	switch ev.Kind {
	case rdb.KindEntry:
		words := [][]byte{[]byte("XADD"), ev.Key.Name, idWord(ev.ID)}
		return r.print(append(words, ev.Fields...))
	case rdb.KindStream:
		return r.streamMeta(k, ev.Stream)
	case rdb.KindGroup:
		if err := r.claim(k); err != nil {
			return err
		}
		*g = respGroup{name: append([]byte(nil), ev.Name...), pending: map[rdb.ID]delivery{}}
		words := []string{"XGROUP", "CREATE", k, string(ev.Name), string(idWord(ev.ID))}
		if ev.Read >= 0 {
			words = append(words, "ENTRIESREAD", strconv.FormatInt(ev.Read, 10))
		}
		return r.command(words...)
	case rdb.KindPending:
		g.pending[ev.ID] = delivery{ev.Time, ev.Count}
	case rdb.KindConsumer:
		if err := r.claim(k); err != nil {
			return err
		}
		g.consumer = append(g.consumer[:0], ev.Name...)
		return r.command("XGROUP", "CREATECONSUMER", k, string(g.name), string(ev.Name))
	case rdb.KindOwn:
		as, ok := g.pending[ev.ID]
		if !ok {
			return errPending
		}
		if len(g.ids) == maxWords || len(g.ids) > 0 && as != g.as {
			if err := r.claim(k); err != nil {
				return err
			}
		}
		g.as = as
		g.ids = append(g.ids, idWord(ev.ID))
	}
	return nil
}

// streamMeta prints what a stream knows besides its entries. One without entries is made
// by adding one that goes at once.
func (r *toRESP) streamMeta(k string, m *rdb.Meta) error {
	if m.Len == 0 {
		if err := r.command("XADD", k, "MAXLEN", "0", "0-1", "x", "y"); err != nil {
			return err
		}
	}
	words := []string{"XSETID", k, string(idWord(m.LastID))}
	if m.EntriesAdded >= 0 {
		words = append(words, "ENTRIESADDED", strconv.FormatInt(m.EntriesAdded, 10), "MAXDELETEDID", string(idWord(m.MaxDeletedID)))
	}
	return r.command(words...)
}

// claim gives a consumer the entries that were gathered for it.
func (r *toRESP) claim(k string) error {
	g := &r.group
	if len(g.ids) == 0 {
		return nil
	}
	words := append([][]byte{[]byte("XCLAIM"), []byte(k), g.name, g.consumer, []byte("0")}, g.ids...)
	words = append(words, []byte("TIME"), strconv.AppendInt(nil, g.as.time, 10),
		[]byte("RETRYCOUNT"), strconv.AppendInt(nil, g.as.count, 10), []byte("JUSTID"), []byte("FORCE"))
	g.ids = nil
	return r.print(words)
}

func idWord(id rdb.ID) []byte { return appendRawID(nil, id) }
