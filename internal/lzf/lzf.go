package lzf

import "encoding/binary"

const (
	maxLiteral = 32
	minMatch   = 3
	maxMatch   = 264
	maxOffset  = 1 << 13

	hashLog = 13

	// Up to shortSrc bytes the table is a smaller one: to clear the other would cost
	// more than all the rest.
	shortSrc = 512
	shortLog = 9
)

func hash(three uint32, shift uint) uint32 { return three * 0x9E3779B1 >> shift }

// three are the bytes at i as one number. There must be a fourth behind them.
func three(src []byte, i int) uint32 { return binary.LittleEndian.Uint32(src[i:]) << 8 }

// Append appends src, compressed, to dst. It gives up, and returns dst as it was
// and false, where that takes more than limit bytes. src must be shorter than 4 GB.
func Append(dst, src []byte, limit int) ([]byte, bool) {
	if len(src) <= shortSrc {
		var seen [1 << shortLog]uint32
		return appendWith(dst, src, limit, seen[:], 32-shortLog)
	}
	var seen [1 << hashLog]uint32
	return appendWith(dst, src, limit, seen[:], 32-hashLog)
}

// appendWith is Append with a table that remembers, by a hash of three bytes, the
// last place they were seen at, plus one.
func appendWith(dst, src []byte, limit int, seen []uint32, shift uint) ([]byte, bool) {
	start, literal, i := len(dst), 0, 0
	for i+minMatch < len(src) {
		key := three(src, i)
		slot := &seen[hash(key, shift)]
		at := int(*slot) - 1
		*slot = uint32(i + 1)
		if at < 0 || i-at > maxOffset || three(src, at) != key {
			i++
			continue
		}
		if dst = appendLiteral(dst, src[literal:i]); len(dst)-start > limit {
			return dst[:start], false
		}
		n := minMatch
		for most := min(maxMatch, len(src)-i); n < most && src[at+n] == src[i+n]; n++ {
		}
		dst = appendMatch(dst, n, i-at)
		// What a match covers is worth remembering at its end only: in between it
		// would mostly be found again where the match began.
		i += n
		for j := i - 2; j < i; j++ {
			if j+minMatch < len(src) {
				seen[hash(three(src, j), shift)] = uint32(j + 1)
			}
		}
		literal = i
	}
	if dst = appendLiteral(dst, src[literal:]); len(dst)-start > limit {
		return dst[:start], false
	}
	return dst, true
}

func appendLiteral(dst, b []byte) []byte {
	for len(b) > 0 {
		n := min(len(b), maxLiteral)
		dst = append(append(dst, byte(n-1)), b[:n]...)
		b = b[n:]
	}
	return dst
}

func appendMatch(dst []byte, n, offset int) []byte {
	n, offset = n-2, offset-1
	if n < 7 {
		return append(dst, byte(n<<5|offset>>8), byte(offset))
	}
	return append(dst, byte(7<<5|offset>>8), byte(n-7), byte(offset))
}

// Decode decompresses src into dst and reports whether it is well-formed and fills
// dst exactly. If not, dst holds nonsense.
func Decode(dst, src []byte) bool {
	n := 0
	for i := 0; i < len(src); {
		c := int(src[i])
		i++
		if c < maxLiteral {
			c++
			if c > len(src)-i || c > len(dst)-n {
				return false
			}
			n += copy(dst[n:], src[i:i+c])
			i += c
			continue
		}
		size := c>>5 + 2
		if size == 9 {
			if i == len(src) {
				return false
			}
			size += int(src[i])
			i++
		}
		if i == len(src) {
			return false
		}
		from := n - (c&31<<8 | int(src[i])) - 1
		i++
		if from < 0 || size > len(dst)-n {
			return false
		}
		if from+size <= n {
			n += copy(dst[n:], dst[from:from+size])
			continue
		}
		for ; size > 0; size-- { // it repeats what it writes
			dst[n] = dst[from]
			n, from = n+1, from+1
		}
	}
	return n == len(dst)
}
