package conf

import "strings"

// cut splits a line into words the way a configuration file does: at white
// space, with "double quotes" that know \n \r \t \a \b and \xHH, and 'single
// quotes' that know \' only. A closing quote ends its word and must be followed
// by white space. ok is false where a quote is not closed like that.
func cut(line string) (words []string, ok bool) {
	i := 0
	for {
		for i < len(line) && space(line[i]) {
			i++
		}
		if i == len(line) || line[i] == 0 {
			return words, true
		}
		var word []byte
		for i < len(line) && line[i] != 0 && !space(line[i]) {
			quote := line[i]
			if quote != '"' && quote != '\'' {
				word = append(word, quote)
				i++
				continue
			}
			inside, n, closed := quoted(line[i:])
			if !closed {
				return nil, false
			}
			word = append(word, inside...)
			i += n
			if i < len(line) && line[i] != 0 && !space(line[i]) {
				return nil, false
			}
		}
		words = append(words, string(word))
	}
}

// quoted reads the quoted text at the start of s and tells how long it is with
// both its quotes.
func quoted(s string) (inside []byte, n int, closed bool) {
	double := s[0] == '"'
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == s[0]:
			return inside, i + 1, true
		case c == '\\' && !double && i+1 < len(s) && s[i+1] == '\'':
			i++
			c = '\''
		case c == '\\' && double && i+3 < len(s) && s[i+1] == 'x' && hex(s[i+2]) >= 0 && hex(s[i+3]) >= 0:
			c = byte(hex(s[i+2])<<4 | hex(s[i+3]))
			i += 3
		case c == '\\' && double && i+1 < len(s):
			i++
			c = s[i]
			if at := strings.IndexByte("nrtba", c); at >= 0 {
				c = "\n\r\t\b\a"[at]
			}
		}
		inside = append(inside, c)
	}
	return nil, 0, false
}

func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func space(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// quote writes s so that cut reads it back as one word, whatever is in it.
func quote(s string) string {
	const digits = "0123456789abcdef"
	b := []byte{'"'}
	for i := range len(s) {
		c := s[i]
		if at := strings.IndexByte("\n\r\t\b\a", c); at >= 0 {
			b = append(b, '\\', "nrtba"[at])
		} else if c == '\\' || c == '"' {
			b = append(b, '\\', c)
		} else if c < ' ' || c > '~' {
			b = append(b, '\\', 'x', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// bare reports whether cut reads s back as one word without quotes.
func bare(s string) bool {
	words, ok := cut(s)
	return ok && len(words) == 1 && words[0] == s && quote(s) == `"`+s+`"`
}

// Quote returns s in double quotes, to be read back by SplitLine.
func Quote(s string) string { return quote(s) }

// SplitLine splits a line into words as a configuration file does, for who gets such a
// line from elsewhere. ok is false where a quote is not closed.
func SplitLine(line string) (words []string, ok bool) { return cut(line) }
