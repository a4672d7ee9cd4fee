package command

import (
	"math/rand/v2"
	"time"
)

// backoff decides on restarts. It is for one goroutine.
type backoff struct {
	set      Restart
	next     time.Duration // 0 is set.Initial
	restarts int
}

// after says whether a program that ended like this is started again, and after
// what wait.
func (b *backoff) after(failed bool, ran time.Duration) (wait time.Duration, again bool) {
	switch b.set.Policy {
	case Always:
	case OnFailure:
		if !failed {
			return 0, false
		}
	default:
		return 0, false
	}
	if b.set.Limit > 0 && b.restarts >= b.set.Limit {
		return 0, false
	}
	b.restarts++
	if b.next == 0 || ran >= b.set.ResetAfter {
		b.next = b.set.Initial
	}
	full := b.next
	b.next = min(2*full, b.set.Max)
	half := full / 2
	return half + rand.N(full-half+1), true //nolint:gosec // no secret
}
