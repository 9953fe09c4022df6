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
// HELLO PING ...), client_command.go and pause.go (CLIENT), config.go, command.go,
// info.go, server_command.go (TIME MEMORY SHUTDOWN ...), debug.go with debug_values.go
// and debug_switches.go, module.go, slowlog.go, monitor.go, latency_command.go;
// guarded.go says which of them the configuration must allow. COMMAND rests on
// syntax.go, which reads Spec.Syntax, and on keyspec.go, which finds keys among words; INFO on latency.go; LATENCY on that and latency_events.go; DEBUG DIGEST on
// digest.go, where each type of value has an entry.
//
// What a client is told unasked: pubsub.go has the commands and pubsub_client.go what a
// client is pushed, notify.go keyspace notifications, tracking.go and
// tracking_command.go invalidations. Who may do what: acl.go has the commands,
// acl_check.go the decision, acl_files.go what is kept in files, acl_table.go what the
// command table means to package acl. client_eviction.go keeps the memory of clients
// within maxmemory-clients.
//
// Arrows: admin stands on internal/engine, internal/acl, internal/pubsub, internal/conf and
// internal/resp. Package larder makes a Server for each DB; nothing below knows of it.
package admin
