package larder

import (
	"bytes"
	"iter"
	"runtime"
	"slices"

	"github.com/larderdb/larder/internal/ds/listpack"
	"github.com/larderdb/larder/internal/engine"
)

// Sets, member by member: SADD SREM SISMEMBER SMISMEMBER SCARD SMEMBERS SMOVE. What
// comes by chance is in set_random.go, SSCAN in set_scan.go, unions and their like in
// set_join.go.

type smembers struct {
	key     string
	first   string // apart, so that one alone is not allocated
	members []string
}

func parseSMembers(p *args) smembers { return smembers{p.Key(), p.String(), p.Rest()} }

// of returns the arguments of a command about members, of which there is one at least.
// More are copied, so that the caller's list need not be allocated for one.
func (a smembers) of(members []string) smembers {
	a.first, a.members = members[0], slices.Clone(members[1:])
	return a
}

// at is the i-th member.
func (a *smembers) at(i int) string {
	if i == 0 {
		return a.first
	}
	return a.members[i-1]
}

func (a *smembers) words(name string) []string {
	return append([]string{name, a.key, a.first}, a.members...)
}

// SAdd adds members to the set at key and returns how many of them are new. O(1) each.
func (c Commands) SAdd(key string, members ...string) (int64, error) {
	if len(members) == 0 {
		return 0, ErrSyntax
	}
	return opSAdd.Do(c.s, smembers{key: key}.of(members))
}

var opSAdd = add(&op[smembers, int64]{
	Spec: spec{
		Name: "SADD", Arity: -3, Flags: write | denyOOM | fast, Keys: engine.One("RW INSERT"),
		Group: "set", Since: "1.0.0", Complexity: "O(1) for each member", Syntax: "key:key member:string...",
		Summary: "Adds members to a set.",
	},
	Parse: parseSMembers,
	Keys:  func(k *keySet, a smembers) { k.Write(a.key) },
	Run: func(t *txn, a smembers) (n int64, err error) {
		m, err := t.Members(a.key)
		if err != nil && err != ErrNil {
			return 0, err
		}
		var edit engine.SetEdit
		for i := range 1 + len(a.members) {
			member := a.at(i)
			if m.Has(member) {
				continue
			}
			if n == 0 {
				edit = t.EditSet(a.key, m)
			}
			edit.Add(member)
			m = edit.Members()
			n++
		}
		switch {
		case n == 0:
		case t.Replicating():
			t.Effect('s', "sadd", a.key, a.words("SADD")...)
		default:
			t.Effect('s', "sadd", a.key)
		}
		return n, nil
	},
	Reply: (*reply).Int,
})

// SRem removes members of the set at key and returns how many there were. O(1) each.
func (c Commands) SRem(key string, members ...string) (int64, error) {
	if len(members) == 0 {
		return 0, ErrSyntax
	}
	return opSRem.Do(c.s, smembers{key: key}.of(members))
}

var opSRem = add(&op[smembers, int64]{
	Spec: spec{
		Name: "SREM", Arity: -3, Flags: write | fast, Keys: engine.One("RW DELETE"),
		Group: "set", Since: "1.0.0", Complexity: "O(1) for each member", Syntax: "key:key member:string...",
		Summary: "Removes members of a set.",
	},
	Parse: parseSMembers,
	Keys:  func(k *keySet, a smembers) { k.Write(a.key) },
	Run: func(t *txn, a smembers) (n int64, err error) {
		m, err := t.Members(a.key)
		if err != nil {
			return 0, ignoreNil(err)
		}
		var edit engine.SetEdit
		for i := range 1 + len(a.members) {
			member := a.at(i)
			if !m.Has(member) {
				continue
			}
			if n == 0 {
				edit = t.EditSet(a.key, m)
			}
			edit.Remove(member)
			m = edit.Members()
			n++
		}
		if n == 0 {
			return 0, nil
		}
		left := m.Len()
		if t.Replicating() {
			t.Effect('s', "srem", a.key, a.words("SREM")...)
		} else {
			t.Effect('s', "srem", a.key)
		}
		tellEmpty(t, a.key, left)
		return n, nil
	},
	Reply: (*reply).Int,
})

// tellEmpty tells that a set went with its last member.
func tellEmpty(t *txn, key string, left int) {
	if left == 0 {
		t.Notify('g', "del", key)
	}
}

// SIsMember reports whether the set at key has a member. O(1).
func (c Commands) SIsMember(key, member string) (bool, error) {
	return opSIsMember.Do(c.s, smember{key, member})
}

type smember struct{ key, member string }

var opSIsMember = add(&op[smember, bool]{
	Spec: spec{
		Name: "SISMEMBER", Arity: 3, Flags: readOnly | fast, Keys: engine.One("RO"),
		Group: "set", Since: "1.0.0", Complexity: "O(1)", Syntax: "key:key member:string",
		Summary: "Tells whether a set has a member.",
	},
	Parse: func(p *args) smember { return smember{p.Key(), p.String()} },
	Keys:  func(k *keySet, a smember) { k.Read(a.key) },
	Run: func(t *txn, a smember) (bool, error) {
		m, err := t.Members(a.key)
		return m.Has(a.member), ignoreNil(err)
	},
	Reply: replyBool,
})

// SMIsMember reports of each of members whether the set at key has it.
func (c Commands) SMIsMember(key string, members ...string) ([]bool, error) {
	if len(members) == 0 {
		return nil, ErrSyntax
	}
	return opSMIsMember.Do(c.s, smembers{key: key}.of(members))
}

var opSMIsMember = add(&op[smembers, []bool]{
	Spec: spec{
		Name: "SMISMEMBER", Arity: -3, Flags: readOnly | fast, Keys: engine.One("RO ACCESS"),
		Group: "set", Since: "6.2.0", Complexity: "O(N) for N members asked for", Syntax: "key:key member:string...",
		Summary: "Tells of several members whether a set has them.",
	},
	Parse: parseSMembers,
	Keys:  func(k *keySet, a smembers) { k.Read(a.key) },
	Run: func(t *txn, a smembers) ([]bool, error) {
		m, err := t.Members(a.key)
		if err != nil && err != ErrNil {
			return nil, err
		}
		out := make([]bool, 1+len(a.members))
		for i := range out {
			out[i] = m.Has(a.at(i))
		}
		return out, nil
	},
	Reply: func(w *reply, out []bool) {
		w.Array(len(out))
		for _, ok := range out {
			replyBool(w, ok)
		}
	},
})

// SCard returns the number of members of the set at key, 0 for a missing one. O(1).
func (c Commands) SCard(key string) (int64, error) { return opSCard.Do(c.s, key) }

var opSCard = add(&op[string, int64]{
	Spec: spec{
		Name: "SCARD", Arity: 2, Flags: readOnly | fast, Keys: engine.One("RO"),
		Group: "set", Since: "1.0.0", Complexity: "O(1)", Syntax: "key:key",
		Summary: "Counts the members of a set.",
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Read,
	Run: func(t *txn, key string) (int64, error) {
		m, err := t.Members(key)
		return int64(m.Len()), ignoreNil(err)
	},
	Reply: (*reply).Int,
})

// SMembers returns the members of the set at key: integers ascending while there are
// only such and few, else in no order. O(n), and n strings: [Commands.SAll] copies one
// at a time.
func (c Commands) SMembers(key string) ([]string, error) {
	r, err := opSMembers.Do(c.s, key)
	return r.kept, err
}

// A smembersReply are all members of a set.
type smembersReply struct {
	members engine.Members
	kept    []string
}

var opSMembers = add(&op[string, smembersReply]{
	Spec: spec{
		Name: "SMEMBERS", Arity: 2, Flags: readOnly, Keys: engine.One("RO ACCESS"),
		Group: "set", Since: "1.0.0", Complexity: "O(N) for N members", Syntax: "key:key",
		Summary: "Lists the members of a set.", Tips: []string{"nondeterministic_output_order"},
	},
	Parse: (*args).Key,
	Keys:  (*keySet).Read,
	Run: func(t *txn, key string) (smembersReply, error) {
		m, err := t.Members(key)
		return smembersReply{members: m}, ignoreNil(err)
	},
	Keep: func(r smembersReply) smembersReply {
		return smembersReply{kept: keepMembers(r.members)}
	},
	Reply: func(w *reply, r smembersReply) {
		w.Set(r.members.Len())
		for m := range r.members.All() {
			replyValue(w, m)
		}
	},
})

// keepMembers returns all members as strings of their own.
func keepMembers(m engine.Members) []string {
	out := make([]string, 0, m.Len())
	for v := range m.All() {
		out = append(out, v.String())
	}
	return out
}

// SAll yields the members of the set at key, in the order of SMembers, as they were at
// one instant, however long the loop takes and whatever is written meanwhile, by the
// loop too. On a DB it reads a snapshot; on a Tx what the transaction sees, gathered
// before the first is yielded. A missing key, one of another type and a closed store
// yield nothing.
func (c Commands) SAll(key string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if c.s.InTxn() {
			all, _ := c.SMembers(key)
			for _, m := range all {
				if !yield(m) {
					return
				}
			}
			return
		}
		snap, err := c.s.Engine().Snapshot(0)
		if err != nil {
			return
		}
		defer snap.Close()
		_ = snap.Get(c.s.DB, key, func(it engine.Item) {
			members, _ := it.Value.Members()
			for m := range members.All() {
				if !yield(m.String()) {
					return
				}
			}
		})
	}
}

// SMembers returns the members that a set had, as Commands.SMembers does.
func (s *Snapshot) SMembers(key string) ([]string, error) { return s.DB(s.db).SMembers(key) }

// SIsMember reports whether a set had a member.
func (s *Snapshot) SIsMember(key, member string) (bool, error) {
	return s.DB(s.db).SIsMember(key, member)
}

// SMembers returns the members that a set had, as Commands.SMembers does.
func (d *SnapshotDB) SMembers(key string) (all []string, err error) {
	err = d.set(key, func(m engine.Members) { all = keepMembers(m) })
	return all, err
}

// SIsMember reports whether a set had a member.
func (d *SnapshotDB) SIsMember(key, member string) (ok bool, err error) {
	err = d.set(key, func(m engine.Members) { ok = m.Has(member) })
	return ok, err
}

// set calls f with the members of the set at key, if there is one.
func (d *SnapshotDB) set(key string, f func(engine.Members)) error {
	if d.s.sn == nil {
		return ErrClosed
	}
	wrong := false
	err := d.s.sn.Get(d.n, key, func(it engine.Item) {
		m, ok := it.Value.Members()
		if wrong = !ok; ok {
			f(m)
		}
	})
	if wrong {
		err = ErrWrongType
	}
	runtime.KeepAlive(d.s) // one that is dropped is closed
	return ignoreNil(err)
}

// SMove moves a member from the set at source to the one at destination, which is made
// if need be, and reports whether source had it. O(1).
func (c Commands) SMove(source, destination, member string) (bool, error) {
	return opSMove.Do(c.s, smoveArgs{source, destination, member})
}

type smoveArgs struct{ from, to, member string }

var opSMove = add(&op[smoveArgs, bool]{
	Spec: spec{
		Name: "SMOVE", Arity: 4, Flags: write | fast,
		Keys:  []engine.KeySpec{{Flags: "RW ACCESS DELETE", Index: 1}, {Flags: "RW INSERT", Index: 2}},
		Group: "set", Since: "1.0.0", Complexity: "O(1)", Syntax: "source:key destination:key member:string",
		Summary: "Moves a member from one set to another.",
	},
	Parse: func(p *args) smoveArgs { return smoveArgs{p.Key(), p.Key(), p.String()} },
	Keys:  func(k *keySet, a smoveArgs) { k.Write(a.from); k.Write(a.to) },
	Run:   smove,
	Reply: replyBool,
})

func smove(t *txn, a smoveArgs) (bool, error) {
	from, err := t.Members(a.from)
	if err != nil {
		return false, ignoreNil(err)
	}
	to, err := t.Members(a.to)
	if err != nil && err != ErrNil {
		return false, err
	}
	if !from.Has(a.member) || a.from == a.to {
		return from.Has(a.member), nil
	}
	arrives := !to.Has(a.member)
	edit := t.EditSet(a.from, from)
	edit.Remove(a.member)
	left := edit.Members().Len()
	words := []string{"SMOVE", a.from, a.to, a.member}
	if !arrives {
		t.Effect('s', "srem", a.from, words...)
		tellEmpty(t, a.from, left)
		return true, nil
	}
	t.Touch('s', "srem", a.from)
	tellEmpty(t, a.from, left)
	edit = t.EditSet(a.to, to)
	edit.Add(a.member)
	t.Effect('s', "sadd", a.to, words...)
	return true, nil
}

// keepValue returns a member that borrows nothing.
func keepValue(v listpack.Value) listpack.Value {
	if v.IsInt() {
		return v
	}
	return listpack.StringValue(bytes.Clone(v.Bytes()))
}
