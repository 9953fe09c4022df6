package admin

import (
	"errors"

	"github.com/larderdb/larder/internal/conf"
	"github.com/larderdb/larder/internal/engine"
)

// The configuration: CONFIG.

var _ = add(&engine.Container{Spec: engine.Spec{
	Name: "CONFIG", Arity: -2, Group: "server", Since: "2.0.0", Complexity: "that of the subcommand",
	Summary: "About the configuration.",
}})

func init() {
	addHelp("CONFIG", "server", "5.0.0",
		"GET <pattern> [<pattern> ...]", "Answers the directives that fit, with their values.",
		"SET <directive> <value> [<directive> <value> ...]", "Changes directives, all or none.",
		"RESETSTAT", "Sets the counters of INFO to zero.",
		"REWRITE", "Brings the configuration file up to date.",
	)
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CONFIG|GET", Arity: -3, Flags: clientAdminFlags, Group: "server", Since: "2.0.0",
		Complexity: "O(N) for N directives", Syntax: "parameter<parameter:string>...",
		Summary: "Answers the directives that fit patterns, with their values.",
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		pairs := server(s).conf.Get(a.Rest()...)
		w.Map(len(pairs))
		for _, p := range pairs {
			w.Bulk(p.Name)
			w.Bulk(p.Value)
		}
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CONFIG|SET", Arity: -4, Flags: clientAdminFlags, Group: "server", Since: "2.0.0",
		Complexity: "O(N) for N directives", Syntax: "parameter_value<parameter:string value:string>...",
		Summary: "Changes directives while the server runs, all or none.",
		Tips:    []string{"request_policy:all_nodes", "response_policy:all_succeeded"},
	},
	Run: func(s *engine.Session, a *engine.Args, w *engine.Reply) error {
		pairs := a.Rest()
		for i, p := range pairs {
			pairs[i] = cloned(p) // they are kept
		}
		if err := server(s).configure(client(s), s.InTxn(), pairs); err != nil {
			return err
		}
		w.OK()
		return nil
	},
})

// configure is CONFIG SET. Within an EXEC, which holds shards, what takes shards
// itself is done after it: see obey.
func (s *Server) configure(c *Client, inTxn bool, pairs []string) error {
	s.setting.Lock()
	defer s.setting.Unlock()
	if c != nil && inTxn {
		s.settingIn.Store(c)
		defer s.settingIn.Store(nil)
	}
	return replyError(s.conf.SetFrom(c == nil || c.local(), pairs...))
}

// replyError turns an error of package conf into one that is answered as it is.
func replyError(err error) error {
	var e conf.Error
	if errors.As(err, &e) {
		return engine.Error(e)
	}
	return err
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CONFIG|RESETSTAT", Arity: 2, Flags: clientAdminFlags, Group: "server", Since: "2.0.0",
		Complexity: "O(1)", Summary: "Sets the counters of INFO to zero.",
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		server(s).resetStats()
		w.OK()
		return nil
	},
})

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "CONFIG|REWRITE", Arity: 2, Flags: clientAdminFlags, Group: "server", Since: "2.8.0",
		Complexity: "O(1)", Summary: "Brings the configuration file up to date.",
	},
	Run: func(s *engine.Session, _ *engine.Args, w *engine.Reply) error {
		if err := server(s).conf.Rewrite(); err != nil {
			return replyError(err)
		}
		w.OK()
		return nil
	},
})
