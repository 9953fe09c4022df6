package redcon_server

import "sync"

// Buffers are borrowed for a batch and given back when the connection is idle.
const (
	readSize  = 16 << 10  // what a connection reads into, unless a command is longer
	readMax   = 1 << 20   // read buffers up to this are reused, longer ones are left to the collector
	flushAt   = 64 << 10  // replies beyond this are written before the batch ends
	showAt    = 16 << 10  // replies beyond this are shown before they are written
	outRetain = 256 << 10 // reply buffers up to this are reused
)

// readPools hold buffers of readSize, twice that, and so on to readMax.
var readPools [7]sync.Pool

// A buffer is a []byte in a box of its own, since putting a slice into a pool
// would allocate one.
type buffer struct{ b []byte }

func readPool(size int) *sync.Pool {
	for i := range readPools {
		if size == readSize<<i {
			return &readPools[i]
		}
	}
	return nil
}

func newReadBuffer(size int) *buffer {
	if p := readPool(size); p != nil {
		if b, ok := p.Get().(*buffer); ok {
			return b
		}
	}
	return &buffer{make([]byte, size)}
}

func (b *buffer) free() {
	if p := readPool(len(b.b)); p != nil {
		p.Put(b)
	}
}

var outPool = sync.Pool{New: func() any { return &buffer{make([]byte, 0, 4<<10)} }}
