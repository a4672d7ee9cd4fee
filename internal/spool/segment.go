package spool

import (
	"fmt"
	"math/bits"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	segmentSuffix = ".seg"
	doneSuffix    = ".done"
	tmpSuffix     = ".tmp"
	lockName      = "LOCK"
)

func segmentName(number uint64) string { return fmt.Sprintf("%020d%s", number, segmentSuffix) }
func doneName(number uint64) string    { return fmt.Sprintf("%020d%s", number, doneSuffix) }

// numberOf reads the number of a file with the suffix.
func numberOf(name, suffix string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

// segment is one file.
type segment struct {
	number  uint64
	salt    uint32 // of its header
	first   ID
	count   uint64
	head    int64 // of the file
	length  int64 // of the file, as far as it is durable
	acked   []uint64
	unacked uint64
	since   time.Time // of the first record; zero: none
	closed  bool      // nothing is added to it any more

	arrivals []arrival
	settled  uint64 // so many of the first records are acknowledged
}

func (s *segment) path(dir string) string { return filepath.Join(dir, segmentName(s.number)) }

// add notes that so many records are in it.
func (s *segment) add(records uint64) {
	s.count += records
	s.unacked += records
	for uint64(len(s.acked))*64 < s.count {
		s.acked = append(s.acked, 0)
	}
}

// ack notes an acknowledgement, and says whether it is the record's first.
func (s *segment) ack(id ID) bool {
	if id < s.first || uint64(id-s.first) >= s.count {
		return false
	}
	i := uint64(id - s.first)
	if s.acked[i/64]&(1<<(i%64)) != 0 {
		return false
	}
	s.acked[i/64] |= 1 << (i % 64)
	s.unacked--
	return true
}

// ackRange notes acknowledgements by ID, those that are of this segment. It takes time
// for these only, whatever the range says.
func (s *segment) ackRange(r idRange) {
	from := max(r.from, uint64(s.first))
	to := min(r.from+r.count, uint64(s.first)+s.count)
	for id := from; id < to; id++ {
		s.ack(ID(id))
	}
}

func (s *segment) isAcked(id ID) bool {
	i := uint64(id - s.first)
	return s.acked[i/64]&(1<<(i%64)) != 0
}

// ranges are the acknowledged records, by their place.
func (s *segment) ranges() (ranges []idRange) {
	for i := uint64(0); i < s.count; {
		word := s.acked[i/64] >> (i % 64)
		if word == 0 {
			i = (i/64 + 1) * 64
			continue
		}
		i += uint64(bits.TrailingZeros64(word))
		from := i
		for i < s.count && s.acked[i/64]&(1<<(i%64)) != 0 {
			i++
		}
		ranges = append(ranges, idRange{from: from, count: i - from})
	}
	return ranges
}

// rangesOf sorts IDs and makes ranges of them. It changes ids.
func rangesOf(ids []ID) (ranges []idRange) {
	slices.Sort(ids)
	n := 0
	for i, id := range ids {
		if i == 0 || id > ids[i-1]+1 {
			n++
		}
	}
	ranges = make([]idRange, 0, n)
	for _, id := range ids {
		if n := len(ranges); n > 0 && uint64(id) <= ranges[n-1].from+ranges[n-1].count {
			if uint64(id) == ranges[n-1].from+ranges[n-1].count {
				ranges[n-1].count++
			}
			continue
		}
		ranges = append(ranges, idRange{from: uint64(id), count: 1})
	}
	return ranges
}
