package redistest

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// A Load is a random load of writes of all types.
type Load struct{ R *rand.Rand }

func (l *Load) key(kind string) string { return kind + strconv.Itoa(l.R.IntN(20)) }
func (l *Load) num() string            { return strconv.Itoa(l.R.IntN(1000)) }

func (l *Load) word() string {
	if l.R.IntN(20) == 0 {
		return strings.Repeat("w", l.R.IntN(5000))
	}
	return "w" + strconv.Itoa(l.R.IntN(200))
}

// next returns a command.
func (l *Load) next() []string {
	all := [][]string{
		{"SET", l.key("s"), l.word()}, {"SET", l.key("s"), l.num(), "PX", strconv.Itoa(1 + l.R.IntN(500))},
		{"APPEND", l.key("s"), l.word()}, {"SETRANGE", l.key("s"), l.num(), l.word()}, {"SETBIT", l.key("s"), l.num(), "1"},
		{"INCRBY", l.key("n"), l.num()}, {"INCRBYFLOAT", l.key("n"), "0." + l.num()}, {"GETEX", l.key("s"), "EX", "100"},
		{"LPUSH", l.key("l"), l.word(), l.word()}, {"RPUSH", l.key("l"), l.num()}, {"LPOP", l.key("l")},
		{"LMOVE", l.key("l"), l.key("l"), "LEFT", "RIGHT"}, {"LTRIM", l.key("l"), "0", "50"}, {"LINSERT", l.key("l"), "BEFORE", "w1", "x"},
		{"HSET", l.key("h"), l.word(), l.word()}, {"HDEL", l.key("h"), l.word()}, {"HINCRBYFLOAT", l.key("h"), "f" + l.num(), "1.5"},
		{"SADD", l.key("i"), l.num(), l.num()}, {"SADD", l.key("t"), l.word(), l.word()}, {"SPOP", l.key("t"), "2"}, {"SMOVE", l.key("t"), l.key("t"), "w1"},
		{"SUNIONSTORE", l.key("t"), l.key("t"), l.key("i")},
		{"ZADD", l.key("z"), l.num(), l.word()}, {"ZINCRBY", l.key("z"), "0.5", l.word()}, {"ZPOPMIN", l.key("z")},
		{"ZREMRANGEBYRANK", l.key("z"), "0", "1"}, {"GEOADD", l.key("g"), "13." + l.num(), "38.1", l.word()},
		{"XADD", l.key("x"), "MAXLEN", "~", "100", "*", "f", l.word()}, {"XGROUP", "CREATE", l.key("x"), "grp", "0", "MKSTREAM"},
		{"XREADGROUP", "GROUP", "grp", "c" + strconv.Itoa(l.R.IntN(3)), "COUNT", "3", "STREAMS", l.key("x"), ">"},
		{"XTRIM", l.key("x"), "MAXLEN", "20"}, {"XAUTOCLAIM", l.key("x"), "grp", "c1", "0", "0"},
		{"PFADD", l.key("p"), l.word(), l.num()}, {"PFMERGE", l.key("p"), l.key("p"), l.key("p")},
		{"EXPIRE", l.key([]string{"s", "l", "h", "t", "z", "x"}[l.R.IntN(6)]), strconv.Itoa(1 + l.R.IntN(2))}, {"PERSIST", l.key("l")},
		{"RENAME", l.key("l"), l.key("l")}, {"COPY", l.key("z"), l.key("z"), "REPLACE"}, {"DEL", l.key("h"), l.key("s")},
		{"UNLINK", l.key("x")}, {"SORT", l.key("i"), "STORE", l.key("l")}, {"MOVE", l.key("s"), "1"},
	}
	return all[l.R.IntN(len(all))]
}

// Run writes n times, in MULTI now and then, and in several databases. It ends early
// when stop is closed.
func (l *Load) Run(t testing.TB, c Client, n int, stop <-chan struct{}) {
	t.Helper()
	for range n {
		select {
		case <-stop:
			return
		default:
		}
		switch l.R.IntN(30) {
		case 0:
			c.Do("MULTI")
			for range 1 + l.R.IntN(4) {
				c.Do(l.next()...)
			}
			c.Do("EXEC")
		case 1:
			c.Do("SELECT", strconv.Itoa(l.R.IntN(3)))
		case 2:
			if l.R.IntN(20) == 0 {
				c.Do("FLUSHDB")
			}
		default:
			if v := c.Do(l.next()...); v.Kind == Closed || v.Kind == Timeout {
				t.Errorf("a write: %s", v)
				return
			}
		}
	}
}
