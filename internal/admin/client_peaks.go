package admin

import "sync"

// bufferPeaks are the largest buffers that a connection had in each of the last seconds:
// client_recent_max_input_buffer and client_recent_max_output_buffer of INFO. Each
// connection is looked at once a second, if it says something then, and all are when
// INFO asks.
type bufferPeaks struct {
	mu    sync.Mutex // guards following
	slots [8]bufferPeak
}

type bufferPeak struct {
	second  int64
	in, out int
}

func (p *bufferPeaks) note(second int64, z Sizes) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := &p.slots[uint64(second)%uint64(len(p.slots))]
	if at.second != second {
		*at = bufferPeak{second: second}
	}
	at.in = max(at.in, z.QueryUsed+z.QueryFree)
	at.out = max(at.out, z.OutputFixed+z.OutputQueued)
}

func (p *bufferPeaks) largest(second int64) (in, out int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.slots {
		if second-at.second < int64(len(p.slots)) {
			in, out = max(in, at.in), max(out, at.out)
		}
	}
	return in, out
}
