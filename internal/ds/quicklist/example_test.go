package quicklist_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/ds/quicklist"
)

func Example() {
	l := quicklist.New(-2, 0) // nodes of 8 KB, none of them compressed
	for _, s := range []string{"b", "c", "d"} {
		l.Push(false, s, 1<<20)
	}
	l.Push(true, "a", 1<<20)
	then := l.Clone() // shares the nodes, until one of the two changes them

	l.Pop(false)
	l.Remove("b", 1, false)
	for _, v := range l.Range(0) {
		fmt.Print(v, " ")
	}
	fmt.Println(l.Len(), then.Len(), then.At(3))
	// Output:
	// a c 2 4 d
}
