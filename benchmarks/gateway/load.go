package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

const (
	connections = 4
	// tries are how often a request that is refused comes again, as an agent's does.
	tries = 200
	pause = 50 * time.Millisecond
)

// load is what is sent: requests that are made before, with numbers of their own.
type load struct {
	templates []*template
	requests  int
	senders   int
	// every is the time from one request to the next; 0: as fast as they are taken.
	every time.Duration
	http  bool

	refused atomic.Int64 // answers that said "come again"
	mu      sync.Mutex
	sent    map[int]time.Time     // when a request's sending began
	answers map[int]time.Duration // how long its answer took
}

func newLoad(size, records, senders int) (*load, error) {
	l := &load{requests: records / batchRecords, senders: senders, sent: make(map[int]time.Time), answers: make(map[int]time.Duration)}
	for variant := range templates {
		t, err := newTemplate(variant, size, time.Now())
		if err != nil {
			return nil, err
		}
		l.templates = append(l.templates, t)
	}
	return l, nil
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	body, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("%T is no request", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(body)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if into, ok := v.(*[]byte); ok {
		*into = data.Materialize() //nolint:misspell // its name
	}
	return nil
}

var _ encoding.CodecV2 = rawCodec{}

// sendFunc sends a request; again says that it may come again.
type sendFunc func(ctx context.Context, request []byte) (again bool, err error)

func sendHTTP(address string) sendFunc {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	return func(ctx context.Context, request []byte) (bool, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/logs", bytes.NewReader(request))
		if err != nil {
			return false, err
		}
		r.Header.Set("Content-Type", "application/x-protobuf")
		answer, err := client.Do(r)
		if err != nil {
			return false, err
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		switch {
		case answer.StatusCode == http.StatusTooManyRequests, answer.StatusCode == http.StatusServiceUnavailable:
			return true, errors.New(answer.Status)
		case answer.StatusCode != http.StatusOK:
			return false, errors.Join(err, fmt.Errorf("%s: %s", answer.Status, text))
		}
		return false, err
	}
}

// emptyPartial is an answer whose partial success says nothing.
var emptyPartial = []byte{0x0a, 0}

func sendGRPC(connection *grpc.ClientConn) sendFunc {
	return func(ctx context.Context, request []byte) (bool, error) {
		var answer []byte
		err := connection.Invoke(ctx, "/opentelemetry.proto.collector.logs.v1.LogsService/Export", request, &answer, grpc.ForceCodecV2(rawCodec{}))
		switch {
		case err == nil && len(answer) > 0 && !bytes.Equal(answer, emptyPartial):
			return false, fmt.Errorf("a partial success: %q", answer)
		case status.Code(err) == codes.Unavailable, status.Code(err) == codes.ResourceExhausted:
			return true, err
		}
		return false, err
	}
}

// send sends all.
func (l *load) send(ctx context.Context, p places) (err error) {
	var ways []sendFunc
	if l.http {
		ways = append(ways, sendHTTP(p.http))
	} else {
		for range connections {
			c, err := grpc.NewClient(p.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, c.Close()) }()
			ways = append(ways, sendGRPC(c))
		}
	}
	var next atomic.Int64
	begun := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for sender := range l.senders {
		send := ways[sender%len(ways)]
		group.Go(func() error {
			var request []byte
			for {
				n := int(next.Add(1)) - 1
				if n >= l.requests {
					return nil
				}
				// A record's time is from when it should have been sent: a collector that is
				// late makes the next ones late.
				due := begun.Add(time.Duration(n) * l.every)
				if err := sleep(ctx, time.Until(due)); err != nil {
					return err
				}
				if l.every == 0 {
					due = time.Now()
				}
				request = l.templates[n%len(l.templates)].appendRequest(request[:0], n)
				if err := l.insist(ctx, send, request, n, due); err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// insist sends a request until it is taken.
func (l *load) insist(ctx context.Context, send sendFunc, request []byte, n int, due time.Time) error {
	l.mu.Lock()
	l.sent[n] = due
	l.mu.Unlock()
	for try := 0; ; try++ {
		again, err := send(ctx, request)
		if err == nil {
			l.mu.Lock()
			l.answers[n] = time.Since(due)
			l.mu.Unlock()
			return nil
		}
		if !again || try == tries {
			return fmt.Errorf("request %d: %w", n, err)
		}
		l.refused.Add(1)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// percentile is the one below which so many of a hundred are, in milliseconds.
func percentile(all []time.Duration, of float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	at := min(len(all)-1, int(of/100*float64(len(all))))
	return float64(all[at]) / float64(time.Millisecond)
}
