package admin

import (
	"fmt"
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

// CLIENT TRACKING CACHING GETREDIR TRACKINGINFO.

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|TRACKING", Arity: -3, Flags: clientFlags, Group: "connection", Since: "6.0.0",
		Complexity: "O(N) for N prefixes",
		Syntax: "status<ON|OFF> [REDIRECT client-id:integer] [PREFIX prefix:string]... [BCAST] [OPTIN] [OPTOUT] " +
			"[NOLOOP]",
		Summary: "Asks to be told when keys change that the connection has read.",
	},
	Run: clientTracking,
})

func clientTracking(s *engine.Session, a *engine.Args, w *engine.Reply) error {
	c, err := connected(s)
	if err != nil {
		return err
	}
	status := strings.ToLower(a.String())
	var m trackMode
	var prefixes []string
	for a.Len() > 0 {
		switch {
		case a.FlagWith("REDIRECT", 1):
			if m.redirect != 0 {
				return engine.Error("ERR A client can only redirect to a single other client")
			}
			id, ok := engine.ParseInt(a.String())
			if !ok {
				return engine.ErrNotInt
			}
			m.redirect = id
			if c.srv.clientByID(m.redirect) == nil {
				return engine.Error("ERR The client ID you want redirect to does not exist")
			}
		case a.FlagWith("PREFIX", 1):
			prefixes = append(prefixes, a.String())
		case a.Flag("BCAST"):
			m.bcast = true
		case a.Flag("OPTIN"):
			m.optIn = true
		case a.Flag("OPTOUT"):
			m.optOut = true
		case a.Flag("NOLOOP"):
			m.noLoop = true
		default:
			return engine.ErrSyntax
		}
	}
	switch status {
	case "on":
		if err := c.mayTrack(m, prefixes); err != nil {
			return err
		}
		c.startTracking(s, m, prefixes)
	case "off":
		c.stopTracking(s)
	default:
		return engine.ErrSyntax
	}
	w.OK()
	return nil
}

// mayTrack says what is wrong with a mode, by itself or after the present one.
func (c *Client) mayTrack(m trackMode, prefixes []string) error {
	now, _, mine := c.srv.caches.state(c)
	switch {
	case !m.bcast && len(prefixes) != 0:
		return engine.Error("ERR PREFIX option requires BCAST mode to be enabled")
	case now.on && m.bcast != now.bcast:
		return engine.Error("ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then " +
			"re-enabling it with a different mode.")
	case m.bcast && (m.optIn || m.optOut):
		return engine.Error("ERR OPTIN and OPTOUT are not compatible with BCAST")
	case m.optIn && m.optOut:
		return engine.Error("ERR You can't specify both OPTIN mode and OPTOUT mode")
	case m.optIn && now.optOut || m.optOut && now.optIn:
		return engine.Error("ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then " +
			"re-enabling it with a different mode.")
	}
	for i, p := range prefixes {
		for _, other := range mine {
			if overlap(p, other) {
				return overlaps(p, "an existing prefix", other)
			}
		}
		for _, other := range prefixes[i+1:] {
			if overlap(p, other) {
				return overlaps(p, "another provided prefix", other)
			}
		}
	}
	return nil
}

func overlap(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

func overlaps(p, what, other string) error {
	return engine.Error(fmt.Sprintf("ERR Prefix '%s' overlaps with %s '%s'. Prefixes for a single client must not overlap.",
		p, what, other))
}

// startTracking turns tracking on. From its reply on nothing is missed.
func (c *Client) startTracking(s *engine.Session, m trackMode, prefixes []string) {
	tr := &c.srv.caches
	c.settles = true
	tr.enable(c, m, prefixes)
	c.orderly(caching, m.redirect == 0)
	c.tracksReads(s, m)
	if !s.InTxn() {
		tr.settle()
		return
	}
	c.doLater(func() { // EXEC holds shards
		if tr.settle() { // between what EXEC read and now nobody listened
			tr.mu.Lock()
			defer tr.mu.Unlock()
			if c.track.on {
				tr.sendLocked(c, &invalidation{all: true})
			}
		}
	})
}

// tracksReads has the reads of the session registered, if the mode wants that.
func (c *Client) tracksReads(s *engine.Session, m trackMode) {
	s.Reads = nil
	if !m.bcast {
		s.Reads = reads{c, m}
	}
}

// reads are those of a client that tracks.
type reads struct {
	c *Client
	m trackMode
}

// Wanted reports whether CLIENT CACHING lets them be registered.
func (r reads) Wanted() bool {
	return (!r.m.optIn || r.c.track.asked) && (!r.m.optOut || !r.c.track.asked)
}

// Read registers keys.
func (r reads) Read(k *engine.KeySet) { r.c.srv.caches.read(r.c, k) }

// stopTracking turns tracking off.
func (c *Client) stopTracking(s *engine.Session) {
	tr := &c.srv.caches
	was := tr.disable(c, false)
	s.Reads, c.track.asked = nil, false
	c.orderly(caching, false)
	switch {
	case !was:
	case s.InTxn():
		c.doLater(func() { tr.settle() })
	default:
		tr.settle()
	}
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|CACHING", Arity: 3, Flags: clientFlags, Group: "connection", Since: "6.0.0", Complexity: "O(1)",
		Syntax: "mode<YES|NO>", Summary: "Says whether what the next command reads is tracked.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		m, _, _ := c.srv.caches.state(c)
		if !m.on {
			return engine.Error("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or " +
				"OPTOUT mode enabled")
		}
		switch strings.ToLower(a.String()) {
		case "yes":
			if !m.optIn {
				return engine.Error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
			}
		case "no":
			if !m.optOut {
				return engine.Error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
			}
		default:
			return engine.ErrSyntax
		}
		c.track.asked = true
		w.OK()
		return nil
	},
})

// askedFor ends what CLIENT CACHING said, which is about one command or one EXEC; those
// of CLIENT itself do not count.
func (c *Client) askedFor() {
	if spec := c.last.Load(); !c.s.Multi && (spec == nil || spec.Container() != "client") {
		c.track.asked = false
	}
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|GETREDIR", Arity: 2, Flags: clientFlags, Group: "connection", Since: "6.0.0", Complexity: "O(1)",
		Summary: "Answers which connection is told instead of this one; 0 is none, -1 that nothing is tracked.",
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		m, _, _ := c.srv.caches.state(c)
		w.Int(m.redir())
		return nil
	},
})

// redir is the field of that name in CLIENT LIST.
func (m trackMode) redir() int64 {
	if !m.on {
		return -1
	}
	return m.redirect
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CLIENT|TRACKINGINFO", Arity: 2, Flags: clientFlags, Group: "connection", Since: "6.2.0", Complexity: "O(1)",
		Summary: "Describes what the connection tracks.",
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		c, err := connected(s)
		if err != nil {
			return err
		}
		m, broken, prefixes := c.srv.caches.state(c)
		var flags []string
		for _, f := range []struct {
			on   bool
			name string
		}{
			{!m.on, "off"}, {m.on, "on"}, {m.bcast, "bcast"},
			{m.optIn, "optin"}, {m.optIn && c.track.asked, "caching-yes"},
			{m.optOut, "optout"}, {m.optOut && c.track.asked, "caching-no"},
			{m.noLoop, "noloop"}, {broken, "broken_redirect"},
		} {
			if f.on {
				flags = append(flags, f.name)
			}
		}
		w.Map(3)
		w.Bulk("flags")
		w.Set(len(flags))
		for _, f := range flags {
			w.Bulk(f)
		}
		w.Bulk("redirect")
		w.Int(m.redir())
		w.Bulk("prefixes")
		w.Array(len(prefixes))
		for _, p := range prefixes {
			w.Bulk(p)
		}
		return nil
	},
})
