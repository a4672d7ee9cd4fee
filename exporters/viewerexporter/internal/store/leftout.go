package store

import (
	"sort"
	"time"
)

// leftOut counts records that were left out, by the second of their arrival.
type leftOut struct {
	total   int64
	seconds []leftOutSecond // by time
}

type leftOutSecond struct {
	at, count int64
}

// maxLeftOutSeconds is a day of them, less than 2 MiB.
const maxLeftOutSeconds = 86_400

func (l *leftOut) add(now time.Time, count int) {
	if count == 0 {
		return
	}
	l.total += int64(count)
	at := now.Unix()
	if n := len(l.seconds); n > 0 && l.seconds[n-1].at >= at {
		l.seconds[n-1].count += int64(count) // a clock set back counts where it was
		return
	}
	if len(l.seconds) == maxLeftOutSeconds {
		l.seconds = append(l.seconds[:0], l.seconds[maxLeftOutSeconds/16:]...)
	}
	l.seconds = append(l.seconds, leftOutSecond{at, int64(count)})
}

// buckets gives how many were left out in each step of time; nil where there were none.
func (l *leftOut) buckets(from, step int64, counts int) []int {
	var out []int
	first := sort.Search(len(l.seconds), func(i int) bool { return l.seconds[i].at*int64(time.Second) >= from })
	for _, second := range l.seconds[first:] {
		i := (second.at*int64(time.Second) - from) / step
		if i >= int64(counts) {
			break
		}
		if out == nil {
			out = make([]int, counts)
		}
		out[i] += int(second.count)
	}
	return out
}
