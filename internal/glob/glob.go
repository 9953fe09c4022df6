package glob

import "strings"

// Match reports whether all of s fits the pattern.
func Match(pattern, s string) bool { return match(pattern, s, false) }

// MatchFold is Match with ASCII letters compared without their case. A byte
// quoted by a backslash inside a class keeps its case, as in Redis.
func MatchFold(pattern, s string) bool { return match(pattern, s, true) }

// match walks both strings once and remembers only the latest star: when what
// follows it does not fit, the star swallows one byte more. An earlier star
// never has to be tried again, since whatever it could swallow, the later one
// can; that is what keeps the work to a product of the lengths.
func match(pattern, s string, fold bool) bool {
	if s == "" {
		return pattern == ""
	}
	p, i := 0, 0
	star, retry := -1, 0 // the pattern after the latest star, and where in s it was last tried
	for i < len(s) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				p++
				star, retry = p, i
				if p == len(pattern) {
					return true
				}
				continue
			}
			if n, ok := one(pattern[p:], s[i], fold); ok {
				p += n
				i++
				continue
			}
		}
		if star < 0 {
			return false
		}
		retry++
		p, i = star, retry
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// one matches the byte c against the first element of the pattern, which is not
// empty and does not start with a star, and tells how long that element is.
func one(pattern string, c byte, fold bool) (n int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return class(pattern, c, fold)
	case '\\':
		if len(pattern) >= 2 {
			return 2, same(pattern[1], c, fold)
		}
	}
	return 1, same(pattern[0], c, fold)
}

// class matches c against the class at the start of the pattern. The order of
// the cases is Redis's and it shows: in "[^a-]" the range is a to ], so the
// class goes on, and "[a-" without a third byte is the two bytes a and -.
func class(pattern string, c byte, fold bool) (n int, ok bool) {
	n = 1
	not := n < len(pattern) && pattern[n] == '^'
	if not {
		n++
	}
	found := false
	for ; n < len(pattern); n++ {
		left := pattern[n:]
		if left[0] == '\\' && len(left) >= 2 {
			n++
			found = found || left[1] == c
			continue
		}
		if left[0] == ']' {
			n++
			break
		}
		if len(left) >= 3 && left[1] == '-' {
			lo, hi := left[0], left[2]
			if lo > hi {
				lo, hi = hi, lo
			}
			b := c
			if fold {
				lo, hi, b = lower(lo), lower(hi), lower(b)
			}
			n += 2
			found = found || lo <= b && b <= hi
			continue
		}
		found = found || same(left[0], c, fold)
	}
	return n, found != not
}

func same(a, b byte, fold bool) bool {
	return a == b || fold && lower(a) == lower(b)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// Prefix returns the bytes that every string fitting the pattern starts with:
// what stands before its first special byte, with quoting undone. A scan of
// sorted names may start there. It says nothing about MatchFold.
func Prefix(pattern string) string {
	prefix, _ := literal(pattern)
	return prefix
}

// Literal returns the only string that fits the pattern, and whether there is
// just one. Then a lookup does instead of a scan. It says nothing about
// MatchFold.
func Literal(pattern string) (s string, ok bool) {
	s, ok = literal(pattern)
	if !ok {
		return "", false
	}
	return s, true
}

// literal undoes quoting up to the first special byte and reports whether it
// came to the end. It allocates only if the pattern quotes something.
func literal(pattern string) (s string, whole bool) {
	end := strings.IndexAny(pattern, `*?[\`)
	if end < 0 {
		return pattern, true
	}
	if pattern[end] != '\\' {
		return pattern[:end], false
	}
	b := []byte(pattern[:end])
	for i := end; i < len(pattern); i++ {
		switch pattern[i] {
		case '*', '?', '[':
			return string(b), false
		case '\\':
			if i+1 < len(pattern) {
				i++
			}
		}
		b = append(b, pattern[i])
	}
	return string(b), true
}
