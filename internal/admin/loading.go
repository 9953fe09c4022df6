package admin

import (
	"sync/atomic"
	"time"

	"github.com/larderdb/larder/internal/engine"
)

// What connections hear while a file is being loaded.

// A Loading is a file that is being loaded.
type Loading struct {
	Start  time.Time
	Total  int64        // bytes; 0: not known
	Loaded atomic.Int64 // bytes

	UsedMemory atomic.Int64 // bytes that the server used that wrote the file, as it says
}

const errLoading engine.Error = "LOADING Redis is loading the dataset in memory"

// SetLoading has connections refused most commands while l is being loaded; nil ends
// that.
func (s *Server) SetLoading(l *Loading) {
	s.loading.Store(l)
	s.SettleGate(gateLoading, func() bool { return s.loading.Load() != nil })
}

// Loading is what is being loaded, nil if nothing is.
func (s *Server) Loading() *Loading { return s.loading.Load() }

// mayRun refuses what cannot run while a file is loaded.
func (s *Server) mayRun(spec *engine.Spec) error {
	if spec.Flags&engine.Loading == 0 && s.loading.Load() != nil {
		return errLoading
	}
	return nil
}

// infoLoading adds to INFO how far it has come.
func infoLoading(t *infoText, l *Loading) {
	loaded, eta := l.Loaded.Load(), int64(1)
	percent := 0.0
	if l.Total > 0 {
		percent = 100 * float64(loaded) / float64(l.Total)
	}
	if loaded > 0 {
		eta = int64(time.Since(l.Start).Seconds() * float64(max(0, l.Total-loaded)) / float64(loaded))
	}
	t.fields(
		"loading_start_time", l.Start.Unix(),
		"loading_total_bytes", l.Total,
		"loading_rdb_used_mem", l.UsedMemory.Load(),
		"loading_loaded_bytes", loaded,
		"loading_loaded_perc", formatPercent(percent),
		"loading_eta_seconds", eta,
	)
}
