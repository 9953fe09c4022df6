// Package replica keeps copies of a store: it lets redis-servers and other larders
// follow one, and has one follow a Redis, a Valkey or another larder. Both at once make
// it a relay.
//
//	p, err := replica.Serve(db, replica.ServeOptions{})                       // others may follow db
//	f, err := replica.Follow(ctx, db, replica.Options{Addr: "prod:6379"})     // db follows prod
//
// Serve adds the commands of replication to a store that package redcon_server serves:
// REPLCONF, PSYNC, SYNC, WAIT, FAILOVER, REPLICAOF. Follow makes a store a live copy,
// whose reads are calls in the process, and tells of changes.
//
// # The cast
//
//	Primary   a store that others may follow
//	Follower  what keeps a store a copy of a primary
//	Change    what OnChange is told of
//
//	node        a store as a member of a replication: who follows it, whom it follows
//	downstream  a replica that follows us, and the goroutine that sends to it
//	transfer    a snapshot on its way to the replicas that share it
//	link        a connection to a primary
//	applier     runs the primary's stream
//
// # Terms
//
//	history   a sequence of changes, named by a replication id
//	offset    how many bytes of the stream there were before
//	stream    the changes as commands: the journal of the engine, byte for byte
//	backlog   the end of the stream, kept for who comes back after a broken link
//	full      synchronization by a data set, an RDB file, and the stream from there on
//	partial   synchronization by the stream alone, from the offset where it broke off
//
// # How it goes
//
// A replica shakes hands, and asks for the stream from an offset of a history. If what
// follows it is in the backlog, it is sent that. Otherwise a snapshot is taken together
// with a position in the journal, at one instant and without stopping anybody; the
// snapshot is sent as a file while it is encoded, and then the journal from there.
//
// A store that becomes a primary, because it is told to, goes on in a history with a
// new name and knows the old one, so that replicas of both can go on with it. A replica
// has its primary's history: its journal is the primary's bytes with the primary's
// offsets, so that who follows it could follow its primary.
//
// # Invariants
//
// At an offset of a history all stores have the same data: one that is too old for what
// follows is sent no more, and a primary that hands over takes no write that the other
// one would not get. A replica that is connected to us costs no more than its output
// buffer limit and a few pieces of a file, however slowly it reads. What a primary sends
// is bounded, and a data set takes the place of the old one whole or not at all.
//
// The source of the protocol is Redis's documentation of it, and redis-server 7.0.15.
//
// Arrows: replica stands on larder, rdb, and internal/engine, admin, bridge, certs, conf
// and resp; nothing but programs stands on it.
package replica
