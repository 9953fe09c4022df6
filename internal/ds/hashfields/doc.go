// Package hashfields holds the fields of a hash: a few in a listpack, as Redis lays
// them out, many in a hash table; each with a value and, perhaps, a time at which it
// expires.
//
// # Terms
//
//	pairs    a listpack of fields and values by turns, in the order in which the
//	         fields came
//	triples  a listpack of fields, values and times of expiry; those that expire come
//	         first, in the order of their times, and those that do not, whose time is
//	         0, behind them, in the order in which they came (Redis calls it
//	         listpackex)
//	big      a [Table]
//	time     Unix milliseconds; 0 is never
//	due      a field whose time is not after now
//	live     a field that is not due
//
// # Operations
//
// A [View] reads any of the three as of an instant: who asks for a field that is
// due, or for the number of fields, is told of live ones only. It borrows what it
// shows, as [Elem].
//
// Pairs and triples are []byte, and change as listpacks do: [Set], [Remove],
// [Expire], [Purge] return the bytes. [ToTriples] and [ToBig] convert.
//
// A Table has the same operations as methods. Get and Set are O(1); an expiry, and
// a change of a field that has one, O(log n) in the fields that expire. Clone is O(1)
// in the number of fields, and both sides can be changed.
//
// None of them forgets a field because its time is over: that is Purge's, which the
// owner calls before it changes a hash, so that it can tell others what went.
//
// # Invariants
//
// The times of triples ascend, those that are 0 last. A Table has an item in its
// order of times for each field that expires, and no other.
package hashfields
