package main

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/redcon_server"
)

// Where the server listens, by bind, port, tls-port and unixsocket.

// listen opens the endpoints, and has CONFIG SET move them.
func listen(db *larder.DB, c *conf.Config, log *slog.Logger) (*redcon_server.Server, error) {
	secure := newTLSServing(c, log)
	if c.Int("tls-port") != 0 {
		if err := secure.update(); err != nil {
			log.Warn(err.Error())
			return nil, said("Failed to configure TLS. Check logs for more info.")
		}
	}
	eps := endpoints(c, secure.config)
	srv := redcon_server.New(db, redcon_server.Options{Addr: "127.0.0.1:0", Endpoints: eps, Logger: log,
		Limits: redcon_server.Limits{Normal: redcon_server.OutputLimit{Hard: -1}}}) // as Redis
	if err := srv.SetEndpoints(eps); err != nil {
		return nil, listenError{c.Int("port"), err}
	}
	for _, name := range tlsDirectives {
		c.OnChange(name, nil, func(string) error { return secure.set() })
	}
	for _, name := range []string{"bind", "port", "tls-port"} {
		c.OnChange(name, nil, func(string) error { return srv.SetEndpoints(endpoints(c, secure.config)) })
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

// endpoints are all places to listen at; config is that of tls-port.
func endpoints(c *conf.Config, config *tls.Config) (eps []redcon_server.Endpoint) {
	if port := c.Int("port"); port != 0 {
		eps = append(eps, binds(c, port, nil)...)
	}
	if port := c.Int("tls-port"); port != 0 {
		eps = append(eps, binds(c, port, config)...)
	}
	if path := c.String("unixsocket"); path != "" {
		eps = append(eps, redcon_server.Endpoint{Network: "unix", Addr: path, Perm: fs.FileMode(c.Int("unixsocketperm"))})
	}
	return eps
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
