package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/conf"
)

// The same key, in the clear and encrypted by openssl pkcs8 -topk8 with the pass phrase
// sesame.
const (
	plainKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+2wnP895U3y6FRNL
V7z3A33ls9U3k1A0EZVKcF7qi2GhRANCAAScpHmCkeW247vGg5FMRqKqffPv5LMa
3KwksO4wBG0wOVvkfUaW89iyIvURZpwFaD+pw4fht7eKY0yGH8UWBk89
-----END PRIVATE KEY-----
`
	keyAES256 = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAga/6+GkqkaagICA+gw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEBvqAMWEN9j2Yg0dwwI+q4MEgZBJ
tUfiWYmctTnKDkEd7+/rWbdVkhRdILVdt0l/8rKxL4m63wPJ00NNOgPA/hvGJCm+
iy7GYvGtNQNNuYBxuVfanhzReKlk1O5YH7D5IX5ToTdpSgAB6CWdraDgdwbAJwXW
yafW9hl472xEvKanqJCj+CE1Xv7GvNtHV5OLOh77oQMLV6iDXNwW0n7PLUDXdyY=
-----END ENCRYPTED PRIVATE KEY-----
`
)

func TestTLSDirectives(t *testing.T) {
	const modern = "ECDHE-RSA-AES128-GCM-SHA256"
	for list, want := range map[string]int{
		"": 0, modern: 1, "nosuch:" + modern: 1, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": 1, modern + ":AES128-SHA": 2,
		"DEFAULT:!" + modern: len(tls.CipherSuites()) - 1, "HIGH:!aNULL:!MD5": len(tls.CipherSuites()), "nosuch": -1, "!" + modern: -1,
		"ECDHE-ECDSA-CHACHA20-POLY1305,DES-CBC3-SHA": 2,
	} {
		ids, err := tlsCiphers(list)
		if want < 0 && (err == nil || err.Error() != "Failed to configure ciphers: "+list) || want >= 0 && (err != nil || len(ids) != want) {
			t.Errorf("tls-ciphers %s: %v, %v", list, ids, err)
		}
	}
	for list, good := range map[string]bool{"": true, "TLS_AES_128_GCM_SHA256": true, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256": true,
		"foo": false, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": false} {
		if err := tlsSuites(list); (err == nil) != good {
			t.Errorf("tls-ciphersuites %s: %v", list, err)
		}
	}
	for list, want := range map[string][2]uint16{
		"": {tls.VersionTLS12, tls.VersionTLS13}, "TLSv1.3": {tls.VersionTLS13, tls.VersionTLS13}, "tlsv1.3 TLSv1": {tls.VersionTLS10, tls.VersionTLS13},
		"TLSv1.1 TLSv1.2": {tls.VersionTLS11, tls.VersionTLS12}, "SSLv3": {},
	} {
		low, high, err := tlsVersions(list)
		if low != want[0] || high != want[1] || (err == nil) != (low != 0) {
			t.Errorf("tls-protocols %s: %x, %x, %v", list, low, high, err)
		}
	}
}

// An authority signs certificates for a test, and keeps them in files.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T, name string) *authority {
	a := &authority{t: t, dir: t.TempDir(), pool: x509.NewCertPool()}
	a.key, a.cert = a.issue(name, nil)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue makes a certificate and its key, in name.crt and name.key. With key the
// certificate is that one's.
func (a *authority) issue(name string, key *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	check := func(err error) {
		if err != nil {
			a.t.Helper()
			a.t.Fatal(err)
		}
	}
	var err error
	if key == nil {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: a.cert == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	check(err)
	cert, err := x509.ParseCertificate(der)
	check(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	check(err)
	check(os.WriteFile(a.path(name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	check(os.WriteFile(a.path(name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	return key, cert
}

// client is the configuration of a client that trusts a, and shows the certificate of
// that name, none if it is empty.
func (a *authority) client(from *authority, name string) *tls.Config {
	config := &tls.Config{RootCAs: a.pool}
	if name != "" {
		cert, err := tls.LoadX509KeyPair(from.path(name+".crt"), from.path(name+".key"))
		if err != nil {
			a.t.Fatal(err)
		}
		// Shown whether the server knows who has signed it or not.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
	return config
}

// says is what a server answers to inline commands over TLS, "" if it does not serve.
func says(addr string, config *tls.Config, lines string) (reply string, state tls.ConnectionState) {
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, config)
	if err != nil {
		return "", state
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(c, lines+"\r\nQUIT\r\n")
	all, _ := io.ReadAll(c)
	return strings.TrimSuffix(string(all), "+OK\r\n"), c.ConnectionState()
}

// TestTLS serves with port 0 and tls-port: who is served by which tls-auth-clients, which
// versions, a key behind a pass phrase, and new certificates while the server runs.
func TestTLS(t *testing.T) {
	ca, stranger := newAuthority(t, "ca"), newAuthority(t, "other")
	ca.issue("client", nil)
	stranger.issue("client", nil)
	block, _ := pem.Decode([]byte(plainKey))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	ca.issue("server", key.(*ecdsa.PrivateKey))
	if err := os.WriteFile(ca.path("server.key"), []byte(keyAES256), 0o600); err != nil {
		t.Fatal(err)
	}
	ca.issue("second", nil)
	cas := t.TempDir()
	if err := os.Link(ca.path("ca.crt"), filepath.Join(cas, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	addr := "127.0.0.1:" + port
	p := startOn(t, port, "--port", "0", "--tls-port", port, "--bind", "127.0.0.1", "--tls-cert-file", ca.path("server.crt"),
		"--tls-key-file", ca.path("server.key"), "--tls-key-file-pass", "sesame", "--tls-ca-cert-dir", cas, "--tls-protocols", "TLSv1.3")
	known, none, wrong := ca.client(ca, "client"), ca.client(nil, ""), ca.client(stranger, "client")
	ask := func(what string, config *tls.Config, want string) tls.ConnectionState {
		t.Helper()
		got, state := says(addr, config, "PING")
		if got != want {
			t.Errorf("%s: %q, want %q\n%s", what, got, want, p.said())
		}
		return state
	}
	set := func(args, want string) {
		t.Helper()
		if got, _ := says(addr, known, "CONFIG SET "+args); got != want {
			t.Errorf("CONFIG SET %s = %q", args, got)
		}
	}
	const ok, pong = "+OK\r\n", "+PONG\r\n"
	if s := ask("the right certificate", known, pong); s.Version != tls.VersionTLS13 || s.PeerCertificates[0].Subject.CommonName != "server" {
		t.Errorf("version %x, certificate of %s", s.Version, s.PeerCertificates[0].Subject)
	}
	ask("no certificate", none, "")
	ask("somebody's certificate", wrong, "")
	old := known.Clone()
	old.MaxVersion = tls.VersionTLS12
	ask("TLS 1.2 where only 1.3 is", old, "")
	set(`tls-protocols "TLSv1.2 TLSv1.3" tls-ciphers ECDHE-ECDSA-AES256-GCM-SHA384`, ok)
	if s := ask("TLS 1.2 where it is", old, pong); s.CipherSuite != tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 {
		t.Errorf("the cipher is %s", tls.CipherSuiteName(s.CipherSuite))
	}
	set("tls-auth-clients optional", ok)
	ask("no certificate where it is optional", none, pong)
	ask("somebody's certificate where it is optional", wrong, "")
	set("tls-auth-clients no", ok)
	ask("no certificate where none is asked for", none, pong)
	const failed = ") - Unable to update TLS configuration. Check server logs.\r\n"
	set("tls-protocols SSLv3", "-ERR CONFIG SET failed (possibly related to argument 'tls-protocols'"+failed)
	set("tls-cert-file nope", "-ERR CONFIG SET failed (possibly related to argument 'tls-cert-file'"+failed)
	set(`tls-ca-cert-dir "" tls-auth-clients yes`, "-ERR CONFIG SET failed (possibly related to argument 'tls-ca-cert-dir'"+failed)
	ask("no certificate after failures", none, pong)
	set("tls-cert-file "+ca.path("second.crt")+" tls-key-file "+ca.path("second.key")+" tls-key-file-pass \"\"", ok)
	if s := ask("after a change", none, pong); s.PeerCertificates[0].Subject.CommonName != "second" {
		t.Errorf("the certificate is that of %s", s.PeerCertificates[0].Subject)
	}
	other := freePort(t)
	set("tls-port "+other, ok)
	addr = "127.0.0.1:" + other
	ask("on another port", none, pong)
}

func TestTLSRefusals(t *testing.T) {
	ca := newAuthority(t, "ca")
	ca.issue("server", nil)
	cert, key := ca.path("server.crt"), ca.path("server.key")
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "No tls-cert-file configured!"},
		{[]string{"tls-cert-file", cert}, "No tls-key-file configured!"},
		{[]string{"tls-cert-file", cert, "tls-key-file", key}, "Either tls-ca-cert-file or tls-ca-cert-dir must be specified"},
		{[]string{"tls-cert-file", cert, "tls-key-file", key, "tls-auth-clients", "optional"}, "Either tls-ca-cert-file or"},
		{[]string{"tls-cert-file", cert, "tls-key-file", key, "tls-auth-clients", "no"}, ""},
		{[]string{"tls-cert-file", cert, "tls-key-file", key, "tls-ca-cert-file", key}, "Failed to configure CA certificate(s) file/directory"},
		{[]string{"tls-cert-file", cert, "tls-key-file", cert, "tls-auth-clients", "no"}, "Failed to load certificate"},
		{[]string{"tls-cert-file", cert, "tls-key-file", "nope"}, "Failed to load private key: nope"},
		{[]string{"tls-cert-file", cert, "tls-key-file", key, "tls-auth-clients", "no", "tls-session-caching", "no"}, ""},
	} {
		c := conf.New()
		for i := 0; i < len(test.args); i += 2 {
			if err := c.Preset(test.args[i], test.args[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		config, err := tlsConfig(c)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q: %v, want %s", test.args, err, test.want)
		}
		if err == nil && config.SessionTicketsDisabled != (c.String("tls-session-caching") == "no") {
			t.Errorf("%q: tickets are not as they should be", test.args)
		}
	}
	cmd := command("--port", "0", "--tls-port", freePort(t), "--save", "")
	cmd.Dir = t.TempDir()
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "Failed to configure TLS. Check logs for more info.") {
		t.Errorf("without a certificate it ends with %d:\n%s", cmd.ProcessState.ExitCode(), out)
	}
}
