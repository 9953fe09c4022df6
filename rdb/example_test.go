package rdb_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/larderdb/larder/rdb"
)

// dump is a file of three keys.
func dump() io.Reader {
	var b bytes.Buffer
	e, _ := rdb.NewEncoder(&b, rdb.EncoderOptions{})
	e.Aux("redis-ver", "7.0.15")
	e.SelectDB(0, 3, 1)
	write := func(events ...rdb.Event) {
		for _, ev := range events {
			if err := e.Write(&ev); err != nil {
				panic(err)
			}
		}
	}
	write(
		rdb.Event{Kind: rdb.KindKey, Key: &rdb.Key{Name: []byte("greeting"), Type: rdb.String, Count: -1, Idle: -1, Freq: -1}},
		rdb.Event{Kind: rdb.KindString, Value: []byte("hello")},
		rdb.Event{Kind: rdb.KindEnd},
	)
	for _, user := range []string{"ada", "bob"} {
		write(
			rdb.Event{Kind: rdb.KindKey, Key: &rdb.Key{Name: []byte("user:" + user), Type: rdb.Hash, Encoding: 4, Count: 1, Idle: -1, Freq: -1}},
			rdb.Event{Kind: rdb.KindField, Field: []byte("name"), Value: []byte(user)},
			rdb.Event{Kind: rdb.KindEnd},
		)
	}
	e.Close()
	return &b
}

func ExampleDecoder_Events() {
	d := rdb.NewDecoder(dump(), rdb.DecoderOptions{Elements: true})
	for ev, err := range d.Events() {
		if err != nil {
			fmt.Println(err)
			return
		}
		switch ev.Kind {
		case rdb.KindAux:
			fmt.Printf("written by %s %s\n", ev.Name, ev.Value)
		case rdb.KindKey:
			fmt.Printf("%s is a %s\n", ev.Key.Name, ev.Key.Type)
		case rdb.KindString:
			fmt.Printf("  %s\n", ev.Value)
		case rdb.KindField:
			fmt.Printf("  %s: %s\n", ev.Field, ev.Value)
		}
	}
	// Output:
	// written by redis-ver 7.0.15
	// greeting is a string
	//   hello
	// user:ada is a hash
	//   name: ada
	// user:bob is a hash
	//   name: bob
}

// A file is filtered by passing on the events of the keys that are to stay.
func ExampleEncoder_Write() {
	var out bytes.Buffer
	e, _ := rdb.NewEncoder(&out, rdb.EncoderOptions{})
	err := rdb.NewDecoder(dump(), rdb.DecoderOptions{}).Decode(func(ev *rdb.Event) error {
		if ev.Key != nil && !strings.HasPrefix(string(ev.Key.Name), "user:") {
			return nil
		}
		return e.Write(ev)
	})
	if err == nil {
		err = e.Close()
	}
	fmt.Println(err)

	for ev, err := range rdb.NewDecoder(&out, rdb.DecoderOptions{}).Events() {
		if err == nil && ev.Kind == rdb.KindKey {
			fmt.Printf("%s\n", ev.Key.Name)
		}
	}
	// Output:
	// <nil>
	// user:ada
	// user:bob
}
