package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/redistest"
)

func TestLolwut(t *testing.T) {
	p := open(t).peer(t)
	const last = "Redis ver. 7.0.15\n"
	for _, test := range []struct {
		words string
		lines int
	}{
		{"", 19}, {"VERSION 5", 19}, {"VERSION 5 4 1", 7}, {"1 2 abc", 1}, {"VERSION 5 99999999999 99999999999 7", 121}, {"VERSION 5 -1 -1", 7},
	} {
		got := verbatim(p.Do(append([]string{"LOLWUT"}, strings.Fields(test.words)...)...))
		if !strings.HasSuffix(got, last) || strings.Count(got, "\n") != test.lines {
			t.Errorf("LOLWUT %s has %d lines:\n%s", test.words, strings.Count(got, "\n"), got)
		}
	}
	p.check(`LOLWUT VERSION x -> (error) ERR value is not an integer or out of range`)
}

func TestShutdown(t *testing.T) {
	p := open(t).peer(t)
	p.check(`
		SHUTDOWN -> (error) ERR SHUTDOWN is not available: the store is part of a program, which ends it
		SHUTDOWN NOSAVE NOW FORCE -> (error) ERR SHUTDOWN is not available: the store is part of a program, which ends it
		SHUTDOWN ABORT -> (error) ERR No shutdown in progress.
		SHUTDOWN ABORT NOW -> (error) ERR syntax error
		SHUTDOWN SAVE NOSAVE -> (error) ERR syntax error
		SHUTDOWN x -> (error) ERR syntax error
		PING -> PONG
		MULTI -> OK
		SHUTDOWN -> (error) ERR Command not allowed inside a transaction
	`)
}

func TestTime(t *testing.T) {
	v := open(t).peer(t).Do("TIME")
	if len(v.Elems) != 2 || len(v.Elems[0].Str) != 10 || len(v.Elems[1].Str) > 6 || v.Elems[0].Kind != redistest.Bulk {
		t.Errorf("TIME = %s", v)
	}
}

func TestMemory(t *testing.T) {
	p := open(t).peer(t)
	p.check(`
		MEMORY USAGE nope -> (nil)
		SET k v -> OK
		MEMORY USAGE k SAMPLES -1 -> (error) ERR syntax error
		MEMORY USAGE k SAMPLES x -> (error) ERR value is not an integer or out of range
		MEMORY USAGE k SAMPLES 1 SAMPLES -> (error) ERR syntax error
		MEMORY PURGE -> OK
	`)
	if v := p.Do("MEMORY", "USAGE", "k", "SAMPLES", "0"); v.Int < 10 || v.Int > 200 {
		t.Errorf("MEMORY USAGE = %s", v)
	}
	small := verbatim(p.Do("MEMORY", "DOCTOR"))
	p.Do("SET", "big", strings.Repeat("x", 6<<20))
	well := verbatim(p.Do("MEMORY", "DOCTOR"))
	p.queued.Store(1 << 30)
	if ill := verbatim(p.Do("MEMORY", "DOCTOR")); small == well || well == ill || !strings.Contains(ill, "1.00G") {
		t.Errorf("MEMORY DOCTOR says %q, %q, %q", small, well, ill)
	}
}

func TestRole(t *testing.T) {
	p := open(t).peer(t)
	start := time.Now().Unix()
	v := p.Do("LASTSAVE")
	if d := v.Int - start; d < -1 || d > 1 {
		t.Errorf("LASTSAVE = %s", v)
	}
	p.check(`
		READONLY -> (error) ERR This instance has cluster support disabled
		READWRITE -> (error) ERR This instance has cluster support disabled
		ROLE -> (array 3)   "master"   (integer) 0   (array 0)
	`)
}
