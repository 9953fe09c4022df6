// Package pubsub hands messages from those who publish to those who subscribe.
//
// It knows channels and who wants to hear of them, and nothing of commands,
// connections or the keyspace.
//
// # Terms
//
//	channel      a name that messages are published to; it exists while somebody subscribes
//	pattern      a glob over the names of channels
//	shard        a channel of a name space of its own, which patterns do not reach
//	topic        a channel, pattern or shard channel with its subscribers
//	Subscriber   what a Receiver subscribes to: its topics, and its place in each
//	Message      what is published, encoded once for all connections
//
// # Operations
//
//	Hub.Publish, Hub.PublishShard          to all who want it; O(subscribers + patterns)
//	Subscriber.Subscribe, .Unsubscribe     one name; O(1)
//	Subscriber.Close                       all names, for good; O(names)
//	Hub.Channels, .Count, .Topics          what PUBSUB asks
//
// # Invariants
//
// A Hub has one lock. So there is one order of all messages and all changes of
// subscriptions, the same for everybody: who has been told that it subscribes
// misses nothing from then on, and is told nothing before. Publishing never
// waits: a Receiver only appends to a queue that it bounds itself, and ends its
// own subscriptions, later and elsewhere, when that is full.
//
// A topic without subscribers is no topic: it is gone from the hub. A subscriber
// stands in the list of each of its topics at the index that it knows.
//
// # Lock order
//
// Of all of larder: shards ascending, journal, pub/sub, a connection's output. The
// hub's lock is the third: whoever holds shards or the journal may publish, and
// a Receiver takes nothing but what bounds its queue.
package pubsub
