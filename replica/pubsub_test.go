package replica_test

import (
	"iter"
	"strings"
	"testing"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/redistest"
	"github.com/larderdb/larder/replica"
)

// A heard is what a loop over messages has yielded.
type heard func() (larder.Message, error, bool)

func (h heard) want(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		m, err, ok := h()
		if err != nil || !ok {
			t.Fatalf("the loop yields %v, %v", err, ok)
		}
		if got := m.Channel + " " + m.Payload; got != w {
			t.Fatalf("got %q, want %q", got, w)
		}
	}
}

// publishAll publishes by all ways there are.
func publishAll(t *testing.T, c redistest.Client) []string {
	t.Helper()
	must(t, c, "PUBLISH", "c", "1")
	must(t, c, "SPUBLISH", "s", "2")
	must(t, c, "MULTI")
	must(t, c, "PUBLISH", "c", "3")
	must(t, c, "SET", "k", "v")
	must(t, c, "SPUBLISH", "s", "4")
	must(t, c, "EXEC")
	must(t, c, "MULTI")
	must(t, c, "PUBLISH", "c", "5")
	must(t, c, "EXEC")
	must(t, c, "SELECT", "1")
	must(t, c, "PUBLISH", "c", "6")
	must(t, c, "SELECT", "0")
	must(t, c, "SET", "k", "w")
	must(t, c, "PUBLISH", "c", "end")
	return []string{"c 1", "s 2", "c 3", "__keyevent@0__:set k", "s 4", "c 5", "c 6", "__keyevent@0__:set k", "c end"}
}

// What is published on a primary is published on its replicas, in the order of the
// stream, and passed on by them.
func TestMessagesFollow(t *testing.T) {
	r := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	c := r.NewClient(t, 2)
	t.Cleanup(c.Close)
	first := servePrimary(t, "notify-keyspace-events", "EA")
	follow(t, first.db, replica.Options{Addr: r.Addr})
	_, last := startFollower(t, first.addr)
	sub := last.(*redistest.Conn)
	must(t, sub, "SUBSCRIBE", "c")
	next, stop := iter.Pull2(first.db.SubscribeArgs(t.Context(), larder.SubscribeArgs{
		Channels: []string{"c"}, Patterns: []string{"__keyevent@*"}, ShardChannels: []string{"s"},
	}))
	defer stop()
	want := publishAll(t, c)
	heard(next).want(t, want...)
	for _, w := range want {
		if payload, ok := strings.CutPrefix(w, "c "); ok {
			if v := sub.Receive(deadline); len(v.Elems) != 3 || v.Elems[2].Str != payload {
				t.Fatalf("the replica's replica hears %s, want %q", v, payload)
			}
		}
	}

	// A replica's own messages stay with it and leave the stream as it is.
	before := field(t, first, "replication", "master_repl_offset")
	if n := must(t, first, "PUBLISH", "c", "own"); n.Int != 1 {
		t.Errorf("PUBLISH on a replica = %s", n)
	}
	heard(next).want(t, "c own")
	if after := field(t, first, "replication", "master_repl_offset"); after != before {
		t.Errorf("a replica's message moves its offset from %s to %s", before, after)
	}
	same(t, c, first)
}

// A redis-server that follows a larder hears what is published there.
func TestMessagesToRedis(t *testing.T) {
	p := servePrimary(t)
	_, c := startFollower(t, p.addr)
	sub := c.(*redistest.Conn)
	must(t, sub, "SUBSCRIBE", "c")
	must(t, sub, "SSUBSCRIBE", "s")
	for _, w := range publishAll(t, p) {
		channel, payload, _ := strings.Cut(w, " ")
		if strings.HasPrefix(channel, "__") {
			continue
		}
		if v := sub.Receive(deadline); len(v.Elems) != 3 || v.Elems[1].Str != channel || v.Elems[2].Str != payload {
			t.Fatalf("the replica hears %s, want %q", v, w)
		}
	}
}
