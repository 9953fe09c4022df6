package conf

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// The kinds of one directive or two, most of them lists.

// savePoints is the save directive. In a file every line adds its pairs, but
// the first takes the defaults away; an empty word takes all away.
type savePoints struct{}

func (savePoints) read(_ *directive, words []string, was value, more bool) (value, error) {
	var pairs []string
	if more {
		pairs = strings.Fields(was.text)
	}
	if len(words) == 1 && words[0] == "" {
		return value{}, nil
	}
	bad := reason("Invalid save parameters")
	if len(words)%2 != 0 {
		return value{}, bad
	}
	for pair := range slices.Chunk(words, 2) {
		seconds, ok1 := loose(pair[0], 10)
		changes, ok2 := loose(pair[1], 10)
		if !ok1 || !ok2 || seconds < 1 || changes < 0 || changes > math.MaxInt32 {
			return value{}, bad
		}
		pairs = append(pairs, strconv.FormatInt(seconds, 10), strconv.FormatInt(changes, 10))
	}
	return value{text: strings.Join(pairs, " ")}, nil
}

func (savePoints) lines(v value) []string {
	if v.text == "" {
		return []string{`""`}
	}
	return grouped(v.text, 2)
}

// outputLimits is client-output-buffer-limit: a class that is not named keeps
// what it has.
type outputLimits struct{}

var outputClasses = []string{"normal", "slave", "pubsub"}

func (outputLimits) read(_ *directive, words []string, was value, _ bool) (value, error) {
	if len(words)%4 != 0 {
		return value{}, reason("Wrong number of arguments in buffer limit configuration.")
	}
	all := strings.Fields(was.text)
	if len(all) == 0 {
		all = strings.Fields("normal 0 0 0 slave 0 0 0 pubsub 0 0 0")
	}
	for class := range slices.Chunk(words, 4) {
		name := strings.ToLower(class[0])
		if name == "replica" {
			name = "slave"
		}
		at := slices.Index(outputClasses, name)
		if at < 0 {
			return value{}, reason("Invalid client class specified in buffer limit configuration.")
		}
		hard, ok1 := size(class[1])
		soft, ok2 := size(class[2])
		seconds, ok3 := loose(class[3], 10)
		if !ok1 || !ok2 || !ok3 || seconds < 0 || seconds > math.MaxInt32 {
			return value{}, reason("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
		}
		all[4*at+1] = strconv.FormatUint(hard, 10)
		all[4*at+2] = strconv.FormatUint(soft, 10)
		all[4*at+3] = strconv.FormatInt(seconds, 10)
	}
	return value{text: strings.Join(all, " ")}, nil
}

func (outputLimits) lines(v value) []string {
	var lines []string
	for class := range slices.Chunk(strings.Fields(v.text), 4) {
		if class[0] == "slave" {
			class[0] = "replica"
		}
		for i := 1; i <= 2; i++ {
			n, _ := strconv.ParseUint(class[i], 10, 64)
			class[i] = withUnit(n)
		}
		lines = append(lines, strings.Join(class, " "))
	}
	return lines
}

// The classes of keyspace events; notify-keyspace-events is a sum of them. The
// letters are in the order that CONFIG GET lists them in.
const (
	NotifyGeneric  int64 = 1 << iota // g
	NotifyString                     // $
	NotifyList                       // l
	NotifySet                        // s
	NotifyHash                       // h
	NotifyZSet                       // z
	NotifyExpired                    // x
	NotifyEvicted                    // e
	NotifyStream                     // t
	NotifyModule                     // d
	NotifyNew                        // n
	NotifyKeyspace                   // K
	NotifyKeyevent                   // E
	NotifyKeyMiss                    // m

	// NotifyAll is A: every class but new keys and misses.
	NotifyAll = NotifyNew - 1
)

const notifyLetters = "g$lshzxetdnKEm"

type notifyFlags struct{}

func (notifyFlags) read(_ *directive, words []string, _ value, _ bool) (value, error) {
	var n int64
	for i := range len(words[0]) {
		letter := words[0][i]
		if letter == 'A' {
			n |= NotifyAll
			continue
		}
		at := strings.IndexByte(notifyLetters, letter)
		if at < 0 {
			return value{}, reason("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
		}
		n |= 1 << at
	}
	// Redis does not say n next to A, though it acts on it.
	shown := n
	if n&NotifyAll == NotifyAll {
		shown &^= NotifyNew
	}
	return value{text: notifyText(shown), num: n}, nil
}

func (notifyFlags) lines(v value) []string { return []string{quote(notifyText(v.num))} }

func notifyText(n int64) string {
	var b []byte
	if n&NotifyAll == NotifyAll {
		b = append(b, 'A')
		n &^= NotifyAll
	}
	for i := range len(notifyLetters) {
		if n&(1<<i) != 0 {
			b = append(b, notifyLetters[i])
		}
	}
	return string(b)
}

// What a signal asks of the shutdown; shutdown-on-sigterm and -sigint are sums
// of them, and zero is the default.
const (
	ShutdownSave int64 = 1 << iota
	ShutdownNoSave
	ShutdownNow
	ShutdownForce
)

type shutdownFlags struct{}

var shutdownWords = []string{"default", "save", "nosave", "now", "force"}

func (shutdownFlags) read(_ *directive, words []string, _ value, _ bool) (value, error) {
	var n int64
	for _, word := range words {
		at := slices.Index(shutdownWords, strings.ToLower(word))
		if at < 0 {
			n = -1
			break
		}
		n |= 1 << at >> 1
	}
	if n < 0 || len(words) == 0 {
		return value{}, reason("argument(s) must be one of the following: " + strings.Join(shutdownWords, ", "))
	}
	if n&ShutdownSave != 0 && n&ShutdownNoSave != 0 {
		return value{}, reason("shutdown options SAVE and NOSAVE can't be used simultaneously")
	}
	var said []string
	for i, word := range shutdownWords {
		if n&(1<<i>>1) != 0 {
			said = append(said, word)
		}
	}
	if n == 0 {
		said = shutdownWords[:1]
	}
	return value{text: strings.Join(said, " "), num: n}, nil
}

func (shutdownFlags) lines(v value) []string { return []string{v.text} }

// percentiles are numbers of 0 to 100, kept to six places.
type percentiles struct{}

func (percentiles) read(_ *directive, words []string, _ value, _ bool) (value, error) {
	if len(words) == 1 && words[0] == "" {
		words = nil
	}
	var all []string
	for _, word := range words {
		number := strings.ToLower(word)
		if strings.HasPrefix(number, "0x") && !strings.Contains(number, "p") {
			number += "p0" // Go wants the exponent of a hexadecimal
		}
		f, err := strconv.ParseFloat(number, 64)
		if err != nil || f != f || strings.Contains(word, "_") {
			return value{}, reason("Invalid latency-tracking-info-percentiles parameters")
		}
		if f < 0 || f > 100 {
			return value{}, reason("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
		}
		digits := strings.TrimRight(strconv.FormatFloat(f, 'f', 6, 64), "0")
		all = append(all, strings.TrimSuffix(digits, "."))
	}
	return value{text: strings.Join(all, " ")}, nil
}

func (percentiles) lines(v value) []string {
	if v.text == "" {
		return []string{`""`}
	}
	return []string{v.text}
}

// oomScores are the three numbers of oom-score-adj-values.
type oomScores struct{}

func (oomScores) read(_ *directive, words []string, _ value, _ bool) (value, error) {
	if len(words) != 3 {
		return value{}, reason("wrong number of arguments")
	}
	var all []string
	for _, word := range words {
		n, ok := loose(word, 10)
		if !ok || n < -2000 || n > 2000 {
			return value{}, reason("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
		}
		all = append(all, strconv.FormatInt(n, 10))
	}
	return value{text: strings.Join(all, " ")}, nil
}

func (oomScores) lines(v value) []string { return []string{v.text} }

// addresses is bind: up to sixteen, none for not listening at all.
type addresses struct{}

func (addresses) read(_ *directive, words []string, _ value, _ bool) (value, error) {
	if len(words) == 1 && words[0] == "" {
		words = nil
	}
	if len(words) > 16 {
		return value{}, reason("Too many bind addresses specified.")
	}
	return value{text: strings.Join(words, " ")}, nil
}

func (addresses) lines(v value) []string {
	if v.text == "" {
		return []string{`""`}
	}
	var words []string
	for _, word := range strings.Split(v.text, " ") {
		if bare(word) {
			words = append(words, word)
		} else {
			words = append(words, quote(word))
		}
	}
	return []string{strings.Join(words, " ")}
}

// primary is replicaof: a host and a port, or "no one".
type primary struct{}

func (primary) read(_ *directive, words []string, _ value, _ bool) (value, error) {
	if len(words) == 0 {
		return value{}, nil // the default; a file's line always has a word
	}
	if len(words) != 2 {
		return value{}, reason("wrong number of arguments")
	}
	if strings.EqualFold(words[0], "no") && strings.EqualFold(words[1], "one") {
		return value{}, nil
	}
	port, ok := loose(words[1], 10)
	if !ok || port < 0 || port > 65535 {
		return value{}, reason("Invalid master port")
	}
	return value{text: words[0] + " " + strconv.FormatInt(port, 10), num: port}, nil
}

func (primary) lines(v value) []string {
	if v.text == "" {
		return []string{"no one"}
	}
	host, port, _ := strings.Cut(v.text, " ")
	return []string{quote(host) + " " + port}
}

// directory is dir: a directory that is there, kept absolute. A relative one
// counts from the one before it, as one chdir does from the last.
type directory struct{}

func (directory) read(_ *directive, words []string, was value, _ bool) (value, error) {
	path := words[0]
	if path == "" {
		return value{}, reason("No such file or directory")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(was.text, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return value{}, reason(osReason(err))
	}
	if !info.IsDir() {
		return value{}, reason("Not a directory")
	}
	return value{text: filepath.Clean(path)}, nil
}

func (directory) lines(v value) []string { return []string{quote(v.text)} }

// osReason words an error of a file as C does, without the path.
func osReason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, fs.ErrPermission):
		return "Permission denied"
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return "Not a directory"
	}
	return err.Error()
}

// grouped cuts a list of words into lines of n.
func grouped(list string, n int) []string {
	var lines []string
	for group := range slices.Chunk(strings.Fields(list), n) {
		lines = append(lines, strings.Join(group, " "))
	}
	return lines
}
