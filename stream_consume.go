package larder

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/larderdb/larder/internal/ds/streamlog"
)

// ConsumeArgs say what [DB.Consume] follows.
type ConsumeArgs struct {
	Stream string

	// Without a group, the entries behind After are yielded, or with New those
	// that are added from now on, to every caller.
	After StreamID
	New   bool

	// With a group, each entry goes to one of its consumers. First come those
	// that this consumer was given before and did not acknowledge, after a crash
	// perhaps. Create makes the group, and the stream, if there is none; it is
	// given the entries behind After, or with New those to come.
	Group, Consumer string
	Create          bool

	// Ack acknowledges each entry when the loop comes back for the next one: not
	// the one in whose turn it is left. NoAck has the group forget an entry as
	// soon as it is yielded. With neither, acknowledge with XAck.
	Ack, NoAck bool

	// ClaimIdle, if not 0, also takes over what others were given that long ago
	// and did not acknowledge, looking for it that often.
	ClaimIdle time.Duration

	// Count is how many entries are read at once; 0 is 1 with a group, so that
	// nothing waits for this consumer that another could do, else 100.
	Count int64
}

// Consume follows a stream, or as a consumer of a group what the group is given:
// it yields the entries there are and then waits for more, until ctx ends or the
// loop is left. The last pair has the reason for the end as its error: that of ctx,
// ErrClosed, an ErrNoGroup if there is no such group, or no longer, an
// ErrUnblocked if the stream was deleted.
//
//	for msg, err := range db.Consume(ctx, larder.ConsumeArgs{Stream: "orders", Group: "billing", Consumer: "w1", Ack: true}) {
//		if err != nil {
//			return err
//		}
//		bill(msg)
//	}
//
// No lock is held while an entry is yielded. Pending entries that were deleted
// are acknowledged and not yielded.
func (db *DB) Consume(ctx context.Context, a ConsumeArgs) iter.Seq2[XMessage, error] {
	return func(yield func(XMessage, error) bool) {
		c := &consumption{db: db, ctx: ctx, a: a, yield: yield}
		err := c.check()
		switch {
		case err != nil:
		case a.Group == "":
			err = c.follow()
		default:
			err = c.work()
		}
		if err != errLoopLeft {
			yield(XMessage{}, err)
		}
	}
}

// errLoopLeft says that the loop was left.
var errLoopLeft = errors.New("the loop was left")

type consumption struct {
	db    *DB
	ctx   context.Context
	a     ConsumeArgs
	yield func(XMessage, error) bool
}

func (c *consumption) check() error {
	a := &c.a
	group := a.Group != ""
	if a.Count < 0 || a.Ack && a.NoAck || a.New && !a.After.IsZero() ||
		!group && (a.Consumer != "" || a.Create || a.Ack || a.NoAck || a.ClaimIdle != 0) ||
		group && !a.Create && (a.New || !a.After.IsZero()) {
		return ErrSyntax
	}
	switch {
	case a.Count != 0:
	case group:
		a.Count = 1
	default:
		a.Count = 100
	}
	return nil
}

// follow yields the entries of the stream.
func (c *consumption) follow() error {
	in := xreadArgs{count: c.a.Count, blocks: true, from: []readFrom{{key: c.a.Stream, id: streamlog.ID(c.a.After)}}}
	if c.a.New {
		in.from[0].kind = fromTail // the first read turns it into an ID
	}
	for {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		rs, err := opXRead.Do(c.ctx, c.db.s, in)
		if err != nil {
			return err
		}
		for _, m := range rs[0].entries.kept {
			if !c.yield(m, nil) {
				return errLoopLeft
			}
			in.from[0].id = streamlog.ID(m.ID)
		}
	}
}

// work yields the entries that the group gives this consumer.
func (c *consumption) work() error {
	if c.a.Create {
		err := c.db.XGroupCreate(XGroupArgs{Stream: c.a.Stream, Group: c.a.Group, ID: c.a.After, New: c.a.New, MkStream: true})
		if err != nil && err != ErrGroupExists {
			return err
		}
	}
	if err := c.ownPending(); err != nil {
		return err
	}
	block, claimed := time.Duration(-1), time.Time{}
	for {
		if c.a.ClaimIdle > 0 {
			now := c.db.s.Engine().Now()
			if block = c.a.ClaimIdle - now.Sub(claimed); block <= 0 || block > c.a.ClaimIdle {
				if err := c.claim(); err != nil {
					return err
				}
				block, claimed = c.a.ClaimIdle, now
			}
		}
		msgs, err := c.read(XReadGroupArgs{Block: block, NoAck: c.a.NoAck})
		if err != nil && err != ErrNil {
			return err
		}
		if err := c.hand(msgs); err != nil {
			return err
		}
	}
}

func (c *consumption) read(r XReadGroupArgs) ([]XMessage, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	r.Group, r.Consumer, r.Streams, r.Count = c.a.Group, c.a.Consumer, []string{c.a.Stream}, c.a.Count
	xs, err := c.db.XReadGroup(c.ctx, r)
	if err != nil {
		return nil, err
	}
	return xs[0].Messages, nil
}

// ownPending yields what the consumer was given before.
func (c *consumption) ownPending() error {
	for after := (StreamID{}); ; {
		msgs, err := c.read(XReadGroupArgs{History: true, After: after})
		if err != nil || len(msgs) == 0 {
			return err
		}
		if err := c.hand(msgs); err != nil {
			return err
		}
		after = msgs[len(msgs)-1].ID
	}
}

// claim yields what others have left lying.
func (c *consumption) claim() error {
	for start := (StreamID{}); ; {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		r, err := c.db.XAutoClaim(XAutoClaimArgs{
			Stream: c.a.Stream, Group: c.a.Group, Consumer: c.a.Consumer, MinIdle: c.a.ClaimIdle, Start: start, Count: c.a.Count,
		})
		if err != nil {
			return err
		}
		if err := c.hand(r.Messages); err != nil || r.Next.IsZero() {
			return err
		}
		start = r.Next
	}
}

// hand yields entries and acknowledges them.
func (c *consumption) hand(msgs []XMessage) error {
	for _, m := range msgs {
		deleted := m.Fields == nil
		if !deleted && !c.yield(m, nil) {
			return errLoopLeft
		}
		if deleted || c.a.Ack {
			if _, err := c.db.XAck(c.a.Stream, c.a.Group, m.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
