package rdb

import (
	"errors"
	"fmt"
	"io"
)

// An Error says what is wrong with an input, and where.
type Error struct {
	Offset int64  // in bytes from the beginning of the input
	DB     int    // the database of the key
	Key    string // the key to which the bytes belong; "" between keys
	InKey  bool   // there is a key, which may be ""
	Err    error  // one of the errors below, io.ErrUnexpectedEOF, or what the reader returned
	Detail string // what was expected; may be ""
}

// Error is the text.
func (e *Error) Error() string {
	s := fmt.Sprintf("rdb: at byte %d", e.Offset)
	if e.InKey {
		s += fmt.Sprintf(", key %.200q of database %d", e.Key, e.DB)
	}
	s += ": " + e.Err.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// What may be wrong with an input.
var (
	// ErrFormat: the input is no RDB file, or of a version that is not known.
	ErrFormat = errors.New("not an RDB file of a known version")
	// ErrCorrupt: bytes are not what they ought to be.
	ErrCorrupt = errors.New("corrupt")
	// ErrChecksum: the bytes are well-formed and not those that were written.
	ErrChecksum = errors.New("wrong checksum")
	// ErrModule: there is data of a module, see ModulePolicy.
	ErrModule = errors.New("data of a module")
	// ErrUnsupported: a type or an instruction that this version does not have, or
	// that nobody but its writer can read.
	ErrUnsupported = errors.New("not supported")
)

// What may be wrong with what is to be written.
var (
	// ErrVersion: the version asked for cannot hold the value.
	ErrVersion = errors.New("rdb: the version cannot hold the value")
	// ErrEvents: events were written in an order that no file has.
	ErrEvents = errors.New("rdb: events out of order")
)

// errStop ends a walk whose caller wants no more.
var errStop = errors.New("rdb: stopped")

// noEOF turns the end of a reader into an error.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
