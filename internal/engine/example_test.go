package engine_test

import (
	"fmt"
	"strings"

	"github.com/larderdb/larder/internal/engine"
)

type appendArgs struct{ key, more string }

// One command with its two doors: Do takes Go values, a session's Exec takes words.
func Example() {
	commands := engine.Table{}
	add := engine.Add(commands, &engine.Op[appendArgs, int64]{
		Spec:  engine.Spec{Name: "APPEND", Arity: 3, Flags: engine.Write | engine.DenyOOM},
		Parse: func(p *engine.Args) appendArgs { return appendArgs{p.Key(), p.String()} },
		Keys:  func(k *engine.KeySet, a appendArgs) { k.Write(a.key) },
		Run: func(t *engine.Txn, a appendArgs) (int64, error) {
			was, err := t.String(a.key)
			if err != nil && err != engine.ErrNil {
				return 0, err
			}
			now := was.String() + a.more
			t.Set(a.key, now, engine.StringRaw, engine.KeepTTL)
			t.Effect('$', "append", a.key, "APPEND", a.key, a.more) // for replicas, files and who listens
			return int64(len(now)), nil
		},
		Reply: (*engine.Reply).Int,
	})
	e := engine.New(engine.Config{Table: commands})
	defer e.Close()

	n, err := add.Do(e.NewSession(), appendArgs{"k", "Hello"})
	fmt.Println(n, err)

	var w engine.Reply
	words := func(line string) (words [][]byte) {
		for _, word := range strings.Fields(line) {
			words = append(words, []byte(word))
		}
		return words
	}
	s := e.NewWordSession()
	s.Exec(words("append k World"), &w)
	s.Exec(words("append k"), &w)
	fmt.Printf("%q\n", w.Buf)
	// Output:
	// 5 <nil>
	// ":10\r\n-ERR wrong number of arguments for 'append' command\r\n"
}
