// Package interop holds tests of larder with real clients: go-redis, redigo,
// rueidis, and redis-cli and redis-benchmark where they are on PATH. It is a
// module of its own, so that larder's users do not inherit what it depends on.
//
//	ways_test.go     a server, and the ways to reach it: memory, TCP, a unix socket, TLS
//	goredis_test.go  go-redis over every way and in a synctest bubble
//	redigo_test.go   redigo     rueidis_test.go  rueidis
//	tools_test.go    redis-cli and redis-benchmark
//	sentinel_test.go go-redis's FailoverClient with redis-sentinel
//	browser_test.go  what programs ask that show keys, or export figures
package interop
