package admin

import "github.com/larderdb/larder/internal/engine"

// Commands that the configuration must allow, whoever the user is: DEBUG, and what loads
// modules. They are looked at before anybody is asked for a password, and before they are
// queued, as in Redis. Go callers are always allowed.

// guarded are those commands, each with the directive that allows it.
var guarded = map[string]string{
	"DEBUG":         "enable-debug-command",
	"MODULE|LOAD":   "enable-module-command",
	"MODULE|LOADEX": "enable-module-command",
	"MODULE|UNLOAD": "enable-module-command",
}

// mayGuarded refuses a command that is not allowed to the client. All guarded commands are
// the administrator's, so that others need not be looked up.
func (s *Server) mayGuarded(c *Client, spec *engine.Spec) error {
	directive := guarded[spec.Name]
	if directive == "" {
		return nil
	}
	switch s.conf.String(directive) {
	case "yes":
		return nil
	case "local":
		if c.local() {
			return nil
		}
	}
	name := spec.Name
	if spec.Container() != "" {
		name = "MODULE"
	}
	return engine.Error("ERR " + name + " command not allowed. If the " + directive + " option is set to \"local\", " +
		"you can run it from a local connection, otherwise you need to set this option in the configuration file, " +
		"and then restart the server.")
}
