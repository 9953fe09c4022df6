package pubsub

import "github.com/larderdb/larder/internal/resp"

// A Message is what a Receiver is told. It is never changed.
type Message struct {
	Kind    Kind
	Channel string
	Pattern string // that the channel fits, of kind Pattern
	Payload string

	frames [2][]byte // for RESP2 and RESP3; made at the first use, under the hub's lock
}

// Frame is the message as a connection of a protocol's version, 2 or 3, is sent
// it. It is made once for all of them, and must not be changed. It is for Receive
// only.
func (m *Message) Frame(proto int) []byte {
	i := 0
	if proto == 3 {
		i = 1
	}
	if m.frames[i] == nil {
		m.frames[i] = m.encode(proto)
	}
	return m.frames[i]
}

var kindNames = [kinds]string{"message", "pmessage", "smessage"}

func (m *Message) encode(proto int) []byte {
	const heads = 64 // of a frame's elements, at most
	w := resp.Reply{Proto: proto, Buf: make([]byte, 0, len(m.Channel)+len(m.Pattern)+len(m.Payload)+heads)}
	if m.Kind == Pattern {
		w.Push(4)
		w.Bulk(kindNames[m.Kind])
		w.Bulk(m.Pattern)
	} else {
		w.Push(3)
		w.Bulk(kindNames[m.Kind])
	}
	w.Bulk(m.Channel)
	w.Bulk(m.Payload)
	return w.Buf
}
