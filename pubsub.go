package larder

import "github.com/larderdb/larder/internal/engine"

// Messages: PUBLISH SPUBLISH, and DB.Subscribe.

type publishArgs struct{ channel, message string }

// Publish sends a message to who subscribes to the channel, and to patterns that it
// fits, and returns how many there are. It waits for none of them: who does not keep
// up is cut off. Replicas publish it too.
//
// On a Tx and in a Multi the message is sent at the end, behind the keyspace events
// of the commands before it, and not at all if the transaction is undone; the count
// is that of the moment of the call. Channels belong to no logical database.
func (c Commands) Publish(channel, message string) (receivers int, err error) {
	return opPublish.Do(c.s, publishArgs{channel, message})
}

// SPublish is Publish to a shard channel: one of those of SUBSCRIBE's counterpart
// for clusters, SSUBSCRIBE, which patterns do not reach.
func (c Commands) SPublish(channel, message string) (receivers int, err error) {
	return opSPublish.Do(c.s, publishArgs{channel, message})
}

const publishFlags = engine.PubSub | loading | stale | fast | engine.MayReplicate

var opPublish = add(&op[publishArgs, int]{
	Spec: spec{
		Name: "PUBLISH", Arity: 3, Flags: publishFlags, Group: "pubsub", Since: "2.0.0",
		Complexity: "O(N+M) for N subscribers of the channel and M patterns that somebody subscribes to",
		Syntax:     "channel:string message:string", Summary: "Sends a message to the subscribers of a channel.",
	},
	Parse: parsePublish,
	Keys:  func(*keySet, publishArgs) {},
	Run: func(t *txn, a publishArgs) (int, error) {
		return t.Publish(false, a.channel, a.message, "PUBLISH", a.channel, a.message)
	},
	Reply: replyCount,
})

var opSPublish = add(&op[publishArgs, int]{
	Spec: spec{
		Name: "SPUBLISH", Arity: 3, Flags: publishFlags, Keys: []engine.KeySpec{{Flags: "not_key", Index: 1}},
		Group: "pubsub", Since: "7.0.0", Complexity: "O(N) for N subscribers of the shard channel",
		Syntax: "shardchannel:string message:string", Summary: "Sends a message to the subscribers of a shard channel.",
	},
	Parse: parsePublish,
	Keys:  func(*keySet, publishArgs) {},
	Run: func(t *txn, a publishArgs) (int, error) {
		return t.Publish(true, a.channel, a.message, "SPUBLISH", a.channel, a.message)
	},
	Reply: replyCount,
})

func parsePublish(p *args) publishArgs { return publishArgs{p.String(), p.String()} }

func replyCount(w *reply, n int) { w.Int(int64(n)) }
