package acl_test

import (
	"fmt"

	"github.com/larderdb/larder/internal/acl"
)

func Example() {
	table := acl.NewTable([]acl.Command{
		{Name: "get", Categories: []string{"read", "string"}},
		{Name: "set", Categories: []string{"write", "string"}},
	})
	users := acl.NewUsers(table, func() bool { return true })
	ann, _, err := users.Set("ann", []string{"on", ">secret", "~news:*", "+@read"})
	fmt.Println(ann.User(), err)

	call := func(name, key string) *acl.Call {
		return &acl.Call{
			ID: table.ID(name), Words: [][]byte{[]byte(name), []byte(key)},
			Keys: func() []acl.Key { return []acl.Key{{At: 1, Read: name == "get", Write: name == "set"}} },
		}
	}
	for _, c := range []*acl.Call{call("get", "news:1"), call("set", "news:1"), call("get", "diary")} {
		denied, _ := ann.User().Check(c)
		fmt.Printf("%s: %v\n", c.Words, denied == acl.Allowed)
	}
	// Output:
	// on #2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b ~news:* &* -@all +@read <nil>
	// [get news:1]: true
	// [set news:1]: false
	// [get diary]: false
}
