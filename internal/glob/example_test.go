package glob_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/glob"
)

func Example() {
	fmt.Println(glob.Match("user:[0-9]*", "user:42:name"))
	fmt.Println(glob.Match("user:[0-9]*", "user:ann"))
	fmt.Println(glob.Prefix("user:[0-9]*")) // where an ordered store would begin to look
	fmt.Println(glob.Literal(`a\*b`))
	// Output:
	// true
	// false
	// user:
	// a*b true
}
