package admin_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
)

// What ACL answers stands in testdata/acl*.txt, recorded from a redis-server. Here is
// where larder does otherwise, and what scripts cannot see.

// TestACLKeysLedAstray has commands whose words lead a redis-server past a key that
// they touch: a user who may not touch it could.
func TestACLKeysLedAstray(t *testing.T) {
	s := open(t)
	boss, p := s.peer(t), s.peer(t)
	boss.check(`
		RPUSH mine a -> (integer) 1
		GEOADD mine:geo 1 1 a -> (integer) 1
		XADD secret 1-1 a b -> "1-1"
		XGROUP CREATE secret STREAMS 0 -> OK
		SET theirs x -> OK
		ACL SETUSER u on nopass +@all ~mine* ~limit ~NOACK ~STREAMS -> OK
	`)
	const denied = "(error) NOPERM this user has no permissions to access one of the keys used as arguments"
	p.check(`AUTH u x -> OK`)
	for _, command := range []string{
		"SORT mine STORE limit STORE theirs",
		"GEORADIUS mine:geo 1 1 1 m STORE mine STORE theirs",
		"GEORADIUSBYMEMBER mine:geo a 1 m STORE mine STOREDIST theirs",
		"XREADGROUP BLOCK 1 GROUP STREAMS NOACK STREAMS secret >",
		"PFMERGE theirs",
		"PFMERGE other",
	} {
		if got := p.text(strings.Fields(command)...); got != denied {
			t.Errorf("%s = %s", command, got)
		}
	}
	boss.check(`
		GET theirs -> "x"
		EXISTS other -> (integer) 0
	`)
}

// TestACLMalformed gives rules that have ended servers.
func TestACLMalformed(t *testing.T) {
	p := open(t).peer(t)
	for _, rule := range []string{"%", "%~", "%~x", "(%)", "(%~x)", "(% )", "%R", "%RW", "(%R)", "(", ")", "()", "(()", "((", "( (", "(\x00)",
		"(+get", "(+get \"", "(~a \"b)", "%%~", "%RWR~x", "%\x00~", "|", "+|", "-|", "+||", "+get||", "#", "!", "<", ">", "&", "~", "+@", "@",
		strings.Repeat("(", 10000), "(" + strings.Repeat("+get ", 10000) + ")", "~" + strings.Repeat("*a", 5000), "+" + strings.Repeat("x|", 5000)} {
		p.Do("ACL", "SETUSER", "u", rule)
		if v := p.Do("ACL", "LIST"); v.IsError() || len(v.Elems) < 1 {
			t.Fatalf("ACL LIST behind %.40q = %s", rule, v)
		}
		if v := p.Do("ACL", "GETUSER", "u"); v.IsError() {
			t.Fatalf("ACL GETUSER behind %.40q = %s", rule, v)
		}
	}
	if got := p.text("ACL", "SETUSER", "u", "%"); got != "(error) ERR Error in ACL SETUSER modifier '%': Syntax error" {
		t.Errorf("a pattern that says neither R nor W: %s", got)
	}
}

// TestACLBoundedLog has names of any length denied, by somebody who has not logged in.
func TestACLBoundedLog(t *testing.T) {
	s := open(t, "requirepass", "pw", "acllog-max-len", "16")
	p, boss := s.peer(t), s.peer(t)
	boss.check(`AUTH pw -> OK`)
	for i := range 100 {
		p.Do("AUTH", strings.Repeat("x", 16000)+strconv.Itoa(i), "wrong")
	}
	size := 0
	log := boss.Do("ACL", "LOG", "1000")
	for _, e := range log.Elems {
		for _, f := range e.Elems {
			size += len(f.Str)
		}
	}
	if len(log.Elems) > 16 || size > 64<<10 {
		t.Errorf("the log has %d entries of %d bytes", len(log.Elems), size)
	}
}

// TestACLGoCallers: rules bind connections.
func TestACLGoCallers(t *testing.T) {
	s := open(t)
	s.peer(t).check(`ACL SETUSER default -@all resetkeys off -> OK`)
	if err := s.db.Set("k", "v"); err != nil {
		t.Error(err)
	}
	if got := s.peer(t).text("GET", "k"); got != "(error) NOAUTH Authentication required." {
		t.Errorf("a connection: %s", got)
	}
}

// TestACLWhileRunning changes and deletes users while they work, log in, subscribe and
// are listed: for the race detector. None is served after it was deleted.
func TestACLWhileRunning(t *testing.T) {
	s := open(t)
	boss := s.peer(t)
	boss.check(`ACL SETUSER u on nopass +@all ~* -> OK`)
	var wg sync.WaitGroup
	for range 4 {
		peers := make([]*peer, 40)
		for i := range peers {
			peers[i] = s.peer(t)
		}
		wg.Go(func() {
			for _, p := range peers {
				p.raw("AUTH", "u", "x")
				for range 20 {
					p.raw("SET", "k", "v")
					p.raw("MULTI")
					p.raw("GET", "k")
					p.raw("EXEC")
					p.raw("SUBSCRIBE", "ch")
					p.raw("UNSUBSCRIBE")
					p.raw("ACL", "WHOAMI")
					if p.conn.Closing() || p.ctx.Err() != nil {
						break
					}
				}
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			boss.raw("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~k*", "allchannels")
			boss.raw("CLIENT", "LIST")
			boss.raw("ACL", "SETUSER", "u", "-get", "resetkeys", "~x", "resetchannels", "(+get ~*)")
			boss.raw("ACL", "LIST")
			boss.raw("ACL", "LOG")
			boss.raw("ACL", "DELUSER", "u")
		}
	})
	wg.Wait()
	boss.check(`ACL DELUSER u -> (integer) 0`)
	for _, line := range strings.Split(verbatim(boss.Do("CLIENT", "LIST")), "\n") {
		if strings.Contains(line, "user=u ") {
			t.Errorf("somebody is left who is logged in to nobody: %s", line)
		}
	}
}

// TestACLFile: the users of a file, all or none.
func TestACLFile(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "users.acl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openFile := func(more ...string) (*larder.DB, error) {
		return larder.Open(larder.Options{Config: append([]string{"dir", dir, "aclfile", "users.acl"}, more...)})
	}
	for text, want := range map[string]string{
		"alice\n":         "users.acl:1 should start with user keyword followed by the username. WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
		"\n\nuser\n":      "users.acl:3 should start with user keyword followed by the username. WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
		"user a\tb on\n":  "'users.acl:1: username 'a\tb' contains invalid characters. WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
		"user a (+get on": "users.acl:1: Unmatched parenthesis in selector definition.WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
		"user a on +foo\nuser b xx yy\nuser a on\n#c\n": "users.acl:1: Error in applying operation '+foo': Unknown command or category name in ACL. users.acl:2: Syntax error. " +
			"WARNING: Duplicate user 'a' found on line 3. users.acl:4 should start with user keyword followed by the username. " +
			"WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
	} {
		write(text)
		_, err := openFile()
		if want = "larder: Options.Config: Aborting Redis startup because of ACL errors: " + want; err == nil || err.Error() != want {
			t.Errorf("%q\n got %v\nwant %s", text, err, want)
		}
	}
	os.Remove(filepath.Join(dir, "users.acl"))
	if _, err := openFile(); err == nil || !strings.HasSuffix(err.Error(), "Error loading ACLs, opening file 'users.acl': No such file or directory") {
		t.Errorf("no file: %v", err)
	}
	write("user bob on nopass +@all ~*\r\n\n   user alice  on   >pw  (+get ~a) +eval +cluster|info \n")
	if _, err := openFile("user", "carol on"); err == nil || !strings.Contains(err.Error(), "please define either an ACL file or declare users directly") {
		t.Errorf("a file and a line: %v", err)
	}
	db, err := openFile()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := &store{db: db}
	boss, alice, bob := s.peer(t), s.peer(t), s.peer(t)
	boss.check(`ACL USERS -> (array 3)   "alice"   "bob"   "default"`)
	alice.check(`AUTH alice pw -> OK`)
	bob.check(`AUTH bob x -> OK`)
	write("user alice on nopass +nosuch\n")
	boss.check(`
		ACL LOAD -> (error) ERR users.acl:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. WARNING: ACL errors detected, no change to the previously active ACL rules was performed
		ACL USERS -> (array 3)   "alice"   "bob"   "default"
	`)
	bob.check(`PING -> PONG`)
	write("user alice on nopass +ping\nuser default on nopass ~* &* +@all -flushall\n")
	boss.check(`
		ACL LOAD -> OK
		ACL USERS -> (array 2)   "alice"   "default"
		FLUSHALL -> (error) NOPERM this user has no permissions to run the 'flushall' command
		ACL SETUSER carol on >pw ~a* (+set %R~b) -> OK
		ACL SAVE -> OK
	`)
	for _, p := range []*peer{alice, bob} {
		if got := p.Do("PING"); got.Kind != redistest.Closed {
			t.Errorf("one whose account was loaded anew answers %s", got)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "users.acl"))
	const want = "user alice on nopass resetchannels -@all +ping\n" +
		"user carol on #30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4 ~a* resetchannels -@all (%R~b resetchannels -@all +set)\n" +
		"user default on nopass ~* &* +@all -flushall\n"
	if string(text) != want {
		t.Errorf("the file is\n%s, %v", text, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "users.acl")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	boss.check(`ACL LOAD -> OK`)
	boss.check(`ACL USERS -> (array 3)   "alice"   "carol"   "default"`)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	boss.check(`
		ACL SAVE -> (error) ERR There was an error trying to save the ACLs. Please check the server logs for more information
		ACL LOAD -> (error) ERR Error loading ACLs, opening file 'users.acl': No such file or directory
	`)
}

// TestACLConfig: users in a configuration, as it is read and as it is written.
func TestACLConfig(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"alice foo", "larder: Options.Config: user: Error in user declaration 'user': Syntax error"},
		{"alice on +get +xx foo", "larder: Options.Config: user: Error in user declaration '+get': Syntax error"},
		{"alice >x <y", "larder: Options.Config: user: Error in user declaration 'alice': The password you are trying to remove from the user does not exist"},
		{"alice +foo", "larder: Options.Config: Error loading ACL rule '+foo' for the user named 'alice': Unknown command or category name in ACL"},
		{`"a b" on`, "larder: Options.Config: Spaces not allowed in ACL usernames"},
		{`alice (+get`, "larder: Options.Config: user: Unmatched parenthesis in acl selector starting at '(+get'."},
	} {
		if _, err := larder.Open(larder.Options{Config: []string{"user", test.line}}); err == nil || err.Error() != test.want {
			t.Errorf("user %s\n got %v\nwant %s", test.line, err, test.want)
		}
	}
	if _, err := larder.Open(larder.Options{Config: []string{"user", "a on", "user", "a on"}}); err == nil || !strings.Contains(err.Error(), "Duplicate user found") {
		t.Errorf("a user given twice: %v", err)
	}
	s := open(t, "requirepass", "old", "user", "default on >new ~* &* +@all", "user", "alice on nopass +get (~a %R~b +set)")
	p := s.peer(t)
	p.check(`
		PING -> (error) NOAUTH Authentication required.
		AUTH old -> (error) WRONGPASS invalid username-password pair or user is disabled.
		AUTH new -> OK
		CONFIG SET requirepass newer -> OK
		ACL WHOAMI -> "default"
		AUTH alice x -> OK
		GET k -> (error) NOPERM this user has no permissions to access one of the keys used as arguments
		SET b k -> (error) NOPERM this user has no permissions to access one of the keys used as arguments
		SET a k -> OK
	`)
	other := s.peer(t)
	other.check(`
		AUTH new -> (error) WRONGPASS invalid username-password pair or user is disabled.
		AUTH newer -> OK
		CONFIG SET requirepass '' -> OK
	`)
	s.peer(t).check(`PING -> PONG`)
}

func TestRenameCommand(t *testing.T) {
	s := open(t, "rename-command", "get fetch", "rename-command", `flushall ""`, "rename-command", "config cfg", "rename-command", `eval ""`,
		"user", "u on nopass ~* -@all +get +config|get +set")
	p := s.peer(t)
	p.check(`
		SET k v -> OK
		GET k -> (error) "ERR unknown command 'GET', with args beginning with: 'k' "
		FETCH k -> "v"
		FETCH -> (error) ERR wrong number of arguments for 'get' command
		FLUSHALL -> (error) "ERR unknown command 'FLUSHALL', with args beginning with: "
		CONFIG GET port -> (error) "ERR unknown command 'CONFIG', with args beginning with: 'GET' 'port' "
		CFG GET databases -> (array 2)   "databases"   "16"
		CFG NOSUCH -> (error) ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP.
		AUTH u x -> OK
		FETCH k -> "v"
		CFG GET databases -> (array 2)   "databases"   "16"
		CFG SET databases 1 -> (error) NOPERM this user has no permissions to run the 'config|set' command
		DEL k -> (error) NOPERM this user has no permissions to run the 'del' command
	`)
	for _, test := range []struct{ line, want string }{
		{"nosuch x", "No such command in rename-command"},
		{"get set", "Target command name already exists"},
		{"config|get x", "No such command in rename-command"},
	} {
		if _, err := larder.Open(larder.Options{Config: []string{"rename-command", test.line}}); err == nil || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("rename-command %s: %v", test.line, err)
		}
	}
}

// BenchmarkAdmit is what the check costs: of the default user, who may do everything,
// and of one who is limited.
func BenchmarkAdmit(b *testing.B) {
	db, err := larder.Open(larder.Options{Config: []string{"user", "u on nopass +@all -@admin ~k* %R~r*"}})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	s := &store{db: db}
	for _, name := range []string{"default", "u"} {
		b.Run(name, func(b *testing.B) {
			p := s.peer(b)
			p.raw("AUTH", name, "x")
			words := [][]byte{[]byte("GET"), []byte("k")}
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = p.conn.Exec(dst[:0], words)
			}
		})
	}
}
