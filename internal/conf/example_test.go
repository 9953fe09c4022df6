package conf_test

import (
	"fmt"
	"strings"

	"github.com/larderdb/larder/internal/conf"
)

func Example() {
	c := conf.New()
	err := c.Load(strings.NewReader("maxmemory 64mb\nsave 900 1 300 10\n"), "redis.conf")
	fmt.Println(c.Bytes("maxmemory"), c.SavePoints(), err)

	c.OnChange("maxmemory", nil, func(now string) error {
		fmt.Println("from now on", now)
		return nil
	})
	fmt.Println(c.Set("maxmemory", "1gb"))
	fmt.Println(c.Get("maxmemory*")[0])

	fmt.Println(conf.New().Load(strings.NewReader("\nmaxmemory lots\n"), "redis.conf"))
	// Output:
	// 67108864 [{900 1} {300 10}] <nil>
	// from now on 1073741824
	// <nil>
	// {maxmemory 1073741824}
	// redis.conf:2: maxmemory: argument must be a memory value
}
