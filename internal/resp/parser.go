package resp

import (
	"bytes"
	"strconv"
)

// Redis's limits, which a zero field of Limits means.
const (
	DefaultMaxInline = 64 << 10
	DefaultMaxArgs   = 1 << 20
	DefaultMaxBulk   = 512 << 20

	// What a connection may send before it has authenticated.
	UnauthenticatedArgs = 10
	UnauthenticatedBulk = 16 << 10
)

// Limits bound what a Parser takes. They may change between calls of Next.
type Limits struct {
	MaxInline int // bytes of an inline command, and of the line that announces a length; 0 is 64 KB
	MaxArgs   int // words of a command; 0 is 1,048,576 (Redis 7.0 takes 2,147,483,647, and 24 bytes of memory for 6 sent)
	MaxBulk   int // bytes of a word (proto-max-bulk-len); 0 is 512 MB

	// Unauthenticated lowers MaxArgs to 10 and MaxBulk to 16 KB, with error
	// texts of their own: who has not logged in is not worth memory.
	Unauthenticated bool
}

// A ProtocolError is what is wrong with a stream of commands, in Redis's
// words. A server answers "ERR " and the text, and closes.
type ProtocolError string

func (e ProtocolError) Error() string { return string(e) }

// The errors of Next; one more names the byte that was met instead of a '$'.
const (
	ErrMultibulkLength       ProtocolError = "Protocol error: invalid multibulk length"
	ErrBulkLength            ProtocolError = "Protocol error: invalid bulk length"
	ErrUnauthMultibulkLength ProtocolError = "Protocol error: unauthenticated multibulk length"
	ErrUnauthBulkLength      ProtocolError = "Protocol error: unauthenticated bulk length"
	ErrMultibulkCount        ProtocolError = "Protocol error: too big mbulk count string"
	ErrBulkCount             ProtocolError = "Protocol error: too big bulk count string"
	ErrInlineTooBig          ProtocolError = "Protocol error: too big inline request"
	ErrUnbalancedQuotes      ProtocolError = "Protocol error: unbalanced quotes in request"
)

// A Parser finds commands in a buffer that its caller fills. It remembers how
// far it has looked, so that a command that arrives a byte at a time costs
// what it costs whole, and keeps of an unfinished command only where its words
// lie: memory follows the bytes that arrived, never a number that was sent.
//
// Terms: the buffer is what was received and not yet consumed; it begins with
// the command that the Parser is at. It may lie elsewhere in memory at each
// call, and have more at its end, but what was there is the same.
//
// As in Redis 7.0, the byte after a CR that ends a header and the two bytes
// after a word are skipped unseen, a count of zero or below is a command
// without words and so ignored, and so is a blank line. Unlike there, a zero
// byte is a byte like any other (Redis 7.0 looks for ends of lines with C's
// strchr and waits for ever behind one), and a line is too long because of its
// length, not because of how the network cut it.
//
// The zero value is ready.
type Parser struct {
	Limits

	pos   int    // the command's bytes before pos are understood
	seen  int    // no end of the line at pos before seen; always >= pos
	left  int    // words still to come; 0 between commands
	bulk  int    // length of the word at pos, whose header is understood; with inBulk
	spans []span // where the words lie that have come
	err   error  // sticky

	inBulk bool
	words  [][]byte
	line   []byte // words of an inline command, unquoted
}

type span struct{ from, to int }

// Next looks for a command at the start of buf. It returns the command's words
// and how many bytes the caller is to drop from the start of buf before the
// next call; the words borrow from buf and from the Parser, until that call.
// Without a whole command words is nil, and n counts only what is ignored
// (blank lines, empty commands): call again when there is more. An error is
// for ever.
func (p *Parser) Next(buf []byte) (words [][]byte, n int, err error) {
	for p.err == nil {
		if p.left == 0 {
			if n == len(buf) {
				return nil, n, nil
			}
			if buf[n] != '*' {
				line, ok := p.untilEnd(buf[n:], '\n', ErrInlineTooBig)
				if !ok {
					return nil, n, p.err
				}
				n += len(line) + 1
				p.pos, p.seen = 0, 0
				if !p.split(line) {
					break
				}
				if len(p.words) > 0 {
					return p.words, n, nil
				}
				continue
			}
			if size := p.whole(buf[n:]); size != 0 {
				return p.words, n + size, nil
			}
			line, ok := p.untilEnd(buf[n:], '\r', ErrMultibulkCount)
			if !ok || n+len(line)+2 > len(buf) {
				return nil, n, p.err
			}
			count, ok := number(line[1:])
			switch {
			case !ok || count > int64(or(p.MaxArgs, DefaultMaxArgs)):
				p.err = ErrMultibulkLength
			case p.Unauthenticated && count > UnauthenticatedArgs:
				p.err = ErrUnauthMultibulkLength
			case count <= 0:
				n += len(line) + 2
				p.pos, p.seen = 0, 0
			default:
				p.left = int(count)
				p.pos = len(line) + 2
				p.seen = p.pos
				p.spans = p.spans[:0]
			}
			continue
		}
		if !p.word(buf[n:]) {
			return nil, n, p.err
		}
		if p.left == 0 {
			cmd := buf[n : n+p.pos]
			if len(p.spans) > cap(p.words) {
				p.words = make([][]byte, 0, len(p.spans))
			}
			p.words = p.words[:len(p.spans)]
			for i, s := range p.spans {
				p.words[i] = cmd[s.from:s.to:s.to]
			}
			n += p.pos
			p.pos, p.seen = 0, 0
			return p.words, n, nil
		}
	}
	return nil, n, p.err
}

// whole takes a command as almost every one is: all there, of less than 10 words of less
// than 100 bytes. It returns the length of the command, and 0, having changed nothing but
// words, where it is otherwise or wrong.
func (p *Parser) whole(buf []byte) int {
	if len(buf) < 4 || buf[2] != '\r' || buf[1] < '1' || buf[1] > '9' {
		return 0
	}
	count := int(buf[1] - '0')
	if count > or(p.MaxArgs, DefaultMaxArgs) || or(p.MaxBulk, DefaultMaxBulk) < 99 {
		return 0
	}
	if count > cap(p.words) {
		p.words = make([][]byte, 0, max(count, 4))
	}
	words := p.words[:count]
	pos := 4
	for i := range words {
		h := buf[pos:]
		if len(h) < 6 || h[0] != '$' {
			return 0
		}
		size, head := h[1]-'0', 4
		if size > 9 {
			return 0
		}
		if h[2] != '\r' {
			low := h[2] - '0'
			if size == 0 || low > 9 || h[3] != '\r' {
				return 0
			}
			size, head = size*10+low, 5
		}
		end := head + int(size)
		if len(h) < end+2 {
			return 0
		}
		words[i] = h[head:end:end]
		pos += end + 2
	}
	p.words, p.pos, p.seen = words, 0, 0
	return pos
}

// word takes words of the command at the start of buf until it has them all.
// It returns false where bytes are missing or wrong.
func (p *Parser) word(buf []byte) bool {
	for p.left > 0 {
		if !p.inBulk {
			var size int64
			// Almost every word is shorter than 10 or 100 bytes.
			if h := buf[p.pos:]; len(h) >= 4 && h[0] == '$' && h[2] == '\r' && '0' <= h[1] && h[1] <= '9' {
				size = int64(h[1] - '0')
				p.pos += 4
			} else if len(h) >= 5 && h[0] == '$' && h[3] == '\r' && '1' <= h[1] && h[1] <= '9' && '0' <= h[2] && h[2] <= '9' {
				size = int64(h[1]-'0')*10 + int64(h[2]-'0')
				p.pos += 5
			} else {
				line, ok := p.untilEnd(buf, '\r', ErrBulkCount)
				if !ok || p.pos+len(line)+2 > len(buf) {
					return false
				}
				// Only a whole line is judged, and an empty one by the CR.
				if c := buf[p.pos]; c != '$' {
					p.err = ProtocolError("Protocol error: expected '$', got '" + string([]byte{c}) + "'")
					return false
				}
				if size, ok = number(line[1:]); !ok || size < 0 {
					p.err = ErrBulkLength
					return false
				}
				p.pos += len(line) + 2
			}
			switch {
			case size > int64(or(p.MaxBulk, DefaultMaxBulk)):
				p.err = ErrBulkLength
				return false
			case p.Unauthenticated && size > UnauthenticatedBulk:
				p.err = ErrUnauthBulkLength
				return false
			}
			p.bulk, p.inBulk = int(size), true
			p.seen = p.pos
		}
		if len(buf)-p.pos-2 < p.bulk {
			return false
		}
		p.spans = append(p.spans, span{p.pos, p.pos + p.bulk})
		p.pos += p.bulk + 2
		p.seen = p.pos
		p.left--
		p.inBulk = false
	}
	return true
}

// untilEnd returns the line at pos, without its end, or false when the end has
// not come; then a line that is too long is the error tooBig.
func (p *Parser) untilEnd(buf []byte, end byte, tooBig ProtocolError) ([]byte, bool) {
	limit := or(p.MaxInline, DefaultMaxInline)
	within := buf[:min(len(buf), p.pos+limit+1)]
	i := bytes.IndexByte(within[p.seen:], end)
	if i < 0 {
		p.seen = len(within)
		if len(within)-p.pos > limit {
			p.err = tooBig
		}
		return nil, false
	}
	i += p.seen
	p.seen = i // it is found again at once if the byte after it is still missing
	return buf[p.pos:i], true
}

// Need returns how long the buffer must become for the word that is arriving,
// as far as that is known: a caller may grow its buffer to that, when it would
// have grown it by as much anyway. It is a number that was only announced.
func (p *Parser) Need() int {
	if p.inBulk {
		return p.pos + p.bulk + 2
	}
	return p.pos
}

// Idle says that the Parser holds no part of a command.
func (p *Parser) Idle() bool { return p.left == 0 && p.seen == 0 }

// Release drops what the last command left: its words, which hold on to the
// buffer they borrow from, and the memory of many words or of a long line.
func (p *Parser) Release() {
	if p.left == 0 && cap(p.words)+cap(p.spans) > 256 {
		p.words, p.spans = nil, nil
	}
	clear(p.words[:cap(p.words)])
	p.line = nil
}

// number reads a decimal number as Redis does: no sign but a minus, no spaces,
// no leading zeros, and nothing past an int64.
func number(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	digits := b
	if b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(b) > 1 {
		return 0, false
	}
	if len(b) < 18 { // no overflow, and no string to make
		var n int64
		for _, c := range digits {
			if c < '0' || c > '9' {
				return 0, false
			}
			n = n*10 + int64(c-'0')
		}
		if b[0] == '-' {
			n = -n
		}
		return n, true
	}
	if digits[0] < '0' || digits[0] > '9' { // ParseInt takes a plus
		return 0, false
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil
}

func or(n, zero int) int {
	if n == 0 {
		return zero
	}
	return n
}

// split makes words of an inline command. Words are parted by blanks; within
// double quotes a backslash escapes n r t b a and xHH, and makes any other
// byte itself; within single quotes it escapes the single quote only. A quote
// may begin inside a word, and ends the word.
func (p *Parser) split(line []byte) bool {
	// No word is longer than what it is made of, so this never moves under the
	// words that borrow from it.
	if cap(p.line) < len(line) {
		p.line = make([]byte, 0, max(len(line), 128))
	}
	out := p.line[:0]
	p.words = p.words[:0]
	i := 0
	for {
		for i < len(line) && blank(line[i]) {
			i++
		}
		if i == len(line) {
			return true
		}
		from := len(out)
		quote := byte(0)
		for i < len(line) {
			c := line[i]
			if quote == 0 {
				if c == ' ' || c == '\t' || c == '\r' {
					break
				}
				i++
				if c == '"' || c == '\'' {
					quote = c
				} else {
					out = append(out, c)
				}
				continue
			}
			i++
			switch {
			case c == quote:
				if i < len(line) && !blank(line[i]) {
					p.err = ErrUnbalancedQuotes
					return false
				}
				quote = 0
			case c != '\\' || i == len(line):
				out = append(out, c)
				continue
			case quote == '\'':
				if line[i] == '\'' {
					c = '\''
					i++
				}
				out = append(out, c)
				continue
			default:
				c, size := escape(line[i:])
				out = append(out, c)
				i += size
				continue
			}
			break // behind a closing quote
		}
		if quote != 0 {
			p.err = ErrUnbalancedQuotes
			return false
		}
		p.words = append(p.words, out[from:len(out):len(out)])
	}
}

// escape reads what follows a backslash, which is at least one byte.
func escape(b []byte) (c byte, size int) {
	switch b[0] {
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'b':
		return '\b', 1
	case 'a':
		return '\a', 1
	case 'x':
		if len(b) >= 3 {
			if n, err := strconv.ParseUint(string(b[1:3]), 16, 8); err == nil {
				return byte(n), 3
			}
		}
	}
	return b[0], 1
}

// blank is C's isspace.
func blank(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
