package sender

import (
	"math"
	"time"
)

// limiter spreads what is sent to a shard over time: no more than the rate within any
// second, and that in pieces of a quarter of it, evenly. So it suits a shard that counts
// by the second of its clock as well as one that has a bucket of tokens.
//
// The rate is what is configured, or less: other producers write to the shard, too. What
// it takes is looked for as CUBIC does (RFC 9438): after a refusal it is cut, comes back
// slowly to where that happened, and goes on faster the longer nothing happens.
type limiter struct {
	bytes, records float64 // a second, as configured; 0: no limit
	share          float64 // of these
	peak           float64 // the share at the last cut
	cut            time.Duration
	wasCut         bool
	way            float64 // from the cut back to the peak, in seconds

	sends []sent // within the window, the oldest first
	sum   amount
	next  time.Duration // not before, for the spreading
	trip  time.Duration // of the last call
	alone bool          // no call goes while another is on its way
}

type amount struct{ bytes, records int }

type sent struct {
	at time.Duration
	amount
}

const (
	// rateWindow is a second, and what two calls may come nearer to each other on their
	// way.
	rateWindow = time.Second + 40*time.Millisecond
	// pieces is how many there are in a second. More would be more calls, and each must
	// have its answer before the next where order is kept.
	pieces = 4
	// What a refusal leaves of the share: one after a long time, which may be an accident
	// of the way there; one, where there was another not so long ago; one soon after.
	cutFirstTo, cutTo, cutAgainTo = 0.97, 0.9, 0.7
	minShare                      = 0.1
	// cutPause is for one refusal: those of calls that were on their way at the same
	// time are no others.
	cutPause = time.Second
	// cutAgain is what soon is, cutFirst a long time.
	cutAgain, cutFirst = 5 * time.Second, time.Minute
	// growth is CUBIC's C, a second³: 30 s from a cut of the whole rate back to where it
	// was. Less would be more refusals where there are other producers, more a longer way
	// back when they are gone.
	growth = 0.1 / (30 * 30 * 30)
	// slowTrip and slowestTrip bound the time of calls, in seconds, of which two a second go
	// one after the other, but not more.
	slowTrip, slowestTrip = 0.24, 0.65
)

func newLimiter(bytes, records int) limiter {
	return limiter{bytes: float64(bytes), records: float64(records), share: 1}
}

// piece is what goes at one time, where there is enough.
func (l *limiter) piece() amount {
	return amount{bytes: l.per(l.bytes, pieces), records: l.per(l.records, pieces)}
}

// per is the part of the rate; without one it is no limit.
func (l *limiter) per(rate float64, parts float64) int {
	if rate == 0 {
		return math.MaxInt / 4
	}
	return max(1, int(rate*l.share/parts))
}

// ask says how much may be sent now, where so much waits, and the first record of that
// is so large. Nothing: at is when to ask again.
func (l *limiter) ask(now time.Duration, waiting, first amount) (most amount, at time.Duration) {
	if l.bytes == 0 && l.records == 0 {
		return amount{math.MaxInt / 4, math.MaxInt / 4}, 0
	}
	l.grow(now)
	for len(l.sends) > 0 && l.sends[0].at <= now-rateWindow {
		l.sum.bytes -= l.sends[0].bytes
		l.sum.records -= l.sends[0].records
		l.sends = l.sends[1:]
	}
	if now < l.next {
		return amount{}, l.next
	}
	limit := amount{l.per(l.bytes, 1), l.per(l.records, 1)}
	piece := l.piece()
	trip := min(l.trip, time.Second).Seconds()
	least, parts := 0.5/pieces, 2.5*trip
	if l.alone && trip > slowTrip && trip < slowestTrip {
		// Two calls in a second. Of a large one and a small one, the large one's pause is
		// longer than its way, and so is the small one's way than its pause.
		least, parts = 0.4, 0.52
	}
	// Half a piece, or all that waits: no splinters. What is larger than the limit goes
	// when nothing else went.
	need := amount{
		min(limit.bytes, max(first.bytes, min(part(least, limit.bytes), waiting.bytes))),
		min(limit.records, max(first.records, min(part(least, limit.records), waiting.records))),
	}
	left := amount{limit.bytes - l.sum.bytes, limit.records - l.sum.records}
	for i := 0; i < len(l.sends) && (left.bytes < need.bytes || left.records < need.records); i++ {
		left.bytes += l.sends[i].bytes
		left.records += l.sends[i].records
		at = l.sends[i].at + rateWindow
	}
	if at > now {
		return amount{}, at
	}
	// So much that a call is on its way for less than half of the time that it is worth;
	// and what would be left over otherwise, too little to be sent.
	return amount{
		max(first.bytes, share(max(piece.bytes, part(parts, limit.bytes)), left.bytes, piece.bytes/2)),
		max(first.records, share(max(piece.records, part(parts, limit.records)), left.records, piece.records/2)),
	}, 0
}

func part(of float64, limit int) int { return int(of * float64(limit)) }

// share is how much of what is left is taken, so that nothing or more than a splinter
// stays.
func share(most, left, splinter int) int {
	if left-most < splinter {
		return left
	}
	return most
}

// took notes what was sent.
func (l *limiter) took(now time.Duration, a amount) {
	if l.bytes == 0 && l.records == 0 {
		return
	}
	l.sends = append(l.sends, sent{at: now, amount: a})
	l.sum.bytes += a.bytes
	l.sum.records += a.records
	worth := max(float64(a.bytes)/float64(l.per(l.bytes, 1)), float64(a.records)/float64(l.per(l.records, 1)))
	l.next = now + time.Duration(worth*float64(time.Second))
}

// refused notes that the shard had no room.
func (l *limiter) refused(now time.Duration) {
	l.grow(now)
	to := cutTo
	switch since := now - l.cut; {
	case !l.wasCut || since >= cutFirst:
		to = cutFirstTo
	case since < cutPause:
		return
	case since < cutAgain:
		to = cutAgainTo
	}
	l.peak, l.cut, l.wasCut = l.share, now, true
	l.share = max(minShare, l.share*to)
	l.way = math.Cbrt((l.peak - l.share) / growth)
}

func (l *limiter) grow(now time.Duration) {
	if !l.wasCut || l.share >= 1 {
		return
	}
	since := (now - l.cut).Seconds() - l.way
	l.share = min(1, max(l.share, l.peak+growth*since*since*since))
}

// backoff is the pause before the attempt after so many that failed, where r is random
// in [0, 1): "full jitter" of AWS's "Exponential Backoff And Jitter".
func backoff(initial, most time.Duration, failed int, r float64) time.Duration {
	limit := float64(initial) * math.Pow(2, float64(min(failed-1, 60)))
	return time.Duration(r * min(limit, float64(most)))
}
