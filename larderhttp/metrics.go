package larderhttp

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/larderdb/larder"
)

// Figures for Prometheus, in its text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Names and labels are
// those of redis_exporter where it has the figure, in seconds and bytes.

func (h *handler) metrics(w http.ResponseWriter, r *http.Request) {
	if err := h.closed(); err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	st := h.db.Stats()
	e := &exposition{prefix: h.o.MetricPrefix + "_"}
	e.store(&st, h.o.Name)
	e.commands(&st, histograms(h.db))
	if r.Method != http.MethodHead {
		_, _ = w.Write(e.b)
	}
}

// An exposition is metrics in Prometheus's text format.
type exposition struct {
	prefix string
	b      []byte
	name   string // of the metric that is being written
}

// metric begins a metric, and ends the one before: the format wants all samples of one
// together.
func (e *exposition) metric(name, typ, help string) {
	e.name = e.prefix + name
	e.b = append(append(append(append(append(e.b, "# HELP "...), e.name...), ' '), help...), '\n')
	e.b = append(append(append(append(append(e.b, "# TYPE "...), e.name...), ' '), typ...), '\n')
}

// sample writes a value with labels, in pairs of a name and a value.
func (e *exposition) sample(value float64, labels ...string) { e.suffixed("", value, labels...) }

func (e *exposition) suffixed(suffix string, value float64, labels ...string) {
	e.b = append(append(e.b, e.name...), suffix...)
	for i := 0; i+1 < len(labels); i += 2 {
		sep := byte(',')
		if i == 0 {
			sep = '{'
		}
		e.b = append(append(append(append(e.b, sep), labels[i]...), `="`...), escapeLabel.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD"))...)
		e.b = append(e.b, '"')
	}
	if len(labels) > 0 {
		e.b = append(e.b, '}')
	}
	e.b = append(strconv.AppendFloat(append(e.b, ' '), value, 'g', -1, 64), '\n')
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// one is a metric of one value.
func (e *exposition) one(name, typ, help string, value float64) {
	e.metric(name, typ, help)
	e.sample(value)
}

func (e *exposition) counter(name, help string, n int64) { e.one(name, "counter", help, float64(n)) }
func (e *exposition) gauge(name, help string, n int64)   { e.one(name, "gauge", help, float64(n)) }

func (e *exposition) flag(name, help string, on bool) {
	n := int64(0)
	if on {
		n = 1
	}
	e.gauge(name, help, n)
}

func (e *exposition) store(st *larder.Stats, name string) {
	m, c, p, rp := &st.Memory, &st.Clients, &st.Persistence, &st.Replication
	role := "master"
	if rp.Primary != "" {
		role = "slave"
	}
	e.metric("instance_info", "gauge", "Which store this is.")
	e.sample(1, "name", name, "role", role, "maxmemory_policy", m.Policy.String())
	e.one("uptime_in_seconds", "gauge", "Time since the store was opened.", st.Uptime.Seconds())

	e.gauge("memory_used_bytes", "Memory that the store takes, by its own count.", m.Used)
	e.gauge("memory_used_dataset_bytes", "Memory that keys and values take.", m.Keyspace)
	e.gauge("memory_used_peak_bytes", "The most memory that the store took.", m.Peak)
	e.gauge("memory_used_rss_bytes", "Memory of the whole process that is resident.", m.RSS)
	e.gauge("memory_max_bytes", "What keys and values may take; 0 is no limit.", m.Max)
	e.gauge("mem_clients_normal", "Memory that connections take, in bytes.", m.Clients)
	e.gauge("replication_backlog_bytes", "Memory that the journal's backlog takes.", m.Backlog)

	e.counter("keyspace_hits_total", "Lookups that found their key.", st.Hits)
	e.counter("keyspace_misses_total", "Lookups that found no key.", st.Misses)
	e.counter("expired_keys_total", "Keys deleted because their time was over.", st.Expired)
	e.counter("evicted_keys_total", "Keys deleted because memory was short.", st.Evicted)
	e.counter("commands_processed_total", "Commands in words, from connections mostly.", st.Processed)
	e.counter("error_replies_total", "Commands that answered an error.", st.ErrorReplies)
	e.metric("errors_total", "counter", "Error replies by their first word.")
	for _, code := range slices.Sorted(maps.Keys(st.Errors)) {
		e.sample(float64(st.Errors[code]), "err", code)
	}
	e.gauge("open_snapshots", "Snapshots that are open.", int64(st.Snapshots))

	e.gauge("connected_clients", "Connections.", int64(c.Connected))
	e.gauge("max_clients", "The most connections allowed.", int64(c.Max))
	e.gauge("blocked_clients", "Clients that wait for a key or for replicas.", int64(c.Blocked))
	e.gauge("tracking_clients", "Clients that have what they read tracked.", int64(c.Tracking))
	e.counter("connections_received_total", "Connections ever.", c.Received)
	e.counter("rejected_connections_total", "Connections refused because there were too many.", c.Rejected)
	e.counter("net_input_bytes_total", "Bytes that came by the network.", c.BytesIn)
	e.counter("net_output_bytes_total", "Bytes that went by the network.", c.BytesOut)
	e.gauge("pubsub_channels", "Channels that somebody subscribes to.", int64(c.Channels))
	e.gauge("pubsub_patterns", "Patterns that somebody subscribes to.", int64(c.Patterns))
	e.gauge("pubsubshard_channels", "Shard channels that somebody subscribes to.", int64(c.ShardChannels))

	e.flag("loading_dump_file", "Whether a file is being loaded.", p.Loading)
	e.gauge("rdb_changes_since_last_save", "Changes of keys since the store was saved.", p.Changes)
	e.flag("rdb_bgsave_in_progress", "Whether the store is being saved in the background.", p.Saving)
	e.flag("rdb_last_bgsave_status", "Whether the last save in the background went well.", !p.Failed)
	e.one("rdb_last_save_timestamp_seconds", "gauge", "When the store was saved, or opened.", float64(p.LastSave.UnixMilli())/1e3)
	e.one("rdb_last_bgsave_duration_sec", "gauge", "How long the last save in the background took; -1: there was none.", max(-1, p.LastTook.Seconds()))
	e.counter("rdb_saves_total", "Saves.", p.Saves)

	e.gauge("master_repl_offset", "Bytes of the journal's history.", rp.Offset)
	e.gauge("connected_slaves", "Replicas that follow the store.", int64(len(rp.Replicas)))
	if rp.Primary != "" {
		e.flag("master_link_up", "Whether the link to the primary is up.", rp.LinkUp)
	}
	e.metric("connected_slave_offset_bytes", "gauge", "Up to where a replica has everything.")
	for _, x := range rp.Replicas {
		e.sample(float64(x.Offset), "slave_addr", x.Addr, "slave_state", x.State)
	}
	e.metric("connected_slave_lag_seconds", "gauge", "Time since a replica was heard of.")
	for _, x := range rp.Replicas {
		e.sample(x.Lag.Seconds(), "slave_addr", x.Addr, "slave_state", x.State)
	}

	e.metric("db_keys", "gauge", "Keys of a database.")
	for _, k := range st.Keyspace {
		e.sample(float64(k.Keys), "db", "db"+strconv.Itoa(k.DB))
	}
	e.metric("db_keys_expiring", "gauge", "Keys of a database that have a time of expiry.")
	for _, k := range st.Keyspace {
		e.sample(float64(k.Expiring), "db", "db"+strconv.Itoa(k.DB))
	}
	e.metric("db_avg_ttl_seconds", "gauge", "Mean time to live of those, estimated.")
	for _, k := range st.Keyspace {
		e.sample(k.MeanTTL.Seconds(), "db", "db"+strconv.Itoa(k.DB))
	}
}

func (e *exposition) commands(st *larder.Stats, timed map[string]ladder) {
	each := func(name, help string, value func(*larder.CommandStats) float64) {
		e.metric(name, "counter", help)
		for i := range st.Commands {
			e.sample(value(&st.Commands[i]), "cmd", st.Commands[i].Name)
		}
	}
	each("commands_total", "Calls of a command.", func(c *larder.CommandStats) float64 { return float64(c.Calls) })
	each("commands_duration_seconds_total", "Time that the timed calls of a command took.",
		func(c *larder.CommandStats) float64 { return c.Time.Seconds() })
	each("commands_rejected_calls_total", "Calls that were not run.", func(c *larder.CommandStats) float64 { return float64(c.Rejected) })
	each("commands_failed_calls_total", "Calls that answered an error.", func(c *larder.CommandStats) float64 { return float64(c.Failed) })

	// The sum is that of all calls that were timed, which the histogram counts.
	took := map[string]time.Duration{}
	for _, c := range st.Commands {
		took[c.Name] = c.Time
	}
	e.metric("commands_latencies_seconds", "histogram", "How long calls of a command took: those that were timed.")
	for _, name := range slices.Sorted(maps.Keys(timed)) {
		l, sum := timed[name], int64(0)
		for i := range l {
			if sum += l[i]; i < steps-1 { // the last one takes the rest
				e.suffixed("_bucket", float64(sum), "cmd", name, "le", strconv.FormatFloat(stepSeconds(i), 'g', -1, 64))
			}
		}
		e.suffixed("_bucket", float64(sum), "cmd", name, "le", "+Inf")
		e.suffixed("_sum", took[name].Seconds(), "cmd", name)
		e.suffixed("_count", float64(sum), "cmd", name)
	}
}
