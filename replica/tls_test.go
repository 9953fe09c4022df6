package replica_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/redcon_server"
	"github.com/larderdb/larder/replica"
)

// certificate returns one for 127.0.0.1, and who trusts it.
func certificate(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
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
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, &tls.Config{RootCAs: pool}
}

// Everything goes over TLS too, much of it at once.
func TestOverTLS(t *testing.T) {
	server, client := certificate(t)
	db := open(t, "repl-diskless-sync-delay", "0", "enable-debug-command", "yes")
	if _, err := replica.Serve(db, replica.ServeOptions{}); err != nil {
		t.Fatal(err)
	}
	srv := redcon_server.New(db, redcon_server.Options{Addr: "127.0.0.1:0", TLS: server})
	if err := srv.Listen(); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	big := strings.Repeat("x", 3<<20)
	for i := range 5 {
		if _, err := db.RPush(fmt.Sprint("l", i), big, big[:1000+i]); err != nil {
			t.Fatal(err)
		}
	}
	copied, err := larder.Open(larder.Options{Config: []string{"enable-debug-command", "yes"}})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	f := follow(t, copied, replica.Options{Addr: srv.Addr().String(), TLS: client})
	for i := range 5 {
		if _, err := db.Append("s", big[:i<<19]); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the same", func() bool { return digest(t, copied) == digest(t, db) })
	if st := f.Status(); !st.Up || st.FullSyncs != 1 {
		t.Errorf("%+v", st)
	}
}
