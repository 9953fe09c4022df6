package engine

import "context"

// An Op is the one implementation of a data command. A is what it is asked, R
// is what it answers; neither is ever boxed. What needs neither A nor R is not
// in this file: it would be compiled once for every command.
type Op[A, R any] struct {
	Spec
	Parse func(*Args) A            // reads A from the words; Args keeps the first error
	Keys  func(*KeySet, A)         // names the keys, with their modes; nil: the command has none
	Run   func(*Txn, A) (R, error) // the command itself
	Keep  func(R) R                // clones what R borrows; nil if R borrows nothing
	Reply func(*Reply, R)          // writes R as RESP
	Nil   func(*Reply)             // writes ErrNil; nil: a null
}

// Info is the command's entry in the table.
func (o *Op[A, R]) Info() *Spec { return &o.Spec }

// Do runs the command for a Go caller.
func (o *Op[A, R]) Do(s *Session, a A) (r R, err error) {
	t, err := s.begin(&o.Spec, o.Keep != nil)
	if err != nil {
		return r, err
	}
	o.Keys(&t.keys, a)
	if err = t.lock(&o.Spec); err != nil {
		return r, err
	}
	defer t.over()
	r, err = o.Run(t, a)
	if err = t.ran(&o.Spec, err); err == nil && o.Keep != nil {
		r = o.Keep(r)
	}
	return r, err
}

// exec runs the command for a caller that speaks words.
func (o *Op[A, R]) exec(s *Session, args *Args, w *Reply) error {
	a := o.Parse(args)
	if err := args.Done(); err != nil {
		err = s.e.misread(s, &o.Spec, err)
		s.e.stats.count(s.lane, &o.Spec, err)
		return err
	}
	t, err := s.begin(&o.Spec, o.Keep != nil)
	if err != nil {
		return err
	}
	o.Keys(&t.keys, a)
	if err = t.lock(&o.Spec); err != nil {
		return err
	}
	defer t.over() // r may borrow from the keyspace: it is written before
	r, err := o.Run(t, a)
	switch err = t.ran(&o.Spec, err); {
	case err == nil:
		o.Reply(w, r)
	case err == ErrNil && o.Nil != nil:
		o.Nil(w)
		return nil
	}
	return err
}

// plan names the keys of a queued command.
func (o *Op[A, R]) plan(_ *Session, args *Args, k *KeySet) {
	if a := o.Parse(args); args.Done() == nil {
		o.Keys(k, a)
	}
}

// A Blocking is an Op that may wait. It is a type of its own so that the others
// do not carry the machinery.
type Blocking[A, R any] struct {
	Op[A, R]

	// Again, if set, makes the question of one that waits: what its words say,
	// read again, with what Run made of them the first time (XREAD's "$").
	Again func(parsed, ran A) A
}

// Do runs the command for a Go caller. It waits until a writer has run it, the
// time is up (ErrNil) or ctx ends.
func (b *Blocking[A, R]) Do(ctx context.Context, s *Session, a A) (R, error) {
	r, p, err := b.try(s, a, nil, nil)
	if p == nil {
		return r, err
	}
	err = p.wait(ctx, s)
	return p.r, err
}

func (b *Blocking[A, R]) exec(s *Session, args *Args, w *Reply) error {
	a := b.Parse(args)
	if err := args.Done(); err != nil {
		err = s.e.misread(s, &b.Spec, err)
		s.e.stats.count(s.lane, &b.Spec, err)
		return err
	}
	_, p, err := b.try(s, a, args, w)
	if p != nil {
		if err = p.wait(s.ctx(), s); err == nil {
			b.Reply(w, p.r)
		}
	}
	if err == ErrNil && b.Nil != nil {
		b.Nil(w)
		return nil
	}
	return err
}

// try runs the command once and parks it if it must wait. The words are read
// again from a copy then: the connection goes on to use its buffer. With w it writes
// the reply, for which nothing need be kept; else it returns what is.
func (b *Blocking[A, R]) try(s *Session, a A, args *Args, w *Reply) (r R, p *parked[A, R], err error) {
	t, err := s.begin(&b.Spec, b.Keep != nil)
	if err != nil {
		return r, nil, err
	}
	b.Keys(&t.keys, a)
	if err = t.lock(&b.Spec); err != nil {
		return r, nil, err
	}
	defer t.over()
	if r, err = b.Run(t, a); t.ran(&b.Spec, err) == errBlock {
		p = &parked[A, R]{b: b, a: a}
		if args != nil {
			p.a = b.Parse(args.again())
			if b.Again != nil {
				p.a = b.Again(p.a, a)
			}
		}
		t.park(&p.waiter, p)
	} else if err == nil && w != nil {
		b.Reply(w, r)
	} else if err == nil && b.Keep != nil {
		r = b.Keep(r)
	}
	return r, p, err
}

// A parked is a waiter with its question and its answer.
type parked[A, R any] struct {
	waiter
	b *Blocking[A, R]
	a A
	r R
}

func (p *parked[A, R]) keys(k *KeySet) { p.b.Keys(k, p.a) }

func (p *parked[A, R]) run(t *Txn) error {
	r, err := p.b.Run(t, p.a)
	if t.ran(&p.b.Spec, err) == nil {
		if p.r = r; p.b.Keep != nil {
			p.r = p.b.Keep(r)
		}
	}
	return err
}

// A Ctl is a command about the session or the server rather than the data:
// MULTI, SELECT, HELLO, CONFIG.
type Ctl struct {
	Spec
	Now  bool // runs at once even between MULTI and EXEC
	Run  func(*Session, *Args, *Reply) error
	Plan func(*Session, *Args, *KeySet) // what it means for the keys and the commands queued after it
}

// Info is the command's entry in the table.
func (c *Ctl) Info() *Spec { return &c.Spec }

func (c *Ctl) exec(s *Session, a *Args, w *Reply) error {
	err := c.Run(s, a, w)
	s.e.stats.count(s.lane, &c.Spec, err)
	return err
}

func (c *Ctl) plan(s *Session, a *Args, k *KeySet) {
	if c.Plan != nil {
		c.Plan(s, a, k)
	}
}
