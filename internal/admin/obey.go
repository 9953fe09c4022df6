package admin

import (
	"slices"
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

// cloned returns a copy of a word that outlives the command.
func cloned(s string) string { return strings.Clone(s) }

// obey has the engine follow the configuration, now and whenever it changes.
func (s *Server) obey() {
	e := s.engine
	for name, apply := range map[string]func(){
		"maxmemory": func() {
			s.unlocked(func() { _ = e.SetMaxMemory(s.conf.Bytes("maxmemory")) })
			s.obeyClientMemory()
		},
		"maxmemory-clients":         s.obeyClientMemory,
		"maxmemory-policy":          func() { e.SetPolicy(policy(s.conf.String("maxmemory-policy"))) },
		"maxmemory-samples":         func() { e.SetSamples(int(s.conf.Int("maxmemory-samples"))) },
		"lfu-log-factor":            func() { s.obeyLFU() },
		"lfu-decay-time":            func() { s.obeyLFU() },
		"proto-max-bulk-len":        func() { e.SetMaxString(s.conf.Bytes("proto-max-bulk-len")) },
		"hash-max-listpack-entries": func() { s.obeyHashLimits() },
		"hash-max-listpack-value":   func() { s.obeyHashLimits() },
		"set-max-intset-entries":    func() { e.SetIntsetLimit(s.conf.Int("set-max-intset-entries")) },
		"zset-max-listpack-entries": func() { s.obeyZSetLimits() },
		"zset-max-listpack-value":   func() { s.obeyZSetLimits() },
		"stream-node-max-bytes":     func() { s.obeyStreamNode() },
		"stream-node-max-entries":   func() { s.obeyStreamNode() },
		"list-max-listpack-size":    func() { s.obeyLists() },
		"list-compress-depth":       func() { s.obeyLists() },
		"hll-sparse-max-bytes":      func() { e.SetSparseHLL(s.conf.Bytes("hll-sparse-max-bytes")) },
		"notify-keyspace-events":    s.obeyNotify,
		"tracking-table-max-keys":   func() { s.caches.maxKeys.Store(s.conf.Int("tracking-table-max-keys")) },
		"client-query-buffer-limit": func() { e.SetMaxQueue(s.conf.Bytes("client-query-buffer-limit")) },
		"replica-read-only":         func() { s.unlocked(func() { _ = e.SetReplicaWritable(!s.conf.Bool("replica-read-only")) }) },
		"replica-ignore-maxmemory":  func() { e.SetReplicaEvicts(!s.conf.Bool("replica-ignore-maxmemory")) },
		"slowlog-log-slower-than": func() {
			s.slow.slower.Store(s.conf.Int("slowlog-log-slower-than"))
			s.unlocked(s.observe)
		},
		"slowlog-max-len":           func() { s.slow.limit(s.conf.Int("slowlog-max-len")) },
		"latency-monitor-threshold": func() { s.spikes.threshold.Store(s.conf.Int("latency-monitor-threshold")) },
		"latency-tracking":          func() { s.tracking.Store(s.conf.Bool("latency-tracking")) },
	} {
		apply()
		s.conf.OnChange(name, nil, func(string) error { apply(); return nil })
	}
}

// unlocked runs f, which takes shards: now, or after the EXEC in which a CONFIG
// SET runs. f reads the value itself, so that it does the right thing whenever
// it comes, and comes twice. That it fails means that the engine is closed.
func (s *Server) unlocked(f func()) {
	if c := s.settingIn.Load(); c != nil {
		c.doLater(f)
		return
	}
	f()
}

func (s *Server) obeyLFU() {
	s.engine.SetLFU(int(s.conf.Int("lfu-log-factor")), int(s.conf.Int("lfu-decay-time")))
}

func policy(name string) engine.Policy {
	return engine.Policy(max(0, slices.Index(engine.PolicyNames[:], name)))
}

func (s *Server) obeyStreamNode() {
	s.engine.SetStreamNode(s.conf.Bytes("stream-node-max-bytes"), s.conf.Int("stream-node-max-entries"))
}

func (s *Server) obeyHashLimits() {
	s.engine.SetHashLimits(s.conf.Int("hash-max-listpack-entries"), s.conf.Bytes("hash-max-listpack-value"))
}

func (s *Server) obeyLists() {
	s.engine.SetListLimits(s.conf.Int("list-max-listpack-size"), s.conf.Int("list-compress-depth"))
}

func (s *Server) obeyZSetLimits() {
	s.engine.SetZSetLimits(s.conf.Int("zset-max-listpack-entries"), s.conf.Bytes("zset-max-listpack-value"))
}
