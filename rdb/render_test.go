package rdb

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// renderEvents tells what a file holds, a line a key and what else there is. The
// members of sets and the fields of hashes are sorted.
func renderEvents(file []byte, o DecoderOptions) (lines []string, err error) {
	return renderReader(bytes.NewReader(file), o)
}

func renderReader(r io.Reader, o DecoderOptions) (lines []string, err error) {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	o.Elements = true
	for ev, err := range NewDecoder(r, o).Events() {
		if err != nil {
			return lines, err
		}
		switch ev.Kind {
		case KindHeader:
			lines = append(lines, fmt.Sprintf("version %d valkey %t", ev.Version, ev.Valkey))
		case KindAux:
			lines = append(lines, fmt.Sprintf("aux %q %q", ev.Name, ev.Value))
		case KindFunction:
			lines = append(lines, fmt.Sprintf("function %q", ev.Value))
		case KindModuleAux:
			lines = append(lines, fmt.Sprintf("module aux %s", ev.Name))
		case KindSlotImport:
			lines = append(lines, fmt.Sprintf("slot import %q", ev.Name))
		case KindDB:
			lines = append(lines, fmt.Sprintf("db %d", ev.DB))
		case KindSize:
			lines = append(lines, fmt.Sprintf("size %d %d", ev.Keys, ev.Expires))
		case KindSlot:
			lines = append(lines, fmt.Sprintf("slot %d %d %d", ev.Slot, ev.Keys, ev.Expires))
		case KindKey:
			parts = nil
		case KindString, KindElement:
			say("%q", ev.Value)
		case KindMember:
			say("%q=%v", ev.Value, ev.Score)
		case KindField:
			say("%q=%q@%d", ev.Field, ev.Value, ev.ExpireAt)
		case KindEntry:
			say("%d-%d%q", ev.ID.Ms, ev.ID.Seq, ev.Fields)
		case KindStream:
			m := ev.Stream
			say("len=%d last=%v deleted=%v added=%d", m.Len, m.LastID, m.MaxDeletedID, m.EntriesAdded)
		case KindGroup:
			say("group %q %v %d", ev.Name, ev.ID, ev.Read)
		case KindPending:
			say("pending %v %d %d", ev.ID, ev.Time, ev.Count)
		case KindConsumer:
			say("consumer %q %d %d", ev.Name, ev.Seen, ev.Active)
		case KindOwn:
			say("own %v", ev.ID)
		case KindModule:
			say("%s", ev.Name)
		case KindEnd:
			lines = append(lines, line(ev, ev.Key.Type, parts))
		}
	}
	return lines, nil
}

func line(ev *Event, typ Type, parts []string) string {
	if typ == Set || typ == Hash || typ == SortedSet {
		slices.Sort(parts)
	}
	k := ev.Key
	s := fmt.Sprintf("%q %s", k.Name, typ)
	if k.ExpireAt != 0 {
		s += fmt.Sprintf(" expires=%d", k.ExpireAt)
	}
	if k.Idle >= 0 {
		s += fmt.Sprintf(" idle=%d", k.Idle)
	}
	if k.Freq >= 0 {
		s += fmt.Sprintf(" freq=%d", k.Freq)
	}
	return s + ": " + strings.Join(parts, " ")
}

// renderValues is renderEvents of the values that are made of the keys, which alone
// it tells.
func renderValues(file []byte, l limits) (lines []string, err error) {
	return renderReaderValues(bytes.NewReader(file), l)
}

func renderReaderValues(r io.Reader, l limits) (lines []string, err error) {
	d := NewDecoder(r, DecoderOptions{})
	err = d.values(l, func(ev *Event, v engine.Value) error {
		if ev.Kind == KindEnd && v.Form != engine.NoForm {
			lines = append(lines, line(ev, ev.Key.Type, valueParts(v)))
		}
		return nil
	})
	return lines, err
}

func valueParts(v engine.Value) (parts []string) {
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch v.Type() {
	case engine.TypeString:
		say("%q", v.Str().String())
	case engine.TypeList:
		l, _ := v.List()
		for _, e := range l.Range(0) {
			say("%q", e.String())
		}
	case engine.TypeSet:
		m, _ := v.Members()
		for e := range m.All() {
			say("%q", e.String())
		}
	case engine.TypeZSet:
		items, _ := v.ZItems()
		for it := range items.All() {
			say("%q=%v", it.Member.String(), it.Score)
		}
	case engine.TypeHash:
		fields, _ := v.Fields(0)
		for f, e := range fields.Entries() {
			say("%q=%q@%d", f.String(), e.Value.String(), e.ExpireAt)
		}
	case engine.TypeStream:
		return streamParts(v.Obj.(*engine.Stream).Log)
	}
	return parts
}

func streamParts(l *streamlog.Log) (parts []string) {
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	texts := func(e streamlog.Entry) (all []string) {
		for name, value := range e.Fields() {
			for _, v := range []listpack.Value{name, value} {
				all = append(all, v.String())
			}
		}
		return all
	}
	for e := range l.Range(streamlog.ID{}, streamlog.MaxID) {
		say("%s%q", e.ID, texts(e))
	}
	say("len=%d last=%v deleted=%v added=%d", l.Len(), ID(l.LastID()), ID(l.MaxDeletedID()), l.EntriesAdded())
	for g := range l.Groups() {
		say("group %q %v %d", g.Name(), ID(g.LastID()), g.EntriesRead())
		for p := range g.Pending(streamlog.ID{}, streamlog.MaxID) {
			say("pending %v %d %d", ID(p.ID), p.Time, p.Count)
		}
		for c := range g.Consumers() {
			say("consumer %q %d %d", c.Name(), c.SeenTime(), c.ActiveTime())
			for p := range g.PendingOf(c, streamlog.ID{}, streamlog.MaxID) {
				say("own %v", ID(p.ID))
			}
		}
	}
	return parts
}

func mustRender(t *testing.T, lines []string, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatalf("after %q: %v", lines, err)
	}
	return lines
}

func compareLines(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("%s: line %d is\n%.500s\nwant\n%.500s", what, i, g, w)
		}
	}
}

// entriesOf are the entries of a stream: of each its ID, its fields and values.
func entriesOf(v engine.Value) (entries [][]string) {
	for e := range v.Obj.(*engine.Stream).Range(streamlog.ID{}, streamlog.MaxID) {
		words := []string{e.ID.String()}
		for name, value := range e.Fields() {
			words = append(words, name.String(), value.String())
		}
		entries = append(entries, words)
	}
	return entries
}
