package larder_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
)

// A hashTalk is a connection to a store of which the tests of the newer commands hold
// the replies to their documentation: the reference does not know them.
type hashTalk struct {
	t  *testing.T
	db *larder.DB
	c  *conn
	l  heard
}

func talk(t *testing.T, o larder.Options) *hashTalk {
	o.Config = append(o.Config, "enable-debug-command", "yes")
	db := open(t, o)
	h := &hashTalk{t: t, db: db, c: newConn(db), l: (&inProcess{db: db}).Listen(t).(heard)}
	t.Cleanup(func() {
		h.c.Close()
		h.l.Close()
	})
	h.l.Effects()
	return h
}

// do compares a reply, and effects what a replica was sent since, and the events.
func (h *hashTalk) do(line, want string) {
	h.t.Helper()
	words := strings.Fields(line)
	for i := range words {
		if words[i] == `""` {
			words[i] = ""
		}
	}
	got := strings.Join(h.c.Do(words...).Lines(), " ")
	if got = strings.Join(strings.Fields(got), " "); got != want {
		h.t.Errorf("%s\nwant %s\n got %s", line, want, got)
	}
}

func (h *hashTalk) effects(want string) {
	h.t.Helper()
	var got []string
	for _, words := range h.l.Effects() {
		got = append(got, strings.Join(words, " "))
	}
	events := ""
	for _, e := range h.l.Events() {
		events += " " + e.String()
	}
	if all := strings.Join(got, "; ") + " |" + events; all != want {
		h.t.Errorf("want %s\n got %s", want, all)
	}
}

// in runs the test for each form of a hash: small ones, and big ones.
func eachForm(t *testing.T, f func(t *testing.T, h *hashTalk, encoding string)) {
	for limit, encoding := range map[string]string{"512": `"listpackex"`, "0": `"hashtable"`} {
		t.Run(encoding, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f(t, talk(t, larder.Options{Config: []string{"hash-max-listpack-entries", limit}}), encoding)
			})
		})
	}
}

func TestHashExpire(t *testing.T) {
	eachForm(t, func(t *testing.T, h *hashTalk, encoding string) {
		now := time.Now().UnixMilli()
		h.do("HSET h a 1 b 2 c 3", "(integer) 3")
		h.effects("SELECT 0; HSET h a 1 b 2 c 3 | hset:h")
		h.do("HEXPIRE h 10 FIELDS 3 a nope b", "(array 3) (integer) 1 (integer) -2 (integer) 1")
		h.effects(fmt.Sprintf("HPEXPIREAT h %d FIELDS 2 a b | hexpire:h", now+10000))
		h.do("OBJECT ENCODING h", encoding)
		h.do("HTTL h FIELDS 4 a b c nope", "(array 4) (integer) 10 (integer) 10 (integer) -1 (integer) -2")
		h.do("HPTTL h FIELDS 1 a", "(array 1) (integer) 10000")
		h.do("HEXPIRETIME h FIELDS 2 a c", fmt.Sprintf("(array 2) (integer) %d (integer) -1", (now+10999)/1000))
		h.do("HPEXPIRETIME h FIELDS 1 a", fmt.Sprintf("(array 1) (integer) %d", now+10000))
		h.effects(" |")
		h.do("HPEXPIRE h 500 FIELDS 1 c", "(array 1) (integer) 1")
		h.do("HTTL h FIELDS 1 c", "(array 1) (integer) 1") // rounded up
		h.do(fmt.Sprintf("HPEXPIREAT h %d FIELDS 1 c", now+700), "(array 1) (integer) 1")
		h.do(fmt.Sprintf("HEXPIREAT h %d FIELDS 1 b", now/1000+20), "(array 1) (integer) 1")
		h.effects(fmt.Sprintf("HPEXPIREAT h %d FIELDS 1 c; HPEXPIREAT h %d FIELDS 1 c; HPEXPIREAT h %d FIELDS 1 b | hexpire:h hexpire:h hexpire:h",
			now+500, now+700, (now/1000+20)*1000))
		time.Sleep(699 * time.Millisecond)
		if encoding == `"listpackex"` {
			h.do("HGETALL h", `(array 6) "c" "3" "a" "1" "b" "2"`) // in the order of their times
		}
		h.do("HGET h c", `"3"`)
		time.Sleep(time.Millisecond)
		h.do("HLEN h", "(integer) 2")
		h.do("HGET h c", "(nil)")
		h.do("HEXISTS h c", "(integer) 0")
		h.effects("HDEL h c | hexpired:h")
		time.Sleep(30 * time.Second)
		h.effects("HDEL h a; HDEL h b | hexpired:h hexpired:h del:h") // nobody asked
		h.do("EXISTS h", "(integer) 0")
	})
}

func TestHashExpireConditions(t *testing.T) {
	eachForm(t, func(t *testing.T, h *hashTalk, _ string) {
		h.do("HSET h a 1 b 2", "(integer) 2")
		for _, test := range []struct {
			args, field string
			want        int
			ttl         int // then
		}{
			{"100 XX", "a", 0, -1}, {"100 GT", "a", 0, -1}, {"100 LT", "a", 1, 100}, {"50 NX", "a", 0, 100}, {"50 GT", "a", 0, 100},
			{"100 GT", "a", 0, 100}, {"101 GT", "a", 1, 101}, {"101 LT", "a", 0, 101}, {"102 LT", "a", 0, 101}, {"60 LT", "a", 1, 60},
			{"70 XX", "a", 1, 70}, {"80 NX", "b", 1, 80}, {"90", "b", 1, 90}, {"0 NX", "b", 0, 90}, {"0 GT", "b", 0, 90}, {"5 NX", "nope", -2, -2},
			{"0 LT", "b", 2, -2}, {"0 XX", "a", 2, -2},
		} {
			h.do("HEXPIRE h "+test.args+" FIELDS 1 "+test.field, fmt.Sprintf("(array 1) (integer) %d", test.want))
			h.do("HTTL h FIELDS 1 "+test.field, fmt.Sprintf("(array 1) (integer) %d", test.ttl))
		}
		h.do("EXISTS h", "(integer) 0")
		h.l.Effects()
		h.l.Events()
		h.do("HSET h a 1 b 2 c 3", "(integer) 3")
		h.do("HEXPIRE h 0 FIELDS 4 a a nope b", "(array 4) (integer) 2 (integer) -2 (integer) -2 (integer) 2")
		h.effects("HSET h a 1 b 2 c 3; HDEL h a b | hset:h hdel:h")
		h.do("HPEXPIREAT h 1 NX FIELDS 1 c", "(array 1) (integer) 2")
		h.effects("HDEL h c | hdel:h del:h")
		h.do("HEXPIRE h 10 XX FIELDS 1 c", "(array 1) (integer) -2")
		h.effects(" |")
	})
}

func TestHashExpireErrors(t *testing.T) {
	h := talk(t, larder.Options{})
	h.do("HSET h a 1", "(integer) 1")
	h.do("SET s x", "OK")
	const (
		wrong    = "(error) WRONGTYPE Operation against a key holding the wrong kind of value"
		missing  = "(error) ERR Mandatory argument FIELDS is missing or not at the right position"
		low      = "(error) ERR Parameter `numFields` should be greater than 0"
		positive = "(error) ERR Number of fields must be a positive integer"
		match    = "(error) ERR The `numfields` parameter must match the number of arguments"
		notInt   = "(error) ERR value is not an integer or out of range"
		negative = "(error) ERR invalid expire time, must be >= 0"
		last     = 1<<46 - 1
	)
	for _, name := range []string{"HEXPIRE", "HPEXPIRE", "HEXPIREAT", "HPEXPIREAT"} {
		lower := strings.ToLower(name)
		tooLate := "(error) ERR invalid expire time in '" + lower + "' command"
		for args, want := range map[string]string{
			"": arity(lower), "h": arity(lower), "h 1 FIELDS 1": arity(lower),
			"s 1 FIELDS 1 a": wrong, "s x FOO 0 a": wrong,
			"h x FIELDS 1 a": notInt, "h x FOO 1 a": notInt, "h 1.5 FIELDS 1 a": notInt, "h 9223372036854775808 FIELDS 1 a": notInt,
			"h -1 FIELDS 1 a": negative, "h -9223372036854775808 FIELDS 1 a": negative, "h -1 FOO 1 a": negative,
			"h 9223372036854775807 FIELDS 1 a": tooLate, "h 9223372036854775 FIELDS 1 a": tooLate,
			"h 99999999999999999 FOO 1 a": tooLate,
			"h 1 FOO 1 a":                 missing, "h 1 NX FOO 1 a": missing, "h 1 NX XX FIELDS 1 a": missing, "h 1 FIELD 1 a": missing, "h 1 NX 1 FIELDS a": missing,
			"h 1 FIELDS 0 a": low, "h 1 FIELDS -1 a": low, "h 1 FIELDS x a": low, "h 1 FIELDS 9223372036854775808 a": low, "h 1 GT FIELDS x a": low,
			"h 1 FIELDS 2 a": match, "h 1 FIELDS 1 a b": match, "h 1 FIELDS 9223372036854775807 a": match, "h 1 NX FIELDS 1": match,
			"nope 1 FIELDS 2 a b": "(array 2) (integer) -2 (integer) -2", "nope x FIELDS 2 a b": notInt, "nope 1 FIELDS 3 a b": match,
			"h 9999999999 NX fields 1 nope": "(array 1) (integer) -2",
		} {
			h.do(name+" "+args, want)
		}
	}
	h.do(fmt.Sprintf("HPEXPIREAT h %d FIELDS 1 a", int64(last)+1), "(error) ERR invalid expire time in 'hpexpireat' command")
	h.do(fmt.Sprintf("HPEXPIREAT h %d FIELDS 1 a", int64(last)), "(array 1) (integer) 1")
	h.do("HPEXPIRETIME h FIELDS 1 a", fmt.Sprintf("(array 1) (integer) %d", int64(last)))
	h.do(fmt.Sprintf("HEXPIREAT h %d FIELDS 1 a", int64(last)/1000+1), "(error) ERR invalid expire time in 'hexpireat' command")
	for _, name := range []string{"HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME", "HPERSIST", "HGETDEL", "HGETEX"} {
		lower := strings.ToLower(name)
		nope := "(array 2) (integer) -2 (integer) -2"
		if strings.HasPrefix(name, "HGET") {
			nope = "(array 2) (nil) (nil)"
		}
		for args, want := range map[string]string{
			"h": arity(lower), "h FIELDS 1": arity(lower), "s FIELDS 1 a": wrong, "s FOO x a": wrong,
			"h FOO 1 a": missing, "h FIELDS 0 a": positive, "h FIELDS -1 a": positive, "h FIELDS x a": positive, "h FIELDS 9223372036854775808 a": positive,
			"h FIELDS 2 a": match, "h FIELDS 1 a b": match, "h FIELDS 9223372036854775807 a": match,
			"nope FIELDS 2 a b": nope, "nope FIELDS 3 a b": match, "h FIELDS 2 b c": nope,
		} {
			h.do(name+" "+args, want)
		}
	}
	for args, want := range map[string]string{
		"h EX 0 FIELDS 1 nope": "(array 1) (nil)", "h EX x FIELDS 1 a": notInt, "h PX -1 FIELDS 1 a": negative, "h EX 9223372036854775807 FIELDS 1 a": "(error) ERR invalid expire time in 'hgetex' command",
		"h EX 1 PX 1 FIELDS 1 a": missing, "h PERSIST EX 1 FIELDS 1 a": missing, "h FOO FIELDS 1 a": missing, "s EX x FIELDS 1 a": wrong, "h EX 10 FIELDS": missing, "h KEEPTTL FIELDS 1 a": missing,
		"h EX FIELDS 1 a": notInt, "h PXAT 5 FIELDS 2 a": match, "nope EX x FIELDS 1 a": notInt, "nope EX 1 FIELDS 1 a": "(array 1) (nil)",
	} {
		h.do("HGETEX "+args, want)
	}
	const (
		conditions  = "(error) ERR Only one of FXX or FNX arguments can be specified"
		expirations = "(error) ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified"
		count       = "(error) ERR invalid number of fields"
	)
	for args, want := range map[string]string{
		"h FIELDS 1 a": arity("hsetex"), "h FIELDS 1 a b c": arity("hsetex"), "h FIELDS 2 a b": arity("hsetex"), "h FIELDS 1 a b c d": arity("hsetex"),
		"h FIELDS 0 a b": count, "h FIELDS -1 a b": count, "h FIELDS x a b": count, "h FIELDS 2147483648 a b": count, "h FIELDS 2147483647 a b": arity("hsetex"),
		"h FNX FXX FIELDS 1 a b": conditions, "h FNX FNX FIELDS 1 a b": conditions, "h EX 1 PX 1 FIELDS 1 a b": expirations, "h KEEPTTL EX 1 FIELDS 1 a b": expirations,
		"h EX 1 KEEPTTL FIELDS 1 a b": expirations, "h KEEPTTL KEEPTTL FIELDS 1 a b": expirations, "h EX x FOO 1 a b": notInt, "h EX -1 FIELDS 1 a b": negative,
		"h FOO FIELDS 1 a b": "(error) ERR unknown argument: FOO", "h FNX KEEPTTL FNX FXX a": conditions, "h KEEPTTL FNX a b": "(error) ERR unknown argument: a", "h FNX KEEPTTL EXAT 5 PX": expirations,
		"h FNX FIELDS 1 a b extra EX": arity("hsetex"), "h EXAT 99999999999 FIELDS 1 a b": "(error) ERR invalid expire time in 'hsetex' command", "s FIELDS 1 a b": wrong, "s EX x FIELDS 1 a b": notInt,
		"s FOO FIELDS 1 a b": "(error) ERR unknown argument: FOO", "nope FXX FIELDS 1 a b": "(integer) 0", "h FNX PXAT 1 2 EX": "(error) ERR unknown argument: 2", "h FNX FNX FNX FNX EX": conditions,
	} {
		h.do("HSETEX "+args, want)
	}
	h.do("HSETEX h FNX KEEPTTL", arity("hsetex"))
	h.do("HSETEX h FNX a b EX", "(error) ERR unknown argument: a")
	h.do("HGETALL h", `(array 2) "a" "1"`) // nothing of all this has changed it
}

func arity(name string) string {
	return "(error) ERR wrong number of arguments for '" + name + "' command"
}

func TestHashPersist(t *testing.T) {
	eachForm(t, func(t *testing.T, h *hashTalk, encoding string) {
		h.do("HSET h a 1 b 2 c 3", "(integer) 3")
		h.do("HEXPIRE h 10 FIELDS 2 a b", "(array 2) (integer) 1 (integer) 1")
		h.l.Effects()
		h.l.Events()
		h.do("HPERSIST h FIELDS 4 a c nope a", "(array 4) (integer) 1 (integer) -1 (integer) -2 (integer) 1")
		h.effects("HPERSIST h FIELDS 2 a a | hpersist:h")
		h.do("HPERSIST h FIELDS 1 a", "(array 1) (integer) -1")
		h.effects(" |")
		h.do("OBJECT ENCODING h", encoding)
		time.Sleep(time.Minute)
		h.do("HLEN h", "(integer) 2")
		h.do("HTTL h FIELDS 3 a b c", "(array 3) (integer) -1 (integer) -2 (integer) -1")
	})
}

// What gives a field another value lets it live for ever, what counts with its value
// does not.
func TestHashTTLOfWrites(t *testing.T) {
	eachForm(t, func(t *testing.T, h *hashTalk, _ string) {
		ttl := func(want int) {
			t.Helper()
			h.do("HTTL h FIELDS 1 f", fmt.Sprintf("(array 1) (integer) %d", want))
		}
		reset := func() {
			h.do("HSETEX h EX 100 FIELDS 1 f 5", "(integer) 1")
			ttl(100)
		}
		h.do("HSET h other x", "(integer) 1")
		reset()
		h.do("HSET h f 6", "(integer) 0")
		ttl(-1)
		reset()
		h.do("HMSET h f 6", "OK")
		ttl(-1)
		reset()
		h.do("HSETNX h f 6", "(integer) 0")
		ttl(100)
		h.do("HINCRBY h f 6", "(integer) 11")
		ttl(100)
		h.l.Effects()
		h.do("HINCRBYFLOAT h f 0.5", `"11.5"`)
		ttl(100)
		if got := fmt.Sprint(h.l.Effects()); got != "[[HSETEX h KEEPTTL FIELDS 1 f 11.5]]" {
			t.Errorf("HINCRBYFLOAT tells %s", got)
		}
		h.do("HSETEX h KEEPTTL FIELDS 1 f 7", "(integer) 1")
		ttl(100)
		h.do("HSETEX h FIELDS 1 f 7", "(integer) 1")
		ttl(-1)
		reset()
		h.do("HDEL h f", "(integer) 1")
		h.do("HSET h f 1", "(integer) 1")
		ttl(-1)
		reset()
		h.do("RENAME h g", "OK")
		h.do("COPY g h", "(integer) 1")
		ttl(100)
		h.do("HTTL g FIELDS 1 f", "(array 1) (integer) 100")
	})
}

func TestHashGetDel(t *testing.T) {
	eachForm(t, func(t *testing.T, h *hashTalk, _ string) {
		h.do(`HSET h a 1 b two c ""`, "(integer) 3")
		h.l.Effects()
		h.l.Events()
		h.do("HGETDEL h FIELDS 4 a nope a b", `(array 4) "1" (nil) (nil) "two"`)
		h.effects("HDEL h a nope a b | hdel:h")
		h.do("HGETDEL h FIELDS 1 nope", `(array 1) (nil)`)
		h.effects(" |")
		h.do("HGETDEL h FIELDS 1 c", `(array 1) ""`)
		h.effects("HDEL h c | hdel:h del:h")
	})
}

func TestHashGetEx(t *testing.T) {
	eachForm(t, func(t *testing.T, h *hashTalk, _ string) {
		now := time.Now().UnixMilli()
		h.do("HSET h a 1 b two c 3", "(integer) 3")
		h.l.Effects()
		h.l.Events()
		h.do("HGETEX h FIELDS 2 a nope", `(array 2) "1" (nil)`)
		h.effects(" |")
		h.do("HGETEX h EX 10 FIELDS 3 a nope b", `(array 3) "1" (nil) "two"`)
		h.effects(fmt.Sprintf("HPEXPIREAT h %d FIELDS 2 a b | hexpire:h", now+10000))
		h.do("HGETEX h PX 5000 FIELDS 1 a", `(array 1) "1"`)
		h.do(fmt.Sprintf("HGETEX h PXAT %d FIELDS 1 a", now+6000), `(array 1) "1"`)
		h.do(fmt.Sprintf("HGETEX h EXAT %d FIELDS 1 b", now/1000+7), `(array 1) "two"`)
		h.do("HPTTL h FIELDS 3 a b c", fmt.Sprintf("(array 3) (integer) 6000 (integer) %d (integer) -1", (now/1000+7)*1000-now))
		h.l.Effects()
		h.l.Events()
		h.do("HGETEX h PERSIST FIELDS 2 a c", `(array 2) "1" "3"`)
		h.effects("HPERSIST h FIELDS 1 a | hpersist:h")
		h.do("HGETEX h PERSIST FIELDS 1 c", `(array 1) "3"`)
		h.effects(" |")
		h.do("HGETEX h EX 0 FIELDS 3 a b a", `(array 3) "1" "two" (nil)`)
		h.effects("HDEL h a b | hdel:h")
		h.do("HGETEX h PXAT 1 FIELDS 1 c", `(array 1) "3"`)
		h.effects("HDEL h c | hdel:h del:h")
	})
}

func TestHashSetEx(t *testing.T) {
	eachForm(t, func(t *testing.T, h *hashTalk, _ string) {
		now := time.Now().UnixMilli()
		h.do("HSETEX h EX 10 FIELDS 2 a 1 b 2", "(integer) 1")
		h.effects(fmt.Sprintf("SELECT 0; HSETEX h PXAT %d FIELDS 2 a 1 b 2 | hset:h hexpire:h", now+10000))
		h.do("HSETEX h FNX FIELDS 2 c 1 a 1", "(integer) 0")
		h.do("HSETEX h FXX FIELDS 2 a 1 c 1", "(integer) 0")
		h.effects(" |")
		h.do("HSETEX h FXX KEEPTTL FIELDS 2 a 3 b 4", "(integer) 1")
		h.effects("HSETEX h KEEPTTL FIELDS 2 a 3 b 4 | hset:h")
		h.do("HSETEX h FNX KEEPTTL FIELDS 1 c 5", "(integer) 1")
		h.do("HSETEX h FIELDS 1 a 6", "(integer) 1")
		h.effects("HSET h c 5; HSET h a 6 | hset:h hset:h")
		h.do("HTTL h FIELDS 3 a b c", "(array 3) (integer) -1 (integer) 10 (integer) -1")
		h.do("HSETEX h PXAT 1 FIELDS 2 a 1 new 1", "(integer) 1")
		h.effects("HDEL h a new | hset:h hdel:h")
		h.do("HSETEX h EXAT 0 FIELDS 2 b 1 c 1", "(integer) 1")
		h.effects("HDEL h b c | hset:h hdel:h del:h")
		h.do("EXISTS h", "(integer) 0")
	})
}

// A hash of which no field lives is no key: to no command, in no listing.
func TestHashGone(t *testing.T) {
	eachForm(t, func(t *testing.T, h *hashTalk, _ string) {
		h.do("DEBUG SET-ACTIVE-EXPIRE 0", "OK")
		gone := func() {
			t.Helper()
			h.do("HSETEX h PX 5 FIELDS 2 a 1 b 2", "(integer) 1")
			time.Sleep(5 * time.Millisecond)
		}
		for _, line := range []string{
			"EXISTS h = (integer) 0", "TYPE h = none", "HLEN h = (integer) 0", "HGETALL h = (array 0)", "TTL h = (integer) -2", "KEYS * = (array 0)",
			"GET h = (nil)", "OBJECT ENCODING h = (nil)", "RANDOMKEY = (nil)", `SCAN 0 = (array 2) "0" (array 0)`, "RENAME h g = (error) ERR no such key",
			"COPY h g = (integer) 0", "MOVE h 1 = (integer) 0", "HRANDFIELD h = (nil)", "HRANDFIELD h 2 = (array 0)", `HSCAN h 0 = (array 2) "0" (array 0)`,
			"DEL h = (integer) 0", "EXPIRE h 10 = (integer) 0", "PERSIST h = (integer) 0", "HDEL h a = (integer) 0", "HMGET h a b = (array 2) (nil) (nil)",
			"HTTL h FIELDS 1 a = (array 1) (integer) -2", "HPERSIST h FIELDS 1 a = (array 1) (integer) -2", "HEXPIRE h 5 FIELDS 1 a = (array 1) (integer) -2",
			"HSETNX h a 2 = (integer) 1", "HINCRBY h a 2 = (integer) 2", "SET h x NX = OK", "HSETEX h FNX FIELDS 1 a 1 = (integer) 1",
			"HSETEX h FXX FIELDS 1 a 1 = (integer) 0", "XADD h 1-1 a 1 = \"1-1\"", "DEBUG DIGEST = 0000000000000000000000000000000000000000",
		} {
			gone()
			command, want, _ := strings.Cut(line, " = ")
			h.do(command, want)
			h.c.Do("FLUSHALL")
		}
		gone()
		snap := h.db.Snapshot()
		if n := len(slices.Collect(snap.All())); n != 0 {
			t.Errorf("a snapshot yields %d keys", n)
		}
		if _, err := snap.HGet("h", "a"); err != larder.ErrNil {
			t.Errorf("a snapshot's HGet = %v", err)
		}
		snap.Close()
	})
}

// A write removes what is due first, as effects of its own, whatever it is.
func TestHashPurgeBeforeWrites(t *testing.T) {
	eachForm(t, func(t *testing.T, h *hashTalk, _ string) {
		h.do("DEBUG SET-ACTIVE-EXPIRE 0", "OK")
		h.l.Effects()
		for _, test := range []struct{ command, reply, effects string }{
			{"HSET h a 2", "(integer) 1", "MULTI; HDEL h a b; HSET h a 2; EXEC | hexpired:h hset:h"},
			{"HDEL h a", "(integer) 0", "HDEL h a b | hexpired:h"},
			{"HINCRBY h a 2", "(integer) 2", "MULTI; HDEL h a b; HINCRBY h a 2; EXEC | hexpired:h hincrby:h"},
			{"HINCRBY h t 2", "(error) ERR hash value is not an integer", "HDEL h a b | hexpired:h"},
			{"HSETEX h FXX FIELDS 1 a 2", "(integer) 0", "HDEL h a b | hexpired:h"},
			{"DEL h", "(integer) 1", "MULTI; HDEL h a b; DEL h; EXEC | hexpired:h del:h"},
			{"EXPIRE h 100000000 XX", "(integer) 0", "HDEL h a b | hexpired:h"},
			{"SET h x", "OK", "MULTI; HDEL h a b; SET h x; EXEC | hexpired:h set:h"},
			{"RENAME h g", "OK", "MULTI; HDEL h a b; RENAME h g; EXEC | hexpired:h rename_from:h rename_to:g"},
			{"RENAME x h", "OK", "MULTI; HDEL h a b; RENAME x h; EXEC | hexpired:h rename_from:x rename_to:h"},
			{"HGET h a", "(nil)", "HDEL h a b | hexpired:h"}, // a reader, after its locks
			{"HLEN h", "(integer) 1", "HDEL h a b | hexpired:h"},
			{"HGET h t", `"text"`, "HDEL h a b | hexpired:h"},
		} {
			h.c.Do("FLUSHALL")
			h.do("HSET h a 1 b 1 t text", "(integer) 3")
			h.do("SET x y", "OK")
			h.do("HPEXPIRE h 10 FIELDS 1 a", "(array 1) (integer) 1")
			h.do("HPEXPIRE h 15 FIELDS 1 b", "(array 1) (integer) 1")
			time.Sleep(20 * time.Millisecond)
			h.l.Effects()
			h.l.Events()
			h.do(test.command, test.reply)
			h.effects(test.effects)
		}
	})
}

// Many fields at once: removed in steps, told in HDELs of a bounded length.
func TestHashManyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := talk(t, larder.Options{})
		const n = 5000
		fields := make([]string, n)
		pairs := []string{"stays", "v"}
		for i := range fields {
			fields[i] = fmt.Sprint("field", i)
			pairs = append(pairs, fields[i], "v")
		}
		h.db.HSet("h", pairs...)
		h.db.HExpire("h", time.Second, fields...)
		h.db.HSet("g", pairs[2:]...)
		h.db.HExpire("g", time.Second, fields...)
		h.l.Effects()
		h.l.Events()
		full := larder.Used(h.db)
		time.Sleep(3 * time.Second)
		if k := larder.HiddenFields(h.db, "h"); k != 1 {
			t.Errorf("%d fields are there, want 1", k)
		}
		if used := larder.Used(h.db); used > full/4 {
			t.Errorf("%d bytes are in use, %d before", used, full)
		}
		gone := map[string]int{}
		for _, words := range h.l.Effects() {
			switch words[0] {
			case "HDEL":
				for _, f := range words[2:] {
					gone[words[1]+f]++
				}
				if len(words) > 1100 {
					t.Errorf("an HDEL of %d words", len(words))
				}
			}
		}
		if len(gone) != 2*n {
			t.Errorf("%d fields were told, want %d", len(gone), 2*n)
		}
		for f, k := range gone {
			if k != 1 {
				t.Fatalf("%s was told %d times", f, k)
			}
		}
		// A writer that comes first removes them all.
		h.db.HSet("h", pairs...)
		h.db.HExpire("h", 10*time.Millisecond, fields...)
		h.do("DEBUG SET-ACTIVE-EXPIRE 0", "OK")
		time.Sleep(20 * time.Millisecond)
		h.l.Effects()
		h.do("HSET h x y", "(integer) 1")
		if e := h.l.Effects(); len(e) != (n+1023)/1024+3 { // MULTI, HSET, EXEC
			t.Errorf("%d effects", len(e))
		}
		if k := larder.HiddenFields(h.db, "h"); k != 2 {
			t.Errorf("%d fields are there, want 2", k)
		}
	})
}

// The memory of fields comes back wherever the hash was brought: by other names, in
// other databases, in copies, by transactions that were undone.
func TestHashExpireElsewhere(t *testing.T) {
	for _, limit := range []string{"512", "0"} {
		synctest.Test(t, func(t *testing.T) {
			db := open(t, larder.Options{Config: []string{"hash-max-listpack-entries", limit}})
			make := func(key string, ttl time.Duration) {
				db.HSet(key, "stays", "v", "goes", "v")
				db.HExpire(key, ttl, "goes")
			}
			hidden := func(db *larder.DB, key string, want int) {
				t.Helper()
				if n := larder.HiddenFields(db, key); n != want {
					t.Errorf("%s has %d fields in memory, want %d", key, n, want)
				}
			}
			make("renamed", time.Second)
			db.Rename("renamed", "a name")
			make("copied", 2*time.Second)
			db.Copy(larder.CopyArgs{Source: "copied", Destination: "copy"})
			db.Copy(larder.CopyArgs{Source: "copied", Destination: "copied", DB: 3, OtherDB: true})
			make("moved", time.Second)
			db.Move("moved", 2)
			make("persisted", time.Second)
			db.HPersist("persisted", "goes")
			make("later", time.Second)
			db.HExpire("later", time.Hour, "goes")
			make("sooner", time.Hour)
			db.HExpire("sooner", time.Second, "goes")
			make("undone", time.Second)
			db.Update(func(tx *larder.Tx) error {
				tx.HPersist("undone", "goes")
				tx.Rename("undone", "other")
				tx.FlushDB()
				return context.Canceled
			})
			make("deleted", time.Second)
			db.Del("deleted")
			make("deleted", 5*time.Second)
			make("overwritten", time.Second)
			db.HSet("overwritten", "goes", "v")
			make("with the key", time.Second)
			db.Expire("with the key", 500*time.Millisecond)
			time.Sleep(4 * time.Second)
			hidden(db, "a name", 1)
			hidden(db, "copied", 1)
			hidden(db, "copy", 1)
			hidden(db.DB(3), "copied", 1)
			hidden(db.DB(2), "moved", 1)
			hidden(db, "persisted", 2)
			hidden(db, "later", 2)
			hidden(db, "sooner", 1)
			hidden(db, "undone", 1)
			hidden(db, "deleted", 2)
			hidden(db, "overwritten", 2)
			if n, _ := db.Exists("with the key"); n != 0 {
				t.Error("an expired key is there")
			}
			db.SwapDB(0, 5)
			time.Sleep(2 * time.Hour)
			hidden(db.DB(5), "deleted", 1)
			hidden(db.DB(5), "later", 1)
			db.FlushAll()
			make("again", time.Second)
			time.Sleep(3 * time.Second)
			hidden(db, "again", 1)
			if n, _ := db.DBSize(); n != 1 {
				t.Errorf("%d keys, want 1", n)
			}
		})
	}
}

// Another database of the same shard with later deadlines does not keep the earlier
// ones waiting.
func TestExpireInTwoDatabases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const late = 100 * 24 * time.Hour
		db := open(t, larder.Options{})
		for range 2 { // the second time both tables have looked at their deadlines before
			db.SetEX("k", "v", time.Second)
			db.DB(1).SetEX("k", "v", late)
			db.HSet("h", "f", "v")
			db.HExpire("h", time.Second, "f")
			db.DB(1).HSet("h", "f", "v")
			db.DB(1).HExpire("h", late, "f")
			time.Sleep(3 * time.Second)
			if n, _ := db.DBSize(); n != 0 {
				t.Errorf("%d keys are left", n)
			}
		}
		if n, _ := db.DB(1).DBSize(); n != 2 {
			t.Errorf("%d keys are left in the other database", n)
		}
	})
}

// A replica, and a store that is paused, hides due fields and removes none; what
// comes from a primary sees them all.
func TestHashHidden(t *testing.T) {
	eachForm(t, func(t *testing.T, h *hashTalk, _ string) {
		h.do("HSET h a 1 b 2 n 5", "(integer) 3")
		h.do("HPEXPIRE h 10 FIELDS 2 a n", "(array 2) (integer) 1 (integer) 1")
		if err := larder.Hide(h.db, true); err != nil {
			t.Fatal(err)
		}
		h.l.Effects()
		h.l.Events()
		time.Sleep(time.Minute)
		h.do("HLEN h", "(integer) 1")
		h.do("HGETALL h", `(array 2) "b" "2"`)
		h.do("HGET h a", "(nil)")
		for range 50 {
			h.do("HRANDFIELD h", `"b"`)
		}
		h.effects(" |")
		if n := larder.HiddenFields(h.db, "h"); n != 3 {
			t.Errorf("%d fields, want 3", n)
		}
		p := newConn(h.db)
		defer p.Close()
		larder.SetPrimary(p.conn)
		if r := p.Do("HINCRBY", "h", "n", "2"); r.Int != 7 {
			t.Errorf("a primary's HINCRBY of a hidden field = %v", r)
		}
		if r := p.Do("HDEL", "h", "a"); r.Int != 1 {
			t.Errorf("a primary's HDEL of a hidden field = %v", r)
		}
		if r := p.Do("HPEXPIREAT", "h", "1", "FIELDS", "1", "b"); r.Elems[0].Int != 1 {
			t.Errorf("a primary's HPEXPIREAT in the past = %v", r)
		}
		h.do("EXISTS h", "(integer) 0")
		if n, _ := h.db.DBSize(); n != 1 {
			t.Error("a hidden hash was deleted")
		}
		larder.Hide(h.db, false)
		time.Sleep(2 * time.Second)
		if n, _ := h.db.DBSize(); n != 0 {
			t.Error("the hash stays although its fields may be removed")
		}
	})
}

// A clock that is moved by hand has fields removed before ClockJumped returns.
func TestHashClockJumped(t *testing.T) {
	var mu sync.Mutex
	now := time.Now()
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	for _, limit := range []string{"512", "0"} {
		db := open(t, larder.Options{Now: clock, Config: []string{"hash-max-listpack-entries", limit}})
		db.HSet("h", "a", "1", "b", "2")
		db.HExpire("h", time.Hour, "a")
		db.HSet("gone", "a", "1")
		db.HExpire("gone", time.Hour, "a")
		mu.Lock()
		now = now.Add(time.Hour)
		mu.Unlock()
		db.ClockJumped()
		if n := larder.HiddenFields(db, "h"); n != 1 {
			t.Errorf("%d fields, want 1", n)
		}
		if n, _ := db.DBSize(); n != 1 {
			t.Errorf("%d keys, want 1", n)
		}
	}
}

// Fields that expire while a snapshot is open stay in it.
func TestHashExpireUnderSnapshot(t *testing.T) {
	for _, limit := range []string{"512", "0"} {
		synctest.Test(t, func(t *testing.T) {
			db := open(t, larder.Options{Config: []string{"hash-max-listpack-entries", limit}})
			db.HSet("h", "a", "1", "b", "2")
			db.HExpire("h", time.Second, "a")
			snap := db.Snapshot()
			then, _ := db.HGetAll("h")
			time.Sleep(5 * time.Second)
			if n, _ := db.HLen("h"); n != 1 {
				t.Errorf("HLen = %d", n)
			}
			if m, err := snap.HGetAll("h"); !maps.Equal(m, then) || err != nil {
				t.Errorf("the snapshot has %v, %v", m, err)
			}
			snap.Close()
		})
	}
}

// A watched hash of which a field expires is changed.
func TestHashWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, larder.Options{})
		db.HSet("h", "a", "1", "b", "2")
		db.HExpire("h", time.Second, "a")
		m := db.Multi()
		m.Watch("h")
		m.HLen("h")
		time.Sleep(5 * time.Second)
		if err := m.Exec(); err != larder.ErrTxAborted {
			t.Errorf("Exec = %v", err)
		}
	})
}

// In an EXEC time stands still, and due fields go at its beginning as far as it
// writes.
func TestHashExpireInTransactions(t *testing.T) {
	eachForm(t, func(t *testing.T, h *hashTalk, _ string) {
		h.do("DEBUG SET-ACTIVE-EXPIRE 0", "OK")
		h.do("HSET h a 1 b 2", "(integer) 2")
		h.do("HSET g a 1 b 2", "(integer) 2")
		h.do("HPEXPIRE h 10 FIELDS 1 a", "(array 1) (integer) 1")
		h.do("HPEXPIRE g 10 FIELDS 1 a", "(array 1) (integer) 1")
		time.Sleep(20 * time.Millisecond)
		h.l.Effects()
		h.l.Events()
		h.do("MULTI", "OK")
		h.do("HSET g x 1", "QUEUED")
		h.do("HLEN h", "QUEUED")
		h.do("HINCRBY h b 1", "QUEUED")
		h.do("HINCRBY h b x", "QUEUED")
		h.do("EXEC", "(array 4) (integer) 1 (integer) 1 (integer) 3 (error) ERR value is not an integer or out of range")
		h.effects("MULTI; HDEL g a; HSET g x 1; HDEL h a; HINCRBY h b 1; EXEC | hexpired:g hset:g hexpired:h hincrby:h")
		h.do("HPEXPIRE h 10 FIELDS 1 b", "(array 1) (integer) 1")
		time.Sleep(20 * time.Millisecond)
		h.l.Effects()
		h.l.Events()
		err := h.db.Update(func(tx *larder.Tx) error {
			if n, _ := tx.HLen("h"); n != 0 {
				t.Errorf("HLen = %d", n)
			}
			tx.HSet("h", "c", "3")
			return context.Canceled
		})
		if err != context.Canceled {
			t.Error(err)
		}
		h.effects("HDEL h b | hexpired:h del:h") // also after all was undone
	})
}
