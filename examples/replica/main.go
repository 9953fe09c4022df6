// Command replica keeps a copy of a Redis in its own memory and prints each change:
//
//	replica [-user name] [-password text] [-prefix text] [-data file] host:port
//
// With -data the copy is kept in a file, and a state file beside it: a second start goes
// on where the first one ended. Without an address it shows how that is, with a primary
// in the same process, and ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/redcon_server"
	"github.com/larderdb/larder/replica"
)

func main() {
	user := flag.String("user", "", "the user to log in as")
	password := flag.String("password", "", "the password of the user, or of the server")
	prefix := flag.String("prefix", "", "follow only keys that begin so")
	data := flag.String("data", "", "the file to keep the copy in")
	flag.Parse()
	o := replica.Options{Addr: flag.Arg(0), Username: *user, Password: *password, Unknown: replica.Skip}
	if *prefix != "" {
		o.KeyPrefixes = []string{*prefix}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := follow
	if o.Addr == "" {
		run = demonstrate
	}
	if err := run(ctx, o, *data); err != nil {
		log.Fatal(err)
	}
}

// follow follows a primary until ctx ends.
func follow(ctx context.Context, o replica.Options, data string) error {
	db, err := open(&o, data)
	if err != nil {
		return err
	}
	o.OnChange = show
	f, err := replica.Follow(ctx, db, o)
	if err != nil {
		return err
	}
	if err := f.Wait(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	<-ctx.Done()
	f.Close() // before the store, so that the file and the state file agree
	return db.Close()
}

// open opens a store, in a file if there is one.
func open(o *replica.Options, data string) (*larder.DB, error) {
	if data == "" {
		return larder.Open(larder.Options{})
	}
	o.StateFile = data + ".state"
	return rdb.Open(data, larder.Options{})
}

// show prints a change.
func show(c replica.Change) {
	if c.Event == "reset" {
		fmt.Println("the data set of the primary is here")
		return
	}
	fmt.Printf("%d %-8s %-10s %s -> %s\n", c.DB, c.Event, c.Key, brief(c.Old), brief(c.New))
}

// brief is a value in a few words.
func brief(v replica.Value) string {
	switch v.Type() {
	case "none":
		return "nothing"
	case "string":
		return fmt.Sprintf("%.40q", v.String())
	case "hash":
		return fmt.Sprint(v.Hash())
	case "list":
		return fmt.Sprintf("%.40q", v.List())
	}
	return fmt.Sprintf("a %s of %d", v.Type(), v.Len())
}

// demonstrate follows a primary of its own.
func demonstrate(ctx context.Context, o replica.Options, _ string) error {
	primary, err := larder.Open(larder.Options{Config: []string{"repl-diskless-sync-delay", "0"}})
	if err != nil {
		return err
	}
	defer primary.Close()
	served, err := replica.Serve(primary, replica.ServeOptions{})
	if err != nil {
		return err
	}
	srv := redcon_server.New(primary, redcon_server.Options{})
	defer srv.Close()
	if err := primary.Set("greeting", "hello"); err != nil {
		return err
	}

	db, err := larder.Open(larder.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	o.Addr, o.Dial, o.OnChange = "the primary", srv.Dial, show // a link in memory
	f, err := replica.Follow(ctx, db, o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := f.Wait(ctx); err != nil {
		return err
	}
	if err := write(primary); err != nil {
		return err
	}
	for f.Status().Offset < served.Offset() && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	f.Close() // returns when all is told
	v, err := db.Get("greeting")
	fmt.Printf("the copy says %q\n", v)
	return err
}

func write(db *larder.DB) error {
	if err := db.Set("greeting", "good evening"); err != nil {
		return err
	}
	if _, err := db.HSet("user:1", "name", "Ann"); err != nil {
		return err
	}
	return db.Update(func(tx *larder.Tx) error {
		_, err := tx.RPush("letters", "a", "b")
		return errors.Join(err, tx.Set("last", "b"))
	})
}
