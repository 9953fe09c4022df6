package main

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/larderdb/larder/internal/redistest"
)

// The link to a primary shows the certificate of tls-client-cert-file, with its key that
// is encrypted, and believes the authorities of tls-ca-cert-dir; without that file it
// shows the server's own. The primary is a larder, and a redis-server.
func TestTLSReplication(t *testing.T) {
	ca, stranger := newAuthority(t, "ca"), newAuthority(t, "other")
	ca.issue("server", nil)
	stranger.issue("server", nil)
	block, _ := pem.Decode([]byte(plainKey))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	ca.issue("client", key.(*ecdsa.PrivateKey))
	if err := os.WriteFile(ca.path("client.key"), []byte(keyAES256), 0o600); err != nil {
		t.Fatal(err)
	}
	cas := t.TempDir()
	if err := os.Link(ca.path("ca.crt"), filepath.Join(cas, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"larder", "redis"} {
		t.Run(kind, func(t *testing.T) {
			port := freePort(t)
			secure := []string{"--tls-port", port, "--tls-cert-file", ca.path("server.crt"), "--tls-key-file", ca.path("server.key"),
				"--tls-auth-clients", "yes", "--repl-diskless-sync-delay", "0"}
			var set func(value string)
			if kind == "larder" {
				primary := start(t, append(secure, "--tls-ca-cert-dir", cas)...)
				set = func(value string) { primary.do("SET k " + value) }
			} else {
				if _, err := exec.LookPath("redis-server"); err != nil {
					t.Skipf("SKIPPED: redis-server is not on PATH (%v)", err)
				}
				c := redistest.Start(t, append(secure, "--tls-ca-cert-file", ca.path("ca.crt"))...).NewClient(t, 2)
				defer c.Close()
				set = func(value string) { c.Do("SET", "k", value) }
			}
			set("1")
			r := start(t, "--replicaof", "127.0.0.1 "+port, "--tls-replication", "yes", "--tls-ca-cert-dir", cas,
				"--tls-cert-file", stranger.path("server.crt"), "--tls-key-file", stranger.path("server.key"),
				"--tls-client-cert-file", ca.path("client.crt"), "--tls-client-key-file", ca.path("client.key"),
				"--tls-client-key-file-pass", "sesame")
			r.until("STRLEN k", ":1")
			again := func(config, want string) (log func() string) {
				t.Helper()
				if got := r.do("CONFIG SET " + config); got != "+OK" {
					t.Errorf("CONFIG SET %s = %q", config, got)
				}
				before := len(r.said())
				r.do("REPLICAOF NO ONE")
				if got := r.do("REPLICAOF 127.0.0.1 " + port); got != want {
					t.Errorf("after CONFIG SET %s REPLICAOF = %q", config, got)
				}
				return func() string { return r.said()[before:] }
			}
			says := func(log func() string, want string) {
				t.Helper()
				for end := time.Now().Add(20 * time.Second); !strings.Contains(log(), want); <-time.After(10 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("the log has no %q:\n%s", want, log())
					}
				}
			}
			const ok, refused = "+OK", "Error condition on socket for SYNC: "
			says(again("tls-client-key-file-pass wrong", "-ERR Unable to configure TLS for the link to the master. Check server logs."),
				"bad decrypt: the pass phrase is wrong")
			again("tls-client-key-file-pass sesame", ok)
			set("22")
			r.until("STRLEN k", ":2")
			// The server's own is of nobody whom the primary knows.
			says(again(`tls-client-cert-file ""`, ok), refused+"PING: remote error: tls: ")
			again("tls-cert-file "+ca.path("server.crt")+" tls-key-file "+ca.path("server.key"), ok)
			set("333")
			r.until("STRLEN k", ":3")
			// Who has signed the primary's is not there.
			says(again("tls-ca-cert-dir "+stranger.dir, ok), refused+"tls: failed to verify certificate")
		})
	}
}
