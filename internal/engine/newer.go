package engine

// Effects that Redis 7.0 has no words for: fields of hashes that expire, and payloads of
// later versions. A replica of that age answers them with an error that nobody hears, and
// goes on with other data than ours. So its tail ends before the first of them.

// ErrTooNew is the error of a tail that ended because of what follows.
const ErrTooNew Error = "ERR what follows takes a replica newer than Redis 7.0"

// Newer says that an effect of t, which is to follow, takes a replica newer than Redis
// 7.0.
func (t *Txn) Newer() { t.newer = true }

// RefuseNewer has the tail end with ErrTooNew before the first effect for which Redis 7.0
// has no words. It reports whether it has not come to that already.
func (t *Tail) RefuseNewer() bool {
	j := t.j
	j.mu.Lock()
	defer j.mu.Unlock()
	t.old = true
	if t.err == nil && t.pos < j.newer {
		t.fail(ErrTooNew)
	}
	return t.err == nil
}

// endOld ends the tails that refuse what is about to be added. j.mu is held.
func (j *journal) endOld() {
	for i := len(j.tails) - 1; i >= 0; i-- {
		if j.tails[i].old {
			j.tails[i].fail(ErrTooNew)
		}
	}
}
