// Package isolation proves, by test, that larder's transactions are strictly
// serializable: each whole transaction, however it was asked for, happens at one
// instant between its call and its return.
//
// It is a module of its own so that users of larder do not inherit the checker,
// github.com/anishathalye/porcupine.
package isolation
