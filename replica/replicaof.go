package replica

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/certs"
	"github.com/larderdb/larder/internal/engine"
)

// Whom a server follows: REPLICAOF, SLAVEOF, and replicaof of the configuration.

func init() {
	for _, name := range []string{"REPLICAOF", "SLAVEOF"} {
		spec := engine.Spec{
			Name: name, Arity: 3, Flags: engine.Admin | engine.NoScript | engine.Stale | engine.NoAsyncLoading,
			Group: "server", Since: "5.0.0", Complexity: "O(1)", Syntax: "args<host-port<host:string port:integer>|no-one<NO ONE>>",
			Summary: "Makes the server a copy of another, or with NO ONE a primary.",
		}
		if name == "SLAVEOF" {
			spec.Since, spec.Deprecated, spec.Replaced = "1.0.0", "5.0.0", "`REPLICAOF`"
		}
		engine.Add(primaryTable, &engine.Ctl{Spec: spec, Run: replicaOf})
	}
}

const (
	errPort        larder.Error = "ERR Invalid master port"
	errIsReplica   larder.Error = "ERR Command is not valid when client is a replica."
	errFailingOver larder.Error = "ERR REPLICAOF not allowed while failing over."
	errInTxn       larder.Error = "ERR REPLICAOF is not available inside Update"
	errTLS         larder.Error = "ERR Unable to configure TLS for the link to the master. Check server logs."
)

func replicaOf(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	n, c := nodeIn(s), admin.ClientOf(s)
	host, text := strings.Clone(a.String()), strings.Clone(a.String())
	if n.isFailingOver() {
		return errFailingOver
	}
	by := "a Go caller"
	if c != nil {
		by = "'" + c.Describe() + "'"
		if c.IsReplica() {
			return errIsReplica
		}
	} else if s.InTxn() {
		return errInTxn
	}
	port := 0
	if strings.EqualFold(host, "no") && strings.EqualFold(text, "one") {
		host = ""
	} else {
		var err error
		if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
			return errPort
		}
		if f := n.follower(); f != nil {
			if in := f.info(); strings.EqualFold(in.host, host) && in.port == port && n.isFollowing() {
				n.log.Info("REPLICAOF would result into synchronization with the master we are already connected with. No operation performed.")
				w.Simple("OK Already connected to specified master")
				return nil
			}
		}
	}
	if host != "" {
		if _, err := n.tlsConfig(); err != nil {
			n.log.Warn("REPLICAOF has failed", "error", err) // it names files
			return errTLS
		}
	}
	n.configured(host, port)
	change := func() {
		if err := n.switchTo(host, port, by, nil); err != nil {
			n.log.Warn("REPLICAOF has failed", "error", err)
		}
	}
	if s.InTxn() { // holds shards: it is done behind EXEC
		c.DoLater(change)
	} else {
		change()
	}
	w.OK()
	return nil
}

// configured notes in the configuration whom the server follows, for CONFIG REWRITE.
func (n *node) configured(host string, port int) {
	value := ""
	if host != "" {
		value = fmt.Sprintf("%s %d", host, port)
	}
	if err := n.conf.Preset("replicaof", value); err != nil {
		n.log.Warn("replicaof is not noted in the configuration", "error", err)
	}
}

// isFailingOver reports whether FAILOVER is under way.
func (n *node) isFailingOver() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.failing.phase != failoverNone
}

// isFollowing reports whether somebody is followed, and not only was.
func (n *node) isFollowing() bool {
	f, ok := n.follower().(*Follower)
	return ok && f.running()
}

// switchTo makes the server follow another, or with host "" nobody. It takes all shards,
// and waits for the end of what it did before. Failover, if not nil, is told what the
// other one answers to PSYNC ... FAILOVER.
func (n *node) switchTo(host string, port int, by string, failover func(error)) error {
	n.switching.Lock()
	defer n.switching.Unlock()
	old, _ := n.follower().(*Follower)
	if old != nil {
		old.Close()
	}
	if host == "" {
		if old == nil {
			return nil
		}
		if err := n.unfollow(old); err != nil {
			return err
		}
		n.log.Info("MASTER MODE enabled (user request from " + by + ")")
		return nil
	}
	f, err := n.configuredFollower(host, port)
	if err != nil {
		return err
	}
	f.failover = failover
	n.log.Info(fmt.Sprintf("REPLICAOF %s:%d enabled (user request from %s)", host, port, by))
	f.start(context.Background())
	return nil
}

// configuredFollower makes the store a replica as the configuration says, whose follower
// is to be started.
func (n *node) configuredFollower(host string, port int) (*Follower, error) {
	if _, err := n.tlsConfig(); err != nil {
		return nil, err
	}
	f, err := n.newFollower(Options{Addr: net.JoinHostPort(host, strconv.Itoa(port))})
	if err != nil {
		return nil, err
	}
	f.tls = n.tlsConfig
	f.login = func() (string, string) { return n.conf.String("masteruser"), n.conf.String("masterauth") }
	f.a.unknown = func() Policy {
		if n.conf.String("propagation-error-behavior") == "ignore" {
			return Skip
		}
		return Stop
	}
	return f, nil
}

// tlsConfig is how a link to a primary is encrypted, as its clients' are; nil is not at
// all. It shows the certificate of tls-client-cert-file, with the key of that, or where
// there is none the server's own. It follows the configuration: links that are made anew
// are made as it says then.
func (n *node) tlsConfig() (*tls.Config, error) {
	if !n.conf.Bool("tls-replication") {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	prefix := "tls-client-"
	if n.conf.String("tls-client-cert-file") == "" {
		prefix = "tls-"
	}
	if cert := n.conf.String(prefix + "cert-file"); cert != "" {
		pair, err := certs.Load(cert, n.conf.String(prefix+"key-file"), n.conf.String(prefix+"key-file-pass"))
		if err != nil {
			return nil, fmt.Errorf("TLS: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	var err error
	if config.RootCAs, err = certs.Authorities(n.conf.String("tls-ca-cert-file"), n.conf.String("tls-ca-cert-dir")); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return config, nil
}

// followConfigured follows whom replicaof of the configuration names, if anybody.
func (n *node) followConfigured() error {
	text := n.conf.String("replicaof")
	host, port, ok := strings.Cut(text, " ")
	if !ok {
		return nil
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("replica: replicaof: %w", err)
	}
	return n.switchTo(host, p, "the configuration", nil)
}

// restore takes over the place in a history that the data has which was loaded at the
// start. As a primary we go on in a new history, behind that one: who has it up to there
// can follow. As a replica we ask for what comes behind it: see Follower.begin.
func (n *node) restore() {
	p := n.srv.Restored()
	if p.ID == "" || n.e.Backlog().Active || n.e.Resume(p.Offset) != nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.restored = p
	n.renameLocked(n.id, p.ID, p.Offset+1)
	n.aloneLocked()
}

// resumeRestored makes the history that the data was loaded with ours again, if nothing
// was written since. It returns the database that is selected there.
func (n *node) resumeRestored() (db int, ok bool) {
	offset := n.e.Offset()
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.restored
	n.restored = admin.StreamPosition{}
	if p.ID == "" || p.ID != n.id2 || p.Offset != offset {
		return 0, false
	}
	n.renameLocked(p.ID, "", -1)
	return p.DB, true
}
