package replica_test

import (
	"context"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/redcon_server"
	"github.com/larderdb/larder/replica"
)

// Fifty siblings follow one relay: all have the primary's data, byte for byte its stream,
// and the primary feeds one replica.
func TestFiftySiblings(t *testing.T) {
	const siblings = 50
	primary, srv := serveInMemory(t)
	relay, relayed := serveInMemory(t, "repl-diskless-sync-delay", "10", "repl-diskless-sync-max-replicas", strconv.Itoa(siblings))
	over := func(srv *redcon_server.Server) replica.Options {
		return replica.Options{Addr: "memory:1", Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return srv.Dial(ctx, network, addr)
		}}
	}
	c := dialInMemory(t, srv)
	load := &redistest.Load{R: rand.New(rand.NewPCG(50, 7))}
	load.Run(t, c, 1000, nil)
	follow(t, relay, over(srv))

	stores := make([]*larder.DB, siblings)
	followers := make([]*replica.Follower, siblings)
	for i := range stores {
		stores[i] = open(t, "enable-debug-command", "yes")
	}
	var all sync.WaitGroup
	for i, db := range stores { // at once, so that they share a snapshot
		all.Go(func() { followers[i] = follow(t, db, over(relayed)) })
	}
	load.Run(t, c, 500, nil)
	all.Wait()
	load.Run(t, c, 2000, nil)
	must(t, c, "SELECT", "0")

	p, err := replica.Serve(primary, replica.ServeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := replica.Serve(relay, replica.ServeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i, db := range stores {
		eventually(t, "sibling "+strconv.Itoa(i)+" has the primary's data", func() bool { return digest(t, db) == digest(t, primary) }) // keys end meanwhile
		if st := followers[i].Status(); st.ReplID != p.ReplicationID() || st.FullSyncs != 1 {
			t.Errorf("sibling %d: %+v", i, st)
		}
	}
	if got := len(p.Replicas()); got != 1 {
		t.Errorf("the primary feeds %d", got)
	}
	if got := len(r.Replicas()); got != siblings {
		t.Errorf("the relay feeds %d", got)
	}
	if got := field(t, c, "stats", "sync_full"); got != "1" {
		t.Errorf("sync_full:%s of the primary", got)
	}
	// What the primary has sent is what one replica takes, and the relay has sent it to all.
	sent := func(srv *redcon_server.Server) int {
		n, _ := strconv.Atoi(field(t, dialInMemory(t, srv), "stats", "total_net_repl_output_bytes"))
		return n
	}
	one, fifty := sent(srv), sent(relayed)
	if fifty < 40*(one/2) { // they began later, when there was less of the stream left
		t.Errorf("the primary has sent %d bytes, and the relay %d", one, fifty)
	}
	t.Logf("the primary has sent %d KB, the relay %d KB", one>>10, fifty>>10)
}
