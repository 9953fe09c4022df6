package chunk_test

import (
	"fmt"
	"unsafe"

	"github.com/larderdb/larder/internal/ds/chunk"
)

// Chunks lie outside of what the garbage collector looks at.
func Example() {
	var src chunk.Source
	defer src.Close() // gives all of them back to the system

	p := src.Get()
	b := unsafe.Slice((*byte)(p), chunk.Size)
	copy(b, "hello")
	fmt.Println(len(b), string(b[:5]))
	src.Put(p) // for the next who asks
	// Output:
	// 65536 hello
}
