// Package certs reads the files that TLS needs, as the directives of redis.conf name
// them: those of the server's own connections, and those of the link to a primary.
//
//	certificate   in PEM, of a server or a client, with those that vouch for it behind it
//	key           in PEM, in the clear or behind a pass phrase (PKCS #8)
//	authorities   whose signature is believed: a file of certificates, or a directory
//
// Its errors say what could not be read, in the words of a redis-server.
//
// Arrows: nothing but the standard library.
package certs
