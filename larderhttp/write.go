package larderhttp

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/larderdb/larder"
)

// Running commands: whatever the page changes is one.

const (
	maxBody      = 4 << 20 // bytes of a request
	maxWords     = 1000
	maxReply     = 256 << 10 // bytes of an answer, about
	maxReplyList = 1000      // elements of each list in it
	maxReplyDeep = 16
)

type commandRequest struct {
	DB    int    `json:"db"`
	Words []text `json:"words"`
}

type commandAnswer struct {
	Reply any     `json:"reply"` // see replyOf
	Cut   bool    `json:"cut"`   // some of it was left out
	Took  float64 `json:"took"`  // microseconds
}

// sameOrigin looks at Sec-Fetch-Site and Origin, as browsers send them.
var sameOrigin = http.NewCrossOriginProtection()

// mayWrite returns why a request must not change anything. A page of another site cannot
// send one that passes: not with this content type and header without asking first, and
// then it is not allowed to; not without the token, which it cannot read; and browsers
// say where it comes from.
func (h *handler) mayWrite(r *http.Request) error {
	switch {
	case !h.o.AllowWrites:
		return refusal{http.StatusForbidden, "this page is read-only: see larderhttp.Options.AllowWrites"}
	case r.Method != http.MethodPost:
		return refusal{http.StatusMethodNotAllowed, "only POST is answered here"}
	case sameOrigin.Check(r) != nil:
		return refusal{http.StatusForbidden, "requests from other sites are refused"}
	case subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Larder-Token")), []byte(h.token)) != 1:
		return refusal{http.StatusForbidden, "the token is not that of this page: load it again"}
	}
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != "application/json" {
		return refusal{http.StatusUnsupportedMediaType, "the body must be JSON"}
	}
	return nil
}

// command answers command.json: it runs a command. An error that the command answers is
// its reply.
func (h *handler) command(w http.ResponseWriter, r *http.Request) {
	if err := h.mayWrite(r); err != nil {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "POST")
		}
		fail(w, r, err)
		return
	}
	var q commandRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&q); err != nil {
		fail(w, r, badRequest("the body cannot be read: "+err.Error()))
		return
	}
	if q.DB < 0 || q.DB >= h.databases() || len(q.Words) == 0 || len(q.Words) > maxWords {
		fail(w, r, badRequest("there is no such database, or no command"))
		return
	}
	words := make([]string, len(q.Words))
	for i, t := range q.Words {
		if words[i] = string(t.B); t.S != nil {
			words[i] = *t.S
		}
	}
	if err := h.closed(); err != nil {
		fail(w, r, err)
		return
	}
	start := time.Now()
	v, err := h.run(h.db.DB(q.DB), words)
	took := time.Since(start)
	b := replyBudget{bytes: maxReply}
	a := commandAnswer{Took: float64(took.Nanoseconds()) / 1e3}
	if a.Reply = b.of(v, 0); err != nil {
		a.Reply = b.of(err, 0)
	}
	a.Cut = b.cut
	reply(w, r, http.StatusOK, a)
}

// run runs a command. One that may wait for a key runs as part of a transaction, where
// none does: nobody would end the wait when the browser is gone.
func (h *handler) run(db *larder.DB, words []string) (v any, err error) {
	if !h.blocks(words[0]) {
		return db.Do(words...)
	}
	_ = db.Update(func(tx *larder.Tx) error {
		v, err = tx.Do(words...)
		return err
	})
	return v, err
}

// blocks reports whether a command may wait.
func (h *handler) blocks(name string) bool {
	v, err := h.db.Do("COMMAND", "INFO", name)
	if err != nil {
		return true // COMMAND is renamed: be on the safe side
	}
	list, _ := v.([]any)
	if len(list) != 1 {
		return false
	}
	info, _ := list[0].([]any)
	if len(info) < 3 {
		return false
	}
	flags, _ := info[2].([]any)
	return slices.ContainsFunc(flags, func(f any) bool { return fmt.Sprint(f) == "blocking" })
}

// A replyBudget turns what Do returns into JSON, as long as there is room:
//
//	{"t": "string", "v": text}          {"t": "integer", "v": "1"}    {"t": "double", "v": "1.5"}
//	{"t": "boolean", "v": true}         {"t": "null"}                 {"t": "error", "v": "ERR ..."}
//	{"t": "list", "v": [...], "n": all} {"t": "map", "v": [[name, value] ...], "n": all}
type replyBudget struct {
	bytes int
	cut   bool
}

type replyNode struct {
	T string `json:"t"`
	V any    `json:"v,omitempty"`
	N int    `json:"n,omitempty"`
}

func (b *replyBudget) of(v any, depth int) replyNode {
	b.bytes -= 24
	switch v := v.(type) {
	case string:
		t := textOf(v, max(0, min(b.bytes, maxCut)))
		b.bytes -= t.size()
		b.cut = b.cut || t.N != 0
		return replyNode{T: "string", V: t}
	case int64:
		return replyNode{T: "integer", V: fmt.Sprint(v)}
	case float64:
		return replyNode{T: "double", V: fmt.Sprint(v)}
	case bool:
		return replyNode{T: "boolean", V: v}
	case []any:
		out := []replyNode{}
		for _, e := range v {
			if b.full(len(out), depth) {
				break
			}
			out = append(out, b.of(e, depth+1))
		}
		return replyNode{T: "list", V: out, N: len(v)}
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		out := [][2]replyNode{}
		for _, name := range names {
			if b.full(len(out), depth) {
				break
			}
			out = append(out, [2]replyNode{b.of(name, depth+1), b.of(v[name], depth+1)})
		}
		return replyNode{T: "map", V: out, N: len(v)}
	case error:
		if errors.Is(v, larder.ErrNil) {
			return replyNode{T: "null"}
		}
		text := strings.ToValidUTF8(v.Error(), "?")
		return replyNode{T: "error", V: text[:min(len(text), 4<<10)]}
	}
	return replyNode{T: "null"}
}

// full reports whether a list of n elements is to end there.
func (b *replyBudget) full(n, depth int) bool {
	if n < maxReplyList && depth < maxReplyDeep && b.bytes > 0 {
		return false
	}
	b.cut = true
	return true
}
