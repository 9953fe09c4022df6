package redcon_server

import (
	"math"
	"time"

	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/conf"
)

// obey has the server follow its database's configuration: what a file or the
// command line said of a limit holds where Options have nothing, and CONFIG SET
// changes it while the server runs.
func (s *Server) obey(a *admin.Server) {
	c := a.Conf()
	for name, set := range limitDirectives {
		if c.Given(name) {
			l := *s.limits.Load()
			set(&l, c)
			s.limits.Store(&l)
		}
		c.OnChange(name, nil, func(string) error {
			s.Reconfigure(func(l *Limits) { set(l, c) })
			return nil
		})
	}
	a.SetNetwork(func() admin.NetworkStats {
		st := s.Stats()
		return admin.NetworkStats{Rejected: st.Rejected, BytesIn: st.BytesIn, BytesOut: st.BytesOut, Reads: st.Reads, Writes: st.Writes}
	})
}

// limitDirectives are the directives that set a limit.
var limitDirectives = map[string]func(*Limits, *conf.Config){
	"maxclients":                func(l *Limits, c *conf.Config) { l.MaxClients = toInt(c.Int("maxclients")) },
	"timeout":                   func(l *Limits, c *conf.Config) { l.Timeout = seconds(c.Int("timeout")) },
	"tcp-keepalive":             func(l *Limits, c *conf.Config) { l.TCPKeepAlive = orNever(seconds(c.Int("tcp-keepalive"))) },
	"proto-max-bulk-len":        func(l *Limits, c *conf.Config) { l.MaxBulk = toInt(c.Bytes("proto-max-bulk-len")) },
	"client-query-buffer-limit": func(l *Limits, c *conf.Config) { l.QueryBuffer = toInt(c.Bytes("client-query-buffer-limit")) },
	"protected-mode":            func(l *Limits, c *conf.Config) { l.Unprotected = !c.Bool("protected-mode") },
	"repl-disable-tcp-nodelay":  func(l *Limits, c *conf.Config) { l.DelayReplicas = c.Bool("repl-disable-tcp-nodelay") },
	"client-output-buffer-limit": func(l *Limits, c *conf.Config) {
		normal, replica, pubsub := c.OutputLimits()
		l.Normal, l.Replica, l.PubSub = outputLimit(normal), outputLimit(replica), outputLimit(pubsub)
	},
}

// toInt is n, or the largest int where that is of 32 bits.
func toInt(n int64) int { return int(min(n, math.MaxInt)) }

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// orNever is d, or a negative duration for one that redis.conf writes as 0.
func orNever(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

func outputLimit(o conf.OutputLimit) OutputLimit {
	l := OutputLimit{Hard: toInt(o.Hard), Soft: toInt(o.Soft), SoftFor: seconds(o.Seconds)}
	if l.Hard == 0 {
		l.Hard = -1
	}
	return l
}
