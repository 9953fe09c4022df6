package larder_test

import (
	"os/exec"
	"strings"
	"testing"
)

// The arrows of doc.go point down, and what embeds larder links no network.
func TestArrows(t *testing.T) {
	const module = "github.com/larderdb/larder"
	deny := map[string][]string{
		".":                       {"tidwall/redcon", module + "/rdb", module + "/replica", module + "/redcon_server"},
		"./internal/admin":        {"tidwall/redcon", module + "$"},
		"./internal/engine":       {"tidwall/redcon", module + "$", module + "/internal/admin", module + "/internal/conf"},
		"./internal/ds/hashtable": {module + "/internal/engine", module + "$"},
		"./internal/conf":         {module + "/internal/engine", module + "$"},
		"./internal/resp":         {module + "/internal/engine", module + "$"},
		"./internal/process":      {module + "/internal/engine", module + "$"},
	}
	for pkg, bad := range deny {
		out, err := exec.Command("go", "list", "-f", `{{join .Deps "\n"}}`, pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		for dep := range strings.FieldsSeq(string(out)) {
			for _, b := range bad {
				if exact, ok := strings.CutSuffix(b, "$"); ok && dep == exact || !ok && strings.Contains(dep, b) {
					t.Errorf("%s must not import %s", pkg, dep)
				}
			}
		}
	}
}
