package engine

import "strings"

// A Rename gives a command another name, or none: it is found by that alone, and its
// subcommands with it. In statistics and errors it keeps its own name.
type Rename struct{ From, To string }

// renamed returns t after renames, one after the other. A name that t does not have
// is passed over: it may be that of a command of another table.
func (t Table) renamed(renames []Rename) Table {
	if len(renames) == 0 {
		return t
	}
	out := Table{}.Merge(t)
	for _, r := range renames {
		from, to := strings.ToLower(r.From), strings.ToLower(r.To)
		if out[from] == nil || from == to || to != "" && out[to] != nil {
			continue
		}
		moved := Table{}
		for name, c := range out {
			if rest, sub := strings.CutPrefix(name, from+"|"); name == from || sub {
				delete(out, name)
				if sub {
					moved[to+"|"+rest] = c
				} else {
					moved[to] = c
				}
			}
		}
		if to != "" {
			out.Merge(moved)
		}
	}
	return out
}
