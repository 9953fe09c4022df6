package redistest

import "testing"

// TestGolden holds the scripts to the server they were recorded from. -rewrite records.
func TestGolden(t *testing.T) {
	s := Start(t)
	RunAll(t, "../../testdata", s)
	RunAllEffects(t, "../../testdata", s)
}
