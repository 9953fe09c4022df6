package process

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Terminal reports whether a file is a terminal, as far as the standard library can
// tell: a character device that is not the null device, under a TERM that can go back
// to the beginning of its line.
func Terminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 || os.Getenv("TERM") == "dumb" {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// A Progress is a bar on a terminal that shows how much of something is done. A nil
// one shows nothing. Its methods may be called from any goroutine.
type Progress struct {
	w     io.Writer
	what  string
	at    func() (done, total int64)
	start time.Time
	now   func() time.Time

	stop chan struct{}
	gone sync.WaitGroup
	once sync.Once
	last int // columns of the line that is shown
}

// progressEvery is how often a bar is drawn anew.
const progressEvery = 100 * time.Millisecond

// StartProgress shows a bar on f until Stop, or nothing, and nil, if f is no terminal.
// at is asked for the bytes that are done, and of how many; a total of 0 is not known, and
// a negative one is that there is nothing to show now. What is printed meanwhile begins at
// the beginning of the bar's line.
func StartProgress(f *os.File, what string, at func() (done, total int64)) *Progress {
	if !Terminal(f) {
		return nil
	}
	p := newProgress(f, what, at)
	p.gone.Go(func() {
		t := time.NewTicker(progressEvery)
		defer t.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-t.C:
				p.draw()
			}
		}
	})
	return p
}

func newProgress(w io.Writer, what string, at func() (done, total int64)) *Progress {
	return &Progress{w: w, what: what, at: at, start: time.Now(), now: time.Now, stop: make(chan struct{})}
}

// Stop takes the bar away.
func (p *Progress) Stop() {
	if p == nil {
		return
	}
	p.once.Do(func() {
		close(p.stop)
		p.gone.Wait()
		if p.last > 0 {
			fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.last))
		}
	})
}

func (p *Progress) draw() {
	line := p.line()
	pad := max(0, p.last-len([]rune(line)))
	p.last = len([]rune(line))
	if p.last+pad > 0 {
		fmt.Fprintf(p.w, "\r%s%s\r", line, strings.Repeat(" ", pad))
	}
}

// line is the bar: what it is about, how much of it, at what speed, how long to go.
func (p *Progress) line() string {
	done, total := p.at()
	if total < 0 {
		return ""
	}
	took := p.now().Sub(p.start).Seconds()
	mb := func(n float64) string { return fmt.Sprintf("%.1f MB", n/1e6) }
	rate := 0.0
	if took > 0 {
		rate = float64(done) / took
	}
	if total == 0 {
		return fmt.Sprintf("%s %s, %s/s", p.what, mb(float64(done)), mb(rate))
	}
	const width = 30
	part := min(1, float64(done)/float64(total))
	full := int(part * width)
	line := fmt.Sprintf("%s [%s%s] %3.0f%% of %s, %s/s", p.what,
		strings.Repeat("#", full), strings.Repeat(".", width-full), 100*part, mb(float64(total)), mb(rate))
	if rate > 0 && done < total {
		line += fmt.Sprintf(", %s left", (time.Duration(float64(total-done)/rate) * time.Second).Round(time.Second))
	}
	return line
}
