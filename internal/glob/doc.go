// Package glob matches names against Redis's patterns: the ones of KEYS, SCAN
// MATCH, PSUBSCRIBE and CONFIG GET.
//
// The cast is [Match] and [MatchFold], which answer whether a whole string fits
// a pattern, and [Prefix] and [Literal], which tell a caller what it need not
// match at all. Patterns and strings are bytes; UTF-8 means nothing here.
//
// A pattern is made of
//
//   - any bytes, none included
//     ?       one byte
//     [abc]   one of these bytes; a-c is a range, in either order; \ quotes one byte
//     [^abc]  one byte that is none of these
//     \x      the byte x itself
//     x       anything else stands for itself
//
// A class that is never closed ends with the pattern. A backslash at the very
// end stands for itself. Only the empty pattern fits the empty string: even *
// does not, here as in Redis, where KEYS * finds the empty key because KEYS
// takes a lone * for "everything" before it matches. Callers with the same
// shortcut keep it to themselves.
//
// A pattern comes from a client, so the work is bounded: the product of the two
// lengths, whatever the pattern, and no recursion.
//
// The package imports nothing and knows no other package of larder.
package glob
