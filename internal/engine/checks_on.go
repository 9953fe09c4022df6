//go:build race || invariants

package engine

// checks says whether the engine checks its invariants at every call: a key
// touched that was not named, a staged write without its effect, a call on the
// DB inside an Update.
const checks = true
