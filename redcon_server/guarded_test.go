package redcon_server

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/rdb"
)

// What enable-debug-command, enable-module-command and enable-protected-configs allow, and
// to whom: beside a redis-server, over each way to reach it.
func TestGuarded(t *testing.T) {
	for _, allow := range []string{"no", "local", "yes"} {
		t.Run(allow, func(t *testing.T) {
			config := []string{"enable-debug-command", allow, "enable-module-command", allow, "enable-protected-configs", allow,
				"protected-mode", "no", "save", ""}
			var args []string
			for i := 0; i < len(config); i += 2 {
				args = append(args, "--"+config[i], config[i+1])
			}
			socket := filepath.Join(t.TempDir(), "redis")
			server := redistest.Start(t, append(args, "--bind", "0.0.0.0", "--unixsocket", socket)...)
			_, port, _ := net.SplitHostPort(server.Addr)

			db, err := larder.Open(larder.Options{Config: config})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			if _, err := rdb.Attach(db, rdb.Options{Path: filepath.Join(t.TempDir(), "dump.rdb"), DiscardOnClose: true}); err != nil {
				t.Fatal(err)
			}
			our := filepath.Join(t.TempDir(), "larder")
			s := New(db, Options{Endpoints: []Endpoint{{Addr: "0.0.0.0:0"}, {Network: "unix", Addr: our}}})
			t.Cleanup(func() { _ = s.Close() })
			if err := s.Listen(); err != nil {
				t.Fatal(err)
			}
			_, ourPort, _ := net.SplitHostPort(s.Addr().String())

			hosts := []string{"127.0.0.1"}
			if host := outerAddress(); host != "" {
				hosts = append(hosts, host)
			} else {
				t.Log("this machine has no address but those of the loopback: nobody comes from elsewhere")
			}
			for _, host := range hosts {
				compareGuarded(t, host, dialer("tcp", net.JoinHostPort(host, port)), dialer("tcp", net.JoinHostPort(host, ourPort)))
			}
			if from := dialerFrom("127.0.0.2", "127.0.0.1"); from != nil {
				compareGuarded(t, "127.0.0.2", from(port), from(ourPort))
			}
			compareGuarded(t, "unix", dialer("unix", socket), dialer("unix", our))
		})
	}
}

// outerAddress is an address of this machine from which a connection is not local, "" if
// there is none.
func outerAddress() string {
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	return ""
}

// dialerFrom dials ports of an address from another one of this machine's; it is nil where
// that is none.
func dialerFrom(from, to string) func(port string) func(testing.TB) *redistest.Conn {
	l, err := net.Listen("tcp", net.JoinHostPort(from, "0"))
	if err != nil {
		return nil
	}
	_ = l.Close()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return func(port string) func(testing.TB) *redistest.Conn {
		return dialWith(&d, "tcp", net.JoinHostPort(to, port))
	}
}

func dialer(network, addr string) func(testing.TB) *redistest.Conn {
	return dialWith(&net.Dialer{}, network, addr)
}

func dialWith(d *net.Dialer, network, addr string) func(testing.TB) *redistest.Conn {
	return func(t testing.TB) *redistest.Conn {
		t.Helper()
		nc, err := d.Dial(network, addr)
		if err != nil {
			t.Fatal(err)
		}
		c := redistest.NewConn(nc)
		t.Cleanup(c.Close)
		return c
	}
}

func compareGuarded(t *testing.T, from string, theirs, ours func(testing.TB) *redistest.Conn) {
	t.Helper()
	r, l := theirs(t), ours(t)
	same := func(words ...string) {
		t.Helper()
		if want, got := r.Do(words...).String(), l.Do(words...).String(); got != want {
			t.Errorf("from %s: %q\nlarder answers %s\nredis  answers %s", from, words, got, want)
		}
	}
	for _, line := range []string{
		"DEBUG", "DEBUG DIGEST", "DEBUG NOSUCH", "MODULE LIST", "MODULE LOAD", "MODULE LOAD /nope.so", "MODULE LOAD /nope.so a b",
		"MODULE LOADEX /nope.so", "MODULE LOADEX /nope.so CONFIG a", "MODULE LOADEX /nope.so CONFIG a b ARGS", "MODULE LOADEX /nope.so NOPE",
		"MODULE UNLOAD nope", "MULTI", "DEBUG DIGEST", "EXEC", "MULTI", "MODULE UNLOAD nope", "EXEC",
		"CONFIG SET dbfilename a/b", "CONFIG SET dir /nonexistent", "CONFIG SET maxmemory 7mb dbfilename a/b", "CONFIG GET maxmemory",
		"CONFIG SET enable-protected-configs yes", "CONFIG SET enable-debug-command yes", "CONFIG SET enable-module-command yes",
		// Who may is asked before the password is.
		"CONFIG SET requirepass secret", "RESET", "DEBUG DIGEST", "MODULE LOAD /nope.so", "MODULE LIST", "CONFIG SET dbfilename x",
		"AUTH secret", "CONFIG SET requirepass ''", "CONFIG SET maxmemory 0",
	} {
		words := strings.Fields(line)
		if last := len(words) - 1; words[last] == "''" {
			words[last] = ""
		}
		same(words...)
	}
	// Every directive is set to what it is.
	if want, got := refusedDirectives(r), refusedDirectives(l); !slices.Equal(got, want) {
		t.Errorf("from %s: larder protects %q, redis %q", from, got, want)
	}
}

// refusedDirectives are the directives that the client may not set, because they are
// protected.
func refusedDirectives(c *redistest.Conn) (names []string) {
	all := c.Do("CONFIG", "GET", "*").Elems
	for i := 0; i+1 < len(all); i += 2 {
		v := c.Do("CONFIG", "SET", all[i].Str, all[i+1].Str)
		if v.Str == fmt.Sprintf("ERR CONFIG SET failed (possibly related to argument '%s') - can't set protected config", all[i].Str) {
			names = append(names, all[i].Str)
		}
	}
	slices.Sort(names)
	return names
}
