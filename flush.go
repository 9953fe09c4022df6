package larder

import (
	"strconv"
)

// Whole databases: FLUSHDB FLUSHALL SWAPDB.

// FlushDB deletes all keys of the database. Tables go as a whole: it takes the
// same few microseconds however many keys there are, and the memory comes back
// when no snapshot reads them any more.
func (c Commands) FlushDB() error {
	_, err := opFlushDB.Do(c.s, "")
	return err
}

// FlushAll deletes all keys of all databases.
func (c Commands) FlushAll() error {
	_, err := opFlushAll.Do(c.s, "")
	return err
}

var opFlushDB = add(&op[string, none]{
	Spec: spec{
		Name: "FLUSHDB", Arity: -1, Flags: write, ACL: "keyspace dangerous", Group: "server", Since: "1.0.0",
		Complexity: "O(1)", Syntax: "[async<ASYNC@4.0.0|SYNC@6.2.0>]", Summary: "Deletes all keys of the database.",
		Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"},
	},
	Parse: parseFlush,
	Keys:  func(k *keySet, _ string) { k.AllForWriting() },
	Run: func(t *txn, how string) (none, error) {
		t.Flush(t.DB())
		replicateFlush(t, "FLUSHDB", how)
		return none{}, nil
	},
	Reply: replyOK,
})

var opFlushAll = add(&op[string, none]{
	Spec: spec{
		Name: "FLUSHALL", Arity: -1, Flags: write, ACL: "keyspace dangerous", Group: "server", Since: "1.0.0",
		Complexity: "O(1)", Syntax: "[async<ASYNC@4.0.0|SYNC@6.2.0>]", Summary: "Deletes all keys of all databases.",
		Tips: []string{"request_policy:all_shards", "response_policy:all_succeeded"},
	},
	Parse: parseFlush,
	Keys:  func(k *keySet, _ string) { k.AllForWriting() },
	Run: func(t *txn, how string) (none, error) {
		for db := range t.Engine().Databases() {
			t.Flush(db)
		}
		replicateFlush(t, "FLUSHALL", how)
		return none{}, nil
	},
	Reply: replyOK,
})

// parseFlush reads SYNC or ASYNC. They say when the memory is freed, which is
// after the locks in either.
func parseFlush(p *args) string {
	switch {
	case p.Len() == 0:
		return ""
	case p.Flag("ASYNC"):
		return "ASYNC"
	case p.Flag("SYNC"):
		return "SYNC"
	}
	p.Syntax()
	return ""
}

func replicateFlush(t *txn, name, how string) {
	if how == "" {
		t.Replicate(name)
	} else {
		t.Replicate(name, how)
	}
}

type swapArgs struct{ a, b int }

// SwapDB exchanges two databases for everybody at once.
func (c Commands) SwapDB(a, b int) error {
	_, err := opSwapDB.Do(c.s, swapArgs{a, b})
	return err
}

var opSwapDB = add(&op[swapArgs, none]{
	Spec: spec{
		Name: "SWAPDB", Arity: 3, Flags: write | fast, ACL: "keyspace dangerous", Group: "server", Since: "4.0.0",
		Complexity: "O(1)", Syntax: "index1:integer index2:integer", Summary: "Exchanges two databases.",
	},
	Parse: func(p *args) swapArgs {
		return swapArgs{
			p.Int32Or(Error("ERR invalid first DB index")),
			p.Int32Or(Error("ERR invalid second DB index")),
		}
	},
	Keys: func(k *keySet, _ swapArgs) { k.AllForWriting() },
	Run: func(t *txn, a swapArgs) (none, error) {
		n := t.Engine().Databases()
		if a.a < 0 || a.a >= n || a.b < 0 || a.b >= n {
			return none{}, ErrDBIndex
		}
		if a.a != a.b {
			t.SwapDB(a.a, a.b)
		}
		t.Replicate("SWAPDB", strconv.Itoa(a.a), strconv.Itoa(a.b))
		return none{}, nil
	},
	Reply: replyOK,
})
