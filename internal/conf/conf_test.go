package conf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func load(t *testing.T, file string) *Config {
	t.Helper()
	c := New()
	if err := c.Load(strings.NewReader(file), "test"); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ file, name, want string }{
		{"", "save", "3600 1 300 100 60 10000"},
		{"save 100 1\nsave 200 2", "save", "100 1 200 2"},
		{"save 100 1\nsave \"\"", "save", ""},
		{"save \"\"\nsave 200 2", "save", "200 2"},
		{"save", "save", ""},
		{"save\nsave 1 2\nsave", "save", "1 2"},
		{"maxmemory 1gb", "maxmemory", "1073741824"},
		{"hz 10\nhz 12", "hz", "12"},
		{"hz 1000", "hz", "500"},
		{"repl-backlog-size 1", "repl-backlog-size", "1"},
		{"unixsocketperm 0700", "unixsocketperm", "700"},
		{"slave-priority 5", "replica-priority", "5"},
		{"hash-max-ziplist-entries 5", "hash-max-listpack-entries", "5"},
		{"lua-time-limit 5", "busy-reply-threshold", "5"},
		{`masterauth "a\x00b c\n"`, "masterauth", "a\x00b c\n"},
		{`masterauth 'a\'\n'`, "masterauth", `a'\n`},
		{`masterauth a"b c"`, "masterauth", "ab c"},
		{"client-output-buffer-limit normal 1 2 3\nclient-output-buffer-limit pubsub 1kb 2 3", "client-output-buffer-limit", "normal 1 2 3 slave 268435456 67108864 60 pubsub 1024 2 3"},
		{"replicaof no one", "slaveof", ""},
		{"slaveof a 1", "replicaof", "a 1"},
		{"appendonly yes\nappendonly no", "appendonly", "no"},
		{"user default on nopass sanitize-payload ~* &* +@all", "port", "6379"},
		{"dir " + dir + "\ndir .", "dir", dir},
		{"bind \"\"", "bind", ""},
	} {
		if got := load(t, c.file).String(c.name); got != c.want {
			t.Errorf("%q: %s = %q, want %q", c.file, c.name, got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ file, directive, reason string }{
		{"\nappendonly yes", "appendonly", "larder does not write an append-only file yet"},
		{"\ncluster-enabled yes", "cluster-enabled", "larder is not a cluster node"},
		{"\nloadmodule /x", "loadmodule", "larder loads no modules: they are shared libraries of Redis"},
		{"\na.b 1", "a.b", "larder loads no modules, and this is the configuration of one"},
		{"\nactivedefrag yes", "activedefrag", "active defragmentation works on an allocator that larder does not have"},
	} {
		err := New().Load(strings.NewReader(c.file), "a file")
		want := ParseError{"a file", 2, strings.TrimSpace(c.file), c.directive, c.reason}
		if pe := (*ParseError)(nil); !errors.As(err, &pe) || *pe != want {
			t.Errorf("%q: %+v, want %+v", c.file, err, want)
		}
	}
	if got, want := setReply(New(), "appendonly", "yes"), "-ERR CONFIG SET failed (possibly related to argument 'appendonly') - larder does not write an append-only file yet"; got != want {
		t.Errorf("CONFIG SET appendonly yes = %s, want %s", got, want)
	}
	// A command line may take back what the file promises.
	file := filepath.Join(t.TempDir(), "redis.conf")
	if err := os.WriteFile(file, []byte("appendonly yes\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := New().LoadArgs([]string{file, "--appendonly", "no"}); err != nil {
		t.Error(err)
	}
}

func TestRename(t *testing.T) {
	c := New()
	c.Commands = func(name string) bool { return strings.EqualFold(name, "get") || strings.EqualFold(name, "set") }
	for _, r := range []struct{ from, to, want string }{
		{"nosuch", "foo", "No such command in rename-command"},
		{"get", "SET", "Target command name already exists"},
	} {
		err := c.rename(place{}, r.from, r.to)
		if pe, ok := err.(*ParseError); !ok || pe.Reason != r.want {
			t.Errorf("rename-command %s %s: %v, want %s", r.from, r.to, err, r.want)
		}
	}
	c.renames = []Rename{{"get", "foo"}}
	if err := c.rename(place{}, "GET", "x").(*ParseError); err.Reason != "No such command in rename-command" {
		t.Errorf("renaming what was renamed: %v", err)
	}
	if err := c.rename(place{}, "FOO", "get"); err != nil {
		t.Errorf("renaming back: %v", err)
	}
	if got := c.Renames(); len(got) != 2 || got[1] != (Rename{"FOO", "get"}) {
		t.Errorf("Renames() = %v", got)
	}
}

func TestInclude(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("a.inc", "hz 20\ntimeout 1")
	write("b.inc", "hz 30")
	self := write("self.conf", "include "+filepath.Join(dir, "self.conf"))
	write("bad.inc", "\n\nhz x")

	c := New()
	if err := c.LoadFile(write("main.conf", "hz 11\ndir "+dir+"\ninclude *.inc2\ninclude [ab].inc")); err != nil {
		t.Fatal(err)
	}
	if c.Int("hz") != 30 || c.Int("timeout") != 1 {
		t.Errorf("hz %d, timeout %d, want 30, 1", c.Int("hz"), c.Int("timeout"))
	}
	for _, bad := range []struct{ path, want string }{
		{self, self + ":1: include: includes nest too deeply: a file that includes itself?"},
		{write("m2.conf", "include "+dir+"/bad.inc"), filepath.Join(dir, "bad.inc") + ":3: hz: argument couldn't be parsed into an integer"},
		{dir + "/none", dir + "/none: Fatal error, can't open config file '" + dir + "/none': No such file or directory"},
	} {
		if err := New().LoadFile(bad.path); err == nil || err.Error() != bad.want {
			t.Errorf("%s: %v, want %s", bad.path, err, bad.want)
		}
	}
}

func TestGetters(t *testing.T) {
	c := load(t, "maxmemory 99999999999999999999\nmaxmemory-clients 5%\nnotify-keyspace-events KEgn\nshutdown-on-sigint nosave now\nsave 1 2 3 4\nunixsocketperm 770\nbind a b\nactiverehashing no\ntcp-backlog 5")
	normal, replica, pubsub := c.OutputLimits()
	kept := 0 // of what the file gives; each is noted
	for i := range table {
		if table[i].use == Kept && c.Given(table[i].name) {
			kept++
		}
	}
	if kept < 2 {
		t.Fatalf("of the file only %d directives are kept", kept)
	}
	for _, g := range []struct{ name, got, want any }{
		{"Bytes maxmemory", c.Bytes("maxmemory"), int64(1<<63 - 1)},
		{"Int maxmemory-clients", c.Int("maxmemory-clients"), int64(-5)},
		{"Int notify", c.Int("notify-keyspace-events"), NotifyKeyspace | NotifyKeyevent | NotifyGeneric | NotifyNew},
		{"Int shutdown", c.Int("shutdown-on-sigint"), ShutdownNoSave | ShutdownNow},
		{"SavePoints", fmt.Sprint(c.SavePoints()), "[{1 2} {3 4}]"},
		{"Int unixsocketperm", c.Int("unixsocketperm"), int64(0o770)},
		{"Words bind", fmt.Sprint(c.Words("bind")), "[a b]"},
		{"Bool protected-mode", c.Bool("protected-mode"), true},
		{"OutputLimits", fmt.Sprint(normal, replica, pubsub), "{0 0 0} {268435456 67108864 60} {33554432 8388608 60}"},
		{"Given save", c.Given("save"), true},
		{"Given hz", c.Given("hz"), false},
		{"Sensitive", Sensitive("requirepass"), true},
		{"Notices", len(c.Notices()), kept},
	} {
		if g.got != g.want {
			t.Errorf("%s = %v, want %v", g.name, g.got, g.want)
		}
	}
}

func TestProtected(t *testing.T) {
	for _, c := range []struct {
		allow string
		local bool
		ok    bool
	}{{"no", true, false}, {"local", false, false}, {"local", true, true}, {"yes", false, true}} {
		conf := load(t, "enable-protected-configs "+c.allow)
		if err := conf.SetFrom(c.local, "dbfilename", "x"); (err == nil) != c.ok {
			t.Errorf("enable-protected-configs %s, local %v: %v", c.allow, c.local, err)
		}
	}
}

func TestOnChange(t *testing.T) {
	c := New()
	var calls []string
	watch := func(name, veto, fail string) {
		c.OnChange(name, func(s string) error {
			calls = append(calls, "check "+name+" "+s)
			if s == veto {
				return errors.New("vetoed")
			}
			return nil
		}, func(s string) error {
			calls = append(calls, "apply "+name+" "+s+" seeing "+c.String(name))
			if s == fail {
				return errors.New("did not work")
			}
			return nil
		})
	}
	watch("timeout", "66", "77")
	watch("slave-priority", "66", "77")
	for _, s := range []struct {
		pairs []string
		reply string
		calls string
	}{
		{[]string{"timeout", "1", "replica-priority", "2"}, "OK",
			"check timeout 1, check slave-priority 2, apply timeout 1 seeing 1, apply slave-priority 2 seeing 2"},
		{[]string{"timeout", "1"}, "OK", "check timeout 1"},
		{[]string{"timeout", "3", "replica-priority", "66"},
			"-ERR CONFIG SET failed (possibly related to argument 'replica-priority') - vetoed",
			"check timeout 3, check slave-priority 66"},
		{[]string{"timeout", "3", "slave-priority", "77"},
			"-ERR CONFIG SET failed (possibly related to argument 'slave-priority') - did not work",
			"check timeout 3, check slave-priority 77, apply timeout 3 seeing 3, apply slave-priority 77 seeing 77, apply timeout 1 seeing 1"},
		{[]string{"slave-priority", "4", "replica-priority", "5"}, "OK",
			"check slave-priority 4, check slave-priority 5, apply slave-priority 5 seeing 5"},
	} {
		calls = nil
		if got := setReply(c, s.pairs...); got != s.reply {
			t.Errorf("%q = %s, want %s", s.pairs, got, s.reply)
		}
		if got := strings.Join(calls, ", "); got != s.calls {
			t.Errorf("%q called %s, want %s", s.pairs, got, s.calls)
		}
	}
	if c.Int("timeout") != 1 || c.Int("replica-priority") != 5 {
		t.Errorf("timeout %d, priority %d, want 1, 5", c.Int("timeout"), c.Int("replica-priority"))
	}
}

func TestConcurrent(t *testing.T) {
	c := New()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				if err := c.Set("timeout", fmt.Sprint(i), "hz", fmt.Sprint(i+1)); err != nil {
					t.Error(err)
				}
				c.Int("hz")
				if p := c.Get("timeout", "hz"); len(p) != 2 {
					t.Error(p)
				}
			}
		})
	}
	wg.Wait()
}

func TestRewrite(t *testing.T) {
	for _, c := range []struct {
		file string
		set  []string
		want string // DIR stands for the directory
	}{
		{"", nil, "# Added by CONFIG REWRITE\ndir \"DIR\"\n"},
		{"# top\nhz 11\n\n# memory\nmaxmemory 1gb\nsave 100 1\nsave 200 2\nhz 12\nslave-priority 5\nmasterauth \"x y\"\ndir DIR\n# tail",
			[]string{"timeout", "7", "maxmemory", "1500", "save", "1 2 3 4 5 6", "masterauth", "", "bind", "127.0.0.1 ::1", "requirepass", "a b\"c\x01"},
			"# top\nhz 11\n\n# memory\nmaxmemory 1500\nsave 1 2\nsave 3 4\nsave 5 6\nhz 12\nslave-priority 5\nmasterauth \"\"\ndir DIR\n# tail\n" +
				"# Added by CONFIG REWRITE\nbind 127.0.0.1 ::1\ntimeout 7\nrequirepass \"a b\\\"c\\x01\"\n"},
		{"dir DIR\ntimeout 5\n\n# Added by CONFIG REWRITE\nhz 11\n", []string{"hz", "12", "timeout", "0", "maxmemory", "100mb"},
			"dir DIR\ntimeout 0\n\n# Added by CONFIG REWRITE\nhz 12\nmaxmemory 100mb\n"},
		{"dir DIR\nmin-slaves-to-write 1\n", []string{"min-replicas-to-write", "2"}, "dir DIR\nmin-replicas-to-write 2\n"},
		{"dir DIR\nsave 1 2\nsave 3 4\n", []string{"save", ""}, "dir DIR\nsave \"\"\n"},
		{"dir DIR\n", []string{"notify-keyspace-events", "AKn", "client-output-buffer-limit", "replica 1mb 2 3", "shutdown-on-sigterm", "nosave now"},
			"dir DIR\n# Added by CONFIG REWRITE\nclient-output-buffer-limit normal 0 0 0\nclient-output-buffer-limit replica 1mb 2 3\nclient-output-buffer-limit pubsub 32mb 8mb 60\nshutdown-on-sigterm nosave now\nnotify-keyspace-events \"AnK\"\n"},
		// The include says otherwise, and is heard last: so it is said after it.
		{"dir DIR\nhz 11\nsave 1 1\ninclude DIR/inc.inc\n", []string{"hz", "10", "timeout", "0", "save", "7 7"},
			"dir DIR\nhz 10\nsave 7 7\ninclude DIR/inc.inc\n# Added by CONFIG REWRITE\ntimeout 0\nhz 10\nsave \"\"\nsave 7 7\n"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "redis.conf")
		here := strings.NewReplacer("DIR", dir)
		if err := os.WriteFile(path, []byte(here.Replace(c.file)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "inc.inc"), []byte("hz 99\ntimeout 9\nsave 9 9\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		conf := New()
		if err := conf.LoadFile(path); err != nil {
			t.Fatal(err)
		}
		if c.file == "" {
			if err := conf.Preset("dir", dir); err != nil {
				t.Fatal(err)
			}
		}
		if c.set != nil {
			if err := conf.Set(c.set...); err != nil {
				t.Fatal(err)
			}
		}
		if err := conf.Rewrite(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := here.Replace(c.want); sortedTail(string(got)) != sortedTail(want) {
			t.Errorf("%q after %q:\n%s\nwant:\n%s", c.file, c.set, got, want)
		}
		again := New()
		if err := again.LoadFile(path); err != nil {
			t.Fatal(err)
		}
		same(t, again, conf)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
		}
		if err := again.Rewrite(); err != nil {
			t.Fatal(err)
		}
		if twice, _ := os.ReadFile(path); string(twice) != string(got) {
			t.Errorf("rewritten twice:\n%s\nonce:\n%s", twice, got)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); left != nil {
			t.Errorf("left behind: %q", left)
		}
	}
	if err := New().Rewrite(); err != ErrNoFile {
		t.Errorf("without a file: %v, want %v", err, ErrNoFile)
	}
}

// sortedTail puts the lines under the marker in order: theirs is the table's,
// and of no interest here.
func sortedTail(file string) string {
	head, tail, ok := strings.Cut(file, marker)
	if !ok {
		return file
	}
	lines := strings.Split(tail, "\n")
	slices.Sort(lines)
	return head + marker + strings.Join(lines, "\n")
}

func same(t *testing.T, got, want *Config) {
	t.Helper()
	for i := range table {
		d := &table[i]
		if g, w := got.value(d), want.value(d); g != w {
			t.Errorf("%s = %q (%d), want %q (%d)", d.name, g.text, g.num, w.text, w.num)
		}
	}
}

func TestRewriteKeepsOldOnError(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("root may write anywhere: a directory in the way instead")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "redis.conf")
	c := New()
	if err := os.WriteFile(path, []byte("hz 11\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := c.LoadFile(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o777); err != nil {
		t.Fatal(err)
	}
	err := c.Rewrite()
	if err == nil || !strings.HasPrefix(err.Error(), "ERR Rewriting config file: ") {
		t.Errorf("Rewrite over a directory: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
		ok   bool
	}{
		{"", nil, true},
		{" a\tb\vc ", []string{"a", "b", "c"}, true},
		{`"" ''`, []string{"", ""}, true},
		{`"\x4" "\xZZ" "\q" "\\" "\""`, []string{"x4", "xZZ", "q", `\`, `"`}, true},
		{`"\x41\x0a\n\r\t\b\a"`, []string{"A\n\n\r\t\b\a"}, true},
		{`'\n\x41\''`, []string{`\n\x41'`}, true},
		{`a"b"`, []string{"ab"}, true},
		{`"a"b`, nil, false},
		{`"a`, nil, false},
		{`"a\`, nil, false},
		{`"a\"`, nil, false},
		{`'a\'`, nil, false},
		{`"a""b"`, nil, false},
		{"a\x00b", []string{"a"}, true},
	} {
		got, ok := cut(c.line)
		if ok != c.ok || !slices.Equal(got, c.want) {
			t.Errorf("cut(%q) = %q, %v, want %q, %v", c.line, got, ok, c.want, c.ok)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("a b\x00\"\\\n\xff'")
	f.Fuzz(func(t *testing.T, s string) {
		if got, ok := cut(quote(s)); !ok || len(got) != 1 || got[0] != s {
			t.Errorf("cut(quote(%q)) = %q, %v", s, got, ok)
		}
	})
}

// FuzzLoad reads any file. Where it is accepted, CONFIG REWRITE and another
// start must come to the same values.
func FuzzLoad(f *testing.F) {
	for _, file := range files {
		f.Add(file)
	}
	f.Add("save 1 2\n# c\nnotify-keyspace-events AnKE\nbind a \"b c\"\nclient-output-buffer-limit slave 1kb 2 3\r\nmaxmemory-clients 99999999999999999999\n")
	f.Add("replicaof \"a b\" 7\nreplicaof no one\nproc-title-template \"{{x\"\nlatency-tracking-info-percentiles 1e-9 -0\n")
	f.Fuzz(func(t *testing.T, file string) {
		if strings.Contains(strings.ToLower(file), "include") {
			return // it may name any file of this machine
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "redis.conf")
		if err := os.WriteFile(path, []byte(file), 0o666); err != nil {
			t.Fatal(err)
		}
		c := New()
		if c.LoadFile(path) != nil {
			return
		}
		if err := c.Rewrite(); err != nil {
			t.Fatalf("%q: %v", file, err)
		}
		again := New()
		if err := again.LoadFile(path); err != nil {
			written, _ := os.ReadFile(path)
			t.Fatalf("%q was written as %q: %v", file, written, err)
		}
		same(t, again, c)
	})
}

func TestGetterAllocs(t *testing.T) {
	c := New()
	if n := testing.AllocsPerRun(100, func() { _, _, _ = c.Int("maxmemory"), c.Bool("appendonly"), c.String("dir") }); n != 0 {
		t.Errorf("getters allocate %v times, want 0", n)
	}
}

func BenchmarkInt(b *testing.B) {
	c := New()
	b.ReportAllocs()
	for b.Loop() {
		c.Int("maxmemory")
	}
}

// TestSetReplies holds the texts that TestServerSet compares with Redis where
// there is one.
func TestSetReplies(t *testing.T) {
	const failed = "-ERR CONFIG SET failed (possibly related to argument "
	for _, c := range []struct {
		pairs []string
		want  string
	}{
		{nil, "-ERR wrong number of arguments for 'config|set' command"},
		{[]string{"hz"}, "-ERR wrong number of arguments for 'config|set' command"},
		{[]string{"hz", "1", "timeout"}, "-ERR syntax error"},
		{[]string{"a\r\nb", "1"}, "-ERR Unknown option or number of arguments for CONFIG SET - 'a  b'"},
		{[]string{"hz", "1", "HZ", "2"}, failed + "'HZ') - duplicate parameter"},
		{[]string{"hz", "x", "DATABASES", "2"}, failed + "'DATABASES') - can't set immutable config"},
		{[]string{"dir", "/"}, failed + "'dir') - can't set protected config"},
		{[]string{"Slave-Priority", "x"}, failed + "'slave-priority') - argument couldn't be parsed into an integer"},
		{[]string{"hz", "11", "timeout", "-1"}, failed + "'timeout') - argument must be between 0 and 2147483647 inclusive"},
		{[]string{"maxmemory", "1t"}, failed + "'maxmemory') - argument must be a memory value"},
		{[]string{"protected-mode", "1"}, failed + "'protected-mode') - argument must be 'yes' or 'no'"},
		{[]string{"maxmemory-policy", "x"}, failed + "'maxmemory-policy') - argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction"},
		{[]string{"hz", "12", "slave-priority", "1", "replica-priority", "2"}, "OK"},
	} {
		conf := New()
		if got := setReply(conf, c.pairs...); got != c.want {
			t.Errorf("CONFIG SET %q = %s, want %s", c.pairs, got, c.want)
		}
		if hz, want := conf.Int("hz"), map[bool]int64{true: 12, false: 10}[c.want == "OK"]; hz != want {
			t.Errorf("after CONFIG SET %q: hz %d, want %d", c.pairs, hz, want)
		}
	}
}

// TestBounds sets every number to its borders and one past them.
func TestBounds(t *testing.T) {
	for i := range table {
		d := &table[i]
		var low, high int64
		switch k := d.kind.(type) {
		case integer:
			low, high = k.min, k.max
		case memory:
			low, high = k.min, k.max
		}
		if high == 0 || d.name == "hz" {
			continue
		}
		c := New()
		for _, n := range []struct {
			text string
			ok   bool
		}{
			{fmt.Sprint(low), true}, {fmt.Sprint(high), true},
			{fmt.Sprint(low - 1), false}, {fmt.Sprint(uint64(high) + 1), false},
			{"", low == 0 && d.kind == memory{low, high}}, {"99999999999999999999", false}, {"-99999999999999999999", false},
		} {
			if err := c.Preset(d.name, n.text); (err == nil) != n.ok {
				t.Errorf("%s %q: %v, want accepted %v", d.name, n.text, err, n.ok)
			}
		}
	}
}

// TestRewriteUsers: the users that there are stand where those of the file stood.
func TestRewriteUsers(t *testing.T) {
	for _, test := range []struct {
		file, aclfile string
		users         []string
		want          string
	}{
		{"# a\nuser x on\nhz 11\n", "", []string{"user a on", "user b off ~\"q (~x +get)"},
			"# a\nuser a on\nhz 11\n# Added by CONFIG REWRITE\nuser b off \"~\\\"q\" (~x +get)\n"},
		{"user x on\nUSER y off\n# end\n", "", []string{"user a on"}, "user a on\n# end\n"},
		{"user x on\nhz 11\n", "users.acl", []string{"user a on"}, "hz 11\n# Added by CONFIG REWRITE\naclfile \"users.acl\"\n"},
		{"hz 11\n", "", nil, "hz 11\n"},
	} {
		c := New()
		var given []string
		c.CheckUser = func(words []string) error { given = append(given, words[0]); return nil }
		path := filepath.Join(t.TempDir(), "redis.conf")
		if err := os.WriteFile(path, []byte(test.file), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := c.LoadFile(path); err != nil {
			t.Fatal(err)
		}
		if len(given) != len(c.Users()) {
			t.Errorf("%q: CheckUser saw %q of %q", test.file, given, c.Users())
		}
		if test.aclfile != "" {
			if err := c.Preset("aclfile", test.aclfile); err != nil {
				t.Fatal(err)
			}
		}
		c.SetUserLines(func() []string { return slices.Clone(test.users) })
		if err := c.Rewrite(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		text := strings.Replace(string(got), "dir "+quote(c.String("dir"))+"\n", "", 1)
		if text = strings.Replace(text, "# Added by CONFIG REWRITE\n", "", 1); err != nil || text != strings.Replace(test.want, "# Added by CONFIG REWRITE\n", "", 1) {
			t.Errorf("%q becomes\n%s\nwant\n%s", test.file, got, test.want)
		}
	}
}

func TestPresetLines(t *testing.T) {
	c := New()
	c.CheckUser = func(words []string) error {
		if words[0] == "bad" {
			return errors.New("why not")
		}
		return nil
	}
	for _, test := range []struct{ name, text, want string }{
		{"user", "a on '~x y'", ""}, {"USER", "b", ""}, {"user", "a off", "Error in user declaration 'a': Duplicate user found. A user can only be defined once in config files"},
		{"user", "bad", "why not"}, {"user", "", "Bad directive or wrong number of arguments"}, {"user", `c "`, "Unbalanced quotes in configuration line"},
		{"rename-command", `get ""`, ""}, {"rename-command", "get", "Bad directive or wrong number of arguments"}, {"nosuch", "x", "Bad directive or wrong number of arguments"},
	} {
		err := c.Preset(test.name, test.text)
		if test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
			t.Errorf("%s %s: %v, want %q", test.name, test.text, err, test.want)
		}
	}
	if got := fmt.Sprintf("%q %q", c.Users(), c.Renames()); got != `[["a" "on" "~x y"] ["b"]] [{"get" ""}]` {
		t.Errorf("they are %s", got)
	}
}
