package larder

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/larderdb/larder/internal/ds/streamlog"
	"github.com/larderdb/larder/internal/engine"
)

// Pending entries that change hands: XCLAIM XAUTOCLAIM.

// XClaimArgs are the arguments of XCLAIM.
type XClaimArgs struct {
	Stream, Group, Consumer string
	IDs                     []StreamID
	MinIdle                 time.Duration // only what was delivered last that long ago

	Idle       time.Duration // it counts as delivered that long ago; 0 is now
	Time       time.Time     // instead of Idle: when it counts as delivered
	RetryCount int64         // sets the number of deliveries; 0 is one more than it was
	Force      bool          // also what is not pending, if it is in the stream
	LastID     StreamID      // the group has been given entries up to here, if it was not yet
}

// XClaim gives pending entries to a consumer, whoever had them, and returns those
// that it did. Entries that were deleted are no longer pending after it. An error
// that is ErrNoGroup says that the stream or the group does not exist. O(log n) an
// ID, for n entries pending.
func (c Commands) XClaim(a XClaimArgs) ([]XMessage, error) {
	r, err := opXClaim.Do(c.s, a.internal(false))
	return r.kept, err
}

// XClaimJustID is XClaim that returns only the IDs, and leaves the number of
// deliveries as it is.
func (c Commands) XClaimJustID(a XClaimArgs) ([]StreamID, error) {
	r, err := opXClaim.Do(c.s, a.internal(true))
	return streamIDs(r.taken), err
}

func (a XClaimArgs) internal(justID bool) xclaimArgs {
	in := xclaimArgs{
		key: a.Stream, group: a.Group, consumer: a.Consumer, minIdle: a.MinIdle.Milliseconds(), ids: idsOf(a.IDs).ids,
		retries: -1, force: a.Force, justID: justID, lastID: streamlog.ID(a.LastID),
	}
	switch {
	case !a.Time.IsZero():
		in.when, in.time = whenAt, a.Time.UnixMilli()
	case a.Idle != 0:
		in.when, in.time = whenIdle, a.Idle.Milliseconds()
	}
	if a.RetryCount > 0 {
		in.retries = a.RetryCount
	}
	return in
}

func streamIDs(ids []streamlog.ID) []StreamID {
	var out []StreamID
	for _, id := range ids {
		out = append(out, StreamID(id))
	}
	return out
}

// A claimTime says when what is claimed counts as delivered.
type claimTime uint8

const (
	whenNow claimTime = iota
	whenAt
	whenIdle
)

type xclaimArgs struct {
	key, group, consumer string
	minIdle              int64 // milliseconds
	ids                  []streamlog.ID
	when                 claimTime
	time                 int64 // milliseconds
	retries              int64 // negative: one more than it was
	force, justID        bool
	lastID               streamlog.ID
	err                  error // in the words; Redis looks for the group before it reads them
}

// claimReply is what was claimed.
type claimReply struct {
	justID bool
	taken  []streamlog.ID
	log    *engine.Stream
	kept   []XMessage

	auto bool // XAUTOCLAIM: gone and next as well
	gone []streamlog.ID
	next streamlog.ID
}

func (r claimReply) keep() claimReply {
	if !r.justID {
		r.kept = make([]XMessage, 0, len(r.taken))
		for _, id := range r.taken {
			r.kept = append(r.kept, entries{log: r.log, from: id, to: id}.keep().kept...)
		}
	}
	r.log = nil
	return r
}

func replyClaim(w *reply, r claimReply) {
	if r.auto {
		w.Array(3)
		replyID(w, r.next)
	}
	w.Array(len(r.taken))
	for i, id := range r.taken {
		switch {
		case r.justID:
			replyID(w, id)
		case r.log == nil:
			replyMessage(w, r.kept[i])
		default:
			en, _ := r.log.Get(id)
			replyEntry(w, &en)
		}
	}
	if r.auto {
		w.Array(len(r.gone))
		for _, id := range r.gone {
			replyID(w, id)
		}
	}
}

var opXClaim = add(&op[xclaimArgs, claimReply]{
	Spec: spec{
		Name: "XCLAIM", Arity: -6, Flags: write | fast, Keys: engine.One("RW UPDATE"),
		Group: "stream", Since: "5.0.0", Complexity: "O(log N) for N entries pending in the group",
		Syntax: "key:key group:string consumer:string min-idle-time:string id:string... [IDLE ms:integer] " +
			"[TIME unix-time-milliseconds:unix-time] [RETRYCOUNT count:integer] [FORCE] [JUSTID] [LASTID id:string]",
		Summary: "Gives pending entries to a consumer, whoever had them.", Tips: []string{"nondeterministic_output"},
	},
	Parse: parseXClaim,
	Keys:  func(k *keySet, a xclaimArgs) { k.Write(a.key) },
	Run:   xclaim,
	Keep:  claimReply.keep,
	Reply: replyClaim,
})

func parseXClaim(p *args) xclaimArgs {
	a := xclaimArgs{key: p.Key(), group: p.String(), consumer: p.String(), retries: -1}
	number := func(s, err string) int64 {
		n, ok := engine.ParseInt(s)
		if !ok && a.err == nil {
			a.err = Error("ERR Invalid " + err + " argument for XCLAIM")
		}
		return n
	}
	a.minIdle = number(p.String(), "min-idle-time")
	a.ids = make([]streamlog.ID, 0, p.Len())
	for options := false; p.More() && a.err == nil; {
		word := p.String()
		if !options {
			if id, ok := streamlog.ParseID(word, 0); ok {
				a.ids = append(a.ids, id)
				continue
			}
			options = true
		}
		is := func(name string, operands int) bool { return strings.EqualFold(word, name) && p.Len() >= operands }
		switch {
		case is("FORCE", 0):
			a.force = true
		case is("JUSTID", 0):
			a.justID = true
		case is("IDLE", 1):
			a.when, a.time = whenIdle, number(p.String(), "IDLE option")
		case is("TIME", 1):
			a.when, a.time = whenAt, number(p.String(), "TIME option")
		case is("RETRYCOUNT", 1):
			a.retries = number(p.String(), "RETRYCOUNT option")
		case is("LASTID", 1):
			var ok bool
			if a.lastID, ok = streamlog.ParseID(p.String(), 0); !ok {
				a.err = ErrStreamID
			}
		default:
			a.err = Error("ERR Unrecognized XCLAIM option '" + word + "'")
		}
	}
	p.Rest() // what is behind the error
	return a
}

func xclaim(t *txn, a xclaimArgs) (r claimReply, err error) {
	s, look, err := groupOf(t, a.key, a.group)
	switch {
	case err != nil:
		return r, err
	case a.err != nil:
		return r, a.err
	}
	r.justID = a.justID
	moves := look.LastID().Less(a.lastID)
	if !moves && !slices.ContainsFunc(a.ids, func(id streamlog.ID) bool {
		_, pending := look.Lookup(id)
		return pending || a.force && s.Has(id)
	}) {
		return r, nil
	}
	s, g := editGroup(t, a.key, a.group)
	r.log = s
	if moves && t.FromPrimary() && a.repeatsRead(s, g) {
		g.See(a.consumer, t.Now())
		g.ReadNew(a.consumer, 1, a.time, false)
		moves = false
	}
	if moves {
		g.SetID(a.lastID, g.EntriesRead())
	}
	c := streamlog.Claim{
		Consumer: a.consumer, Now: t.Now(), MinIdle: a.minIdle, Time: t.Now(), Count: a.retries, JustID: a.justID, Force: a.force,
	}
	at := a.time
	if a.when == whenIdle {
		at = c.Now - a.time // may overflow, and is then out of bounds one way or the other
	}
	if a.when != whenNow && at >= 0 && at <= c.Now {
		c.Time = at
	}
	taker := newTaker(t, a.key, a.group, a.consumer, g)
	for _, id := range a.ids {
		switch what, p := g.Claim(id, c); what {
		case streamlog.Taken:
			taker.took(p)
			r.taken = append(r.taken, id)
			moves = false // XCLAIM tells it
		case streamlog.Gone:
			taker.lost(p)
			moves = false
		}
	}
	taker.done()
	if moves {
		tellGroupID(t, a.key, g.Group)
	}
	return r, nil
}

// repeatsRead reports whether an effect of XCLAIM is that of a read by the group:
// the first delivery of the entry that comes next. Redis's replicas forget to
// count it in entries-read; ours do not.
func (a *xclaimArgs) repeatsRead(s *engine.Stream, g streamlog.GroupEdit) bool {
	if len(a.ids) != 1 || a.ids[0] != a.lastID || a.retries != 1 || a.when != whenAt {
		return false
	}
	next, _ := g.LastID().Next()
	for en := range s.Range(next, a.lastID) {
		return en.ID == a.lastID
	}
	return false
}

// A taker makes the consumer that claims, if need be, and tells what it got.
type taker struct {
	t                    *txn
	key, group, consumer string
	g                    streamlog.GroupEdit
	made                 bool // for the claim; unmade if there was nothing to take
	any                  bool
}

func newTaker(t *txn, key, group, consumer string, g streamlog.GroupEdit) *taker {
	return &taker{t, key, group, consumer, g, g.CreateConsumer(consumer, t.Now()), false}
}

func (k *taker) took(p streamlog.Pending) {
	if !k.any {
		k.any = true
		k.g.See(k.consumer, k.t.Now())
		k.g.SetActive(k.consumer, k.t.Now())
		if k.made {
			k.t.EffectAside('t', "xgroup-createconsumer", k.key)
		}
	}
	tellClaim(k.t, k.key, k.group, p, k.g.LastID())
}

// lost tells of an entry that is gone: claimed by who had it, it is gone there too.
func (k *taker) lost(p streamlog.Pending) { tellClaim(k.t, k.key, k.group, p, k.g.LastID()) }

func (k *taker) done() {
	if k.made && !k.any {
		k.g.DeleteConsumer(k.consumer)
	}
	k.t.EffectAside(0, "", k.key)
}

// XAutoClaimArgs are the arguments of XAUTOCLAIM.
type XAutoClaimArgs struct {
	Stream, Group, Consumer string
	MinIdle                 time.Duration // only what was delivered last that long ago
	Start                   StreamID      // the zero ID is the first
	Count                   int64         // at most so many; 0 is 100
}

// An XAutoClaimResult is what XAutoClaim did.
type XAutoClaimResult struct {
	Next     StreamID   // where to go on; the zero ID at the end
	Messages []XMessage // claimed
	Deleted  []StreamID // these were no longer in the stream, and are not pending any more
}

// XAutoClaim gives pending entries from a.Start on to a consumer, whoever had
// them. One call looks at ten times a.Count entries at most: go on from Next until
// that is zero. An error that is ErrNoGroup says that the stream or the group does
// not exist.
func (c Commands) XAutoClaim(a XAutoClaimArgs) (XAutoClaimResult, error) {
	in, err := a.internal(false)
	if err != nil {
		return XAutoClaimResult{}, err
	}
	r, err := opXAutoClaim.Do(c.s, in)
	return XAutoClaimResult{StreamID(r.next), r.kept, streamIDs(r.gone)}, err
}

// XAutoClaimJustID is XAutoClaim that returns only the IDs and where to go on, and
// leaves the number of deliveries as it is.
func (c Commands) XAutoClaimJustID(a XAutoClaimArgs) (ids []StreamID, next StreamID, err error) {
	in, err := a.internal(true)
	if err != nil {
		return nil, next, err
	}
	r, err := opXAutoClaim.Do(c.s, in)
	return streamIDs(r.taken), StreamID(r.next), err
}

func (a XAutoClaimArgs) internal(justID bool) (xautoclaimArgs, error) {
	in := xautoclaimArgs{
		key: a.Stream, group: a.Group, consumer: a.Consumer, minIdle: a.MinIdle.Milliseconds(),
		from: streamlog.ID(a.Start), count: a.Count, justID: justID,
	}
	if in.count == 0 {
		in.count = 100
	}
	if in.count < 0 || in.count > maxAutoClaim {
		return in, errClaimCount
	}
	return in, nil
}

type xautoclaimArgs struct {
	key, group, consumer string
	minIdle              int64 // milliseconds
	from                 streamlog.ID
	count                int64
	justID               bool
}

// maxAutoClaim is the largest COUNT: Redis reserves 16 bytes for each.
const maxAutoClaim = math.MaxInt64 / 16

const errClaimCount Error = "ERR COUNT must be > 0"

var opXAutoClaim = add(&op[xautoclaimArgs, claimReply]{
	Spec: spec{
		Name: "XAUTOCLAIM", Arity: -6, Flags: write | fast, Keys: engine.One("RW DELETE"),
		Group: "stream", Since: "6.2.0", Complexity: "O(1) for a small COUNT",
		Syntax:  "key:key group:string consumer:string min-idle-time:string start:string [COUNT count:integer] [JUSTID]",
		Summary: "Gives entries that were pending for long to a consumer, whoever had them.", Tips: []string{"nondeterministic_output"},
	},
	Parse: func(p *args) xautoclaimArgs {
		a := xautoclaimArgs{key: p.Key(), group: p.String(), consumer: p.String(), count: 100}
		a.minIdle = p.IntOr(Error("ERR Invalid min-idle-time argument for XAUTOCLAIM"))
		a.from = parseStart(p, p.String())
		for p.More() {
			switch {
			case p.FlagWith("COUNT", 1):
				if a.count = p.IntOr(errClaimCount); a.count < 1 || a.count > maxAutoClaim {
					p.Fail(errClaimCount)
				}
			case p.Flag("JUSTID"):
				a.justID = true
			default:
				p.Syntax()
			}
		}
		return a
	},
	Keys:  func(k *keySet, a xautoclaimArgs) { k.Write(a.key) },
	Run:   xautoclaim,
	Keep:  claimReply.keep,
	Reply: replyClaim,
})

func xautoclaim(t *txn, a xautoclaimArgs) (r claimReply, err error) {
	_, look, err := groupOf(t, a.key, a.group)
	if err != nil {
		return r, err
	}
	r.justID, r.auto = a.justID, true
	if look.NumPending() == 0 {
		return r, nil
	}
	s, g := editGroup(t, a.key, a.group)
	r.log = s
	taker := newTaker(t, a.key, a.group, a.consumer, g)
	taken, gone, next := g.AutoClaim(a.from, int(min(a.count, math.MaxInt)), streamlog.Claim{
		Consumer: a.consumer, Now: t.Now(), MinIdle: a.minIdle, Time: t.Now(), Count: -1, JustID: a.justID,
	})
	r.next = next
	for len(taken)+len(gone) > 0 { // in the order in which it met them
		if len(taken) == 0 || len(gone) > 0 && gone[0].ID.Less(taken[0].ID) {
			taker.lost(gone[0])
			r.gone, gone = append(r.gone, gone[0].ID), gone[1:]
		} else {
			taker.took(taken[0])
			r.taken, taken = append(r.taken, taken[0].ID), taken[1:]
		}
	}
	taker.done()
	return r, nil
}
