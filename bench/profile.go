package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"

	"github.com/larderdb/larder"
	"github.com/larderdb/larder/rdb"
	"github.com/larderdb/larder/redcon_server"
)

// The profile that examples/server is compiled with: Go's compiler inlines what is
// called often in it, across packages, which takes a tenth off a command over the
// network. It is made here, and not by the server, which has no way to be profiled.

// profiled is the load of the profile: commands of every family, each as often as it
// takes for about as long as the others.
var profiled = []struct {
	n     int
	words string
}{
	{1_000_000, "SET key:__rand_int__ xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
	{1_000_000, "GET key:__rand_int__"},
	{1_000_000, "INCR counter:__rand_int__"},
	{1_000_000, "LPUSH l xxx"},
	{1_000_000, "RPOP l"},
	{100_000, "LRANGE l 0 99"},
	{1_000_000, "HSET h:__rand_int__ field __rand_int__"},
	{1_000_000, "HGET h:__rand_int__ field"},
	{500_000, "HSET H m:__rand_int__ value"},
	{500_000, "HGET H m:__rand_int__"},
	{1_000_000, "SADD s:__rand_int__ element"},
	{500_000, "SADD S m:__rand_int__"},
	{500_000, "SISMEMBER S m:__rand_int__"},
	{1_000_000, "ZADD z:__rand_int__ __rand_int__ element"},
	{500_000, "ZADD Z __rand_int__ m:__rand_int__"},
	{100_000, "ZRANGE Z 5000 5099"},
	{1_000_000, "XADD x * field __rand_int__"},
	{500_000, "XADD y MAXLEN ~ 1000 * field __rand_int__"},
	{100_000, "XRANGE x - + COUNT 100"},
	{200_000, "XREADGROUP GROUP g c COUNT 1 STREAMS x >"},
}

// writeProfile runs a server under that load and writes its CPU profile to path.
func writeProfile(path string) error {
	runtime.GOMAXPROCS(1) // as examples/server has it
	db, err := larder.Open(larder.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	dir, err := os.MkdirTemp("", "larder-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := rdb.Attach(db, rdb.Options{Path: dir + "/dump.rdb", DiscardOnClose: true}); err != nil {
		return err
	}
	if _, err := db.Do("CONFIG", "SET", "save", ""); err != nil {
		return err
	}
	srv := redcon_server.New(db, redcon_server.Options{Addr: "127.0.0.1:0"})
	if err := srv.Listen(); err != nil {
		return err
	}
	defer srv.Close()
	go srv.ListenAndServe()
	if err := db.XGroupCreate(larder.XGroupArgs{Stream: "x", Group: "g", MkStream: true}); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	// Ten times as many samples as usual, or the compiler is told by chance what is hot.
	// StartCPUProfile asks for the usual rate and is refused, as the runtime says on
	// standard error.
	runtime.SetCPUProfileRate(1000)
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(srv.Addr().String())
	for _, l := range profiled {
		for _, depth := range []int{16, 1} {
			n := l.n
			if depth == 1 {
				n /= 20
			}
			args := append([]string{"-p", port, "-c", strconv.Itoa(connections), "-P", strconv.Itoa(depth), "-n", strconv.Itoa(n),
				"-r", "1000000", "-q"}, strings.Fields(l.words)...)
			if out, err := exec.Command("redis-benchmark", args...).CombinedOutput(); err != nil {
				return fmt.Errorf("redis-benchmark %s: %w: %s", l.words, err, out)
			}
		}
	}
	pprof.StopCPUProfile()
	return f.Close()
}
