package larder_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The arrows of doc.go point down, and what embeds larder links no network.
func TestArrows(t *testing.T) {
	const module = "github.com/larderdb/larder"
	deny := map[string][]string{
		".":                        {"tidwall/redcon", module + "/rdb", module + "/replica", module + "/redcon_server"},
		"./internal/admin":         {"tidwall/redcon", module + "$"},
		"./internal/engine":        {"tidwall/redcon", module + "$", module + "/internal/admin", module + "/internal/conf"},
		"./internal/ds/geohash":    {module + "/internal/engine", module + "$"},
		"./internal/ds/hashfields": {module + "/internal/engine", module + "$"},
		"./internal/ds/hashtable":  {module + "/internal/engine", module + "$"},
		"./internal/ds/intset":     {module + "/internal/engine", module + "$"},
		"./internal/ds/listpack":   {module + "/internal/engine", module + "$"},
		"./internal/ds/orderedset": {module + "/internal/engine", module + "$"},
		"./internal/ds/partsort":   {module + "/internal/engine", module + "$"},
		"./internal/ds/quicklist":  {module + "/internal/engine", module + "$"},
		"./internal/ds/ziplist":    {module + "/internal/engine", module + "$"},
		"./internal/ds/zipmap":     {module + "/internal/engine", module + "$"},
		"./rdb":                    {"tidwall/redcon", module + "/replica", module + "/redcon_server"},
		"./replica":                {"tidwall/redcon", module + "/redcon_server"},
		"./redcon_server":          {module + "/replica", module + "/rdb"},
		"./larderhttp":             {"tidwall/redcon", module + "/rdb", module + "/replica", module + "/redcon_server"},
		"./internal/certs":         {module},
		"./internal/acl":           {module + "/internal/engine", module + "$", module + "/internal/admin"},
		"./internal/ds/streamlog":  {module + "/internal/engine", module + "$"},
		"./internal/conf":          {module + "/internal/engine", module + "$"},
		"./internal/pubsub":        {module + "/internal/engine", module + "$", module + "/internal/admin"},
		"./internal/resp":          {module + "/internal/engine", module + "$"},
		"./internal/process":       {module + "/internal/engine", module + "$"},
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

// Each package says what it is in doc.go, and shows it in an Example; programs say it in
// main.go.
func TestEachIsShown(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{if ne .Name "main"}}{{.Dir}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	dirs := strings.Fields(string(out))
	if len(dirs) < 30 {
		t.Fatalf("there are %d packages, which are not all: %q", len(dirs), dirs)
	}
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "doc.go")); err != nil {
			t.Error(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(files, func(file string) bool {
			b, err := os.ReadFile(file)
			return err == nil && bytes.Contains(b, []byte("\nfunc Example"))
		}) {
			t.Errorf("%s has no Example", dir)
		}
	}
}

// A program that embeds larder stays small: generic commands must not grow it
// without bound.
func TestEmbedSize(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: sizes are not those of a release under -race")
	}
	const most = 12 << 20
	file := filepath.Join(t.TempDir(), "embed")
	if out, err := exec.Command("go", "build", "-o", file, "./examples/embed").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > most {
		t.Errorf("examples/embed has %d bytes, more than %d", info.Size(), most)
	}
	t.Logf("examples/embed: %.1f MB", float64(info.Size())/(1<<20))
}
