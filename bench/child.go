package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

// children are the measurements that run in a process of their own, by name.
// Each reads its arguments from JSON and returns what becomes JSON.
var children = map[string]func(args []byte) (any, error){
	"calls":     child(measureCalls),
	"following": child(measureFollowing),
	"collector": child(measureCollector),
	"decode":    child(measureDecode),
	"memory":    child(measureMemory),
	"pauses":    child(measurePauses),
	"streams":   child(measureStreams),
	"types":     child(measureTypes),
	"txn":       child(measureTxn),
}

const (
	childName = "LARDER_BENCH_CHILD"
	childArgs = "LARDER_BENCH_ARGS"
)

func child[A, R any](f func(A) (R, error)) func([]byte) (any, error) {
	return func(b []byte) (any, error) {
		var a A
		if err := json.Unmarshal(b, &a); err != nil {
			return nil, err
		}
		return f(a)
	}
}

// runChild does what the parent asked this process for, and reports whether it
// is a child at all.
func runChild() bool {
	name := os.Getenv(childName)
	if name == "" {
		return false
	}
	r, err := children[name]([]byte(os.Getenv(childArgs)))
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", name, err)
		os.Exit(1)
	}
	return true
}

// inChild runs a measurement in a fresh process on so many procs.
func inChild[R any](name string, procs int, args any) (r R, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	a, err := json.Marshal(args)
	if err != nil {
		return r, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childName+"="+name, childArgs+"="+string(a), fmt.Sprintf("GOMAXPROCS=%d", procs))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return r, fmt.Errorf("%s %s: %w", name, a, err)
	}
	return r, json.NewDecoder(bytes.NewReader(out)).Decode(&r)
}
