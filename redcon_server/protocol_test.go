package redcon_server

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/resp"
)

const ping = "*1\r\n$4\r\nPING\r\n"

// What clients may send, and what a redis-server 7.0.15 answers before it, or
// they, close. The first ones end, spin or close redcon by itself.
var protocolTests = []struct{ send, want string }{
	{"*1\r\n$9223372036854775807\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
	{"*9223372036854775807\r\n$1\r\na\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
	{"*1\r\n$-2\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
	{"*0\r\n" + ping, "+PONG\r\n"},
	{"*-1\r\n" + ping, "+PONG\r\n"},
	{"*-9\r\n*0\r\n\r\n\n  \r\n" + ping, "+PONG\r\n"},
	{ping + ping + "*1\r\n$-2\r\n" + ping, "+PONG\r\n+PONG\r\n-ERR Protocol error: invalid bulk length\r\n"},
	{ping + "*1\r\nx\r\n" + ping, "+PONG\r\n-ERR Protocol error: expected '$', got 'x'\r\n"},
	{"PING\r\n*x\r\n", "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n"},
	{"*1\r\n\r\n", "-ERR Protocol error: expected '$', got ' '\r\n"},
	{"*1\r\n*1\r\n", "-ERR Protocol error: expected '$', got '*'\r\n"},
	{"*2147483648\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
	{"*\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
	{"*01\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
	{"*+1\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
	{"*1\n$4\r\nPING\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
	{"*1\rX$4\rXPINGxx" + ping, "+PONG\r\n+PONG\r\n"},
	{"*1\r\n$4\nPING\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
	{"*1\r\n$536870913\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
	{"*1\r\n$536870912\r\nabc", ""},
	{"*1048576\r\n$4\r\nPING\r\n", ""},
	{"*1\r\n$4\r\nPINGx", ""},
	{"*1\r\n$0\r\n\r\n", "-ERR unknown command '', with args beginning with: \r\n"},
	{"\"\"\r\n", "-ERR unknown command '', with args beginning with: \r\n"},
	{"PING\nPING\r\n PING \r\n", "+PONG\r\n+PONG\r\n+PONG\r\n"},
	{"\tPING\t\"a\"\t\r\n", "$1\r\na\r\n"},
	{`ECHO "a\x41\n\r\t\b\a\\\"\q\xZZ\x4"` + "\r\n", "$15\r\naA\n\r\t\b\a\\\"qxZZx4\r\n"},
	{`ECHO a"b"` + "\r\nECHO 'a\\'b'\r\nECHO \"\"\r\n", "$2\r\nab\r\n$3\r\na'b\r\n$0\r\n\r\n"},
	{"ECHO a\r\r\nECHO a\x0bb\r\nECHO \xff\xfe\r\n", "$1\r\na\r\n$3\r\na\x0bb\r\n$2\r\n\xff\xfe\r\n"},
	{`PING 'a\\'` + "\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
	{"ECHO \"a\"b\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
	{"ECHO 'a\r\n" + ping, "-ERR Protocol error: unbalanced quotes in request\r\n"},
	{strings.Repeat("A", 65537), "-ERR Protocol error: too big inline request\r\n"},
	{"*" + strings.Repeat("1", 65537), "-ERR Protocol error: too big mbulk count string\r\n"},
	{"*1\r\n$" + strings.Repeat("1", 65537), "-ERR Protocol error: too big bulk count string\r\n"},
	{"QUIT\r\n" + ping, "+OK\r\n"},
}

// exchange sends b, says that it is all, and returns what is answered.
func exchange(t *testing.T, addr net.Addr, b string) string {
	t.Helper()
	nc, err := net.Dial(addr.Network(), addr.String())
	c := newClient(t, nc, err)
	c.send(b)
	c.Conn.(interface{ CloseWrite() error }).CloseWrite()
	got, _ := io.ReadAll(c.Conn) // a redis-server may reset what it has answered
	return string(got)
}

func TestProtocol(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	for _, c := range protocolTests {
		if got := exchange(t, s.Addr(), c.send); got != c.want {
			t.Errorf("%.60q answers %q, want %q", c.send, got, c.want)
		}
	}
}

// TestProtocolReference asks a redis-server the same.
func TestProtocolReference(t *testing.T) {
	addr := reference(t)
	for _, c := range protocolTests {
		if got := exchange(t, addr, c.send); got != c.want {
			t.Errorf("redis-server: %.60q answers %q, want %q", c.send, got, c.want)
		}
	}
}

// reference starts a redis-server, or skips the test.
func reference(t *testing.T) net.Addr {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED: no redis-server on PATH, so nothing holds these answers to Redis's")
	}
	for range 10 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().(*net.TCPAddr)
		l.Close()
		cmd := exec.Command(path, "--port", strconv.Itoa(addr.Port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		exited := make(chan struct{})
		go func() { cmd.Wait(); close(exited) }()
		up := false
		waitFor(t, "redis-server", func() bool {
			select {
			case <-exited: // the port was taken meanwhile
				return true
			default:
			}
			c, err := net.Dial("tcp", addr.String())
			if err == nil {
				c.Close()
				up = true
			}
			return up
		})
		if up {
			t.Cleanup(func() { cmd.Process.Kill(); <-exited })
			return addr
		}
	}
	t.Fatal("redis-server does not start")
	return nil
}

func TestUnauthenticated(t *testing.T) {
	db := newFakeDB()
	db.password = "pw"
	s := start(t, db, Options{})
	for send, want := range map[string]string{
		ping + "*11\r\n":                         "-NOAUTH Authentication required.\r\n-ERR Protocol error: unauthenticated multibulk length\r\n",
		"*2\r\n$16385\r\n":                       "-ERR Protocol error: unauthenticated bulk length\r\n",
		"*10\r\n":                                "",
		"AUTH pw\r\n*1\r\n$16385\r\n":            "+OK\r\n", // the limits are those of the moment
		"AUTH pw\r\n*11\r\n":                     "+OK\r\n",
		"AUTH no\r\n*11\r\n" + ping:              "-WRONGPASS invalid username-password pair or user is disabled.\r\n-ERR Protocol error: unauthenticated multibulk length\r\n",
		"PING" + strings.Repeat(" a", 20) + "\n": "-NOAUTH Authentication required.\r\n",
	} {
		if got := exchange(t, s.Addr(), send); got != want {
			t.Errorf("%.60q answers %q, want %q", send, got, want)
		}
	}
}

// A protocol error's text arrives though the client has sent more than was
// read: closing at once would reset the connection and take the text with it.
func TestErrorIsDelivered(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	for range 20 {
		c := dial(t, s)
		go io.WriteString(c, ping+"*x\r\n"+strings.Repeat(ping, 20_000))
		expect(t, "replies", c.all(), "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n")
	}
}

// FuzzDoor sends good commands in random pieces, then random bytes: the good
// ones are all answered, whatever follows.
func FuzzDoor(f *testing.F) {
	f.Add([]byte("*1\r\n$-2\r\n"), uint64(1), uint8(3))
	f.Add([]byte("*9223372036854775807\r\n$1\r\na\r\n"), uint64(2), uint8(0))
	f.Add([]byte("PING 'a\r\n"), uint64(3), uint8(200))
	s := newServer(newFakeDB().newConn, Options{})
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, junk []byte, seed uint64, n uint8) {
		if bytes.Contains(bytes.ToLower(junk), []byte("lpop")) || bytes.Contains(bytes.ToLower(junk), []byte("p")) && bytes.Contains(bytes.ToLower(junk), []byte("sub")) {
			return // the fake's BLPOP waits, its words are not checked
		}
		nc, err := s.Dial(context.Background(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(20 * time.Second))
		rng := rand.New(rand.NewPCG(seed, 1))
		var data []byte
		for i := range int(n) {
			data = resp.AppendCommand(data, "ECHO", strconv.Itoa(i)+strings.Repeat("x", rng.IntN(300)))
		}
		data = append(data, junk...)
		go func() {
			for rest := data; len(rest) > 0; {
				m := min(1+rng.IntN(2000), len(rest))
				if _, err := nc.Write(rest[:m]); err != nil {
					return
				}
				rest = rest[m:]
			}
			nc.(*pipeConn).CloseWrite()
		}()
		r := resp.NewReader(nc)
		for i := range int(n) {
			v, err := r.Read()
			if err != nil || strings.TrimRight(v.Str, "x") != strconv.Itoa(i) {
				t.Fatalf("reply %d of %d: %v, %v", i, n, v, err)
			}
		}
		for {
			if _, err := r.Read(); err != nil {
				if err != io.EOF {
					t.Errorf("behind the replies: %v", err)
				}
				return
			}
		}
	})
}
