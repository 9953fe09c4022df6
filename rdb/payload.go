package rdb

import (
	"errors"
	"strconv"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/internal/admin"
	"github.com/larderdb/larder/internal/bridge"
	"github.com/larderdb/larder/internal/engine"
)

// Single values as payloads: DUMP RESTORE RESTORE-ASKING.

// payloadTable has the commands that Extend adds.
var payloadTable = engine.Table{}

// Extend adds DUMP and RESTORE to the commands that connections to a store may run.
// Attach does so too. To extend a store twice panics.
func Extend(db *larder.DB) {
	extend(bridge.Server(db))
}

func extend(srv *admin.Server) {
	srv.SetValueLen(func(v engine.Value) int { return valueLen(v, srv.Conf().Bool("rdbcompression")) })
	srv.Engine().AddCommands(payloadTable)
}

// Dump returns the value at key as Redis's DUMP does, in a payload that any Redis
// from 7.0 on restores; that of a hash with fields that expire takes 7.4. It returns
// larder's ErrNil for a missing key. c is that of a DB or of a Tx.
func Dump(c larder.Commands, key string) (string, error) {
	b, err := opDump.Do(bridge.Session(c), key)
	return borrow(b), err
}

var opDump = engine.Add(payloadTable, &engine.Op[string, []byte]{
	Spec: engine.Spec{
		Name: "DUMP", Arity: 2, Flags: engine.ReadOnly, Keys: engine.One("RO ACCESS"), Group: "generic", Since: "2.6.0",
		Complexity: "O(N) for N bytes", Syntax: "key:key", Summary: "Answers a value as a payload that RESTORE takes.",
		Tips: []string{"nondeterministic_output"},
	},
	Parse: (*engine.Args).Key,
	Keys:  (*engine.KeySet).Read,
	Run: func(t *engine.Txn, key string) ([]byte, error) {
		v, ok := t.Peek(key)
		if !ok {
			return nil, engine.ErrNil
		}
		return appendDump(nil, v, ownerOf(t.Engine()).Conf().Bool("rdbcompression")), nil
	},
	Reply: (*engine.Reply).BulkBytes,
})

// RestoreArgs are the arguments of Restore.
type RestoreArgs struct {
	Key     string
	Payload string // of DUMP, of any server and version
	// TTL is how long the key lives in milliseconds, or, with AbsTTL, when it expires
	// in Unix milliseconds; 0 is for ever.
	TTL     int64
	AbsTTL  bool
	Replace bool // a key that exists is replaced; else that is ErrBusyKey
	// IdleTime, in seconds, and Freq say how the key was used; IdleTime counts under a
	// policy of LRU, Freq under one of LFU. HasIdleTime and HasFreq say that they are
	// given; only one of them may be.
	IdleTime             int64
	Freq                 int
	HasIdleTime, HasFreq bool
}

// Why a payload was not restored.
const (
	// ErrBusyKey is returned by Restore for a key that exists.
	ErrBusyKey larder.Error = "BUSYKEY Target key name already exists."
	// ErrPayload is returned by Restore for a payload that no DUMP has made: its
	// version is not known or its checksum is wrong.
	ErrPayload larder.Error = "ERR DUMP payload version or checksum are wrong"
	// ErrBadData is returned by Restore for a payload with a right checksum and wrong
	// contents.
	ErrBadData larder.Error = "ERR Bad data format"

	errTTL  larder.Error = "ERR Invalid TTL value, must be >= 0"
	errIdle larder.Error = "ERR Invalid IDLETIME value, must be >= 0"
	errFreq larder.Error = "ERR Invalid FREQ value, must be >= 0 and <= 255"
)

// Restore gives a key the value of a payload. The payload is validated in full. c is
// that of a DB or of a Tx.
func Restore(c larder.Commands, a RestoreArgs) error {
	in := restoreArgs{key: a.Key, payload: a.Payload, ttl: a.TTL, abs: a.AbsTTL, replace: a.Replace, idle: -1, freq: -1}
	if a.Replace {
		in.options = append(in.options, "REPLACE")
	}
	if a.AbsTTL {
		in.options = append(in.options, "ABSTTL")
	}
	switch {
	case a.HasIdleTime && a.HasFreq:
		return larder.ErrSyntax
	case a.HasIdleTime && a.IdleTime < 0:
		return errIdle
	case a.HasFreq && (a.Freq < 0 || a.Freq > 255):
		return errFreq
	case a.HasIdleTime:
		in.idle = a.IdleTime
		in.options = append(in.options, "IDLETIME", strconv.FormatInt(a.IdleTime, 10))
	case a.HasFreq:
		in.freq = a.Freq
		in.options = append(in.options, "FREQ", strconv.Itoa(a.Freq))
	}
	_, err := opRestore.Do(bridge.Session(c), in)
	return err
}

type restoreArgs struct {
	key, payload string
	ttl          int64
	badTTL       bool // it is no integer
	abs, replace bool
	idle         int64 // -1: not given, as freq
	freq         int
	options      []string // the words for them
}

var opRestore = engine.Add(payloadTable, restoreOp("RESTORE", "2.6.0", "generic", 0,
	"Gives a key the value of a payload that DUMP has answered."))

var _ = engine.Add(payloadTable, restoreOp("RESTORE-ASKING", "3.0.0", "server", engine.Asking,
	"RESTORE as a node of a cluster sends it to another."))

func restoreOp(name, since, group string, flags engine.Flag, summary string) *engine.Op[restoreArgs, struct{}] {
	return &engine.Op[restoreArgs, struct{}]{
		Spec: engine.Spec{
			Name: name, Arity: -4, Flags: engine.Write | engine.DenyOOM | flags, Keys: engine.One("OW UPDATE"),
			ACL: "keyspace dangerous", Group: group, Since: since, Complexity: "O(N) for N bytes", Summary: summary,
			Syntax: "key:key ttl:integer serialized-value:string [REPLACE@3.0.0] [ABSTTL@5.0.0] [IDLETIME seconds:integer@5.0.0] [FREQ frequency:integer@5.0.0]",
		},
		Parse: parseRestore,
		Keys:  func(k *engine.KeySet, a restoreArgs) { k.Write(a.key) },
		Run: func(t *engine.Txn, a restoreArgs) (struct{}, error) {
			return struct{}{}, restore(t, name, a)
		},
		Reply: func(w *engine.Reply, _ struct{}) { w.OK() },
	}
}

// parseRestore leaves what is wrong with the time of expiry for after the key was
// looked for.
func parseRestore(p *engine.Args) restoreArgs {
	a := restoreArgs{key: p.Key(), idle: -1, freq: -1}
	var ok bool
	a.ttl, ok = engine.ParseInt(p.String())
	a.badTTL = !ok
	a.payload = p.String()
	a.options = p.Rest()
	o := engine.NewArgs(p.Words(), len(p.Words())-len(a.options))
	for o.More() {
		switch {
		case o.Flag("REPLACE"):
			a.replace = true
		case o.Flag("ABSTTL"):
			a.abs = true
		case a.freq == -1 && o.FlagWith("IDLETIME", 1):
			if a.idle = o.Int(); a.idle < 0 {
				o.Fail(errIdle)
			}
		case a.idle == -1 && o.FlagWith("FREQ", 1):
			n := o.Int()
			if n < 0 || n > 255 {
				o.Fail(errFreq)
			}
			a.freq = int(n)
		default:
			o.Syntax()
		}
	}
	if err := o.Done(); err != nil {
		p.Fail(err)
	}
	return a
}

func restore(t *engine.Txn, name string, a restoreArgs) error {
	exists := t.Exists(a.key)
	switch {
	case exists && !a.replace:
		return ErrBusyKey
	case a.badTTL:
		return larder.ErrNotInt
	case a.ttl < 0:
		return errTTL
	}
	l := limitsOf(t.Engine())
	l.anyChecksum = ownerOf(t.Engine()).SkipsChecksums()
	v, err := decodeDump(bytesOf(a.payload), l)
	switch {
	case errors.Is(err, ErrFormat), errors.Is(err, ErrChecksum):
		return ErrPayload
	case err != nil:
		return ErrBadData
	}
	at := a.ttl
	if at != 0 && !a.abs {
		at += t.Now() // a sum too large for 64 bits is long past, as in Redis
	}
	if at != 0 && at <= t.Now() { // it would be gone at once
		if exists {
			t.Delete(a.key)
			t.Effect('g', "del", a.key, "DEL", a.key)
		}
		return nil
	}
	at = min(at, engine.MaxExpireAt)
	payload := a.payload
	if t.Replicating() && dumpVersion(payload) > DefaultVersion {
		// A replica of Redis 7.0 refuses it whatever it holds, but not what we make of it.
		payload = borrow(appendDump(nil, v, true))
		if t.FromPrimary() || dumpVersion(payload) > DefaultVersion {
			t.Newer()
		}
	}
	if v.Obj != nil {
		t.SetObject(a.key, v.Obj, at)
	} else {
		t.Set(a.key, v.Flat, v.Form, at)
	}
	t.Made(t.DB(), a.key)
	clock := t.Engine().AccessClock(a.idle, a.freq)
	if !t.Replicating() {
		t.Effect('g', "restore", a.key)
	} else {
		words := append([]string{name, a.key, strconv.FormatInt(at, 10), payload}, a.options...)
		if at != 0 && !a.abs {
			words = append(words, "ABSTTL")
		}
		t.Effect('g', "restore", a.key, words...)
	}
	t.SetClock(a.key, clock)
	return nil
}
