package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/redcon_server"
)

// Where the server listens, by bind, port, tls-port and unixsocket.

// listen opens the endpoints, and has CONFIG SET move them.
func listen(db *larder.DB, c *conf.Config, log *slog.Logger) (*redcon_server.Server, error) {
	eps, err := endpoints(c)
	if err != nil {
		return nil, err
	}
	srv := redcon_server.New(db, redcon_server.Options{Addr: "127.0.0.1:0", Endpoints: eps, Logger: log,
		Limits: redcon_server.Limits{Normal: redcon_server.OutputLimit{Hard: -1}}}) // as Redis
	if err := srv.SetEndpoints(eps); err != nil {
		return nil, listenError{c.Int("port"), err}
	}
	move := func(string) error {
		eps, err := endpoints(c)
		if err != nil {
			return err
		}
		return srv.SetEndpoints(eps)
	}
	for _, name := range []string{"bind", "port", "tls-port", "tls-cert-file", "tls-key-file", "tls-ca-cert-file", "tls-auth-clients"} {
		c.OnChange(name, nil, move)
	}
	return srv, nil
}

// A listenError is told in the words that tools look for in a log.
type listenError struct {
	port int64
	err  error
}

func (e listenError) Error() string {
	return fmt.Sprintf("Failed listening on port %d (TCP), aborting: %v", e.port, e.err)
}

func endpoints(c *conf.Config) (eps []redcon_server.Endpoint, err error) {
	if port := c.Int("port"); port != 0 {
		eps = append(eps, binds(c, port, nil)...)
	}
	if port := c.Int("tls-port"); port != 0 {
		config, err := tlsConfig(c)
		if err != nil {
			return nil, err
		}
		eps = append(eps, binds(c, port, config)...)
	}
	if path := c.String("unixsocket"); path != "" {
		eps = append(eps, redcon_server.Endpoint{Network: "unix", Addr: path, Perm: fs.FileMode(c.Int("unixsocketperm"))})
	}
	return eps, nil
}

// binds are the endpoints of one port. A star is all addresses of IPv4, "::*"
// those of IPv6, and a dash before an address lets it be missing.
func binds(c *conf.Config, port int64, config *tls.Config) (eps []redcon_server.Endpoint) {
	addrs := c.Words("bind")
	if len(addrs) == 0 {
		addrs = []string{"*", "-::*"}
	}
	for _, a := range addrs {
		ep := redcon_server.Endpoint{Network: "tcp", TLS: config}
		a, ep.Optional = strings.CutPrefix(a, "-")
		switch a {
		case "*":
			ep.Network, a = "tcp4", "0.0.0.0"
		case "::*":
			ep.Network, a = "tcp6", "::"
		}
		ep.Addr = net.JoinHostPort(a, strconv.FormatInt(port, 10))
		eps = append(eps, ep)
	}
	return eps
}

func tlsConfig(c *conf.Config) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(c.String("tls-cert-file"), c.String("tls-key-file"))
	if err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	switch c.String("tls-auth-clients") {
	case "yes":
		config.ClientAuth = tls.RequireAndVerifyClientCert
	case "optional":
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if path := c.String("tls-ca-cert-file"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("TLS: no certificate in %s", path)
		}
	}
	return config, nil
}
