package main

import (
	"crypto/tls"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/larderdb/larder/internal/certs"
	"github.com/larderdb/larder/internal/conf"
)

// What the directives that begin with tls- make of connections.

// A said is an error in the words of a redis-server, which begin and end as they do.
type said string

func (s said) Error() string { return string(s) }

// tlsDirectives are those that may change while the server runs.
var tlsDirectives = []string{"tls-port", "tls-cert-file", "tls-key-file", "tls-key-file-pass", "tls-ca-cert-file", "tls-ca-cert-dir",
	"tls-auth-clients", "tls-protocols", "tls-ciphers", "tls-ciphersuites", "tls-session-caching"}

// A tlsServing is how connections are encrypted from now on. The listeners keep one
// tls.Config, which asks for the newest at every handshake: so new certificates come
// into use without listening anew.
type tlsServing struct {
	c      *conf.Config
	log    *slog.Logger
	newest atomic.Pointer[tls.Config]
	config *tls.Config // of the listeners
}

func newTLSServing(c *conf.Config, log *slog.Logger) *tlsServing {
	t := &tlsServing{c: c, log: log}
	t.config = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return t.newest.Load(), nil }}
	return t
}

// update reads the directives. After an error, what was is still.
func (t *tlsServing) update() error {
	config, err := tlsConfig(t.c)
	if err == nil {
		t.newest.Store(config)
	}
	return err
}

// set is update for CONFIG SET. The reason goes to the log: it names files.
func (t *tlsServing) set() error {
	if t.c.Int("tls-port") == 0 {
		return nil // nobody is told of errors before there is a port
	}
	if err := t.update(); err != nil {
		t.log.Warn(err.Error())
		return said("Unable to update TLS configuration. Check server logs.")
	}
	return nil
}

// tlsConfig makes a configuration of the directives.
func tlsConfig(c *conf.Config) (*tls.Config, error) {
	cert, err := tlsCertificate(c)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: !c.Bool("tls-session-caching")}
	if config.MinVersion, config.MaxVersion, err = tlsVersions(c.String("tls-protocols")); err != nil {
		return nil, err
	}
	if config.CipherSuites, err = tlsCiphers(c.String("tls-ciphers")); err != nil {
		return nil, err
	}
	if err := tlsSuites(c.String("tls-ciphersuites")); err != nil {
		return nil, err
	}
	switch c.String("tls-auth-clients") {
	case "yes":
		config.ClientAuth = tls.RequireAndVerifyClientCert
	case "optional":
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	config.ClientCAs, err = certs.Authorities(c.String("tls-ca-cert-file"), c.String("tls-ca-cert-dir"))
	if err != nil {
		return nil, err
	}
	if config.ClientCAs == nil && config.ClientAuth != tls.NoClientCert {
		// Without any, Go would take those of the system: a certificate that anybody
		// can have.
		return nil, said("Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, " +
			"tls-replication or tls-auth-clients are enabled!")
	}
	return config, nil
}

// tlsCertificate reads the server's certificate, and its key, which may be encrypted.
func tlsCertificate(c *conf.Config) (cert tls.Certificate, err error) {
	certFile, keyFile := c.String("tls-cert-file"), c.String("tls-key-file")
	if certFile == "" {
		return cert, said("No tls-cert-file configured!")
	}
	if keyFile == "" {
		return cert, said("No tls-key-file configured!")
	}
	return certs.Load(certFile, keyFile, c.String("tls-key-file-pass"))
}

// tlsVersions reads tls-protocols. What is between two versions is allowed as well.
func tlsVersions(protocols string) (low, high uint16, err error) {
	low, high = tls.VersionTLS12, tls.VersionTLS13
	for i, name := range strings.Fields(protocols) {
		at := slices.Index([]string{"tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"}, strings.ToLower(name))
		if at < 0 {
			return 0, 0, said("Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'.")
		}
		v := tls.VersionTLS10 + uint16(at)
		if i == 0 {
			low, high = v, v
		}
		low, high = min(low, v), max(high, v)
	}
	return low, high, nil
}

// tlsCiphers reads tls-ciphers, for TLS 1.2 and before: names as OpenSSL or the
// standards have them, with colons between; "!" takes one out, and DEFAULT, HIGH and ALL
// are all that Go thinks safe. Names that are not known are passed over, as by OpenSSL,
// if there is one that is; nil is Go's choice.
func tlsCiphers(list string) (ids []uint16, err error) {
	if list == "" {
		return nil, nil
	}
	var out []uint16
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ':' || r == ',' || r == ' ' }) {
		without, not := strings.CutPrefix(name, "!")
		switch {
		case name == "DEFAULT" || name == "HIGH" || name == "ALL":
			for _, s := range tls.CipherSuites() {
				ids = append(ids, s.ID)
			}
			continue
		}
		for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
			if s.Name != without && openSSLName(s.Name) != without {
				continue
			}
			if not {
				out = append(out, s.ID)
			} else {
				ids = append(ids, s.ID)
			}
		}
	}
	ids = slices.DeleteFunc(ids, func(id uint16) bool { return slices.Contains(out, id) })
	if len(ids) == 0 {
		return nil, said("Failed to configure ciphers: " + list)
	}
	return ids, nil
}

// openSSLName is OpenSSL's name of a suite, which Go knows by that of the standards:
// TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is ECDHE-RSA-AES128-GCM-SHA256 there.
func openSSLName(name string) string {
	name = strings.TrimPrefix(name, "TLS_")
	name = strings.TrimPrefix(strings.Replace(name, "_WITH_", "_", 1), "RSA_")
	name = strings.NewReplacer("AES_128_CBC", "AES128", "AES_256_CBC", "AES256", "AES_128", "AES128", "AES_256", "AES256",
		"3DES_EDE_CBC", "DES-CBC3", "RC4_128", "RC4", "CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305").Replace(name)
	return strings.ReplaceAll(name, "_", "-")
}

// tlsSuites looks at tls-ciphersuites, for TLS 1.3: Go has the three that there are in
// use, and chooses among them by itself.
func tlsSuites(list string) error {
	if list == "" {
		return nil
	}
	for name := range strings.SplitSeq(list, ":") {
		if !slices.ContainsFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool {
			return s.Name == name && slices.Contains(s.SupportedVersions, tls.VersionTLS13)
		}) {
			return said("Failed to configure ciphersuites: " + list)
		}
	}
	return nil
}
