package main

import (
	"encoding/base64"
	"flag"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/larderdb/larder/rdb"
)

var jsonCommand = command{
	name: "json", args: "FILE", files: 1, does: "Prints what is in a file as JSON, an object a line",
	setup: func(fs *flag.FlagSet) func(*tool, []string) (int, error) {
		var s selection
		s.flags(fs)
		return func(t *tool, files []string) (int, error) {
			p := jsonPrinter{t: t}
			return statusOK, t.walk(files[0], rdb.DecoderOptions{Elements: true}, s.only(p.event))
		}
	},
}

// A jsonPrinter prints a file as it comes, so that it takes the memory of one element.
//
// A line is {"header":{...}}, {"aux":{...}}, {"function":"source"}, {"moduleAux":"name"},
// {"slotImport":"name"} or a key:
//
//	{"db":0,"key":"k","type":"string","expireAt":1700000000000,"value":"v"}
//
// with "expireAt" (Unix milliseconds), "idle" (seconds) and "freq" only if the file
// tells them. The value is, by type,
//
//	string  "v"
//	list    ["a","b"]
//	set     ["a","b"]
//	zset    [["member",1.5],...]; scores without end are "inf" and "-inf"
//	hash    [["field","value"],...], with the time of expiry third if there is one
//	stream  {"entries":[["1-1",["name","value",...]],...],"length":1,"lastId":"1-1",
//	        "firstId":"1-1","maxDeletedId":"0-0","entriesAdded":1,"groups":[{"name":"g",
//	        "lastId":"1-1","entriesRead":1,"pending":[["1-1",ms,deliveries],...],
//	        "consumers":[{"name":"c","seen":ms,"active":ms,"pending":["1-1"]}]}]}
//	module  {"module":"name"}
//
// What a file has of bytes is a string where it is valid UTF-8, and else an object
// {"base64":"..."}: so whatever it is comes back. Numbers that are not known, as older
// versions do not, are null.
type jsonPrinter struct {
	t     *tool
	buf   []byte
	first bool // nothing was printed of the array that is open
	open  string
}

func (p *jsonPrinter) event(ev *rdb.Event) error {
	b := p.buf[:0]
	switch ev.Kind {
	case rdb.KindHeader:
		b = append(b, `{"header":{"version":`...)
		b = strconv.AppendInt(b, int64(ev.Version), 10)
		b = append(b, `,"valkey":`...)
		b = strconv.AppendBool(b, ev.Valkey)
		b = append(b, "}}\n"...)
	case rdb.KindAux:
		b = appendBytes(append(b, `{"aux":{"name":`...), ev.Name)
		b = appendBytes(append(b, `,"value":`...), ev.Value)
		b = append(b, "}}\n"...)
	case rdb.KindFunction:
		b = append(appendBytes(append(b, `{"function":`...), ev.Value), "}\n"...)
	case rdb.KindModuleAux:
		b = append(appendBytes(append(b, `{"moduleAux":`...), ev.Name), "}\n"...)
	case rdb.KindSlotImport:
		b = append(appendBytes(append(b, `{"slotImport":`...), ev.Name), "}\n"...)
	case rdb.KindKey:
		b = p.key(b, ev)
	case rdb.KindString:
		b = appendBytes(b, ev.Value)
	case rdb.KindElement:
		b = appendBytes(p.comma(b), ev.Value)
	case rdb.KindMember:
		b = append(appendBytes(append(p.comma(b), '['), ev.Value), ',')
		b = append(appendScore(b, ev.Score), ']')
	case rdb.KindField:
		b = append(appendBytes(append(p.comma(b), '['), ev.Field), ',')
		b = appendBytes(b, ev.Value)
		if ev.ExpireAt != 0 {
			b = strconv.AppendInt(append(b, ','), ev.ExpireAt, 10)
		}
		b = append(b, ']')
	case rdb.KindModule:
		b = append(appendBytes(append(b, `{"module":`...), ev.Name), '}')
	case rdb.KindEnd:
		b = append(p.close(b), "}\n"...)
	default:
		b = p.stream(b, ev)
	}
	p.buf = b
	_, err := p.t.stdout.Write(b)
	return err
}

// key begins a line.
func (p *jsonPrinter) key(b []byte, ev *rdb.Event) []byte {
	k := ev.Key
	b = strconv.AppendInt(append(b, `{"db":`...), int64(ev.DB), 10)
	b = appendBytes(append(b, `,"key":`...), k.Name)
	b = append(append(append(b, `,"type":"`...), k.Type.String()...), '"')
	if k.ExpireAt != 0 {
		b = strconv.AppendInt(append(b, `,"expireAt":`...), k.ExpireAt, 10)
	}
	if k.Idle >= 0 {
		b = strconv.AppendInt(append(b, `,"idle":`...), k.Idle, 10)
	}
	if k.Freq >= 0 {
		b = strconv.AppendInt(append(b, `,"freq":`...), int64(k.Freq), 10)
	}
	b = append(b, `,"value":`...)
	p.first, p.open = true, ""
	switch k.Type {
	case rdb.String, rdb.Module:
	case rdb.Stream:
		b = append(b, `{"entries":[`...)
		p.open = "]}"
	default:
		b = append(b, '[')
		p.open = "]"
	}
	return b
}

// stream prints a part of a stream.
func (p *jsonPrinter) stream(b []byte, ev *rdb.Event) []byte {
	switch ev.Kind {
	case rdb.KindEntry:
		b = appendID(append(p.comma(b), '['), ev.ID)
		b = append(b, ',', '[')
		for i, f := range ev.Fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendBytes(b, f)
		}
		b = append(b, ']', ']')
	case rdb.KindStream:
		m := ev.Stream
		b = strconv.AppendInt(append(b, `],"length":`...), m.Len, 10)
		b = appendID(append(b, `,"lastId":`...), m.LastID)
		b = appendID(append(b, `,"firstId":`...), m.FirstID)
		b = appendID(append(b, `,"maxDeletedId":`...), m.MaxDeletedID)
		b = appendKnown(append(b, `,"entriesAdded":`...), m.EntriesAdded)
		b = append(b, `,"groups":[`...)
		p.first, p.open = true, "]}"
	case rdb.KindGroup:
		b = p.closeTo(b, "]}")
		b = appendBytes(append(p.comma(b), `{"name":`...), ev.Name)
		b = appendID(append(b, `,"lastId":`...), ev.ID)
		b = appendKnown(append(b, `,"entriesRead":`...), ev.Read)
		b = append(b, `,"pending":[`...)
		p.first = true
	case rdb.KindPending:
		b = append(appendID(append(p.comma(b), '['), ev.ID), ',')
		b = append(strconv.AppendInt(b, ev.Time, 10), ',')
		b = append(strconv.AppendInt(b, ev.Count, 10), ']')
	case rdb.KindConsumers:
		b = append(b, `],"consumers":[`...)
		p.first, p.open = true, "]}]}"
	case rdb.KindConsumer:
		b = p.closeTo(b, "]}]}")
		b = appendBytes(append(p.comma(b), `{"name":`...), ev.Name)
		b = strconv.AppendInt(append(b, `,"seen":`...), ev.Seen, 10)
		b = strconv.AppendInt(append(b, `,"active":`...), ev.Active, 10)
		b = append(b, `,"pending":[`...)
		p.first, p.open = true, "]}]}]}"
	case rdb.KindOwn:
		b = appendID(p.comma(b), ev.ID)
	}
	return b
}

// comma parts the next of an array from the one before.
func (p *jsonPrinter) comma(b []byte) []byte {
	if p.first {
		p.first = false
		return b
	}
	return append(b, ',')
}

// close closes what is open.
func (p *jsonPrinter) close(b []byte) []byte { return append(b, p.open...) }

// closeTo closes what is open but for what want closes.
func (p *jsonPrinter) closeTo(b []byte, want string) []byte {
	if n := len(p.open) - len(want); n > 0 {
		b = append(b, p.open[:n]...)
		p.first = false
	}
	p.open = want
	return b
}

// appendBytes appends a string, or an object for what is none.
func appendBytes(b, s []byte) []byte {
	if !utf8.Valid(s) {
		b = append(b, `{"base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, s)
		return append(b, `"}`...)
	}
	b = append(b, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c < ' ' || c == 0x7F:
			const digits = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func appendID(b []byte, id rdb.ID) []byte {
	return append(appendRawID(append(b, '"'), id), '"')
}

// appendRawID appends an ID as commands have it.
func appendRawID(b []byte, id rdb.ID) []byte {
	b = strconv.AppendUint(b, id.Ms, 10)
	return strconv.AppendUint(append(b, '-'), id.Seq, 10)
}

// appendKnown appends a number that is -1 where it is not known.
func appendKnown(b []byte, n int64) []byte {
	if n < 0 {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, n, 10)
}

func appendScore(b []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(b, `"inf"`...)
	case math.IsInf(f, -1):
		return append(b, `"-inf"`...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}
