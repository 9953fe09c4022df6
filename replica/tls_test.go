package replica_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/rdb"
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

// certificateFiles writes a server's certificate and its key to files, and returns their
// paths.
func certificateFiles(t testing.TB, server *tls.Config) (cert, key string) {
	t.Helper()
	pair := server.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, block *pem.Block) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", &pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}),
		write("key.pem", &pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// REPLICAOF links over TLS where tls-replication says so, and shows the certificate that
// the primary asks for. What was loaded anew beside the stream is fetched anew.
func TestReplicaOfOverTLS(t *testing.T) {
	server, client := certificate(t)
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, client.RootCAs
	cert, key := certificateFiles(t, server)
	db := open(t, "repl-diskless-sync-delay", "0", "enable-debug-command", "yes")
	if _, err := replica.Serve(db, replica.ServeOptions{}); err != nil {
		t.Fatal(err)
	}
	srv := redcon_server.New(db, redcon_server.Options{Addr: "127.0.0.1:0", TLS: server})
	if err := srv.Listen(); err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	db.Set("k", "1")

	copied, err := larder.Open(larder.Options{Config: []string{"enable-debug-command", "yes", "tls-replication", "yes",
		"tls-ca-cert-file", cert, "tls-cert-file", cert, "tls-key-file", key, "dir", t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if _, err := rdb.Attach(copied, rdb.Options{DiscardOnClose: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := replica.Serve(copied, replica.ServeOptions{}); err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(srv.Addr().String())
	do := func(words ...string) {
		t.Helper()
		if _, err := copied.Do(words...); err != nil {
			t.Fatalf("%q: %v", words, err)
		}
	}
	do("REPLICAOF", host, port)
	same := func() bool { return digest(t, copied) == digest(t, db) }
	eventually(t, "the same", same)
	do("DEBUG", "RELOAD")
	db.Set("k", "2")
	eventually(t, "the same again", same)
	do("CONFIG", "SET", "tls-replication", "no")
	do("REPLICAOF", "NO", "ONE")
	do("REPLICAOF", host, port)
	db.Set("k", "3")
	eventually(t, "the primary does not understand", func() bool {
		info, _ := copied.Do("INFO", "replication")
		return strings.Contains(info.(string), "master_link_status:down")
	})
	do("CONFIG", "SET", "tls-replication", "yes")
	do("REPLICAOF", host, port)
	eventually(t, "the same at last", same)
}
