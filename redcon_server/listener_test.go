package redcon_server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// certificate is one that is its own authority, for both sides.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "larder"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	cert, pool := certificate(t)
	db := newFakeDB()
	s := start(t, db, Options{Addr: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}})
	dialTLS := func() *client {
		c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}})
		return newClient(t, c, err)
	}
	c := dialTLS()
	expect(t, "PING", c.do("PING"), "PONG")
	long := strings.Repeat("v", 3<<20)
	expect(t, "SET", c.do("SET", "k", long), "OK")
	if got := c.do("GET", "k"); got != `"`+long+`"` {
		t.Errorf("GET has %d bytes, want %d", len(got), len(long)+2)
	}

	// A whole pipeline before the first read, and its end.
	c.do("SET", "k", strings.Repeat("v", 1000))
	c.send(strings.Repeat("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", 20_000) + "*1\r\nx\r\n")
	waitFor(t, "the server to have said all", func() bool { return s.Stats().Connected == 0 })
	if got := c.all(); len(got) != 20_000*1009+len("-ERR Protocol error: expected '$', got 'x'\r\n") {
		t.Errorf("%d bytes of replies, ending in %.100q", len(got), got[max(0, len(got)-100):])
	}

	// Waiting, reading on, and a hang-up.
	c = dialTLS()
	c.send("*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n" + ping)
	waitFor(t, "BLPOP to wait", func() bool { return db.waiting() == 1 })
	o := dialTLS()
	o.do("LPUSH", "l", "v")
	expect(t, "BLPOP", c.read(), `"v"`)
	expect(t, "PING", c.read(), "PONG")
	c.send("*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n" + ping)
	waitFor(t, "BLPOP to wait", func() bool { return db.waiting() == 2 })
	c.Close()
	waitFor(t, "the hang-up to be seen", func() bool { return s.Stats().Connected == 1 })

	c = dialTLS()
	c.do("SUBSCRIBE", "a")
	expect(t, "PUBLISH", o.do("PUBLISH", "a", "m"), "(integer) 1")
	expect(t, "message", c.read(), `["message" "a" "m"]`)

	// Without a certificate, and without TLS.
	if c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{RootCAs: pool}); err == nil {
		c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a client without a certificate was served")
		}
		c.Close()
	}
	c = dial(t, s)
	c.send(ping)
	if got, _ := io.ReadAll(c); bytes.Contains(got, []byte("PONG")) {
		t.Error("a client without TLS was served")
	}
	waitFor(t, "both to be gone", func() bool { return s.Stats().Connected == 2 })
}

func TestHandshakeTimeout(t *testing.T) {
	cert, _ := certificate(t)
	s := start(t, newFakeDB(), Options{Addr: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Limits: Limits{HandshakeTimeout: 10 * time.Millisecond}})
	c := dial(t, s)
	if _, err := io.ReadAll(c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	waitFor(t, "the silent one to be gone", func() bool { return s.Stats().Connected == 0 })
}

func TestUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Skipf("SKIPPED: no unix sockets: %v", err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close() // and the file stays
	db := newFakeDB()
	s := start(t, db, Options{Endpoints: []Endpoint{{Network: "unix", Addr: path, Perm: 0o700}}})
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("permissions %v, %v, want 0700", info.Mode(), err)
	}
	c := dial(t, s)
	expect(t, "PING", c.do("PING"), "PONG")
	db.mu.Lock()
	for fc := range db.conns {
		expect(t, "RemoteAddr", fc.t.RemoteAddr(), path+":0")
		expect(t, "LocalAddr", fc.t.LocalAddr(), path+":0")
	}
	db.mu.Unlock()
	s.Close()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket's file outlives the server")
	}
}

// A foreign is a connection from another machine.
type foreign struct{ net.Conn }

func (foreign) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1234} }

type foreignListener struct{ net.Listener }

func (l foreignListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return foreign{c}, nil
}

// It is also a connection without raw reads and writes.
func TestProtectedMode(t *testing.T) {
	db := newFakeDB()
	s := newServer(db.newConn, Options{})
	defer s.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- s.Serve(foreignListener{ln}) }()
	connect := func() *client {
		c, err := net.Dial("tcp", ln.Addr().String())
		return newClient(t, c, err)
	}
	if got := connect().all(); !strings.HasPrefix(got, "-DENIED ") || strings.Count(got, "\n") != 1 {
		t.Errorf("a foreign client reads %q, want a -DENIED", got)
	}
	s.Reconfigure(func(l *Limits) { l.Unprotected = true })
	c := connect()
	expect(t, "unprotected", c.do("PING"), "PONG")
	long := strings.Repeat("v", 1<<20)
	expect(t, "ECHO", c.do("ECHO", long), `"`+long+`"`)
	db.password = "pw"
	s.Reconfigure(func(l *Limits) { l.Unprotected = false })
	expect(t, "with a password", connect().do("AUTH", "pw"), "OK")
	s.Close()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v, want nil after Close", err)
	}
	if err := s.Serve(ln); err != net.ErrClosed {
		t.Errorf("Serve after Close = %v", err)
	}
}

// A failing listener is one whose Accept fails.
type failing struct {
	err   error
	calls atomic.Int32
	times int32 // before it blocks
	done  chan struct{}
}

func (l *failing) Accept() (net.Conn, error) {
	if l.calls.Add(1) > l.times {
		<-l.done
		return nil, net.ErrClosed
	}
	return nil, l.err
}

func (l *failing) Close() error {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
	return nil
}
func (l *failing) Addr() net.Addr { return pipeAddr("failing") }

func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newServer(newFakeDB().newConn, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		l := &failing{err: &net.OpError{Op: "accept", Err: os.NewSyscallError("accept", syscall.EMFILE)}, times: 1 << 30, done: make(chan struct{})}
		served := make(chan error)
		go func() { served <- s.Serve(l) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := l.calls.Load(); n < 50 || n > 80 {
			t.Errorf("%d calls of Accept in a minute without descriptors", n)
		}
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d lines logged, want 1: %s", n, &log)
		}
		s.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}

		s = newServer(newFakeDB().newConn, Options{})
		broken := errors.New("broken")
		l = &failing{err: broken, times: 1 << 30, done: make(chan struct{})}
		if err := s.Serve(l); !errors.Is(err, broken) || l.calls.Load() != 1 {
			t.Errorf("Serve = %v after %d calls, want the listener's error after one", err, l.calls.Load())
		}
		s.Close()
	})
}

func TestSetEndpoints(t *testing.T) {
	s := start(t, newFakeDB(), Options{Addr: "127.0.0.1:0"})
	c := dial(t, s)
	expect(t, "PING", c.do("PING"), "PONG")
	first := s.Addr().String()
	kept := Endpoint{Addr: "127.0.0.1:0"}
	if err := s.SetEndpoints([]Endpoint{kept, {Addr: "192.0.2.1:1", Optional: true}}); err != nil {
		t.Fatal(err)
	}
	expect(t, "PING on a connection of a port that is closed", c.do("PING"), "PONG")
	if c, err := net.Dial("tcp", first); err == nil {
		c.Close()
		t.Error("the old port still accepts")
	}
	expect(t, "PING on the new port", dial(t, s).do("PING"), "PONG")
	second := s.Addr().String()
	if err := s.SetEndpoints([]Endpoint{{Addr: second}, {Addr: "192.0.2.1:1"}}); err == nil {
		t.Error("an address of another machine was taken")
	}
	expect(t, "PING after a change that failed", dial(t, s).do("PING"), "PONG")
	if n := len(s.Addrs()); n != 1 {
		t.Errorf("%d addresses, want 1", n)
	}
}

func TestListenTwice(t *testing.T) {
	s := start(t, newFakeDB(), Options{})
	o := newServer(newFakeDB().newConn, Options{Addr: s.Addr().String()})
	defer o.Close()
	if err := o.ListenAndServe(); err == nil {
		t.Error("a port that is in use was taken")
	}
}
