package hashtable_test

import (
	"fmt"
	"hash/maphash"

	"github.com/larderdb/larder/internal/ds/chunk"
	"github.com/larderdb/larder/internal/ds/hashtable"
)

// A snapshot costs nothing when it is opened: what is changed afterwards goes elsewhere.
func Example() {
	var src chunk.Source
	defer src.Close()
	t := hashtable.New(&src, maphash.MakeSeed(), 0)
	set := func(key, val string) {
		hash := t.Hash(key)
		old := t.Find(hash, key)
		t.Publish(hash, old, t.New(key, val, 0, 0, 0))
		if old != 0 {
			t.Retire(old)
		}
	}
	set("color", "red")
	then := t.Freeze()
	set("color", "blue")

	show := func(v *hashtable.View) {
		fmt.Println(v.Bytes(v.Find(v.Hash("color"), "color")))
	}
	show(&t.View)
	show(&then.View)
	for t.Thaw(then, 100) { // closes it, some steps at a time
	}
	// Output:
	// blue
	// red
}
