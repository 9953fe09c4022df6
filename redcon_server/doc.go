// Package redcon_server is larder's network front end: it lets any Redis
// client talk to a larder.DB, over TCP, TLS, unix sockets and in memory.
//
//	srv := redcon_server.New(db, redcon_server.Options{Addr: "127.0.0.1:6379"})
//	go srv.ListenAndServe()
//	defer srv.Close()
//
// Server.Dial is a connection without a socket, for clients in the same
// process and for tests; it works inside a testing/synctest bubble.
//
// # The cast
//
// github.com/tidwall/redcon accepts connections and runs, for each, a loop
// that reads commands, calls a handler and flushes. It trusts its clients: a
// few bytes end the process, or make it spin, or fill its memory. So under
// redcon, which stays as it is, lies a door:
//
//	socket -> output -> tls.Server -> output -> door -> lane -> redcon -> handler -> lane.serve
//	          (with TLS only)
//
//	Server    listeners, limits, the set of doors; Close ends them all
//	listener  Accept for redcon: backs off on errors, turns away who is too many
//	door      one connection: owns its bytes, finds the commands in them, runs them
//	lane      what redcon takes for a connection; serves one door after the other
//	output    what a connection still has to write; its Write never waits for the peer
//	flusher   a few goroutines that write what was pushed to connections
//	pipe      two ends of a connection in memory
//
// The lane is the net.Conn that redcon reads from. When it has a door to serve it gives
// redcon one token, a constant command of 16 bytes; redcon calls the handler, which runs
// what arrives at the door, batch after batch, for as long as the client speaks. So
// redcon sees no byte that a client chose, and costs nothing per command and next to
// nothing per connection. redcon's loop holds 8 KB of buffers: so a door leaves its lane
// when its client has been silent for a moment, and takes one that is free when there is
// something to read again.
//
// # Goroutines
//
// A connection is one goroutine, redcon's: it makes the larder connection,
// reads, runs and cleans up; while the client is silent, another one that only
// waits. What is pushed meanwhile, a message perhaps, is written
// by a few goroutines for all connections, which end when nothing is left. There is
// a second one only while replies wait for a slow client, or while a command waits
// and the door reads on, to notice a client that hangs up. Each ends before the
// first does, and Close waits for the first.
//
// # Locks
//
// output.mu is the last but one: nothing is called under it but the clock, Kill and
// the larder connection's Grew, which take no lock of ours, and the flusher, whose
// lock is the innermost. Under Server.mu doors are killed and woken, which takes no
// lock either; commands run under none.
package redcon_server
