//go:build !(amd64 || arm64) || race

package engine

import "sync/atomic"

// A tally is a counter that many read and write.
type tally struct{ atomic.Int64 }

// own adds one.
func (c *tally) own() { c.Add(1) }

// assign gives a transaction one of the lanes that all share: with atomic additions it
// needs none of its own. The race detector's pools, besides, lose what they are given, so
// that there would be as many lanes as transactions between two collections.
func (s *stats) assign(t *Txn) { t.counts = &s.shared[t.lane%sharedLanes] }
