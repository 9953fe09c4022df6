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
		"maxmemory":          func() { e.SetMaxMemory(s.conf.Bytes("maxmemory")) },
		"maxmemory-policy":   func() { e.SetPolicy(policy(s.conf.String("maxmemory-policy"))) },
		"maxmemory-samples":  func() { e.SetSamples(int(s.conf.Int("maxmemory-samples"))) },
		"lfu-log-factor":     func() { s.obeyLFU() },
		"lfu-decay-time":     func() { s.obeyLFU() },
		"proto-max-bulk-len": func() { e.SetMaxString(s.conf.Bytes("proto-max-bulk-len")) },
	} {
		apply()
		s.conf.OnChange(name, nil, func(string) error { apply(); return nil })
	}
}

func (s *Server) obeyLFU() {
	s.engine.SetLFU(int(s.conf.Int("lfu-log-factor")), int(s.conf.Int("lfu-decay-time")))
}

func policy(name string) engine.Policy {
	return engine.Policy(max(0, slices.Index(engine.PolicyNames[:], name)))
}
