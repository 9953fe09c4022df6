package larder_test

import (
	"fmt"

	"github.com/larderdb/larder"
)

func ExampleDB_SAdd() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.SAdd("page:1:visitors", "7", "3", "7")
	db.SAdd("page:2:visitors", "3", "12")

	both, _ := db.SInter("page:1:visitors", "page:2:visitors")
	all, _ := db.SUnion("page:1:visitors", "page:2:visitors")
	fmt.Println(both, all)
	// Output: [3] [3 7 12]
}

// A set hands out each of its members once.
func ExampleDB_SPop() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.SAdd("tickets", "1", "2", "3")

	sold := map[string]bool{}
	for {
		ticket, err := db.SPop("tickets")
		if err == larder.ErrNil {
			break
		}
		sold[ticket] = true
	}
	fmt.Println(len(sold))
	// Output: 3
}

// A scan holds no lock while it yields: the loop may write.
func ExampleDB_SScan() {
	db, _ := larder.Open(larder.Options{})
	defer db.Close()
	db.SAdd("jobs", "mail:1", "mail:2", "report:1")

	for job, err := range db.SScan("jobs", larder.SScanArgs{Match: "mail:*"}) {
		if err != nil {
			break
		}
		db.SMove("jobs", "done", job)
	}
	left, _ := db.SMembers("jobs")
	fmt.Println(left)
	// Output: [report:1]
}
