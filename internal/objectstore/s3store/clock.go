package s3store

import (
	"net/http"
	"sync"
	"time"
)

// clock is the server's, as far as its answers tell. An answer's Date is in whole seconds,
// and so is the beginning of a second and of the time that the call took in which it was
// written: as long as the clock is within these, an answer does not move it, and so it
// does not go back and forth within a second.
type clock struct {
	// mu guards the following.
	mu   sync.Mutex
	base time.Time // by the server's clock at the local time at
	at   time.Time // with a monotonic reading; zero before the first answer
}

// Now implements objectstore.Store.
func (s *Store) Now() (time.Time, bool) { return s.clock.now(time.Now()) }

func (c *clock) now(local time.Time) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Time{}, false
	}
	return c.base.Add(local.Sub(c.at)), true
}

// answered takes the Date of an answer to a call that was sent at a local time and
// answered at another.
func (c *clock) answered(date, sent, local time.Time) {
	earliest := date.UTC()
	latest := earliest.Add(time.Second + local.Sub(sent))
	c.mu.Lock()
	defer c.mu.Unlock()
	guess := c.base.Add(local.Sub(c.at))
	switch {
	case c.at.IsZero() || guess.Before(earliest):
		c.base, c.at = earliest, local
	case guess.After(latest):
		c.base, c.at = latest, local
	}
}

type watched struct {
	next  http.RoundTripper
	clock *clock
}

func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := time.Now()
	answer, err := w.next.RoundTrip(r)
	if err != nil {
		return answer, err
	}
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		w.clock.answered(date, sent, time.Now())
	}
	return answer, nil
}
