package resp_test

import (
	"bytes"
	"fmt"

	"github.com/larderdb/larder/internal/resp"
)

// A server's side: find the commands in what has come, and reply.
func Example() {
	in := []byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n*1\r\n$4\r\nQU") // the last is not whole
	var p resp.Parser
	for {
		words, n, err := p.Next(in)
		if words == nil || err != nil {
			break
		}
		fmt.Printf("%q\n", words)
		in = in[n:]
	}

	var w resp.Reply
	for w.Proto = 2; w.Proto <= 3; w.Proto++ {
		w.Map(1)
		w.Bulk("half")
		w.Double(0.5)
		fmt.Printf("%q\n", w.Buf)
		w.Buf = w.Buf[:0]
	}
	// Output:
	// ["GET" "k"]
	// ["PING"]
	// "*2\r\n$4\r\nhalf\r\n$3\r\n0.5\r\n"
	// "%1\r\n$4\r\nhalf\r\n,0.5\r\n"
}

// A client's side: write a command, and read what comes.
func ExampleReader() {
	fmt.Printf("%q\n", resp.AppendCommand(nil, "GET", "k"))
	v, err := resp.NewReader(bytes.NewReader([]byte("*2\r\n:1\r\n$-1\r\n"))).Read()
	fmt.Println(len(v.Elems), v.Elems[0].Int, v.Elems[1].Null, err)
	// Output:
	// "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
	// 2 1 true <nil>
}
