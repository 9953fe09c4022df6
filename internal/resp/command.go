package resp

import "strconv"

// AppendCommand appends a command as a client sends it: an array of bulk
// strings. Words are strings or byte slices.
func AppendCommand[W ~string | ~[]byte](b []byte, words ...W) []byte {
	b = append(strconv.AppendInt(append(b, '*'), int64(len(words)), 10), '\r', '\n')
	for _, word := range words {
		b = append(strconv.AppendInt(append(b, '$'), int64(len(word)), 10), '\r', '\n')
		b = append(append(b, word...), '\r', '\n')
	}
	return b
}
