package spool

import "time"

const (
	// arrivalInterval is how exact the age of the oldest record is, where none has waited
	// for long.
	arrivalInterval = time.Second
	// arrivalShare of the time that the oldest has waited is how exact it is else.
	arrivalShare = 128
	// maxArrivals of a segment. Where there are more, every second one is forgotten. It is
	// even, so that the last one is forgotten and the first is not.
	maxArrivals = 256
)

// arrival says when a record came, and those behind it up to the next arrival.
type arrival struct {
	id ID
	at time.Time
}

// came notes that records have come, id the first of them.
func (s *segment) came(id ID, now time.Time) {
	if n := len(s.arrivals); n > 0 {
		since := now.Sub(s.arrivals[n-1].at)
		if since < arrivalInterval {
			return
		}
		s.settleArrivals()
		if since < now.Sub(s.arrivals[0].at)/arrivalShare {
			return
		}
	}
	if len(s.arrivals) >= maxArrivals {
		kept := s.arrivals[:0]
		for i := 0; i < len(s.arrivals); i += 2 {
			kept = append(kept, s.arrivals[i])
		}
		s.arrivals = kept
	}
	s.arrivals = append(s.arrivals, arrival{id, now})
}

// settleArrivals forgets those of acknowledged records. It looks at each record once.
func (s *segment) settleArrivals() {
	for s.settled < s.count && s.isAcked(s.first+ID(s.settled)) {
		s.settled++
	}
	oldest := s.first + ID(s.settled)
	gone := 0
	for gone+1 < len(s.arrivals) && s.arrivals[gone+1].id <= oldest {
		gone++
	}
	if gone > 0 {
		s.arrivals = append(s.arrivals[:0], s.arrivals[gone:]...)
	}
}

// oldest is when the first record came that is not acknowledged, or a little before.
func (s *segment) oldest() time.Time {
	if s.settleArrivals(); len(s.arrivals) == 0 {
		return s.since
	}
	return s.arrivals[0].at
}
