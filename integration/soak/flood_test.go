package soak

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// floodMemory is what the gateway's container would have, in bytes. GOMEMLIMIT is nine
// tenths of it, and memory_limiter's limit is below that. What counts is the memory that
// the process has written; pages of the binary's file are given back when there is need.
const floodMemory = 400 << 20

// TestFlood: for a while three times as much comes as the outputs take. Memory stays below
// its limit, senders are told to come again, nothing that was accepted is lost, and a minute
// later at most it is as before. What the outputs take is measured first: with the spools
// full, what comes out in a second.
func TestFlood(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(s *settings) {
		s.shards, s.shardBytes = 2, 1_200_000
		s.LimitMiB, s.SpikeMiB, s.SpoolSize, s.AcceptTimeout = 320, 64, "16MiB", "500ms"
		s.Remembered = 50_000 // what is remembered must leave room below memory_limiter's limit
		s.gatewayOptions = append(s.gatewayOptions, harness.WithEnv("GOMEMLIMIT=360MiB"))
	})
	l := newLoad(t, b, 10, 200*time.Millisecond) // what comes at all times
	b.start(t)
	l.start(t.Context())
	memory := watch(t, b.gateway, 100*time.Millisecond)
	c := client(t)
	flooders := []*feeder{
		{name: "flood-otlp", hand: otlpHTTP(c, b.gateway.Addr(t, "http"))},
		{name: "flood-grpc", hand: otlpGRPC(t, b.gateway.Addr(t, "grpc"))},
		{name: "flood-logplex", hand: logplex(c, b.gateway.Addr(t, "logplex"))},
	}
	for _, f := range flooders {
		f.senders, f.batch, f.noise, f.account = 4, 50, 1200, new(account)
	}
	all := &load{feeders: append(flooders, l.feeders...), tcp: l.tcp}

	ctx, cancel := context.WithCancel(t.Context())
	filling := make(chan struct{})
	filled := make(chan error, len(flooders))
	for _, f := range flooders {
		go func() { filled <- f.run(ctx, filling) }()
	}
	waitFor(t, 2*time.Minute, "the spools to be full", func() (bool, string) {
		refused, _ := all.told()
		return refused >= 20, ""
	})
	capacity := deliveredPerSecond(t, b, 4*time.Second)
	close(filling)
	for range flooders {
		select {
		case err := <-filled:
			require.NoError(t, err)
		case <-time.After(2 * time.Minute):
			t.Fatal("what is full does not become less")
		}
	}

	long := lasting(t, 12*time.Second, 10*time.Minute)
	refusedBefore, _ := all.told()
	before := all.owed()
	offered := flood(ctx, t, flooders, 3*capacity, long)
	refused, unanswered := all.told()
	taken := all.owed() - before
	peak := memory.peak()
	t.Logf("capacity %.0f records/s; %.0f/s offered for %v, %.0f/s taken, %d attempts told to come again, %d unanswered; at most %d MiB of %d",
		capacity, offered, long, float64(taken)/long.Seconds(), refused-refusedBefore, unanswered, peak>>20, floodMemory>>20)
	assert.Greater(t, offered, 2*capacity, "this machine can make a flood")
	assert.Greater(t, refused, refusedBefore+20, "senders are told to come again")
	assert.Less(t, peak, int64(floodMemory))

	ended := time.Now()
	awaitRecovery(ctx, t, b, flooders[0])
	took := time.Since(ended)
	t.Logf("as before %v after the flood", took.Round(100*time.Millisecond))
	assert.Less(t, took, time.Minute)
	cancel()
	l.finish(t)
	b.requireConserved(t, all, 2*time.Minute)
}

// deliveredPerSecond is how many records the gateway's stream has taken a second, for as
// long as is looked.
func deliveredPerSecond(t *testing.T, b *bed, long time.Duration) float64 {
	t.Helper()
	count := func() float64 { return float64(b.kinesis.Counts("logs").Parts) }
	from, since := count(), time.Now()
	time.Sleep(long)
	return (count() - from) / time.Since(since).Seconds()
}

// inFlight bounds the attempts of a flood that have no answer yet.
const inFlight = 600

// flood makes attempts at a rate, whatever becomes of those before: what is refused does
// not come again. It gives the rate that it kept, in records a second.
func flood(ctx context.Context, t *testing.T, flooders []*feeder, rate float64, long time.Duration) float64 {
	t.Helper()
	var sent atomic.Int64
	var work sync.WaitGroup
	room := make(chan struct{}, inFlight)
	end := time.Now().Add(long)
	begin := time.Now()
	for i := 0; time.Now().Before(end); i++ {
		f := flooders[i%len(flooders)]
		due := begin.Add(time.Duration(float64(i*f.batch) / rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		room <- struct{}{}
		work.Go(func() {
			defer func() { <-room }()
			records := f.next()
			sent.Add(int64(len(records)))
			if _, err := f.try(ctx, records); err != nil {
				t.Error(err)
			}
		})
	}
	lasted := time.Since(begin)
	work.Wait()
	return float64(sent.Load()) / lasted.Seconds()
}

// awaitRecovery waits until all of a sender's attempts are taken at once, and what comes is
// delivered within seconds.
func awaitRecovery(ctx context.Context, t *testing.T, b *bed, f *feeder) {
	t.Helper()
	inARow := 0
	waitFor(t, 3*time.Minute, "all to be as before the flood", func() (bool, string) {
		records := f.next()[:f.batch]
		what, err := f.try(ctx, records)
		require.NoError(t, err)
		if what == accepted {
			inARow++
		} else {
			inARow = 0
		}
		m, err := readMetrics(t, b.gateway)
		if err != nil {
			return false, err.Error()
		}
		age := max(m.Sum("otelcol_exporter_kinesis_oldest_record_age"), m.Sum("otelcol_exporter_worm_s3_oldest_record_age"))
		return inARow >= 20 && age < 5, fmt.Sprintf("%d attempts taken in a row; oldest record %.1f s; heap %.0f MiB", inARow, age, m.Sum("otelcol_process_runtime_heap_alloc_bytes")/(1<<20))
	})
}
