package engine

import (
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
)

// openers knows whether the calling goroutine is inside an Update or View of
// its engine. To note the goroutine's number when one opens would cost 2.3
// microseconds (runtime.Stack walks and prints the whole stack), half of a
// small Update. So nothing is noted: the functions through which fn is called
// spell the engine's id on the stack, and who is about to wait reads its own.
type openers struct {
	id uint8        // two engines in 256 share one, and may then be confused
	n  atomic.Int32 // open now; while 0 nobody looks
}

var lastEngine atomic.Uint32

func (o *openers) init() { o.id = uint8(lastEngine.Add(1)) }

// call calls f with s so that has, in f, is true.
func (o *openers) call(f func(*Session) error, s *Session) error {
	o.n.Add(1)
	defer o.n.Add(-1)
	return digits[o.id>>4](digits[o.id&15], f, s)
}

// has reports whether the calling goroutine is inside call.
func (o *openers) has() bool {
	if o.n.Load() == 0 {
		return false
	}
	entries := digitEntries()
	var pcs [128]uintptr
	low := -1 // the digit met last, if it is not half of a pair already
	for skip := 0; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			f := runtime.FuncForPC(pc - 1)
			if f == nil {
				continue
			}
			digit, ok := entries[f.Entry()]
			switch {
			case !ok:
			case low < 0:
				low = digit
			case uint8(digit<<4|low) == o.id:
				return true
			default:
				low = -1
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}

var digitEntries = sync.OnceValue(func() map[uintptr]int {
	m := map[uintptr]int{}
	for i, f := range digits {
		m[reflect.ValueOf(f).Pointer()] = i
	}
	return m
})

// A digit calls the next one, or f if there is none. What it does stands in each
// of them: a helper would be inlined and show its caller twice on the stack.
type digit func(next digit, f func(*Session) error, s *Session) error

var digits = [16]digit{d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, da, db, dc, dd, de, df}

//go:noinline
func d0(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func d1(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func d2(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func d3(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func d4(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func d5(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func d6(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func d7(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func d8(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func d9(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func da(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func db(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func dc(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func dd(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func de(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}

//go:noinline
func df(next digit, f func(*Session) error, s *Session) error {
	if next != nil {
		return next(nil, f, s)
	}
	return f(s)
}
