// Package engine is the machine room: the keyspace in shards, one journal, and
// the one path on which every command runs. It knows no command.
//
// A command is an [Op]: how its arguments are read, which keys it names, what
// it does, and how its result is written. The typed API enters at [Op.Do] with
// Go values; RESP, replay and a primary's stream enter at [Session.Exec] with
// words. Both meet in Op.Run, inside a [Txn].
//
// # The life of a call
//
//	begin   a Txn from the pool, or the one that is open (Update, View, EXEC);
//	        before a write that may need memory, eviction
//	Keys    the keys it names, with their modes
//	lock    their shards, ascending; then those that its waiters need as well
//	Run     looks, checks, stages changes, makes them true by effects; an error
//	        undoes the call
//	Reply   while the result may still borrow from the keyspace
//	over    journal, watch marks, waiters of the keys written, unlock; then the
//	        keys that a reader met expired are deleted
//
// A GET or SET of Go's that meets nothing out of the ordinary takes none of these steps
// but the lock: see [Session.AppendString] and [Session.Overwrite]. Its Op is what it
// means, and what runs in every other case.
//
// # Terms
//
//	shard    a 64th of every database's keyspace, with a lock
//	effect   a change as everybody else hears of it: an event, and words that
//	         do the same wherever they are run
//	stage    a change asked for by a command, not yet made true by its effect
//	batch    the effects of one transaction
//	journal  the order of all batches; tails read it, subscribers are told
//	waiter   a command that waits for a key
//	form     a type and how a value of it is encoded
//
// # Lock order
//
// Shards ascending, then the journal, the memory pool, the snapshots' list; behind the
// journal come the locks of who is told of effects and messages: client-side caching,
// pub/sub, a connection's output. A goroutine that holds a shard takes no other
// shard: it drops all it has and takes the larger set. Only this package knows these
// locks; commands, subscribers and tails never take one.
//
// # Invariants
//
// Who holds one queue of a waiter for writing holds the shards of all its keys.
// The order of the journal agrees with the order of every key's changes, because
// a batch is appended before its shards drop. What a transaction replaced is
// freed at its end, after its replies are written. Under -race and -tags
// invariants a command that touches a key which Keys did not name panics, and so
// does one that changes a key without an effect.
package engine
