package admin

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/pubsub"
)

// What the server tells of itself: INFO.

// Info is what INFO says, as far as it is not the same for every larder.
type Info struct {
	Server      ServerInfo
	Clients     ClientsInfo
	Memory      MemoryInfo
	Persistence PersistenceInfo
	Stats       StatsInfo
	Replication ReplicationInfo
	Tracking    TrackingInfo
	CPU         CPUInfo
	Commands    []CommandInfo    // those that were called, by name
	Errors      map[string]int64 // error replies by code
	Keyspace    []KeyspaceInfo   // databases that hold keys
}

// ServerInfo is about the process.
type ServerInfo struct {
	PID        int
	RunID      string
	Port       int // 0: there is no listener
	Now        time.Time
	Uptime     time.Duration
	Hz         int64
	LRUClock   uint32
	Executable string
	ConfigFile string
}

// ClientsInfo is about connections.
type ClientsInfo struct {
	Connected             int // without replicas
	Max                   int64
	LargestIn, LargestOut int // bytes in the buffers of one connection, in the last seconds
	Blocked               int64
	Timed                 int64 // of those blocked: not for ever
	Monitors              int
}

// MemoryInfo is in bytes. Used is larder's own count, which follows every
// change at once: Keyspace, Clients, Tracking, Backlog and a fixed Base.
type MemoryInfo struct {
	Used, Keyspace, Clients, Base int64
	Tracking                      int64 // of the keys that clients have read
	Peak                          int64 // as far as anybody looked: see Client.seen
	RSS                           int64 // of the whole process, which may be more than larder
	System                        int64 // of the machine; 0: not known
	Backlog                       int64 // of the journal, for who comes back
	Replicas                      int64 // of Clients, and what of the journal is kept beyond Backlog
	Max                           int64 // 0: no limit
	Policy                        string
}

// StatsInfo counts what has happened since the start or CONFIG RESETSTAT.
type StatsInfo struct {
	Connections, Commands int64
	OpsPerSecond          int64
	PerSecond             ByteRates    // as OpsPerSecond
	Network               NetworkStats // its bytes with those of replication
	Hits, Misses          int64
	Expired, Evicted      int64
	EvictedClients        int64 // connections ended because of maxmemory-clients
	ErrorReplies          int64
	Snapshots             int

	Channels, Patterns, ShardChannels int // that somebody subscribes to
}

// ByteRates are bytes a second, all of them and those of replication.
type ByteRates struct{ In, Out, ReplicationIn, ReplicationOut float64 }

// CPUInfo is the time that the process has used, and the children it has waited
// for.
type CPUInfo struct{ Sys, User, ChildrenSys, ChildrenUser time.Duration }

// CommandInfo is about one command. Percentiles are those that
// latency-tracking-info-percentiles asks for, in its order; nil where nothing
// was measured.
type CommandInfo struct {
	Name string
	engine.CommandStats
	Percentiles []time.Duration
}

// KeyspaceInfo is about one database. MeanTTL is an estimate from samples, in
// milliseconds: a time of expiry may be further away than a time.Duration can
// say.
type KeyspaceInfo struct {
	DB             int
	Keys, Expiring int64
	MeanTTL        int64
}

const (
	// memoryBase is what larder counts for itself, empty.
	memoryBase = 512 << 10

	ttlSamples = 256 // for KeyspaceInfo.MeanTTL
)

// Percentiles returns, for each of ps, the duration that so many per cent of a command's
// timed calls did not exceed; nil if there was none, or nothing is timed.
func (s *Server) Percentiles(command string, ps []float64) []time.Duration {
	c := s.engine.Commands()[command]
	if c == nil || !s.tracking.Load() {
		return nil
	}
	return s.latency.percentiles(c.Info(), ps)
}

// Info tells how things are.
func (s *Server) Info() Info {
	e := s.engine
	st := e.Stats()
	in := Info{
		Server: ServerInfo{
			PID: s.pid(), RunID: s.runID, Now: e.Now(), Uptime: time.Since(s.started), Hz: s.conf.Int("hz"),
			LRUClock: e.AccessTime() & (1<<24 - 1), ConfigFile: s.conf.File(),
		},
		Persistence: s.persistenceInfo(),
		Stats: StatsInfo{
			Connections: s.connections.Load(), Commands: s.commands.Load(),
			Hits: st.Hits, Misses: st.Misses, Expired: st.Expired, Evicted: st.Evicted,
			EvictedClients: s.clientMemory.evicted.Load(), ErrorReplies: st.ErrorReplies, Snapshots: e.Snapshots(),
			Channels: s.hub.Topics(pubsub.Channel), Patterns: s.hub.Topics(pubsub.Pattern), ShardChannels: s.hub.Topics(pubsub.Shard),
		},
		Replication: s.replicationInfo(),
		Tracking:    s.caches.info(),
		CPU:         cpuTimes(),
		Errors:      st.Errors,
	}
	in.Server.Executable, _ = os.Executable() // unknown on some systems
	in.Clients, in.Memory = s.clientsInfo(), s.memoryInfo()
	in.Clients.Blocked, in.Clients.Timed = st.Blocked+s.postponed.Load(), st.Timed
	s.mu.Lock()
	in.Server.Port = s.port
	s.mu.Unlock()
	_, in.Stats.Network = s.networkStats()
	in.Stats.Network.BytesIn += in.Replication.BytesIn // which have fields of their own besides
	in.Stats.Network.BytesOut += in.Replication.BytesOut
	r := s.rates(in.Stats.Network, &in.Replication)
	in.Stats.OpsPerSecond, in.Stats.PerSecond = r.ops, r.bytes
	ps := s.percentiles()
	for _, name := range slices.Sorted(maps.Keys(st.Commands)) {
		in.Commands = append(in.Commands, CommandInfo{
			name, st.Commands[name], s.latency.percentiles(e.Commands()[name].Info(), ps),
		})
	}
	for db := range e.Databases() {
		if keys, expiring := e.Size(db); keys != 0 {
			in.Keyspace = append(in.Keyspace, KeyspaceInfo{db, keys, expiring, e.MeanTTL(db, ttlSamples)})
		}
	}
	return in
}

func (s *Server) clientsInfo() (c ClientsInfo) {
	c.Max = s.conf.Int("maxclients")
	for _, cl := range s.list() {
		if !cl.IsReplica() {
			c.Connected++
		}
		s.peaks.note(int64(s.engine.AccessTime()), cl.t.Sizes())
	}
	c.LargestIn, c.LargestOut = s.peaks.largest(int64(s.engine.AccessTime()))
	return c
}

func (s *Server) memoryInfo() MemoryInfo {
	e := s.engine
	m := MemoryInfo{
		Keyspace: e.Used(), Base: memoryBase, RSS: residentMemory(), System: systemMemory(),
		Max: e.MaxMemory(), Policy: e.Policy().String(),
	}
	if b := e.Backlog(); b.Active {
		m.Backlog = min(b.Memory, b.Size)
		m.Replicas = b.Memory - m.Backlog
	}
	m.Clients = m.Replicas
	for _, c := range s.list() {
		n := c.memory(c.t.Sizes())
		if m.Clients += n; c.IsReplica() {
			m.Replicas += n
		}
	}
	m.Tracking = s.caches.info().Memory
	m.Used = m.Keyspace + m.Clients + m.Tracking + m.Base + m.Backlog
	m.Peak = s.raisePeak(m.Used)
	return m
}

// raisePeak takes note of how much memory is in use, and returns the most ever.
func (s *Server) raisePeak(used int64) int64 {
	for {
		was := s.peak.Load()
		if used <= was || s.peak.CompareAndSwap(was, used) {
			return max(used, was)
		}
	}
}

// notePeak looks at the memory of the keyspace, and leaves that of clients out:
// it is called by every client, once a second.
func (s *Server) notePeak() { s.raisePeak(s.engine.Used() + memoryBase) }

// A rateMark is when somebody last asked for the rates, and what they were.
type rateMark struct {
	at       time.Time
	commands int64
	counts   [4]int64 // of bytes, as in bytes
	ops      int64    // a second
	bytes    ByteRates
}

// rates are those of commands and of bytes since they were last asked for, if that is a
// tenth of a second ago or more: nothing ticks here to take samples.
func (s *Server) rates(net NetworkStats, repl *ReplicationInfo) *rateMark {
	was := s.lastRates.Load()
	if was == nil {
		was = &rateMark{at: s.started}
	}
	now, n := time.Now(), s.commands.Load()
	d := now.Sub(was.at)
	if d < 100*time.Millisecond {
		return was
	}
	rate := func(n, was int64) float64 { return float64(max(0, n-was)) / d.Seconds() }
	m := &rateMark{at: now, commands: n, ops: int64(rate(n, was.commands)),
		counts: [4]int64{net.BytesIn, net.BytesOut, repl.BytesIn, repl.BytesOut}}
	m.bytes = ByteRates{rate(m.counts[0], was.counts[0]), rate(m.counts[1], was.counts[1]),
		rate(m.counts[2], was.counts[2]), rate(m.counts[3], was.counts[3])}
	s.lastRates.Store(m)
	return m
}

// percentiles are those of latency-tracking-info-percentiles.
func (s *Server) percentiles() (ps []float64) {
	for _, w := range s.conf.Words("latency-tracking-info-percentiles") {
		if p, err := strconv.ParseFloat(w, 64); err == nil {
			ps = append(ps, p)
		}
	}
	return ps
}

// A section of INFO.
type section struct {
	name  string
	extra bool // only in "all" and by name
	write func(*infoText, *Server, *Info)
}

var sections = []section{
	{"Server", false, infoServer},
	{"Clients", false, infoClients},
	{"Memory", false, infoMemory},
	{"Persistence", false, infoPersistence},
	{"Stats", false, infoStats},
	{"Replication", false, infoReplication},
	{"CPU", false, infoCPU},
	{"Modules", false, func(*infoText, *Server, *Info) {}},
	{"Commandstats", true, infoCommandstats},
	{"Errorstats", false, infoErrorstats},
	{"Latencystats", true, infoLatencystats},
	{"Cluster", false, func(t *infoText, _ *Server, _ *Info) { t.field("cluster_enabled", 0) }},
	{"Keyspace", false, infoKeyspace},
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "INFO", Arity: -1, Flags: engine.Loading | engine.Stale, ACL: "dangerous", Group: "server", Since: "1.0.0",
		Complexity: "O(1)", Syntax: "[section:string...]", Summary: "Tells about the server, section by section.",
		Tips: []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		w.Verbatim("txt", server(s).InfoText(a.Rest()...))
		return nil
	},
})

// InfoText is INFO: the sections asked for, in INFO's own order. None asks for
// the default ones.
func (s *Server) InfoText(asked ...string) string {
	wanted := func(sec section) bool {
		return slices.ContainsFunc(asked, func(name string) bool {
			switch strings.ToLower(name) {
			case "all", "everything":
				return true
			case "default":
				return !sec.extra
			}
			return strings.EqualFold(name, sec.name)
		})
	}
	if len(asked) == 0 {
		asked = []string{"default"}
	}
	var in *Info
	var t infoText
	for _, sec := range sections {
		if !wanted(sec) {
			continue
		}
		if in == nil {
			all := s.Info()
			in = &all
		}
		t.section(sec.name)
		sec.write(&t, s, in)
	}
	return string(t.b)
}

// infoText is INFO's form: fields of a name and a value in sections, with lines
// that end in CRLF.
type infoText struct{ b []byte }

func (t *infoText) section(name string) {
	if len(t.b) != 0 {
		t.b = append(t.b, "\r\n"...)
	}
	t.b = append(append(append(t.b, "# "...), name...), "\r\n"...)
}

func (t *infoText) field(name string, value any) {
	t.b = fmt.Appendf(t.b, "%s:%v\r\n", name, value)
}

// fields writes pairs of a name and a value.
func (t *infoText) fields(pairs ...any) {
	for i := 0; i < len(pairs); i += 2 {
		t.field(pairs[i].(string), pairs[i+1])
	}
}

// bytes writes a number of bytes twice, for programs and for people.
func (t *infoText) bytes(name string, n int64) {
	t.fields(name, n, name+"_human", human(n))
}

// human is a number of bytes in the largest unit that it fills.
func human(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + "B"
	}
	f, units := float64(n)/1024, "KMGTP"
	for f >= 1024 && len(units) > 1 {
		f, units = f/1024, units[1:]
	}
	return fmt.Sprintf("%.2f%c", f, units[0])
}

func kilobytes(bytes float64) string { return fmt.Sprintf("%.2f", bytes/1024) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

// percent is a share of the whole in per cent; nothing has no share.
func percent(part, whole int64) string {
	if whole == 0 {
		return "0.00%"
	}
	return fmt.Sprintf("%.2f%%", float64(part)/float64(whole)*100)
}

func infoServer(t *infoText, _ *Server, in *Info) {
	sv := &in.Server
	t.fields(
		"redis_version", Version,
		"redis_git_sha1", "00000000",
		"redis_git_dirty", 0,
		"redis_build_id", "larder",
		"redis_mode", "standalone",
		"os", runtime.GOOS+" "+runtime.GOARCH,
		"arch_bits", strconv.IntSize,
		"monotonic_clock", "Go time",
		"multiplexing_api", "Go net",
		"atomicvar_api", "Go sync/atomic",
		"go_version", runtime.Version(),
		"process_id", sv.PID,
		"process_supervised", "no",
		"run_id", sv.RunID,
		"tcp_port", sv.Port,
		"server_time_usec", sv.Now.UnixMicro(),
		"uptime_in_seconds", int64(sv.Uptime/time.Second),
		"uptime_in_days", int64(sv.Uptime/(24*time.Hour)),
		"hz", sv.Hz,
		"configured_hz", sv.Hz,
		"lru_clock", sv.LRUClock,
		"executable", sv.Executable,
		"config_file", sv.ConfigFile,
		"io_threads_active", 0,
	)
}

func infoClients(t *infoText, _ *Server, in *Info) {
	c := &in.Clients
	t.fields(
		"connected_clients", c.Connected,
		"cluster_connections", 0,
		"maxclients", c.Max,
		"client_recent_max_input_buffer", c.LargestIn,
		"client_recent_max_output_buffer", c.LargestOut,
		"blocked_clients", c.Blocked,
		"tracking_clients", in.Tracking.Clients,
		"clients_in_timeout_table", c.Timed,
	)
}

func infoMemory(t *infoText, _ *Server, in *Info) {
	m := &in.Memory
	overhead := m.Base + m.Clients + m.Tracking + m.Backlog
	t.bytes("used_memory", m.Used)
	t.bytes("used_memory_rss", m.RSS)
	t.bytes("used_memory_peak", m.Peak)
	t.fields(
		"used_memory_peak_perc", percent(m.Used, m.Peak),
		"used_memory_overhead", overhead,
		"used_memory_startup", m.Base,
		"used_memory_dataset", m.Keyspace,
		"used_memory_dataset_perc", percent(m.Keyspace, m.Used-m.Base),
		"allocator_allocated", m.Used,
		"allocator_active", m.Used,
		"allocator_resident", m.Used,
	)
	t.bytes("total_system_memory", m.System)
	t.fields("used_memory_lua", 0, "used_memory_vm_eval", 0, "used_memory_lua_human", "0B",
		"used_memory_scripts_eval", 0, "number_of_cached_scripts", 0, "number_of_functions", 0, "number_of_libraries", 0,
		"used_memory_vm_functions", 0, "used_memory_vm_total", 0, "used_memory_vm_total_human", "0B",
		"used_memory_functions", 0)
	t.bytes("used_memory_scripts", 0)
	t.bytes("maxmemory", m.Max)
	t.fields(
		"maxmemory_policy", m.Policy,
		"allocator_frag_ratio", "1.00",
		"allocator_frag_bytes", 0,
		"allocator_rss_ratio", "1.00",
		"allocator_rss_bytes", 0,
		"rss_overhead_ratio", "1.00",
		"rss_overhead_bytes", 0,
		"mem_fragmentation_ratio", "1.00",
		"mem_fragmentation_bytes", 0,
		"mem_not_counted_for_evict", m.Used-m.Keyspace,
		"mem_replication_backlog", m.Backlog,
		"mem_total_replication_buffers", in.Replication.Backlog.Memory,
		"mem_clients_slaves", m.Replicas,
		"mem_clients_normal", m.Clients-m.Replicas,
		"mem_cluster_links", 0,
		"mem_aof_buffer", 0,
		"mem_allocator", "larder",
		"active_defrag_running", 0,
		"lazyfree_pending_objects", 0,
		"lazyfreed_objects", 0,
	)
}

func formatPercent(p float64) string { return strconv.FormatFloat(p, 'f', 2, 64) }

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func infoPersistence(t *infoText, s *Server, in *Info) {
	p := &in.Persistence
	status, done := "ok", 0.0
	took, current := int64(-1), int64(-1)
	if p.Saving {
		current = int64(p.SavingFor.Seconds())
		done = 100 * float64(p.SavedKeys) / float64(max(1, p.Total))
	}
	if p.Failed {
		status = "err"
	}
	if p.LastTook >= 0 {
		took = int64(p.LastTook.Seconds())
	}
	loading := s.Loading()
	t.fields(
		"loading", boolInt(loading != nil),
		"async_loading", 0,
		"current_cow_peak", 0,
		"current_cow_size", 0,
		"current_cow_size_age", 0,
		"current_fork_perc", formatPercent(done),
		"current_save_keys_processed", p.SavedKeys,
		"current_save_keys_total", p.Total,
		"rdb_changes_since_last_save", p.Changes,
		"rdb_bgsave_in_progress", boolInt(p.Saving),
		"rdb_last_save_time", p.LastSave.Unix(),
		"rdb_last_bgsave_status", status,
		"rdb_last_bgsave_time_sec", took,
		"rdb_current_bgsave_time_sec", current,
		"rdb_saves", p.Saves,
		"rdb_last_cow_size", p.Retained,
		"rdb_last_load_keys_expired", p.LoadedExpired,
		"rdb_last_load_keys_loaded", p.Loaded,
		"aof_enabled", 0,
		"aof_rewrite_in_progress", 0,
		"aof_rewrite_scheduled", 0,
		"aof_last_rewrite_time_sec", -1,
		"aof_current_rewrite_time_sec", -1,
		"aof_last_bgrewrite_status", "ok",
		"aof_rewrites", 0,
		"aof_rewrites_consecutive_failures", 0,
		"aof_last_write_status", "ok",
		"aof_last_cow_size", 0,
		"module_fork_in_progress", 0,
		"module_fork_last_cow_size", 0,
	)
	if loading != nil {
		infoLoading(t, loading)
	}
}

func infoStats(t *infoText, _ *Server, in *Info) {
	st := &in.Stats
	t.fields(
		"total_connections_received", st.Connections+st.Network.Rejected,
		"total_commands_processed", st.Commands,
		"instantaneous_ops_per_sec", st.OpsPerSecond,
		"total_net_input_bytes", st.Network.BytesIn,
		"total_net_output_bytes", st.Network.BytesOut,
		"total_net_repl_input_bytes", in.Replication.BytesIn,
		"total_net_repl_output_bytes", in.Replication.BytesOut,
		"instantaneous_input_kbps", kilobytes(st.PerSecond.In),
		"instantaneous_output_kbps", kilobytes(st.PerSecond.Out),
		"instantaneous_input_repl_kbps", kilobytes(st.PerSecond.ReplicationIn),
		"instantaneous_output_repl_kbps", kilobytes(st.PerSecond.ReplicationOut),
		"rejected_connections", st.Network.Rejected,
		"sync_full", in.Replication.SyncFull,
		"sync_partial_ok", in.Replication.PartialOK,
		"sync_partial_err", in.Replication.PartialFailed,
		"expired_keys", st.Expired,
		"expired_stale_perc", "0.00",
		"expired_time_cap_reached_count", 0,
		"expire_cycle_cpu_milliseconds", 0,
		"evicted_keys", st.Evicted,
		"evicted_clients", st.EvictedClients,
		"total_eviction_exceeded_time", 0,
		"current_eviction_exceeded_time", 0,
		"keyspace_hits", st.Hits,
		"keyspace_misses", st.Misses,
		"pubsub_channels", st.Channels,
		"pubsub_patterns", st.Patterns,
		"pubsubshard_channels", st.ShardChannels,
		"latest_fork_usec", 0,
		"total_forks", 0,
		"migrate_cached_sockets", 0,
		"slave_expires_tracked_keys", 0,
		"active_defrag_hits", 0,
		"active_defrag_misses", 0,
		"active_defrag_key_hits", 0,
		"active_defrag_key_misses", 0,
		"total_active_defrag_time", 0,
		"current_active_defrag_time", 0,
		"tracking_total_keys", in.Tracking.Keys,
		"tracking_total_items", in.Tracking.Items,
		"tracking_total_prefixes", in.Tracking.Prefixes,
		"unexpected_error_replies", 0,
		"total_error_replies", st.ErrorReplies,
		"dump_payload_sanitizations", 0,
		"total_reads_processed", st.Network.Reads,
		"total_writes_processed", st.Network.Writes,
		"io_threaded_reads_processed", 0,
		"io_threaded_writes_processed", 0,
		"reply_buffer_shrinks", 0,
		"reply_buffer_expands", 0,
		"open_snapshots", st.Snapshots,
	)
}

func infoCPU(t *infoText, _ *Server, in *Info) {
	c := &in.CPU
	t.fields(
		"used_cpu_sys", seconds(c.Sys),
		"used_cpu_user", seconds(c.User),
		"used_cpu_sys_children", seconds(c.ChildrenSys),
		"used_cpu_user_children", seconds(c.ChildrenUser),
		"used_cpu_sys_main_thread", seconds(c.Sys), // there is none: all threads run commands
		"used_cpu_user_main_thread", seconds(c.User),
	)
}

func infoCommandstats(t *infoText, _ *Server, in *Info) {
	for _, c := range in.Commands {
		usec, mean := c.Time.Microseconds(), 0.0
		if c.Calls != 0 {
			mean = float64(usec) / float64(c.Calls)
		}
		t.field("cmdstat_"+c.Name, fmt.Sprintf("calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
			c.Calls, usec, mean, c.Rejected, c.Failed))
	}
}

// maxErrors is how many codes of errors INFO lists.
const maxErrors = 128

func infoErrorstats(t *infoText, _ *Server, in *Info) {
	for i, code := range slices.Sorted(maps.Keys(in.Errors)) {
		if i == maxErrors {
			break
		}
		t.field("errorstat_"+code, fmt.Sprintf("count=%d", in.Errors[code]))
	}
}

func infoLatencystats(t *infoText, s *Server, in *Info) {
	if !s.tracking.Load() {
		return
	}
	ps := s.percentiles()
	for _, c := range in.Commands {
		if c.Percentiles == nil {
			continue
		}
		var b []byte
		for i, d := range c.Percentiles {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(strconv.AppendFloat(append(b, 'p'), ps[i], 'g', -1, 64), '=')
			b = strconv.AppendFloat(b, float64(d)/float64(time.Microsecond), 'f', 3, 64)
		}
		t.field("latency_percentiles_usec_"+c.Name, string(b))
	}
}

func infoKeyspace(t *infoText, _ *Server, in *Info) {
	for _, k := range in.Keyspace {
		t.field(fmt.Sprintf("db%d", k.DB), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=%d", k.Keys, k.Expiring, k.MeanTTL))
	}
}
