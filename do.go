package larder

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/larderdb/larder/internal/engine"
	"github.com/larderdb/larder/internal/resp"
)

// Do runs a command given as words, for those that have no typed method, and
// returns what it answers:
//
//	a string         string
//	an integer       int64
//	a double         float64
//	a boolean        bool
//	null             nil, and as the whole answer ErrNil
//	an array, a set  []any
//	a map            map[string]any, with integers as keys in decimal
//	an error         Error, returned as the error where it is the whole answer
//
// On a Tx the command is part of the transaction. What belongs to a connection
// (SELECT, MULTI, WATCH, AUTH, CLIENT ...) ends with the call: use DB.NewConn for
// that.
func (c Commands) Do(words ...string) (any, error) {
	if len(words) == 0 {
		return nil, ErrSyntax
	}
	bs := make([][]byte, len(words))
	for i, w := range words {
		bs[i] = []byte(w)
	}
	s := c.s.At(c.s.DB)
	defer func() {
		if s.Watched() != 0 {
			s.Unwatch()
		}
	}()
	w := engine.Reply{Proto: 3}
	s.Exec(bs, &w)
	v, err := resp.NewReader(bytes.NewReader(w.Buf)).Read()
	if err != nil {
		return nil, err
	}
	switch out := answer(v).(type) {
	case Error:
		return nil, out
	case nil:
		return nil, ErrNil
	default:
		return out, nil
	}
}

// answer is a reply as a Go value.
func answer(v resp.Value) any {
	if v.Null {
		return nil
	}
	switch v.Kind {
	case resp.Error, resp.BulkError:
		return Error(strings.TrimPrefix(v.Str, "-"))
	case resp.Integer:
		return v.Int
	case resp.Double:
		return v.Num
	case resp.Boolean:
		return v.Int != 0
	case resp.Null:
		return nil
	case resp.Array, resp.Set, resp.Push:
		list := make([]any, len(v.Elems))
		for i, e := range v.Elems {
			list[i] = answer(e)
		}
		return list
	case resp.Map:
		m := make(map[string]any, len(v.Elems)/2)
		for i := 0; i+1 < len(v.Elems); i += 2 {
			k := v.Elems[i].Str
			if v.Elems[i].Kind == resp.Integer {
				k = strconv.FormatInt(v.Elems[i].Int, 10)
			}
			m[k] = answer(v.Elems[i+1])
		}
		return m
	}
	return v.Str
}
