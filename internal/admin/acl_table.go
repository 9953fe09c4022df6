package admin

import (
	"strings"
	"sync"

	"github.com/larderdb/larder/internal/acl"
	"github.com/larderdb/larder/internal/engine"
)

// elsewhere are commands of Redis 7.0 that the table of package larder may not have:
// those that other packages add to a store when they are attached, and those that
// larder does not have at all. Rules may name them, so that the users of a Redis can
// be taken over as they are. By categories.
var elsewhere = map[string]string{
	"admin slow dangerous connection": "client|pause client|unpause",
	"admin slow dangerous": "bgrewriteaof bgsave cluster|addslots cluster|addslotsrange cluster|bumpepoch " +
		"cluster|count-failure-reports cluster|delslots cluster|delslotsrange cluster|failover cluster|flushslots " +
		"cluster|forget cluster|meet cluster|replicas cluster|replicate cluster|reset cluster|saveconfig " +
		"cluster|set-config-epoch cluster|setslot cluster|slaves failover latency|doctor latency|graph latency|histogram " +
		"latency|history latency|latest latency|reset module|list module|load module|loadex module|unload monitor psync " +
		"replconf replicaof save slaveof slowlog|get slowlog|len slowlog|reset sync",
	"fast connection":               "asking",
	"keyspace read slow":            "dump",
	"keyspace write slow dangerous": "migrate restore restore-asking",
	"pubsub fast":                   "publish spublish",
	"pubsub slow": "psubscribe pubsub|channels pubsub|numpat pubsub|numsub pubsub|shardchannels pubsub|shardnumsub " +
		"punsubscribe ssubscribe subscribe sunsubscribe unsubscribe",
	"slow connection": "client|caching client|getredir client|tracking client|trackinginfo wait",
	"slow scripting": "eval eval_ro evalsha evalsha_ro fcall fcall_ro function|dump function|help function|kill " +
		"function|list function|stats script|debug script|exists script|flush script|help script|kill script|load",
	"slow": "cluster cluster|countkeysinslot cluster|getkeysinslot cluster|help cluster|info cluster|keyslot " +
		"cluster|links cluster|myid cluster|nodes cluster|shards cluster|slots function latency latency|help module " +
		"module|help pubsub pubsub|help script slowlog slowlog|help",
	"write slow scripting": "function|delete function|flush function|load function|restore",
}

// HasCommand reports whether there is, or may be, a command of that name in a store:
// what rename-command may be about.
func HasCommand(commands engine.Table, name string) bool {
	return !strings.Contains(name, "|") && aclTableOf(commands).ID(strings.ToLower(name)) >= 0
}

var aclTable struct {
	once sync.Once
	t    *acl.Table
}

// aclTableOf is the table that rules are about. It is made once: all stores of a
// process have the same commands, whatever their configuration calls them.
func aclTableOf(commands engine.Table) *acl.Table {
	aclTable.once.Do(func() {
		var all []acl.Command
		for _, c := range commands {
			own := acl.Command{Name: c.Info().Lower()}
			for _, name := range aclCategories(c) {
				own.Categories = append(own.Categories, strings.TrimPrefix(name, "@"))
			}
			all = append(all, own)
		}
		for categories, names := range elsewhere {
			for name := range strings.FieldsSeq(names) {
				all = append(all, acl.Command{Name: name, Categories: strings.Fields(categories)})
			}
		}
		aclTable.t = acl.NewTable(all)
	})
	return aclTable.t
}
