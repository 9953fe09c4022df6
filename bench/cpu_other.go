//go:build !unix

package main

import "time"

const cpuName = "wall time, for want of CPU time"

var started = time.Now()

func cpu() time.Duration { return time.Since(started) }
