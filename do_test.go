package larder_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/larderdb/larder"
)

func TestDo(t *testing.T) {
	db := open(t, larder.Options{})
	for _, tt := range []struct {
		line string
		want any
		err  error
	}{
		{"SET k v", "OK", nil},
		{"GET k", "v", nil},
		{"GET nothing", nil, larder.ErrNil},
		{"INCR n", int64(1), nil},
		{"MGET k nothing", []any{"v", nil}, nil},
		{"CONFIG GET maxmemory", map[string]any{"maxmemory": "0"}, nil},
		{"INCR k", nil, larder.ErrNotInt},
		{"NOSUCH", nil, larder.Error("ERR unknown command 'NOSUCH', with args beginning with: ")},
		{"WATCH k", "OK", nil},
	} {
		got, err := db.Do(strings.Fields(tt.line)...)
		if fmt.Sprint(got) != fmt.Sprint(tt.want) || !errors.Is(err, tt.err) && err != tt.err {
			t.Errorf("Do(%s) = %v, %v, want %v, %v", tt.line, got, err, tt.want, tt.err)
		}
	}
	if _, err := db.DB(3).Do("SET", "k", "three"); err != nil {
		t.Error(err)
	}
	if v, _ := db.DB(3).Get("k"); v != "three" {
		t.Errorf("database 3 has %q", v)
	}
	boom := errors.New("boom")
	db.Update(func(tx *larder.Tx) error {
		if _, err := tx.Do("SET", "k", "w"); err != nil {
			t.Error(err)
		}
		if v, err := tx.Do("GET", "k"); v != "w" || err != nil {
			t.Errorf("GET in the transaction = %v, %v", v, err)
		}
		return boom
	})
	if v, _ := db.Get("k"); v != "v" {
		t.Errorf("k = %q after the transaction was undone", v)
	}
}

// A map whose keys are integers has them in decimal.
func TestDoIntegerKeys(t *testing.T) {
	db := open(t, larder.Options{Config: []string{"enable-debug-command", "yes"}})
	v, err := db.Do("DEBUG", "PROTOCOL", "map")
	if m, ok := v.(map[string]any); err != nil || !ok || len(m) != 3 || m["0"] != false || m["1"] != true {
		t.Errorf("a map of integers: %v, %v", v, err)
	}
}

// Whatever words come, there is one reply, nothing panics, and the mirror agrees.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{
		"SET a 1\nGET a\nAPPEND a xyz\nSETRANGE a 3 q\nGETRANGE a 0 -1", "MULTI\nSET a 1\nINCR a\nEXEC\nDISCARD",
		"SET a 1 PX 100\nPEXPIRE a -1\nEXPIRE a 9223372036854775807\nTTL a", "MSET a 1 b 2\nRENAME a b\nCOPY b c DB 1 REPLACE\nMOVE c 1",
		"SCAN 0 MATCH a* COUNT 1\nKEYS *[\nRANDOMKEY\nDBSIZE", "LCS a b IDX WITHMATCHLEN\nINCRBYFLOAT a 1e308\nBITFOO",
		"SELECT 1\nSWAPDB 0 1\nFLUSHALL ASYNC\nOBJECT ENCODING a\nMEMORY USAGE a", "WATCH a\nMULTI\nSET a 2\nEXEC\nCLIENT LIST\nINFO",
		"COMMAND GETKEYS SET a b\nCOMMAND DOCS get\nCONFIG GET *\nDEBUG OBJECT a", "HELLO 3 SETNAME x\nRESET\nECHO a\nPING a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, script string) {
		if len(script) > 4000 {
			return
		}
		for _, slow := range []string{"sleep", "populate", "block", "shutdown"} {
			if strings.Contains(strings.ToLower(script), slow) {
				return
			}
		}
		db := open(t, larder.Options{Backlog: 8 << 20, Config: []string{"enable-debug-command", "yes", "proto-max-bulk-len", "1mb"}})
		c := newConn(db)
		defer c.Close()
		for line := range strings.SplitSeq(script, "\n") {
			words := strings.Split(line, " ")
			if words[0] == "" || strings.EqualFold(words[0], "client") && len(words) > 1 && strings.EqualFold(words[1], "reply") {
				continue
			}
			var bs [][]byte
			for _, w := range words {
				bs = append(bs, []byte(w))
			}
			if out := c.conn.Exec(nil, bs); len(out) == 0 || out[len(out)-1] != '\n' {
				t.Fatalf("%q answers %q", line, out)
			} else if strings.HasPrefix(string(out), "-ERR internal error") {
				t.Fatalf("%q panicked", line)
			}
			if c.conn.Closing() {
				break
			}
		}
	})
}
