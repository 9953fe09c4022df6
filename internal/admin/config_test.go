package admin_test

import (
	"testing"
)

func TestConfigActs(t *testing.T) {
	s := open(t)
	p := s.peer(t)
	p.check(`
		CONFIG SET maxmemory 1 -> OK
		SET k v -> OK
		SET k2 v -> (error) OOM command not allowed when used memory > 'maxmemory'.
		CONFIG SET maxmemory 0 -> OK
		SET k2 v -> OK
		CONFIG SET maxmemory-policy allkeys-lfu -> OK
		OBJECT IDLETIME k -> (error) ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.
		CONFIG SET proto-max-bulk-len 1mb -> OK
		SETRANGE k 1048576 x -> (error) ERR string exceeds maximum allowed size (proto-max-bulk-len)
	`)
}

// TestConfigInExec sets what takes every shard while EXEC holds some.
func TestConfigInExec(t *testing.T) {
	s := open(t, "enable-debug-command", "yes")
	p := s.peer(t)
	p.check(`
		MULTI -> OK
		SET k v -> QUEUED
		CONFIG SET maxmemory 100 -> QUEUED
		CONFIG GET maxmemory -> QUEUED
		INFO memory -> QUEUED
		INFO keyspace -> QUEUED
		DEBUG DIGEST -> QUEUED
	`)
	if v := p.Do("EXEC"); len(v.Elems) != 6 || v.Elems[2].Elems[1].Str != "100" {
		t.Errorf("EXEC = %s", v)
	}
	if got := field(verbatim(p.Do("INFO", "memory")), "maxmemory", ":"); got != "100" {
		t.Errorf("maxmemory after EXEC = %s", got)
	}
	p.check(`SET k2 v -> (error) OOM command not allowed when used memory > 'maxmemory'.`)
}

func TestRequirePass(t *testing.T) {
	s := open(t)
	before := s.peer(t)
	before.check(`CONFIG SET requirepass secret -> OK`)
	after := s.peer(t)
	after.check(`
		PING -> (error) NOAUTH Authentication required.
		AUTH wrong -> (error) WRONGPASS invalid username-password pair or user is disabled.
		GET -> (error) ERR wrong number of arguments for 'get' command
	`)
	before.check(`
		PING -> PONG
		CONFIG SET requirepass '' -> OK
	`)
	after.check(`PING -> PONG`)
	before.check(`CONFIG SET requirepass secret -> OK`)
	after.check(`
		PING -> (error) NOAUTH Authentication required.
		AUTH secret -> OK
		PING -> PONG
		RESET -> RESET
		PING -> (error) NOAUTH Authentication required.
	`)
}

func TestProtectedConfig(t *testing.T) {
	s := open(t)
	s.peer(t).check(`
		CONFIG SET dir . -> (error) ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config
		CONFIG SET port -> (error) ERR wrong number of arguments for 'config|set' command
	`)
}

func TestResetStat(t *testing.T) {
	p := open(t).peer(t)
	p.Do("GET", "nope")
	p.Do("NOSUCH")
	p.Do("CONFIG", "RESETSTAT")
	info := verbatim(p.Do("INFO", "all"))
	for name, want := range map[string]string{
		"keyspace_misses": "0", "total_error_replies": "0", "errorstat_ERR": "", "cmdstat_get": "",
		"latency_percentiles_usec_get": "", "total_connections_received": "0",
	} {
		if got := field(info, name, ":"); got != want {
			t.Errorf("%s after RESETSTAT = %q, want %q", name, got, want)
		}
	}
}
