package redcon_server

import "time"

// Limits are what may change while the server runs: see Server.Reconfigure.
// Zero fields mean the default that stands beside them.
type Limits struct {
	// MaxClients is how many connections there may be (maxclients); 0 is
	// 10,000. One more gets an error and is closed.
	MaxClients int

	// Timeout closes a connection that has sent nothing for so long (timeout), and was
	// told nothing without asking, as of keys that it caches; 0 is never. One that waits,
	// or is a subscriber, a monitor or a replica, is not idle.
	Timeout time.Duration

	// TCPKeepAlive is after how long of silence TCP asks whether the peer is
	// there (tcp-keepalive); 0 is 300 s, negative never. It holds for
	// connections accepted after it was set.
	TCPKeepAlive time.Duration

	// HandshakeTimeout is how long a TLS handshake may take; 0 is 10 s.
	HandshakeTimeout time.Duration

	// WriteTimeout closes a connection whose replies wait and that has taken
	// none of them for so long; 0 is 5 minutes, negative never.
	WriteTimeout time.Duration

	// MaxBulk is how long a word of a command may be (proto-max-bulk-len); 0
	// is 512 MB.
	MaxBulk int

	// MaxArgs is how many words a command may have; 0 is 1,048,576. (Redis 7.0
	// has no limit below 2^31.)
	MaxArgs int

	// QueryBuffer is how much may be read and not yet be a whole command, and
	// how far the door reads on while a command waits
	// (client-query-buffer-limit); 0 is 1 GB.
	QueryBuffer int

	// How much may wait to be written (client-output-buffer-limit). The zero
	// OutputLimit is the class's default: normal 256 MB (Redis: none), replica
	// 256 MB or 64 MB for 60 s, pubsub 32 MB or 8 MB for 60 s.
	Normal, Replica, PubSub OutputLimit

	// DelayReplicas lets TCP gather what replicas are sent into fewer and larger
	// packets (repl-disable-tcp-nodelay). It holds for those that come from then on.
	DelayReplicas bool

	// Unprotected serves peers that are not on this machine though there is no
	// password (protected-mode no).
	Unprotected bool
}

// An OutputLimit is when a connection that does not read is closed.
type OutputLimit struct {
	Hard    int           // bytes; at once. Negative is none.
	Soft    int           // bytes; when more than this has waited for SoftFor. 0 or negative is none.
	SoftFor time.Duration // see Soft
}

func (l Limits) withDefaults() Limits {
	or(&l.MaxClients, 10_000)
	or(&l.TCPKeepAlive, 300*time.Second)
	or(&l.HandshakeTimeout, 10*time.Second)
	or(&l.WriteTimeout, 5*time.Minute)
	or(&l.MaxBulk, 512<<20)
	or(&l.MaxArgs, 1<<20)
	or(&l.QueryBuffer, 1<<30)
	or(&l.Normal, OutputLimit{Hard: 256 << 20})
	or(&l.Replica, OutputLimit{Hard: 256 << 20, Soft: 64 << 20, SoftFor: time.Minute})
	or(&l.PubSub, OutputLimit{Hard: 32 << 20, Soft: 8 << 20, SoftFor: time.Minute})
	return l
}

func or[T comparable](v *T, zero T) {
	var z T
	if *v == z {
		*v = zero
	}
}

// The classes of connections: see Transport.Class. Only those of classNormal can be idle.
const (
	classNormal  = 0
	classReplica = 1
	classPubSub  = 2
	classMonitor = 3 // has the limit of the normal ones
)

func (l *Limits) output(class int32) OutputLimit {
	switch class {
	case classReplica:
		return l.Replica
	case classPubSub:
		return l.PubSub
	}
	return l.Normal
}
