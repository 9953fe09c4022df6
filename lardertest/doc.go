// Package lardertest gives a test a server of its own, as net/http/httptest
// does: a store, any number of connections to it without a socket, and a clock
// that the test moves.
//
//	s := lardertest.Run(t)
//	client := redis.NewClient(&redis.Options{Dialer: s.Dial}) // any client
//	s.DB.Set("user:1", "ann")                                 // or no client at all
//	s.FastForward(time.Hour)                                  // what is due expires now
//
// It needs neither Docker nor a port, and works in a testing/synctest bubble. A
// client that only takes an address gets s.Addr().
package lardertest
