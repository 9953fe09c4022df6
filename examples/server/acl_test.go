package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder/internal/redistest"
)

// client connects to the process.
func (p *proc) client() *redistest.Conn { return redistest.Dial(p.t, "127.0.0.1:"+p.port) }

// TestACLRefusals: wrong users end the process before anybody is served, in the words
// that a redis-server logs.
func TestACLRefusals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "users.acl")
	for _, test := range []struct {
		file string
		args []string
		want []string
	}{
		{"", []string{"--user", "alice", "foo"}, []string{`>>> 'user "alice" "foo"'`, "Error in user declaration 'user': Syntax error"}},
		{"", []string{"--user", "alice", "on", "--user", "alice", "off"}, []string{"Error in user declaration 'alice': Duplicate user found. A user can only be defined once in config files"}},
		{"", []string{"--user", "alice", "on", "+get", "+xx", "foo"}, []string{"Error in user declaration '+get': Syntax error"}},
		{"", []string{"--user", "alice", "+foo"}, []string{"Error loading ACL rule '+foo' for the user named 'alice': Unknown command or category name in ACL", "Critical error while loading ACLs. Exiting."}},
		{"", []string{"--user", "a b", "on"}, []string{"Spaces not allowed in ACL usernames", "Critical error while loading ACLs. Exiting."}},
		{"user a on", []string{"--aclfile", file, "--user", "b", "on"}, []string{"please define either an ACL file or declare users directly in your redis.conf, but not both."}},
		{"user a on +foo", []string{"--aclfile", file}, []string{"Aborting Redis startup because of ACL errors: " + file + ":1: Error in applying operation '+foo': Unknown command or category name in ACL. WARNING: ACL errors detected"}},
		{"", []string{"--aclfile", filepath.Join(dir, "nope")}, []string{"Error loading ACLs, opening file '" + filepath.Join(dir, "nope") + "': No such file or directory"}},
		{"", []string{"--rename-command", "nope", "x"}, []string{"No such command in rename-command"}},
	} {
		if err := os.WriteFile(file, []byte(test.file), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := command(append(test.args, "--port", freePort(t), "--bind", "127.0.0.1", "--save", "")...)
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%q ends with %d", test.args, cmd.ProcessState.ExitCode())
		}
		for _, want := range test.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%q says nothing of %q:\n%s", test.args, want, out)
			}
		}
	}
}

// TestACLRewrite: CONFIG REWRITE writes the users that there are, in the place of those
// of the file; the next start has them, and a redis-server does too.
func TestACLRewrite(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(file, []byte("# users\nuser alice on >pw ~a* +get\nuser gone on nopass\nmaxclients 500\nrename-command flushall wipe\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, file, "--save", "", "--user", "disabled", "+get")
	p.says("The user 'disabled' is disabled (there is no 'on' modifier in the user description).")
	c := p.client()
	for _, command := range []string{"AUTH alice pw", "RESET", "ACL DELUSER gone disabled", "ACL SETUSER alice %R~q\"'\\ (+set ~b)) &c) resetpass nopass",
		"ACL SETUSER bob on >x -@all +@read -get +config|get allchannels", "ACL SETUSER carol off", "CONFIG REWRITE"} {
		if v := c.Do(strings.Fields(command)...); v.IsError() {
			t.Fatalf("%s = %s", command, v)
		}
	}
	want := c.Do("ACL", "LIST").String()
	c.Close()
	text, err := os.ReadFile(file)
	if err != nil || bytes.Count(text, []byte("\nuser ")) != 4 || !bytes.HasPrefix(text, []byte("# users\nuser alice ")) || !bytes.Contains(text, []byte("maxclients 500")) {
		t.Errorf("the file is\n%s, %v", text, err)
	}
	p.cmd.Process.Kill()
	p.ends()
	c = start(t, file).client()
	if got := c.Do("ACL", "LIST").String(); strings.Replace(got, " sanitize-payload", "", 1) != want { // which comes of reading it, as in Redis
		t.Errorf("after a start the users are\n%s\nwant\n%s", got, want)
	}
	if got := c.Do("WIPE").Str; got != "OK" {
		t.Errorf("WIPE = %s", got)
	}
	c.Close()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("SKIPPED: no redis-server to read the file")
	}
	lines := []string{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "user ") {
			lines = append(lines, line)
		}
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startReference(t, file)
	if got := strings.Replace(r.Do("ACL", "LIST").String(), " sanitize-payload", "", 1); inOrder(got) != inOrder(want) {
		t.Errorf("redis-server has the users\n%s\nwant\n%s", got, want)
	}
}

// inOrder sorts the words of lines: a redis-server lists commands in any order.
func inOrder(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		words := strings.Fields(strings.NewReplacer(`"`, "", `\`, "").Replace(line))
		slices.Sort(words)
		lines = append(lines, strings.Join(words, " "))
	}
	return strings.Join(lines, "\n")
}

// startReference runs a redis-server with a configuration file, whose users it asks for.
func startReference(t *testing.T, file string) *redistest.Conn {
	args, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for line := range strings.Lines(string(args)) {
		words = append(words, "--"+strings.TrimSpace(line))
	}
	s := redistest.Start(t, words...)
	return redistest.Dial(t, s.Addr)
}
