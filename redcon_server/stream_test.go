package redcon_server

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/larderdb/larder"
)

// A connection that goes while it waits for entries of a group is given none, and
// those behind it get them, also where it had sent more behind the command.
func TestStreamHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := larder.Open(larder.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		s := New(db, Options{})
		defer s.Close()
		if err := db.XGroupCreate(larder.XGroupArgs{Stream: "s", Group: "g", MkStream: true}); err != nil {
			t.Fatal(err)
		}
		var clients []*client
		for i := range 20 {
			c := dialMemory(t, s)
			c.SetDeadline(time.Time{})
			c.send(fmt.Sprintf("XREADGROUP GROUP g c%d COUNT 1 BLOCK 5000 STREAMS s >\r\nPING\r\n", i))
			synctest.Wait() // it waits, behind those before
			clients = append(clients, c)
		}
		for i := 0; i < len(clients); i += 2 {
			clients[i].Close()
		}
		synctest.Wait()
		for i := range 10 {
			if _, err := db.XAdd(larder.XAddArgs{Stream: "s", ID: larder.StreamID{Ms: uint64(i + 1)}, Fields: []string{"a", "1"}}); err != nil {
				t.Fatal(err)
			}
		}
		pending, err := db.XPendingRange(larder.XPendingArgs{Stream: "s", Group: "g"})
		if err != nil || len(pending) != 10 {
			t.Fatalf("%d entries are pending, %v", len(pending), err)
		}
		for i, p := range pending {
			if want := fmt.Sprint("c", 2*i+1); p.Consumer != want {
				t.Errorf("%s went to %s, want %s", p.ID, p.Consumer, want)
			}
		}

		// BLOCK 5000 takes five seconds over the wire, too.
		c := dialMemory(t, s)
		c.SetDeadline(time.Time{})
		start := time.Now()
		expect(t, "XREAD", c.do("XREAD", "BLOCK", "5000", "STREAMS", "s", "$"), "nil")
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("BLOCK 5000 took %s", d)
		}
	})
}
