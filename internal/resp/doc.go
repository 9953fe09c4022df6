// Package resp is the Redis protocol, versions 2 and 3, on both sides of a
// connection. It knows bytes only: no command, no connection, no error of the
// engine.
//
//	Reply          appends replies to a buffer          (a server writes)
//	Parser         finds commands in a buffer           (a server reads)
//	AppendCommand  appends a command to a buffer        (a client writes)
//	Reader, Value  read replies from a stream           (a client reads)
//
// Reply and Parser do no I/O and allocate nothing in the steady state. Parser
// and Reader read what strangers send: neither panics, loops or allocates by a
// count that was only announced.
//
// The protocol is the one that a redis-server 7.0 speaks; where its
// documentation leaves something open (inline quoting, texts of protocol
// errors, what is ignored) a running server was asked, and a test asks again.
package resp
