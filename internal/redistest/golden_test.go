package redistest

import "testing"

// TestGolden holds the scripts to the server they were recorded from, those too that larder cannot answer yet. -rewrite
// records.
func TestGolden(t *testing.T) {
	s := Start(t)
	RunAll(t, "../../testdata", s)
	RunAll(t, "../../testdata/later", s)
	RunAllEffects(t, "../../testdata", s)
}
