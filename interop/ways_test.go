package interop

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/redcon_server"
	"github.com/redis/go-redis/v9"
)

// A dialer is how a client reaches a server; the form of go-redis.
type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// A server is a store with its front end, which listens nowhere by itself.
type server struct {
	db  *larder.DB
	srv *redcon_server.Server
}

func newServer(t testing.TB, o larder.Options, so redcon_server.Options) *server {
	t.Helper()
	db, err := larder.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{db, redcon_server.New(db, so)}
	t.Cleanup(func() {
		if err := s.srv.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// listen is newServer on a loopback port.
func listen(t testing.TB, o larder.Options) (s *server, addr string) {
	t.Helper()
	s = newServer(t, o, redcon_server.Options{Addr: "127.0.0.1:0"})
	if err := s.srv.Listen(); err != nil {
		t.Fatal(err)
	}
	return s, s.srv.Addr().String()
}

// ways are all the ways to reach a server.
var ways = []string{"memory", "tcp", "unix", "tls"}

// reach returns a server that is reached one way.
func reach(t testing.TB, way string, o larder.Options) (*server, dialer) {
	t.Helper()
	var so redcon_server.Options
	var client *tls.Config
	switch way {
	case "memory":
		s := newServer(t, o, so)
		return s, s.srv.Dial
	case "tcp":
		so.Addr = "127.0.0.1:0"
	case "unix":
		so.Endpoints = []redcon_server.Endpoint{{Network: "unix", Addr: filepath.Join(t.TempDir(), "s"), Perm: 0o700}}
	case "tls":
		so.Addr = "127.0.0.1:0"
		so.TLS, client = certificate(t)
	}
	s := newServer(t, o, so)
	if err := s.srv.Listen(); err != nil {
		t.Fatal(err)
	}
	a := s.srv.Addr()
	return s, func(ctx context.Context, _, _ string) (net.Conn, error) {
		if client != nil {
			return (&tls.Dialer{Config: client}).DialContext(ctx, a.Network(), a.String())
		}
		return new(net.Dialer).DialContext(ctx, a.Network(), a.String())
	}
}

// certificate makes a key that a server shows, and a client that trusts it.
func certificate(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

// client is a go-redis client, closed with the test.
func client(t testing.TB, dial dialer, o redis.Options) *redis.Client {
	t.Helper()
	o.Dialer = dial
	o.Addr = "127.0.0.1:6379" // for texts only; go-redis looks a name up, which may take seconds
	c := redis.NewClient(&o)
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("closing the client: %v", err)
		}
	})
	return c
}
