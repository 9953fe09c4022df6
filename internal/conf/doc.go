// Package conf is Redis 7.0's configuration: redis.conf, the command line,
// CONFIG GET, SET and REWRITE. It knows every directive of redis-server 7.0.15
// with its default, its bounds and the error it answers, and for each one what
// larder does with it today.
//
// The cast:
//
//   - a [Config] holds the values. New gives Redis's defaults, the Load methods
//     read files and command lines, Get and Set are CONFIG GET and SET, Rewrite
//     is CONFIG REWRITE, and the typed getters are for the code that acts on a
//     value.
//   - a directive (table.go) is one row: name, old spelling, kind, default,
//     flags, and its [Use]: Live if something acts on it, Kept if it is only
//     remembered, with a refuse function if some of its values promise what is
//     not there yet. To flip a directive, change its row.
//   - a kind (kind.go, lists.go, special.go) turns words into a value in the
//     spelling that CONFIG GET reports, and a value into the lines of a file
//     that read back to it.
//   - the owner of a value (the engine, the server, the process) attaches with
//     OnChange and may refuse a change before it happens, or fail and have it
//     taken back.
//   - a [ParseError] says why a start failed, in Redis's words: tools match on
//     them.
//
// A value is written by one Set at a time, under the Config's lock, and read
// without any: every getter is a map lookup and an atomic load.
//
// Arrows: conf imports internal/glob and the standard library. The engine, the
// server and the process know conf through small functions of their own; conf
// knows none of them. It never changes the process either: "dir" is a value
// here, and chdir is for whoever owns the process.
package conf
