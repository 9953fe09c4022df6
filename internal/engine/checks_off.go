//go:build !race && !invariants

package engine

// checks says whether the engine checks its invariants at every call.
const checks = false
