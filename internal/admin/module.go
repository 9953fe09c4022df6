package admin

import (
	"github.com/larderdb/larder/internal/engine"
)

// MODULE. Modules are shared libraries that call redis-server's own functions: larder has
// none of them, and loading one fails as it does in Redis where the file is no module.

var _ = add(&engine.Container{Spec: engine.Spec{
	Name: "MODULE", Arity: -2, Group: "server", Since: "4.0.0", Complexity: "that of the subcommand",
	Summary: "About modules, of which there are none.",
}})

func init() {
	addHelp("MODULE", "server", "5.0.0",
		"LIST", "Answers nothing: no modules are loaded.",
		"LOAD <path> [<arg> ...]", "Fails: larder loads no modules.",
		"LOADEX <path> [CONFIG <name> <value> ...] [ARGS <arg> ...]", "Fails, as LOAD.",
		"UNLOAD <name>", "Fails: there is nothing to unload.",
	)
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "MODULE|LIST", Arity: 2, Flags: engine.Admin | engine.NoScript, Group: "server", Since: "4.0.0",
		Complexity: "O(1)", Summary: "Lists the modules that are loaded: none.",
		Tips: []string{"nondeterministic_output_order"},
	},
	Run: func(_ *engine.Session, _ *engine.Args, w *engine.Reply) error {
		w.Array(0)
		return nil
	},
})

const moduleFlags = engine.Admin | engine.NoScript | engine.NoAsyncLoading

const (
	errLoadModule   engine.Error = "ERR Error loading the extension. Please check the server logs."
	errUnloadModule engine.Error = "ERR Error unloading module: no such module with that name"
)

func init() {
	for _, spec := range []engine.Spec{
		{Name: "MODULE|LOAD", Since: "4.0.0", Syntax: "path:string [arg:string...]"},
		{
			Name: "MODULE|LOADEX", Since: "7.0.0",
			Syntax: "path:string [CONFIG configs<name:string value:string>]... [ARGS args<arg:string>...]",
		},
	} {
		spec.Arity, spec.Flags, spec.Group = -3, moduleFlags, "server"
		spec.Complexity, spec.Summary = "O(1)", "Fails: larder loads no modules."
		add(&engine.Ctl{Spec: spec, Run: func(s *engine.Session, a *engine.Args, _ *engine.Reply) error {
			server(s).log.Warn("Module " + cloned(a.String()) + " failed to load: larder loads no modules")
			return errLoadModule
		}})
	}
}

var _ = add(&engine.Ctl{
	Spec: engine.Spec{
		Name: "MODULE|UNLOAD", Arity: 3, Flags: moduleFlags, Group: "server", Since: "4.0.0", Complexity: "O(1)",
		Summary: "Fails: there is nothing to unload.", Syntax: "name:string",
	},
	Run: func(*engine.Session, *engine.Args, *engine.Reply) error { return errUnloadModule },
})
