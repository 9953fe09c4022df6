package lzf_test

import (
	"fmt"
	"strings"

	"github.com/larderdb/larder/internal/lzf"
)

func Example() {
	text := strings.Repeat("all work and no play ", 10)
	packed, ok := lzf.Append(nil, []byte(text), len(text)) // in fewer bytes, or not at all
	fmt.Println(ok, len(text), len(packed))

	plain := make([]byte, len(text)) // LZF does not know how long it was
	fmt.Println(lzf.Decode(plain, packed), string(plain) == text)
	// Output:
	// true 210 25
	// true true
}
