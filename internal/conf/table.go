package conf

import "math"

// table declares every directive of redis-server 7.0.15, once: the defaults are
// those compiled into it, which a file may differ from. To make larder act on a
// directive, change its use to Live where its owner attaches, and drop its
// refuse if it has one.
var table = []directive{
	// The network.
	{name: "bind", kind: addresses{}, init: "* -::*", flags: multi, use: Live},
	{name: "bind-source-addr", kind: text{}, init: "", use: Kept},
	{name: "client-output-buffer-limit", kind: outputLimits{}, init: "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60", flags: multi, use: Live},
	{name: "client-query-buffer-limit", kind: memory{1048576, math.MaxInt64}, init: "1073741824", use: Live},
	{name: "io-threads", kind: integer{1, 128}, init: "1", flags: immutable, use: Live},
	{name: "io-threads-do-reads", kind: yesNo{}, init: "no", flags: immutable, use: Kept},
	{name: "maxclients", kind: integer{1, math.MaxUint32}, init: "10000", use: Live},
	{name: "maxmemory-clients", kind: memoryOrPercent{}, init: "0", use: Kept},
	{name: "port", kind: integer{0, 65535}, init: "6379", use: Live},
	{name: "protected-mode", kind: yesNo{}, init: "yes", use: Live},
	{name: "proto-max-bulk-len", kind: memory{1048576, math.MaxInt64}, init: "536870912", use: Live},
	{name: "socket-mark-id", kind: integer{0, math.MaxUint32}, init: "0", flags: immutable, use: Kept},
	{name: "tcp-backlog", kind: integer{0, math.MaxInt32}, init: "511", flags: immutable, use: Kept},
	{name: "tcp-keepalive", kind: integer{0, math.MaxInt32}, init: "300", use: Live},
	{name: "timeout", kind: integer{0, math.MaxInt32}, init: "0", use: Live},
	{name: "unixsocket", kind: text{}, init: "", flags: immutable, use: Live},
	{name: "unixsocketperm", kind: octal{}, init: "0", flags: immutable, use: Live},

	// TLS.
	{name: "tls-auth-clients", kind: enum{"no", "yes", "optional"}, init: "yes", use: Live},
	{name: "tls-ca-cert-dir", kind: text{}, init: "", use: Live},
	{name: "tls-ca-cert-file", kind: text{}, init: "", use: Live},
	{name: "tls-cert-file", kind: text{}, init: "", use: Live},
	{name: "tls-ciphers", kind: text{}, init: "", use: Kept},
	{name: "tls-ciphersuites", kind: text{}, init: "", use: Kept},
	{name: "tls-client-cert-file", kind: text{}, init: "", use: Live},
	{name: "tls-client-key-file", kind: text{}, init: "", use: Live},
	{name: "tls-client-key-file-pass", kind: text{}, init: "", flags: sensitive, use: Kept},
	{name: "tls-cluster", kind: yesNo{}, init: "no", use: Kept},
	{name: "tls-dh-params-file", kind: text{}, init: "", use: Kept},
	{name: "tls-key-file", kind: text{}, init: "", use: Live},
	{name: "tls-key-file-pass", kind: text{}, init: "", flags: sensitive, use: Kept},
	{name: "tls-port", kind: integer{0, 65535}, init: "0", use: Live},
	{name: "tls-prefer-server-ciphers", kind: yesNo{}, init: "no", use: Kept},
	{name: "tls-protocols", kind: text{}, init: "", use: Live},
	{name: "tls-replication", kind: yesNo{}, init: "no", use: Live},
	{name: "tls-session-cache-size", kind: integer{0, math.MaxInt32}, init: "20480", use: Kept},
	{name: "tls-session-cache-timeout", kind: integer{0, math.MaxInt32}, init: "300", use: Kept},
	{name: "tls-session-caching", kind: yesNo{}, init: "yes", use: Kept},

	// The process.
	{name: "always-show-logo", kind: yesNo{}, init: "no", flags: immutable, use: Kept},
	{name: "aof_rewrite_cpulist", kind: text{}, init: "", flags: immutable, use: Kept},
	{name: "bgsave_cpulist", kind: text{}, init: "", flags: immutable, use: Kept},
	{name: "bio_cpulist", kind: text{}, init: "", flags: immutable, use: Kept},
	{name: "crash-log-enabled", kind: yesNo{}, init: "yes", use: Kept},
	{name: "crash-memcheck-enabled", kind: yesNo{}, init: "yes", use: Kept},
	{name: "daemonize", kind: yesNo{}, init: "no", flags: immutable, use: Live},
	{name: "databases", kind: integer{1, math.MaxInt32}, init: "16", flags: immutable, use: Live},
	{name: "dir", kind: directory{}, init: "", flags: protected, use: Live},
	{name: "disable-thp", kind: yesNo{}, init: "yes", flags: immutable, use: Kept},
	{name: "dynamic-hz", kind: yesNo{}, init: "yes", use: Kept},
	{name: "enable-debug-command", kind: enum{"no", "yes", "local"}, init: "no", flags: immutable, use: Live},
	{name: "enable-module-command", kind: enum{"no", "yes", "local"}, init: "no", flags: immutable, use: Kept},
	{name: "enable-protected-configs", kind: enum{"no", "yes", "local"}, init: "no", flags: immutable, use: Live},
	{name: "hz", kind: integer{0, math.MaxInt32}, init: "10", use: Kept},
	{name: "ignore-warnings", kind: text{}, init: "", use: Kept},
	{name: "jemalloc-bg-thread", kind: yesNo{}, init: "yes", use: Kept},
	{name: "logfile", kind: text{}, init: "", flags: immutable, use: Live},
	{name: "loglevel", kind: enum{"debug", "verbose", "notice", "warning"}, init: "notice", use: Live},
	{name: "oom-score-adj", kind: enum{"no", "yes", "relative", "absolute"}, init: "no", use: Kept},
	{name: "oom-score-adj-values", kind: oomScores{}, init: "0 200 800", flags: multi, use: Kept},
	{name: "pidfile", kind: text{}, init: "", flags: immutable, use: Live},
	{name: "proc-title-template", kind: text{check: procTitle}, init: "{title} {listen-addr} {server-mode}", use: Kept},
	{name: "server_cpulist", kind: text{}, init: "", flags: immutable, use: Kept},
	{name: "set-proc-title", kind: yesNo{}, init: "yes", flags: immutable, use: Kept},
	{name: "shutdown-on-sigint", kind: shutdownFlags{}, init: "default", flags: multi, use: Live},
	{name: "shutdown-on-sigterm", kind: shutdownFlags{}, init: "default", flags: multi, use: Live},
	{name: "shutdown-timeout", kind: integer{0, math.MaxInt32}, init: "10", use: Live},
	{name: "supervised", kind: enum{"upstart", "systemd", "auto", "no"}, init: "no", flags: immutable, use: Kept},
	{name: "syslog-enabled", kind: yesNo{}, init: "no", flags: immutable, use: Kept,
		note: "the log goes to logfile or standard output only"},
	{name: "syslog-facility", kind: enum{"user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}, init: "local0", flags: immutable, use: Kept},
	{name: "syslog-ident", kind: text{}, init: "redis", flags: immutable, use: Kept},
	{name: "use-exit-on-panic", kind: yesNo{}, init: "no", flags: hidden, use: Kept},
	{name: "watchdog-period", kind: integer{0, math.MaxInt32}, init: "0", flags: hidden, use: Kept},

	// Who may do what.
	{name: "acl-pubsub-default", kind: enum{"allchannels", "resetchannels"}, init: "resetchannels", use: Kept},
	{name: "aclfile", kind: text{}, init: "", flags: immutable, use: Kept,
		refuse: unlessEmpty("larder has no ACLs yet")},
	{name: "acllog-max-len", kind: integer{0, math.MaxInt64}, init: "128", use: Kept},
	{name: "requirepass", kind: text{}, init: "", flags: sensitive, use: Live},

	// Memory.
	{name: "active-defrag-cycle-max", kind: integer{1, 99}, init: "25", use: Kept},
	{name: "active-defrag-cycle-min", kind: integer{1, 99}, init: "1", use: Kept},
	{name: "active-defrag-ignore-bytes", kind: memory{1, math.MaxInt64}, init: "104857600", use: Kept},
	{name: "active-defrag-max-scan-fields", kind: integer{1, math.MaxInt64}, init: "1000", use: Kept},
	{name: "active-defrag-threshold-lower", kind: integer{0, 1000}, init: "10", use: Kept},
	{name: "active-defrag-threshold-upper", kind: integer{0, 1000}, init: "100", use: Kept},
	{name: "active-expire-effort", kind: integer{1, 10}, init: "1", use: Kept},
	{name: "activedefrag", kind: yesNo{}, init: "no", use: Kept,
		refuse: unlessNo("active defragmentation works on an allocator that larder does not have")},
	{name: "activerehashing", kind: yesNo{}, init: "yes", use: Kept},
	{name: "lazyfree-lazy-eviction", kind: yesNo{}, init: "no", use: Kept},
	{name: "lazyfree-lazy-expire", kind: yesNo{}, init: "no", use: Kept},
	{name: "lazyfree-lazy-server-del", kind: yesNo{}, init: "no", use: Kept},
	{name: "lazyfree-lazy-user-del", kind: yesNo{}, init: "no", use: Kept},
	{name: "lazyfree-lazy-user-flush", kind: yesNo{}, init: "no", use: Kept},
	{name: "lfu-decay-time", kind: integer{0, math.MaxInt32}, init: "1", use: Live},
	{name: "lfu-log-factor", kind: integer{0, math.MaxInt32}, init: "10", use: Live},
	{name: "maxmemory", kind: memory{}, init: "0", use: Live},
	{name: "maxmemory-eviction-tenacity", kind: integer{0, 100}, init: "10", use: Kept},
	{name: "maxmemory-policy", kind: enum{"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu", "allkeys-random", "noeviction"}, init: "noeviction", use: Live},
	{name: "maxmemory-samples", kind: integer{1, math.MaxInt32}, init: "5", use: Live},

	// Snapshots.
	{name: "dbfilename", kind: text{check: fileName}, init: "dump.rdb", flags: protected, use: Live},
	{name: "key-load-delay", kind: integer{math.MinInt32, math.MaxInt32}, init: "0", flags: hidden, use: Live},
	{name: "loading-process-events-interval-bytes", kind: integer{1024, math.MaxInt32}, init: "2097152", flags: hidden, use: Kept},
	{name: "rdb-del-sync-files", kind: yesNo{}, init: "no", use: Kept},
	{name: "rdb-key-save-delay", kind: integer{math.MinInt32, math.MaxInt32}, init: "0", flags: hidden, use: Live},
	{name: "rdb-save-incremental-fsync", kind: yesNo{}, init: "yes", use: Live},
	{name: "rdbchecksum", kind: yesNo{}, init: "yes", flags: immutable, use: Live},
	{name: "rdbcompression", kind: yesNo{}, init: "yes", use: Live},
	{name: "sanitize-dump-payload", kind: enum{"no", "yes", "clients"}, init: "no", use: Kept},
	{name: "save", kind: savePoints{}, init: "3600 1 300 100 60 10000", flags: multi, use: Live},
	{name: "stop-writes-on-bgsave-error", kind: yesNo{}, init: "yes", use: Live},

	// The append-only file.
	{name: "aof-disable-auto-gc", kind: yesNo{}, init: "no", use: Kept},
	{name: "aof-load-truncated", kind: yesNo{}, init: "yes", use: Kept},
	{name: "aof-rewrite-incremental-fsync", kind: yesNo{}, init: "yes", use: Kept},
	{name: "aof-timestamp-enabled", kind: yesNo{}, init: "no", use: Kept},
	{name: "aof-use-rdb-preamble", kind: yesNo{}, init: "yes", use: Kept},
	{name: "appenddirname", kind: text{check: someFileName}, init: "appendonlydir", flags: immutable, use: Kept},
	{name: "appendfilename", kind: text{check: someFileName}, init: "appendonly.aof", flags: immutable, use: Kept},
	{name: "appendfsync", kind: enum{"everysec", "always", "no"}, init: "everysec", use: Kept},
	{name: "appendonly", kind: yesNo{}, init: "no", use: Kept,
		refuse: unlessNo("larder does not write an append-only file yet")},
	{name: "auto-aof-rewrite-min-size", kind: memory{0, math.MaxInt64}, init: "67108864", use: Kept},
	{name: "auto-aof-rewrite-percentage", kind: integer{0, math.MaxInt32}, init: "100", use: Kept},
	{name: "no-appendfsync-on-rewrite", kind: yesNo{}, init: "no", use: Kept},

	// Replication.
	{name: "masterauth", kind: text{}, init: "", flags: sensitive, use: Live},
	{name: "masteruser", kind: text{}, init: "", flags: sensitive, use: Live},
	{name: "min-replicas-max-lag", alias: "min-slaves-max-lag", kind: integer{0, math.MaxInt32}, init: "10", use: Live},
	{name: "min-replicas-to-write", alias: "min-slaves-to-write", kind: integer{0, math.MaxInt32}, init: "0", use: Live},
	{name: "propagation-error-behavior", kind: enum{"ignore", "panic", "panic-on-replicas"}, init: "ignore", use: Live},
	{name: "repl-backlog-size", kind: memory{1, math.MaxInt64}, init: "1048576", use: Live},
	{name: "repl-backlog-ttl", kind: integer{0, math.MaxInt64}, init: "3600", use: Live},
	{name: "repl-disable-tcp-nodelay", kind: yesNo{}, init: "no", use: Kept},
	{name: "repl-diskless-load", kind: enum{"disabled", "on-empty-db", "swapdb"}, init: "disabled", use: Kept},
	{name: "repl-diskless-sync", kind: yesNo{}, init: "yes", use: Live},
	{name: "repl-diskless-sync-delay", kind: integer{0, math.MaxInt32}, init: "5", use: Live},
	{name: "repl-diskless-sync-max-replicas", kind: integer{0, math.MaxInt32}, init: "0", use: Live},
	{name: "repl-ping-replica-period", alias: "repl-ping-slave-period", kind: integer{1, math.MaxInt32}, init: "10", use: Live},
	{name: "repl-timeout", kind: integer{1, math.MaxInt32}, init: "60", use: Live},
	{name: "replica-announce-ip", alias: "slave-announce-ip", kind: text{}, init: "", use: Live},
	{name: "replica-announce-port", alias: "slave-announce-port", kind: integer{0, 65535}, init: "0", use: Live},
	{name: "replica-announced", kind: yesNo{}, init: "yes", use: Live},
	{name: "replica-ignore-disk-write-errors", kind: yesNo{}, init: "no", use: Kept},
	{name: "replica-ignore-maxmemory", alias: "slave-ignore-maxmemory", kind: yesNo{}, init: "yes", use: Live},
	{name: "replica-lazy-flush", alias: "slave-lazy-flush", kind: yesNo{}, init: "no", use: Kept},
	{name: "replica-priority", alias: "slave-priority", kind: integer{0, math.MaxInt32}, init: "100", use: Live},
	{name: "replica-read-only", alias: "slave-read-only", kind: yesNo{}, init: "yes", use: Live},
	{name: "replica-serve-stale-data", alias: "slave-serve-stale-data", kind: yesNo{}, init: "yes", use: Live},
	{name: "replicaof", alias: "slaveof", kind: primary{}, init: "", flags: immutable | multi, use: Live},

	// Cluster.
	{name: "cluster-allow-pubsubshard-when-down", kind: yesNo{}, init: "yes", use: Kept},
	{name: "cluster-allow-reads-when-down", kind: yesNo{}, init: "no", use: Kept},
	{name: "cluster-allow-replica-migration", kind: yesNo{}, init: "yes", use: Kept},
	{name: "cluster-announce-bus-port", kind: integer{0, 65535}, init: "0", use: Kept},
	{name: "cluster-announce-hostname", kind: text{check: hostName}, init: "", use: Kept},
	{name: "cluster-announce-ip", kind: text{}, init: "", use: Kept},
	{name: "cluster-announce-port", kind: integer{0, 65535}, init: "0", use: Kept},
	{name: "cluster-announce-tls-port", kind: integer{0, 65535}, init: "0", use: Kept},
	{name: "cluster-config-file", kind: text{}, init: "nodes.conf", flags: immutable, use: Kept},
	{name: "cluster-enabled", kind: yesNo{}, init: "no", flags: immutable, use: Kept,
		refuse: unlessNo("larder is not a cluster node")},
	{name: "cluster-link-sendbuf-limit", kind: memory{}, init: "0", use: Kept},
	{name: "cluster-migration-barrier", kind: integer{0, math.MaxInt32}, init: "1", use: Kept},
	{name: "cluster-node-timeout", kind: integer{0, math.MaxInt64}, init: "15000", use: Kept},
	{name: "cluster-port", kind: integer{0, 65535}, init: "0", flags: immutable, use: Kept},
	{name: "cluster-preferred-endpoint-type", kind: enum{"ip", "hostname", "unknown-endpoint"}, init: "ip", use: Kept},
	{name: "cluster-replica-no-failover", alias: "cluster-slave-no-failover", kind: yesNo{}, init: "no", use: Kept},
	{name: "cluster-replica-validity-factor", alias: "cluster-slave-validity-factor", kind: integer{0, math.MaxInt32}, init: "10", use: Kept},
	{name: "cluster-require-full-coverage", kind: yesNo{}, init: "yes", use: Kept},

	// Encodings.
	{name: "hash-max-listpack-entries", alias: "hash-max-ziplist-entries", kind: integer{0, math.MaxInt64}, init: "512", use: Live},
	{name: "hash-max-listpack-value", alias: "hash-max-ziplist-value", kind: memory{0, math.MaxInt64}, init: "64", use: Live},
	{name: "hll-sparse-max-bytes", kind: memory{0, math.MaxInt64}, init: "3000", use: Live},
	{name: "list-compress-depth", kind: integer{0, math.MaxInt32}, init: "0", use: Live},
	{name: "list-max-listpack-size", alias: "list-max-ziplist-size", kind: integer{math.MinInt32, math.MaxInt32}, init: "-2", use: Live},
	{name: "set-max-intset-entries", kind: integer{0, math.MaxInt64}, init: "512", use: Live},
	{name: "stream-node-max-bytes", kind: memory{0, math.MaxInt64}, init: "4096", use: Live},
	{name: "stream-node-max-entries", kind: integer{0, math.MaxInt64}, init: "100", use: Live},
	{name: "zset-max-listpack-entries", alias: "zset-max-ziplist-entries", kind: integer{0, math.MaxInt64}, init: "128", use: Live},
	{name: "zset-max-listpack-value", alias: "zset-max-ziplist-value", kind: memory{0, math.MaxInt64}, init: "64", use: Live},

	// Looking inside.
	{name: "latency-monitor-threshold", kind: integer{0, math.MaxInt64}, init: "0", use: Kept},
	{name: "latency-tracking", kind: yesNo{}, init: "yes", use: Kept},
	{name: "latency-tracking-info-percentiles", kind: percentiles{}, init: "50 99 99.9", flags: multi, use: Kept},
	{name: "notify-keyspace-events", kind: notifyFlags{}, init: "", use: Kept},
	{name: "slowlog-log-slower-than", kind: integer{-1, math.MaxInt64}, init: "10000", use: Kept},
	{name: "slowlog-max-len", kind: integer{0, math.MaxInt64}, init: "128", use: Kept},
	{name: "tracking-table-max-keys", kind: integer{0, math.MaxInt64}, init: "1000000", use: Kept},

	// Scripts.
	{name: "busy-reply-threshold", alias: "lua-time-limit", kind: integer{0, math.MaxInt64}, init: "5000", use: Kept},
	{name: "lua-enable-deprecated-api", kind: yesNo{}, init: "no", flags: immutable | hidden, use: Kept},
}

// Why the directives that only files know are refused; empty once they work.
const (
	refuseRename = "larder does not rename commands yet"
	refuseUser   = "larder has no ACLs yet"
)

// unlessNo refuses everything but no.
func unlessNo(why string) func(value) string {
	return func(v value) string {
		if v.text == "no" {
			return ""
		}
		return why
	}
}

// unlessEmpty refuses everything but nothing.
func unlessEmpty(why string) func(value) string {
	return func(v value) string {
		if v.text == "" {
			return ""
		}
		return why
	}
}
