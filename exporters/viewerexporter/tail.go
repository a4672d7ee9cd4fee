package viewerexporter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/store"
)

const (
	// tailInterval is the shortest time between two events of a tail.
	tailInterval = 100 * time.Millisecond
	tailSample   = 50
	// tailIdle is after how long a tail says that nothing came.
	tailIdle = 15 * time.Second
	// tailWrite is how long a reader may take for one event.
	tailWrite = 30 * time.Second
)

// tailed is the data of an event.
type tailed struct {
	Records []record.Record `json:"records"`
	Matched int             `json:"matched"`
	Shown   int             `json:"shown"`
	LeftOut int             `json:"left_out"`
	Cursor  string          `json:"cursor"`
}

// tail sends what comes in, until the reader goes, or the server ends.
func (a *api) tail(w http.ResponseWriter, r *http.Request) {
	p := parametersOf(r)
	q := p.query()
	cursor := r.Header.Get("Last-Event-ID")
	if cursor == "" {
		cursor = p.values.Get("cursor")
	}
	if p.problem != nil {
		p.problem.write(w)
		return
	}
	select {
	case a.limits.tails <- struct{}{}:
		defer func() { <-a.limits.tails }()
	default:
		a.busy(w, "tails")
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.limits.ending, cancel)() //nolint:contextcheck // the server's end, beside the request's
	if cursor == "" {
		cursor = a.store.Cursor()
	}
	send := sender{w: w, control: http.NewResponseController(w)}
	for {
		began := time.Now()
		found, matched, leftOut, next, err := a.store.Since(ctx, q, cursor, tailSample)
		if err != nil {
			if !send.begun && !errors.Is(err, context.Canceled) {
				a.failed(w, r, err)
			}
			return
		}
		if !send.begun || matched > 0 || leftOut > 0 {
			if send.event("records", next, tailed{notNil(found), matched, len(found), leftOut, next}) != nil {
				return
			}
		}
		cursor = next
		if !a.wait(ctx, &send, cursor) || !sleep(ctx, tailInterval-time.Since(began)) {
			return
		}
	}
}

// wait waits for something new behind the cursor, and says so when there is nothing for long.
func (a *api) wait(ctx context.Context, send *sender, cursor string) bool {
	for {
		limited, cancel := context.WithTimeout(ctx, tailIdle)
		err := a.store.Wait(limited, cursor)
		cancel()
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil || errors.Is(err, store.ErrClosed):
			return false
		case send.event("idle", cursor, struct{}{}) != nil:
			return false
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sender writes server-sent events, as the HTML standard has them.
type sender struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func (s *sender) event(name, id string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	if !s.begun {
		s.begun = true
		h := s.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no")
		s.w.WriteHeader(http.StatusOK)
	}
	// A reader that takes nothing is let go; it comes again with the last id.
	if err := s.control.SetWriteDeadline(time.Now().Add(tailWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := fmt.Fprintf(s.w, "event: %s\nid: %s\ndata: %s\n\n", name, id, text); err != nil { //nolint:gosec // G705: an event stream of JSON is no page
		return err
	}
	return s.control.Flush()
}
