//go:build race || invariants

package chunk

// Invariants says that the expensive checks are compiled in: freed memory is
// poisoned, and calls that break a structure's rules panic where they are made.
const Invariants = true
