package store

import (
	"math"
	"strconv"
	"strings"
)

// cursor is a place in what a query gives. Records are in the order of (time, id); after and upTo
// keep a walk through the pages exact while others arrive: it gives those that had arrived at its
// first page, each once, wherever in time new ones come to stand.
type cursor struct {
	after, upTo uint64 // ids: of the first excluded, the last included
	time        int64  // the last one given, or a time up to which all has been looked at
	id          uint64
	leftOut     int64 // of a tail: how many had been left out, in the process
	process     int64 // with this start, in Unix nanoseconds
	tail        bool
}

// String is 't' or 'p' and numbers.
func (c cursor) String() string {
	if c.tail {
		return join("t", int64(c.after), c.leftOut, c.process)
	}
	return join("p", int64(c.after), int64(c.upTo), c.time, int64(c.id))
}

func join(kind string, numbers ...int64) string {
	b := []byte(kind)
	for i, n := range numbers {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendInt(b, n, 36)
	}
	return string(b)
}

func parseCursor(text string) (c cursor, err error) {
	if text == "" || len(text) > 128 {
		return c, ErrCursor
	}
	var n [4]int64
	parts := strings.Split(text[1:], ".")
	if len(parts) > len(n) {
		return c, ErrCursor
	}
	for i, part := range parts {
		if n[i], err = strconv.ParseInt(part, 36, 64); err != nil {
			return c, ErrCursor
		}
	}
	switch {
	case text[0] == 't' && len(parts) == 3:
		return cursor{tail: true, after: uint64(n[0]), upTo: math.MaxUint64, leftOut: n[1], process: n[2]}, nil
	case text[0] == 'p' && len(parts) == 4:
		return cursor{after: uint64(n[0]), upTo: uint64(n[1]), time: n[2], id: uint64(n[3])}, nil
	default:
		return c, ErrCursor
	}
}
