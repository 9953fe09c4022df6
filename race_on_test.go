//go:build race

package larder_test

const raceEnabled = true
