package main

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// How keys and figures are printed.

// shownKey is the most bytes of a key that are printed.
const shownKey = 200

// shown is a key in quotes, with escapes where it is no printable text, cut if it is
// long.
func shown(name []byte) string {
	if len(name) <= shownKey {
		return strconv.Quote(string(name))
	}
	cut := shownKey
	for cut > shownKey-utf8.UTFMax && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return strconv.Quote(string(name[:cut])) + "..."
}

// bytesText is a number of bytes for people.
func bytesText(n int64) string {
	f := float64(n)
	for _, unit := range []string{"B", "KB", "MB", "GB"} {
		if f < 1000 {
			if unit == "B" {
				return fmt.Sprintf("%d B", n)
			}
			return fmt.Sprintf("%.1f %s", f, unit)
		}
		f /= 1000
	}
	return fmt.Sprintf("%.1f TB", f)
}

// timeText is a time of a file, in Unix milliseconds; 0 is never.
func timeText(ms int64) string {
	if ms == 0 {
		return "never"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}
