package streamlog

import "testing"

// check holds a stream against the invariants of the package.
func check(t testing.TB, l *Log) {
	t.Helper()
	live, bytes := 0, 0
	prev := ID{}
	var tail *node
	l.nodes.Ascend(func(s slot) bool {
		if tail != nil && !prev.Less(s.id) {
			t.Fatalf("node %v is not after %v", s.id, prev)
		}
		n, last, ok := validateNode(s, prev)
		if !ok {
			t.Fatalf("node %v does not validate: %x", s.id, s.n.lp)
		}
		live += int(n)
		bytes += nodeBytes + cap(s.n.lp)
		prev, tail = last, s.n
		return true
	})
	if l.len != live || l.tail.n != tail || l.last.Less(prev) {
		t.Fatalf("Len = %d, want %d; tail %p, want %p; last %v and LastID %v", l.len, live, l.tail.n, tail, prev, l.last)
	}
	first := l.first
	if l.seekFirst(); first != l.first {
		t.Fatalf("FirstID = %v, want %v", first, l.first)
	}
	for g := range l.Groups() {
		bytes += groupBytes + len(g.name) + pendingBytes*g.NumPending()
		owned := 0
		for c := range g.Consumers() {
			bytes += consumerBytes + len(c.name)
			owned += c.NumPending()
			if g.numberedConsumer(c.number) != c || g.Consumer(c.name) != c {
				t.Fatalf("consumer %q is not in both trees", c.name)
			}
			c.ids.Ascend(func(id ID) bool {
				if r, ok := g.records.Get(record{id: id}); !ok || r.consumer != c.number {
					t.Fatalf("%v is among the IDs of %q, and its record is %+v, %t", id, c.name, r, ok)
				}
				return true
			})
		}
		if owned != g.NumPending() || g.numbers.Len() != g.NumConsumers() {
			t.Fatalf("%d records, %d owned", g.NumPending(), owned)
		}
	}
	if l.bytes != bytes {
		t.Fatalf("Size counts %d bytes, want %d", l.bytes, bytes)
	}
}
