package engine

import "github.com/larderdb/larder/internal/resp"

// Reply appends RESP to a buffer, in version 2 or 3 as the session asked.
type Reply = resp.Reply

// AppendCommand appends words to b as a RESP command.
func AppendCommand(b []byte, words ...string) []byte { return resp.AppendCommand(b, words...) }

// writeErr writes err: null for ErrNil, an error reply otherwise.
func writeErr(w *Reply, err error) {
	if err == ErrNil {
		w.Null()
		return
	}
	w.Err(wireText(err))
}

// wireText is the text of err as an error reply has it: it begins with a code.
func wireText(err error) string {
	if e, ok := err.(Error); ok {
		return string(e)
	}
	return "ERR " + err.Error()
}
