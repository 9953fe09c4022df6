package certs_test

import (
	"errors"
	"fmt"

	"github.com/larderdb/larder/internal/certs"
)

// What cannot be loaded is told as a redis-server tells it, with Go's reason in it.
func Example() {
	_, err := certs.Load("no/such.crt", "no/such.key", "")
	var f *certs.Failure
	fmt.Println(errors.As(err, &f), f.What)
	// Output:
	// true Failed to load certificate
}
