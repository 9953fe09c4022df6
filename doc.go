// Package larder is Redis inside a Go process: a datastore that a program
// imports and calls as functions, with Redis's data types, semantics and
// formats.
//
//	db, err := larder.Open(larder.Options{})
//	err = db.Set("greeting", "hello")
//	v, err := db.Get("greeting") // larder.ErrNil when it is missing
//
// # The cast
//
//	DB        a store, or one of its logical databases; made by Open
//	Commands  the commands as methods; DB and Tx embed it
//	Tx        a transaction that is all or nothing: DB.Update, DB.View
//	Snapshot  the store at one instant, for as long as it takes to read it
//	Conn      a connection that speaks words, as RESP has them
//	Multi     a queue of commands, run as one without rollback: DB.Multi
//	TypedDB   values of a Go type, kept as strings
//
// A family of commands is a file, or some whose names begin alike: kv.go has strings,
// bitmap.go and bitfield.go their bits, hll.go HyperLogLogs, list.go lists, hash.go
// hashes, set.go sets, zset.go sorted sets, geo.go places on the earth, stream.go
// streams. keys.go, expire.go, scan.go and sort.go have what goes for keys of any
// type, flush.go whole databases, txn.go and multi.go transactions, pubsub.go and
// subscribe.go messages, stats.go what a store tells of itself. Beside its typed
// method each command has its
// entry in the table, which says how it is read from words, which keys it names,
// what it does and how it answers. Both ways in meet there, so they cannot
// drift apart.
//
// # The house
//
//	examples/server -> redcon_server -> larder -> internal/admin -> internal/engine -> internal/ds/*
//
// Arrows point down. A program that embeds larder links no network code: package
// redcon_server serves a DB to any Redis client, over sockets or in memory, and
// package lardertest gives a test a server of its own. Package rdb reads and writes
// the files in which Redis keeps its data, and keeps a DB in one: rdb.Open. Package
// replica has a DB follow a Redis or another larder, and lets others follow it. Package
// larderhttp is a page to look into a DB with a browser.
//
// # What to know
//
// Calls may come from any goroutine. Keys are spread over 64 locks, so that
// calls on different keys rarely meet, and a transaction locks just the keys it
// names. Values lie in memory that the garbage collector does not see: five
// million keys do not make a program's collections longer.
//
// Errors are values of Error, with the text that Redis gives; compare them with
// errors.Is. A key that expires is gone to the millisecond, for everybody; its
// memory comes back within about a second.
package larder
