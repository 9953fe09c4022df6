package larderhttp

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"
)

// The words of a request, and the texts of an answer.

// maxParam is how long a parameter may be, in bytes: keys are, as base64.
const maxParam = 64 << 10

// params are the parameters of a request, read with a sticky error.
type params struct {
	q   url.Values
	err error
}

func paramsOf(r *http.Request) *params {
	q, err := url.ParseQuery(r.URL.RawQuery)
	p := &params{q: q}
	if err != nil {
		p.fail("the query cannot be read")
	}
	return p
}

func (p *params) fail(text string) {
	if p.err == nil {
		p.err = badRequest(text)
	}
}

func (p *params) has(name string) bool { return p.q.Has(name) }

// text is a parameter as it is, "" where there is none.
func (p *params) text(name string) string {
	s := p.q.Get(name)
	if len(s) > maxParam {
		p.fail(name + " is too long")
		return ""
	}
	return s
}

// number is a parameter from least to most, or otherwise where there is none.
func (p *params) number(name string, least, most, otherwise int64) int64 {
	s := p.q.Get(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > most {
		p.fail(name + " is not an integer from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10))
		return otherwise
	}
	return n
}

// bytes is a parameter in base64url.
func (p *params) bytes(name string) string {
	b, err := base64.RawURLEncoding.DecodeString(p.text(name))
	if err != nil {
		p.fail(name + " is not base64url without padding")
	}
	return string(b)
}

// database is the parameter db.
func (h *handler) database(p *params) int {
	return int(p.number("db", 0, int64(h.databases()-1), 0))
}

func keyText(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// A text is bytes that may be none: as text where they are UTF-8, else in base64. N is
// their whole length where they are cut.
type text struct {
	S *string `json:"s,omitempty"`
	B []byte  `json:"b,omitempty"`
	N int     `json:"n,omitempty"`
}

// textOf returns a copy of at most max bytes of s, whatever s borrows from.
func textOf[T string | []byte](s T, max int) (t text) {
	if len(s) > max {
		t.N = len(s)
		s = s[:max]
		// A rune that is cut in two is left out, rather than to have text shown as bytes.
		for i := 1; i < utf8.UTFMax && i < len(s); i++ {
			if c := s[len(s)-i]; utf8.RuneStart(c) {
				if !utf8.FullRune([]byte(s[len(s)-i:])) {
					s = s[:len(s)-i]
				}
				break
			}
		}
	}
	b := []byte(s)
	if !utf8.Valid(b) {
		t.B = b
		return t
	}
	own := string(b)
	t.S = &own
	return t
}

// size is about how many bytes t takes in an answer.
func (t text) size() int {
	if t.S != nil {
		n := len(*t.S) + 16
		for _, c := range []byte(*t.S) {
			if c < ' ' || c == '<' || c == '>' || c == '&' { // written as \u003c
				n += 5
			}
		}
		return n
	}
	return len(t.B)*4/3 + 16
}
