package redcon_server

import (
	"runtime"
	"time"
)

// Connections take turns. One that has run several commands at once lets the others run
// theirs before it writes its replies, and again before it reads on. So the replies of
// all are written in a row, as by a server that goes round in one loop: a client of many
// connections that sleeps is woken for the first of them and finds the rest, instead of
// being woken for each, which costs more than to run the commands; and when everybody has
// had a turn the next commands are there, where a read at once would have found nothing
// and waited.
//
// It is of no use where other goroutines of the process keep the processors busy, since
// to give way to one of those takes until it is made to stop. So now and then it is
// looked at how long a turn takes.

const (
	// turnsFrom is how many commands a batch has that others are let pass for.
	turnsFrom = 2
	// turnLooked is how often a connection gives way between two looks at how long it takes.
	turnLooked = 16
	// A turn takes too long beyond turnBase, and turnEach for every connection. The
	// runtime lets a goroutine that never waits run for 10 milliseconds.
	turnBase = 5 * time.Millisecond
	turnEach = 20 * time.Microsecond
)

// giveWay lets other goroutines run first, unless that takes too long.
func (d *door) giveWay() {
	d.turns++
	if d.turns%turnLooked != 0 {
		if !d.srv.busy.Load() {
			runtime.Gosched()
		}
		return
	}
	start := time.Now()
	runtime.Gosched()
	took := time.Since(start)
	d.srv.mu.Lock()
	n := d.srv.clients
	d.srv.mu.Unlock()
	if busy := took > turnBase+time.Duration(n)*turnEach; busy != d.srv.busy.Load() {
		d.srv.busy.Store(busy)
	}
}
