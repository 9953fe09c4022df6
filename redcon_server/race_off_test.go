//go:build !race

package redcon_server

const raceEnabled = false
