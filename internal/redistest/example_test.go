package redistest_test

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/larderdb/larder/internal/redistest"
)

// A reply as the scripts show it.
func Example() {
	v, err := redistest.ReadValue(bufio.NewReader(strings.NewReader("*2\r\n$1\r\na\r\n*1\r\n:7\r\n")))
	fmt.Println(strings.Join(v.Lines(), "\n"), err)
	// Output:
	// (array 2)
	//   "a"
	//   (array 1)
	//     (integer) 7 <nil>
}
