package admin

import "strconv"

// Where a data set stands in the stream of its primary.

// A StreamPosition is a place in the history that a replication id names. The zero
// value is none.
type StreamPosition struct {
	ID     string // 40 letters and digits
	Offset int64  // of the first byte that the data set does not have
	DB     int    // that is selected there; -1: the stream will say
}

// The names of the fields in which a file keeps it.
const (
	auxStreamDB = "repl-stream-db"
	auxID       = "repl-id"
	auxOffset   = "repl-offset"
)

// Fields returns p as the fields of a file, by turns names and values.
func (p StreamPosition) Fields() []string {
	if p.ID == "" {
		return nil
	}
	return []string{auxStreamDB, strconv.Itoa(max(0, p.DB)), auxID, p.ID, auxOffset, strconv.FormatInt(p.Offset, 10)}
}

// Aux takes over a field of a file, if it is one of those. What is no number is not
// believed.
func (p *StreamPosition) Aux(name, value string) {
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case name == auxID && len(value) == 40:
		p.ID = value
	case err != nil || n < 0:
	case name == auxOffset:
		p.Offset = n
	case name == auxStreamDB && n < 1<<31:
		p.DB = int(n)
	}
}

// A restored is the position of the data that a file had at the start.
type restored struct {
	StreamPosition
	changes int64 // of the engine then
}

// SetRestored notes where the data stands that was loaded at the start.
func (s *Server) SetRestored(p StreamPosition) {
	s.restored.Store(&restored{p, s.engine.Changes()})
}

// Restored is where the data stands that was loaded at the start, if it is still that.
func (s *Server) Restored() StreamPosition {
	if r := s.restored.Load(); r != nil && r.changes == s.engine.Changes() {
		return r.StreamPosition
	}
	return StreamPosition{}
}
