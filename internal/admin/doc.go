// Package admin is what speaks only words: the commands about connections, the
// server and its configuration, which have no typed form in package larder.
//
// The cast:
//
//	Server     one for each database: its configuration, its clients, its past;
//	           it is the engine's Gate, through which every command in words goes
//	Client     a connection: who it is, what it may, how it wants to be answered
//	Transport  what carries a Client; the network front end implements it
//	Table      the commands, as values of engine.Ctl beside their code
//
// A command finds its Client by client(s) and its Server by server(s), from the
// session it is given. Each group of commands has its file: connection.go (AUTH
// HELLO PING ...), client_command.go (CLIENT), config.go, command.go, info.go,
// server_command.go (TIME MEMORY SHUTDOWN ...), debug.go. COMMAND rests on
// syntax.go, which reads Spec.Syntax, and on keyspec.go, which finds keys among
// words; INFO on latency.go; DEBUG DIGEST on digest.go, where each type of value
// has an entry.
//
// Arrows: admin stands on internal/engine, internal/conf and internal/resp. Package
// larder makes a Server for each DB; nothing below knows of it.
package admin
