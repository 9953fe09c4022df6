package listpack

import "encoding/binary"

// An Appender adds several elements at the end of a listpack at less than the cost
// of adding them one by one: the header is written once. Between Extend and Done
// there is no listpack.
type Appender struct {
	lp []byte // without its end
	n  int    // elements that were added
}

// Extend begins to add to lp, which the appender then owns.
func Extend(lp []byte) Appender { return Appender{lp: lp[:len(lp)-1]} }

// Int adds n.
func (a *Appender) Int(n int64) {
	a.n++
	if n >= 0 && n < 1<<7 { // most that a stream writes
		a.lp = append(a.lp, byte(n), 1)
		return
	}
	e := encodeInt(n)
	a.lp = append(append(a.lp, e.b[:e.n]...), e.n)
}

// String adds s.
func (a *Appender) String(s string) {
	if n, ok := ParseInt(s); ok {
		a.Int(n)
		return
	}
	a.n++
	e := encodeLen(len(s))
	a.lp = append(append(a.lp, e.b[:e.n]...), s...)
	var b [5]byte
	size := int(e.n) + len(s)
	putBacklen(b[:], size)
	a.lp = append(a.lp, b[:backlenSize(size)]...)
}

// Done returns the listpack.
func (a *Appender) Done() []byte {
	lp := append(a.lp, end)
	binary.LittleEndian.PutUint32(lp, uint32(len(lp)))
	if n := headerLen(lp); n != unknown {
		binary.LittleEndian.PutUint16(lp[4:], uint16(min(n+a.n, unknown)))
	}
	return lp
}
