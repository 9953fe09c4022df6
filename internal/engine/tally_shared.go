//go:build !(amd64 || arm64) || race

package engine

import "sync/atomic"

// A tally is a counter that many read and, mostly, one writes.
type tally struct{ atomic.Int64 }

// own adds one, for the only goroutine that writes the tally now.
func (c *tally) own() { c.Add(1) }
