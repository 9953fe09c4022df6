package larderhttp

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/larderdb/larder/internal/bridge"
)

// What took long, who is connected, and who listens.

const (
	maxSlow     = 200
	maxClients  = 500
	maxChannels = 200
	maxField    = 256 // bytes of a field of a client, or of a channel's name
)

type slowAnswer struct {
	Calls []slowCall `json:"calls"` // newest first
	// Slower is slowlog-log-slower-than, in microseconds: negative keeps nothing.
	Slower string `json:"slower"`
}

type slowCall struct {
	ID    int64   `json:"id"`
	At    int64   `json:"at"`   // Unix milliseconds
	Took  float64 `json:"took"` // microseconds
	Words []text  `json:"words"`
	Addr  string  `json:"addr"`
	Name  text    `json:"name"`
}

// slow answers slow.json: the slow log.
func (h *handler) slow(*http.Request) (any, error) {
	if err := h.closed(); err != nil {
		return nil, err
	}
	a := slowAnswer{Calls: []slowCall{}}
	for _, c := range bridge.Server(h.db).SlowCalls(maxSlow) {
		s := slowCall{c.ID, c.At.UnixMilli(), float64(c.Took.Nanoseconds()) / 1e3, []text{}, c.Addr, textOf(c.Name, maxField)}
		for _, w := range c.Words {
			s.Words = append(s.Words, textOf(w, maxField))
		}
		a.Calls = append(a.Calls, s)
	}
	if v, err := h.db.Do("CONFIG", "GET", "slowlog-log-slower-than"); err == nil {
		m, _ := v.(map[string]any)
		a.Slower, _ = m["slowlog-log-slower-than"].(string)
	}
	return a, nil
}

type clientsAnswer struct {
	Clients []map[string]text `json:"clients"` // the fields of CLIENT LIST
	Total   int               `json:"total"`

	Channels      []channel `json:"channels"`
	ShardChannels []channel `json:"shardChannels"`
	Patterns      int64     `json:"patterns"`
}

type channel struct {
	Name        text  `json:"name"`
	Subscribers int64 `json:"subscribers"`
}

// clients answers clients.json: connections, and channels with their subscribers.
func (h *handler) clients(*http.Request) (any, error) {
	if err := h.closed(); err != nil {
		return nil, err
	}
	a := clientsAnswer{Clients: []map[string]text{}}
	if v, err := h.db.Do("CLIENT", "LIST"); err == nil {
		list, _ := v.(string)
		for line := range strings.Lines(list) {
			if strings.TrimSpace(line) == "" {
				continue
			}
			if a.Total++; a.Total > maxClients {
				continue
			}
			c := map[string]text{}
			for field := range strings.FieldsSeq(line) {
				name, value, _ := strings.Cut(field, "=")
				c[name] = textOf(value, maxField)
			}
			a.Clients = append(a.Clients, c)
		}
	}
	a.Channels = h.channels("CHANNELS", "NUMSUB")
	a.ShardChannels = h.channels("SHARDCHANNELS", "SHARDNUMSUB")
	if v, err := h.db.Do("PUBSUB", "NUMPAT"); err == nil {
		a.Patterns, _ = v.(int64)
	}
	return a, nil
}

// channels returns the first maxChannels channels by name, with who subscribes to them.
func (h *handler) channels(list, count string) []channel {
	out := []channel{}
	v, err := h.db.Do("PUBSUB", list)
	if err != nil {
		return out
	}
	names := []string{}
	all, _ := v.([]any)
	for _, n := range all {
		if name, ok := n.(string); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = names[:min(len(names), maxChannels)]
	v, err = h.db.Do(append([]string{"PUBSUB", count}, names...)...)
	if err != nil {
		return out
	}
	counts, _ := v.([]any)
	for i := 0; i+1 < len(counts); i += 2 {
		name, _ := counts[i].(string)
		n, _ := counts[i+1].(int64)
		out = append(out, channel{textOf(name, maxField), n})
	}
	slices.SortStableFunc(out, func(x, y channel) int { return cmp.Compare(y.Subscribers, x.Subscribers) })
	return out
}
