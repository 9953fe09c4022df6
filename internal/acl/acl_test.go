package acl

import (
	"strings"
	"testing"
	"time"
)

// small is a table to try rules on.
var small = NewTable([]Command{
	{"get", []string{"read", "string", "fast"}},
	{"set", []string{"write", "string", "slow"}},
	{"del", []string{"keyspace", "write", "slow"}},
	{"select", []string{"fast", "connection"}},
	{"auth", []string{"fast", "connection"}},
	{"publish", []string{"pubsub", "fast"}},
	{"psubscribe", []string{"pubsub", "slow"}},
	{"config|get", []string{"admin", "slow", "dangerous"}},
	{"config|set", []string{"admin", "slow", "dangerous"}},
	{"config|help", []string{"slow"}},
	{"config", []string{"slow"}},
	{"get", []string{"write"}},                 // twice: passed over
	{"nocontainer|get", []string{"write"}},     // passed over
	{"odd", []string{"nosuchcategory", "set"}}, // a category passed over
})

func TestTable(t *testing.T) {
	if got := strings.Join(small.In("slow"), " "); got != "config config|get config|help config|set del psubscribe set" {
		t.Errorf("In(slow) = %s", got)
	}
	if got := strings.Join(small.In("WRITE"), " "); got != "del set" {
		t.Errorf("In(WRITE) = %s", got)
	}
	if small.ID("nocontainer|get") >= 0 || small.ID("GET") >= 0 || small.ID("config|set") < 0 || IsCategory("nosuchcategory") || !IsCategory("Set") {
		t.Error("the wrong names are known")
	}
}

// user makes a user of the small table from rules in one line.
func user(t testing.TB, rules string) *User {
	t.Helper()
	o := Options{Table: small}
	u, err := NewUser(o).Apply(o, strings.Fields(rules))
	if err != nil {
		t.Fatalf("%s: %v", rules, err)
	}
	return u
}

// call makes a call of a command of the small table. Words in capitals are keys:
// R... is read, W... written, X... both. What follows an "&" is a channel.
func call(line string) *Call {
	words := strings.Fields(line)
	name, _, _ := strings.Cut(words[0], "|")
	c := &Call{ID: small.ID(words[0]), NoAuth: words[0] == "auth", Words: [][]byte{[]byte(name)}}
	if name != words[0] {
		c.Words = append(c.Words, []byte(words[0][len(name)+1:]))
	}
	var keys []Key
	for _, w := range words[1:] {
		at := len(c.Words)
		switch {
		case w[0] == 'R', w[0] == 'W', w[0] == 'X':
			keys = append(keys, Key{at, w[0] != 'W', w[0] != 'R'})
			w = w[1:]
		case w[0] == '&':
			if c.Channels == 0 {
				c.Channels = at
			}
			c.ToChannels, c.Patterns = at+1, words[0] == "psubscribe"
			w = w[1:]
		}
		c.Words = append(c.Words, []byte(w))
	}
	c.Keys = func() []Key { return keys }
	return c
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		rules, call string
		want        Denial
		at          int
	}{
		{"+@all ~* &*", "set Xk", Allowed, 0},
		{"+@all ~* &*", "nosuch Xk", Allowed, 0},
		{"+@all -set ~* &*", "nosuch", Allowed, 0},
		{"-@all +get +set ~* &*", "nosuch", DeniedCommand, 0},
		{"", "get Rk", DeniedCommand, 0},
		{"", "auth x", Allowed, 0},
		{"+get", "get Rk", DeniedKey, 1},
		{"+get ~k*", "get Rk", Allowed, 0},
		{"+get ~k*", "get Rk Rk1 Rx Rk2", DeniedKey, 3},
		{"+get %R~k*", "get Rk", Allowed, 0},
		{"+set %R~k*", "set Wk", DeniedKey, 1},
		{"+set %W~k*", "set Wk", Allowed, 0},
		{"+set %W~k*", "set Xk", DeniedKey, 1},
		{"+set %W~k* %R~*", "set Xk", DeniedKey, 1}, // one pattern must allow both
		{"+set %RW~k*", "set Xk", Allowed, 0},
		{"+set %R~k %W~k", "set Xk", Allowed, 0}, // which are one pattern
		{"+set ~a (~b +set)", "set Xb", Allowed, 0},
		{"+set ~a (~b +set)", "set Xa Xb", DeniedKey, 2},
		{"+set ~a (~b +get)", "set Xb", DeniedKey, 1},
		{"+get (+set ~b)", "set Xa", DeniedKey, 1},
		{"+config|get", "config|get", Allowed, 0},
		{"+config|get", "config|set", DeniedCommand, 0},
		{"+config -config|set", "config|set", DeniedCommand, 0},
		{"+config -config|set", "config|help", Allowed, 0},
		{"+select|1", "select 1", Allowed, 0},
		{"+select|1", "select 0", DeniedCommand, 0},
		{"+select|1", "select", DeniedCommand, 0},
		{"+select|Abc", "select aBC", Allowed, 0},
		{"+select|1 +select -select", "select 1", DeniedCommand, 0},
		{"+select|1 -@connection", "select 1", DeniedCommand, 0},
		{"+publish", "publish &a", DeniedChannel, 1},
		{"+publish &a*", "publish &abc", Allowed, 0},
		{"+publish &a*", "publish &abc &x", DeniedChannel, 2},
		{"+psubscribe &a*", "psubscribe &a*", Allowed, 0},
		{"+psubscribe &a*", "psubscribe &ab", DeniedChannel, 1},
		{"+publish ~* (+publish &a)", "publish &b", DeniedChannel, 1},
		{"-@all (+publish)", "publish &b", DeniedChannel, 1},
		{"+set ~a (+set ~b) (+@all ~* -set)", "set Xa Xb", DeniedKey, 2},
	} {
		d, at := user(t, test.rules).Check(call(test.call))
		if d != test.want || at != test.at {
			t.Errorf("%s: %s = %v, %d, want %v, %d", test.rules, test.call, d, at, test.want, test.at)
		}
	}
}

func TestFree(t *testing.T) {
	for rules, want := range map[string]bool{
		"+@all ~* &*": true, "+@all ~* &* -get": false, "+@all ~* &* -get +get": true, "+@all ~*": false, "+@all &*": false,
		"~* &* +@read +@write": false, "+@all ~* &* (+get)": true, "(+@all ~* &*)": false,
	} {
		if got := user(t, rules).Free(); got != want {
			t.Errorf("%s: free is %v", rules, got)
		}
	}
}

func TestPasswords(t *testing.T) {
	for _, test := range []struct {
		rules, password string
		want            bool
	}{
		{"on >a", "a", true}, {"on >a", "b", false}, {"on >a", "", false}, {">a", "a", false}, {"on", "", false},
		{"on nopass", "anything", true}, {"nopass", "", false}, {"on nopass >a", "b", false}, {"on nopass resetpass", "x", false},
		{"on >a >b <a", "a", false}, {"on >a >b <a", "b", true}, {"on >", "", true}, {"on >a off on", "a", true},
		{"on #ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", "a", true},
	} {
		if got := user(t, test.rules).Authenticates(test.password); got != test.want {
			t.Errorf("%s with %q: %v", test.rules, test.password, got)
		}
	}
}

func TestMayKeep(t *testing.T) {
	for _, test := range []struct {
		before, now, channels, patterns string
		want                            bool
	}{
		{"&a", "&a &b", "x", "", true}, // more than before: nobody is looked at
		{"&a", "&b", "b", "", true},
		{"&a", "&b", "a", "", false},
		{"&a &b", "&a", "a", "", true},
		{"&*", "&a*", "ab", "", true},
		{"&*", "&a*", "b", "", false},
		{"&*", "&a*", "", "a*", true},
		{"&*", "&a*", "", "ab", false},
		{"&a*", "&ab", "", "a*", false},
		{"&a", "(&*)", "a", "", true},
		{"(&a)", "&b (&a)", "a", "", true},
		{"&a", "", "a", "", false},
	} {
		subs := func() Subscriptions {
			return Subscriptions{strings.Fields(test.channels), strings.Fields(test.patterns)}
		}
		if got := user(t, test.before).MayKeep(user(t, test.now), subs); got != test.want {
			t.Errorf("from %s to %s with %s %s: %v", test.before, test.now, test.channels, test.patterns, got)
		}
	}
}

// TestAccounts: what somebody holds does not change under him, and a name that was
// made again is another account.
func TestAccounts(t *testing.T) {
	us := NewUsers(small, nil)
	a, before, err := us.Set("u", []string{"+get"})
	if err != nil || before != nil {
		t.Fatal(before, err)
	}
	old := a.User()
	text := old.String()
	again, before, err := us.Set("u", []string{"+set", "~a", "(+get)", ">p", "&c"})
	if err != nil || again != a || before != old || old.String() != text || a.User() == old {
		t.Errorf("changed: %v, %v; the old user is %s, was %s", before, err, old, text)
	}
	if _, _, err := us.Set("u", []string{"+del", "+nosuch"}); err == nil || strings.Contains(a.User().String(), "del") {
		t.Errorf("a wrong rule: %v, %s", err, a.User())
	}
	if gone, err := us.Delete([]string{"u", "u", "nobody"}); err != nil || len(gone) != 1 || gone[0] != a || us.Find("u") != nil {
		t.Errorf("Delete = %v, %v", gone, err)
	}
	if b, before, _ := us.Set("u", nil); b == a || before != nil {
		t.Error("the account that was deleted is back")
	}
	if _, err := us.Delete([]string{"u", "default"}); err != ErrDefault || us.Find("u") == nil {
		t.Errorf("deleting default: %v", err)
	}
	if us.LogIn("u", "p", nil) || us.LogIn("nobody", "", nil) {
		t.Error("logged in as somebody who cannot")
	}
	b, _, _ := us.Set("u", []string{"on", ">p"})
	called := us.LogIn("u", "p", func(a *Account) {
		if a != b || us.changing.TryLock() {
			t.Errorf("logged in to %s, which can be deleted meanwhile", a.Name())
		}
	})
	if !called || us.LogIn("u", "x", nil) {
		t.Error("the password is not what counts")
	}
	us.SetDefaultPassword("p")
	if u := us.Default().User(); !u.Authenticates("p") || u.Authenticates("") || !u.Free() {
		t.Errorf("with a password: %s", u)
	}
	us.SetDefaultPassword("")
	if u := us.Default().User(); !u.NoPass() || len(u.Passwords()) != 0 {
		t.Errorf("without: %s", u)
	}
}

func TestLog(t *testing.T) {
	var l Log
	start := time.Unix(1000, 0)
	add := func(object string, at time.Duration, most int64) {
		l.Add(Entry{Reason: DeniedKey, Context: TopLevel, Object: object, User: "u", Time: start.Add(at)}, most)
	}
	show := func(n int64) string {
		var parts []string
		for _, e := range l.Latest(n) {
			parts = append(parts, e.Object+strings.Repeat("'", int(e.Count)-1))
		}
		return strings.Join(parts, " ")
	}
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expect("empty", show(10), "")
	add("a", 0, 100)
	add("b", 0, 100)
	add("a", 59*time.Second, 100)
	expect("the same again goes to the front", show(10), "a' b")
	add("b", 61*time.Second, 100)
	expect("the same after a while", show(10), "b a' b")
	expect("some", show(2), "b a'")
	expect("none", show(0), "")
	for i := range logScan {
		add(string(rune('m'+i)), 61*time.Second, 100)
	}
	add("b", 61*time.Second, 100)
	expect("the same far back", show(3), "b v u")
	add("c", 61*time.Second, 3)
	expect("no more than", show(10), "c b v")
	add("d", 61*time.Second, 0)
	expect("no log", show(10), "")
	l.Reset()
	expect("reset", show(10), "")
}

// FuzzRules gives any rules: what is accepted is described by rules that make the
// same user, and a check of any call does not fail.
func FuzzRules(f *testing.F) {
	for _, seed := range []string{
		"on >p ~a* %R~b &c +@all -get", "-@all +config -config|set +select|1", "(+get ~a) (%RW~b +@write) resetkeys", "reset nopass",
		"%", "%~", "(%~)", "(+get \"~a)", "(a (b) c)", "#" + strings.Repeat("a", 64), "~\\", "~[", "+get|", "+|", "( ", ") (", "(~x\x00y)", "(&)) ", "(~a\"b)", "+select|a\tb",
	} {
		f.Add(seed, "get", "key")
	}
	o := Options{Table: small}
	f.Fuzz(func(t *testing.T, rules, name, word string) {
		words := strings.Split(rules, " ")
		u, err := NewUser(o).Apply(o, words)
		_ = CheckLine(small, append([]string{"u"}, words...))
		us := NewUsers(small, nil)
		_, _, _ = us.Load("file", "user u "+rules+"\nuser v "+rules)
		if err != nil {
			return
		}
		text := u.String()
		again, err := NewUser(o).Apply(o, strings.Split(text, " "))
		if err != nil {
			t.Fatalf("%q is described as %q: %v", rules, text, err)
		}
		if got := again.String(); got != text {
			t.Fatalf("%q is described as %q, and that as %q", rules, text, got)
		}
		c := call("set Xk &ch")
		c.ID, c.Words = small.ID(name), [][]byte{[]byte(name), []byte(word), []byte(word)}
		d, at := u.Check(c)
		if d2, at2 := again.Check(c); d != d2 || at != at2 {
			t.Fatalf("%q allows %v, and its description %v", rules, d, d2)
		}
		if u.Free() != again.Free() || u.Free() && d != Allowed {
			t.Fatalf("%q is free: %v, %v", rules, u.Free(), d)
		}
	})
}
