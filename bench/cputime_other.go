//go:build !linux

package main

import "time"

// threadCPU is not to be had here.
func threadCPU() time.Duration { return 0 }

// processCPU is not to be had here.
func processCPU(int) time.Duration { return 0 }
