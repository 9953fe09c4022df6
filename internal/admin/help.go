package admin

import (
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

// addHelp declares the HELP of a container. Lines come in pairs: what to write,
// and what it does.
func addHelp(container, group, since string, lines ...string) {
	add(&engine.Ctl{
		Spec: engine.Spec{
			Name: container + "|HELP", Arity: 2, Flags: engine.Loading | engine.Stale, Group: group, Since: since,
			Complexity: "O(1)", Summary: "Lists the subcommands.", ACL: helpACL[container],
		},
		Run: func(_ *engine.Session, _ *engine.Args, w *engine.Reply) error {
			ReplyHelp(w, container, lines...)
			return nil
		},
	})
}

// helpACL has the categories of HELP where its group does not imply them.
var helpACL = map[string]string{"COMMAND": "connection"}

// ReplyHelp answers the HELP of a container.
func ReplyHelp(w *engine.Reply, container string, lines ...string) {
	w.Array(len(lines) + 3)
	w.Simple(container + " <subcommand> [<argument> ...]. The subcommands:")
	for i, line := range lines {
		if i%2 == 1 {
			line = "    " + line
		}
		w.Simple(line)
	}
	w.Simple("HELP")
	w.Simple("    Shows this list.")
}

// onOff reads ON or OFF.
func onOff(a *engine.Args) (bool, error) {
	switch s := a.String(); {
	case strings.EqualFold(s, "on"):
		return true, nil
	case strings.EqualFold(s, "off"):
		return false, nil
	}
	return false, engine.ErrSyntax
}
