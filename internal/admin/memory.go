package admin

import (
	"runtime/debug"
	"runtime/metrics"
)

// goMemory is what the Go runtime has from the system and has not given back,
// in bytes.
func goMemory() int64 {
	m := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(m)
	if m[0].Value.Kind() != metrics.KindUint64 || m[1].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(m[0].Value.Uint64() - m[1].Value.Uint64())
}

// purge is MEMORY PURGE. The chunks of tables go back to the system when they are empty;
// what is on the Go heap does so by and by, or now: that collects the garbage of the whole
// program. Who asks meanwhile is served by who asked first, so that clients cannot have it
// done many times over.
func (s *Server) purge() {
	if s.purging.TryLock() {
		defer s.purging.Unlock()
		debug.FreeOSMemory()
	}
}
