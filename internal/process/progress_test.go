package process

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, tt := range []struct {
		done, total int64
		took        time.Duration
		want        string
	}{
		{0, 10e6, 0, "load [..............................]   0% of 10.0 MB, 0.0 MB/s"},
		{5e6, 10e6, 5 * time.Second, "load [###############...............]  50% of 10.0 MB, 1.0 MB/s, 5s left"},
		{10e6, 10e6, 5 * time.Second, "load [##############################] 100% of 10.0 MB, 2.0 MB/s"},
		{11e6, 10e6, 11 * time.Second, "load [##############################] 100% of 10.0 MB, 1.0 MB/s"},
		{5e6, 0, 2 * time.Second, "load 5.0 MB, 2.5 MB/s"},
		{0, -1, 2 * time.Second, ""},
	} {
		p := newProgress(nil, "load", func() (int64, int64) { return tt.done, tt.total })
		p.start, p.now = start, func() time.Time { return start.Add(tt.took) }
		if got := p.line(); got != tt.want {
			t.Errorf("%d of %d after %v: %q, want %q", tt.done, tt.total, tt.took, got, tt.want)
		}
	}
}

// A bar leaves nothing behind on its line.
func TestProgressStop(t *testing.T) {
	var out strings.Builder
	total := int64(2)
	p := newProgress(&out, "load", func() (int64, int64) { return 1, total })
	p.draw()
	shown := out.String()
	p.Stop()
	p.Stop()
	if got, want := out.String(), shown+"\r"+strings.Repeat(" ", len(shown)-2)+"\r"; got != want {
		t.Errorf("it wrote %q, want %q", got, want)
	}
	out.Reset()
	total = -1
	p = newProgress(&out, "load", p.at)
	p.draw()
	p.Stop()
	if out.Len() != 0 {
		t.Errorf("with nothing to show it wrote %q", out.String())
	}
}

// What is no terminal is shown nothing.
func TestProgressElsewhere(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, f := range []*os.File{f, null} {
		if Terminal(f) {
			t.Errorf("%s is taken for a terminal", f.Name())
		}
		if p := StartProgress(f, "load", nil); p != nil {
			t.Errorf("%s gets a bar", f.Name())
		}
	}
	var none *Progress
	none.Stop()
}
