package larder

import (
	"math"

	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// Entries that are deleted with regard to the groups that have them pending:
// XDELEX and XACKDEL of Redis 8.2. To a replica, which may be older, both are what
// they did: XACK for each group, and XDEL.

// A RefPolicy says what becomes of an entry that is to be deleted while groups
// have it pending.
type RefPolicy uint8

// The policies.
const (
	KeepRef RefPolicy = iota // it is deleted, and stays pending
	DelRef                   // it is deleted, and is pending in no group any more
	Acked                    // it is deleted only if all groups were given it and have acknowledged it
)

var refPolicies = [...]string{"KEEPREF", "DELREF", "ACKED"}

// A DelResult is what became of an entry that was to be deleted.
type DelResult int8

// The results, numbered as on the wire.
const (
	NotFound    DelResult = -1 // there is no such entry; for XAckDel, it was not pending
	Deleted     DelResult = 1
	StillNeeded DelResult = 2 // Acked forbade it
)

// XDelEx deletes entries as a policy says, and returns for each what became of it.
// O(log n) an ID; O(groups) as well for DelRef and Acked.
func (c Commands) XDelEx(stream string, policy RefPolicy, ids ...StreamID) ([]DelResult, error) {
	return opXDelEx.Do(c.s, xdelexArgs{key: stream, policy: policy, ids: idsOf(ids).ids})
}

// XAckDel acknowledges entries in a group and deletes them as a policy says, and
// returns for each what became of it. An entry that StillNeeded is acknowledged.
func (c Commands) XAckDel(stream, group string, policy RefPolicy, ids ...StreamID) ([]DelResult, error) {
	return opXAckDel.Do(c.s, xdelexArgs{key: stream, group: group, acks: true, policy: policy, ids: idsOf(ids).ids})
}

type xdelexArgs struct {
	key, group string
	acks       bool // XACKDEL
	policy     RefPolicy
	ids        []streamlog.ID
}

var (
	opXDelEx = add(&op[xdelexArgs, []DelResult]{
		Spec: spec{
			Name: "XDELEX", Arity: -5, Flags: write | fast, Keys: engine.One("RW DELETE"),
			Group: "stream", Since: "8.2.0", Complexity: "O(1) an entry, and O(N) for N groups with DELREF and ACKED",
			Syntax:  "key:key [condition<KEEPREF|DELREF|ACKED>] IDS ids<numids:integer id:string...>",
			Summary: "Deletes entries of a stream with regard to the groups that have them pending.",
		},
		Parse: func(p *args) xdelexArgs { return parseXDelEx(p, xdelexArgs{key: p.Key()}) },
		Keys:  func(k *keySet, a xdelexArgs) { k.Write(a.key) },
		Run:   xdelex,
		Reply: replyDelResults,
	})
	opXAckDel = add(&op[xdelexArgs, []DelResult]{
		Spec: spec{
			Name: "XACKDEL", Arity: -6, Flags: write | fast, Keys: engine.One("RW UPDATE DELETE"),
			Group: "stream", Since: "8.2.0", Complexity: "O(1) an entry, and O(N) for N groups with DELREF and ACKED",
			Syntax:  "key:key group:string [condition<KEEPREF|DELREF|ACKED>] IDS ids<numids:integer id:string...>",
			Summary: "Acknowledges entries in a group and deletes them.",
		},
		Parse: func(p *args) xdelexArgs {
			return parseXDelEx(p, xdelexArgs{key: p.Key(), group: p.String(), acks: true})
		},
		Keys:  func(k *keySet, a xdelexArgs) { k.Write(a.key) },
		Run:   xdelex,
		Reply: replyDelResults,
	})
)

func parseXDelEx(p *args, a xdelexArgs) xdelexArgs {
	policy := false
	for p.More() {
		switch {
		case p.FlagWith("IDS", 1) && a.ids == nil:
			n := p.IntOr(Error("ERR Number of IDs must be a positive integer"))
			switch {
			case n < 1 || n > math.MaxInt32:
				p.Fail(Error("ERR Number of IDs must be a positive integer"))
			case n > int64(p.Len()):
				p.Fail(Error("ERR The `numids` parameter must match the number of arguments"))
			default:
				a.ids = make([]streamlog.ID, n)
				for i := range a.ids {
					a.ids[i] = parseID(p)
				}
			}
		default:
			a.policy = RefPolicy(len(refPolicies))
			for i, name := range refPolicies {
				if !policy && p.Flag(name) {
					a.policy, policy = RefPolicy(i), true
					break
				}
			}
			if int(a.policy) == len(refPolicies) {
				p.Syntax()
			}
		}
	}
	if a.ids == nil {
		p.Syntax()
	}
	return a
}

func replyDelResults(w *reply, rs []DelResult) {
	w.Array(len(rs))
	for _, r := range rs {
		w.Int(int64(r))
	}
}

func xdelex(t *txn, a xdelexArgs) ([]DelResult, error) {
	rs := make([]DelResult, len(a.ids))
	for i := range rs {
		rs[i] = NotFound
	}
	s, err := t.Stream(a.key)
	if err == ErrNil || err == nil && a.acks && s.Group(a.group) == nil {
		return rs, nil
	}
	if err != nil {
		return nil, err
	}
	s, _ = engine.Edit(t, a.key, engine.NewStream)
	var deleted []streamlog.ID
	acked := newAcks(s)
	for i, id := range a.ids {
		if a.acks && !acked.ack(a.group, id) {
			continue
		}
		there := s.Has(id)
		switch {
		case a.policy == Acked && there && (s.NumGroups() == 0 || !s.Acknowledged(id)):
			rs[i] = StillNeeded
			continue
		case a.policy == DelRef:
			acked.everywhere(id)
		}
		if s.Delete(id) {
			deleted = append(deleted, id)
		}
		if there || a.acks {
			rs[i] = Deleted
		}
	}
	acked.tell(t, a.key)
	if len(deleted) == 0 {
		t.EffectAside(0, "", a.key)
	} else if t.Replicating() {
		t.Effect('t', "xdel", a.key, appendIDs([]string{"XDEL", a.key}, deleted)...)
	} else {
		t.Effect('t', "xdel", a.key)
	}
	return rs, nil
}

// acks collects what was acknowledged, by group.
type acks struct {
	s      *engine.Stream
	groups map[string][]streamlog.ID
	order  []string // the groups, in the order in which they came up
}

func newAcks(s *engine.Stream) *acks { return &acks{s: s, groups: map[string][]streamlog.ID{}} }

// ack acknowledges an entry in a group, and reports whether it was pending.
func (k *acks) ack(group string, id streamlog.ID) bool {
	g := k.s.Group(group)
	if _, ok := g.Lookup(id); !ok {
		return false
	}
	e, _ := k.s.EditGroup(group)
	e.Ack(id)
	if k.groups[group] == nil {
		k.order = append(k.order, group)
	}
	k.groups[group] = append(k.groups[group], id)
	return true
}

// everywhere acknowledges an entry in all groups.
func (k *acks) everywhere(id streamlog.ID) {
	var names []string
	for g := range k.s.Groups() {
		if _, ok := g.Lookup(id); ok {
			names = append(names, g.Name())
		}
	}
	for _, name := range names {
		k.ack(name, id)
	}
}

func (k *acks) tell(t *txn, key string) {
	if t.Replicating() {
		for _, group := range k.order {
			t.Replicate(appendIDs([]string{"XACK", key, group}, k.groups[group])...)
		}
	}
}
