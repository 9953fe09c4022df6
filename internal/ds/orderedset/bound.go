package orderedset

// A Bound is an end of a range, among scores or among members. As the first of a
// range it leaves out what comes before it, as the last what does not: so a first
// bound that is exclusive, and a last one that is inclusive, are After.
type Bound struct {
	Score    float64
	Member   string
	ByMember bool // Member counts, not Score
	After    bool // it lies behind what equals it, else before
	Infinite bool // of members: before all or, with After, behind all
}

// isAbove reports whether a member comes before the bound.
func (b *Bound) isAbove(member string) bool {
	switch {
	case b.Infinite:
		return b.After
	case b.After:
		return member <= b.Member
	}
	return member < b.Member
}

// isAboveScore reports whether a score comes before the bound.
func (b *Bound) isAboveScore(score float64) bool {
	if b.After {
		return score <= b.Score
	}
	return score < b.Score
}
