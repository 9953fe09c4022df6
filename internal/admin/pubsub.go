package admin

import (
	"slices"

	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/pubsub"
)

// Subscriptions: SUBSCRIBE PSUBSCRIBE SSUBSCRIBE, their opposites, and PUBSUB. To
// publish has a typed form and stands in package larder.

// Hub knows who subscribes to what.
func (s *Server) Hub() *pubsub.Hub { return &s.hub }

// Messages is the hub as the engine publishes to it.
func (s *Server) Messages() engine.Messages { return messages{&s.hub} }

type messages struct{ hub *pubsub.Hub }

func (m messages) Publish(shard bool, channel, payload string) int {
	if shard {
		return m.hub.PublishShard(channel, payload)
	}
	return m.hub.Publish(channel, payload)
}

func (m messages) Receivers(shard bool, channel string) int { return m.hub.Receivers(shard, channel) }

const subscribeFlags = engine.PubSub | engine.NoScript | engine.Loading | engine.Stale

// shardChannels are the key specs of commands whose arguments are shard channels:
// they are placed in a cluster as keys are, and are none.
var shardChannels = []engine.KeySpec{{Flags: "not_key", Index: 1, Last: -1}}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "SUBSCRIBE", Arity: -2, Flags: subscribeFlags, Group: "pubsub", Since: "2.0.0", Complexity: "O(1) a channel",
		Syntax: "channel:string...", Summary: "Asks to be told of what is published to channels.",
	},
	Run: subscribe(pubsub.Channel, "subscribe"),
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "PSUBSCRIBE", Arity: -2, Flags: subscribeFlags, Group: "pubsub", Since: "2.0.0", Complexity: "O(1) a pattern",
		Syntax:  "pattern<pattern:pattern>...",
		Summary: "Asks to be told of what is published to channels that fit patterns.",
	},
	Run: subscribe(pubsub.Pattern, "psubscribe"),
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "SSUBSCRIBE", Arity: -2, Flags: subscribeFlags, Keys: shardChannels, Group: "pubsub", Since: "7.0.0",
		Complexity: "O(1) a channel", Syntax: "shardchannel:string...",
		Summary: "Asks to be told of what is published to shard channels.",
	},
	Run: subscribe(pubsub.Shard, "ssubscribe"),
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "UNSUBSCRIBE", Arity: -1, Flags: subscribeFlags, Group: "pubsub", Since: "2.0.0", Complexity: "O(1) a channel",
		Syntax: "[channel:string...]", Summary: "Takes SUBSCRIBE back, for some channels or for all.",
	},
	Run: unsubscribe(pubsub.Channel, "unsubscribe"),
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "PUNSUBSCRIBE", Arity: -1, Flags: subscribeFlags, Group: "pubsub", Since: "2.0.0", Complexity: "O(1) a pattern",
		Syntax: "[pattern:pattern...]", Summary: "Takes PSUBSCRIBE back, for some patterns or for all.",
	},
	Run: unsubscribe(pubsub.Pattern, "punsubscribe"),
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "SUNSUBSCRIBE", Arity: -1, Flags: subscribeFlags, Keys: shardChannels, Group: "pubsub", Since: "7.0.0",
		Complexity: "O(1) a channel", Syntax: "[shardchannel:string...]",
		Summary: "Takes SSUBSCRIBE back, for some shard channels or for all.",
	},
	Run: unsubscribe(pubsub.Shard, "sunsubscribe"),
})

// subscribe is a command that subscribes to names of a kind. Each name has its
// answer, which is in the output before the first message.
func subscribe(k pubsub.Kind, verb string) func(*engine.Session, *engine.Args, *engine.Reply) error {
	return func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		sub := c.subscriber()
		c.isSubscriber(true)
		for a.More() {
			name := a.String()
			if !sub.Subscribe(k, name, func() { c.confirm(s, w, k, verb, name, true) }) {
				break // it was killed
			}
		}
		return nil
	}
}

func unsubscribe(k pubsub.Kind, verb string) func(*engine.Session, *engine.Args, *engine.Reply) error {
	return func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		sub, names := c.subscriber(), a.Rest()
		if len(names) == 0 {
			names = sub.Names(k)
			slices.Sort(names)
		}
		for _, name := range names {
			sub.Unsubscribe(k, name, func() { c.confirm(s, w, k, verb, name, true) })
		}
		if len(names) == 0 {
			c.confirm(s, w, k, verb, "", false)
		}
		if !c.subscribes() {
			c.isSubscriber(false)
		}
		return nil
	}
}

// confirm answers for one name. CLIENT REPLY does not silence that. Within EXEC it is a
// part of the reply, and messages are held until that is whole.
func (c *Client) confirm(s *engine.Session, w *engine.Reply, k pubsub.Kind, verb, name string, named bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.subscriptions()
	count := n[pubsub.Channel] + n[pubsub.Pattern]
	if k == pubsub.Shard {
		count = n[pubsub.Shard]
	}
	frame := engine.Reply{Proto: w.Proto}
	frame.Push(3)
	frame.Bulk(verb)
	if named {
		frame.Bulk(name)
	} else {
		frame.Null()
	}
	frame.Int(int64(count))
	if s.InTxn() || c.feed.why == 0 {
		w.Raw(frame.Buf)
		c.feed.confirming = c.feed.why != 0
		return
	}
	c.t.Push(frame.Buf)
}

const pubsubFlags = engine.PubSub | engine.Loading | engine.Stale

var _ = add(&engine.Container{Spec: engine.Spec{
	Name: "PUBSUB", Arity: -2, Group: "pubsub", Since: "2.8.0", Complexity: "that of the subcommand",
	Summary: "About subscriptions.",
}})

func init() {
	addHelp("PUBSUB", "pubsub", "6.2.0",
		"CHANNELS [<pattern>]", "Lists the channels that somebody subscribes to.",
		"NUMPAT", "Counts the patterns that somebody subscribes to.",
		"NUMSUB [<channel> ...]", "Counts the subscribers of channels; patterns do not count.",
		"SHARDCHANNELS [<pattern>]", "Lists the shard channels that somebody subscribes to.",
		"SHARDNUMSUB [<shardchannel> ...]", "Counts the subscribers of shard channels.",
	)
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "PUBSUB|CHANNELS", Arity: -2, Flags: pubsubFlags, Group: "pubsub", Since: "2.8.0",
		Complexity: "O(N) for N channels", Syntax: "[pattern:pattern]", Summary: "Lists the channels that somebody subscribes to.",
	},
	Run: pubsubChannels(pubsub.Channel),
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "PUBSUB|SHARDCHANNELS", Arity: -2, Flags: pubsubFlags, Group: "pubsub", Since: "7.0.0",
		Complexity: "O(N) for N shard channels", Syntax: "[pattern:pattern]",
		Summary: "Lists the shard channels that somebody subscribes to.",
	},
	Run: pubsubChannels(pubsub.Shard),
})

func pubsubChannels(k pubsub.Kind) func(*engine.Session, *engine.Args, *engine.Reply) error {
	return func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		pattern := "*"
		switch a.Len() {
		case 0:
		case 1:
			pattern = a.String()
		default:
			return badSubcommand("PUBSUB", a)
		}
		names := server(s).hub.Channels(k, pattern)
		w.Array(len(names))
		for _, name := range names {
			w.Bulk(name)
		}
		return nil
	}
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "PUBSUB|NUMSUB", Arity: -2, Flags: pubsubFlags, Group: "pubsub", Since: "2.8.0",
		Complexity: "O(N) for N channels asked for", Syntax: "[channel:string...]",
		Summary: "Counts the subscribers of channels, without those of patterns.",
	},
	Run: pubsubCounts(pubsub.Channel),
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "PUBSUB|SHARDNUMSUB", Arity: -2, Flags: pubsubFlags, Group: "pubsub", Since: "7.0.0",
		Complexity: "O(N) for N shard channels asked for", Syntax: "[shardchannel:string...]",
		Summary: "Counts the subscribers of shard channels.",
	},
	Run: pubsubCounts(pubsub.Shard),
})

func pubsubCounts(k pubsub.Kind) func(*engine.Session, *engine.Args, *engine.Reply) error {
	return func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		w.Array(2 * a.Len())
		for a.More() {
			name := a.String()
			w.Bulk(name)
			w.Int(int64(server(s).hub.Count(k, name)))
		}
		return nil
	}
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "PUBSUB|NUMPAT", Arity: 2, Flags: pubsubFlags, Group: "pubsub", Since: "2.8.0", Complexity: "O(1)",
		Summary: "Counts the patterns that somebody subscribes to.",
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		w.Int(int64(server(s).hub.Topics(pubsub.Pattern)))
		return nil
	},
})
