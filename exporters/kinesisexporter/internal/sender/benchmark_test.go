package sender

import (
	"context"
	"crypto/md5"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// counting is a stream that only counts.
type counting struct {
	shards                []Shard
	calls, entries, users int
	bytes                 int
	mu                    chan struct{}
}

func newCounting(shards int) *counting {
	k := newStream(shards)
	c := &counting{mu: make(chan struct{}, 1)}
	for _, sh := range k.shards {
		c.shards = append(c.shards, sh.Shard)
	}
	return c
}

func (c *counting) Shards(context.Context) ([]Shard, error) { return c.shards, nil }

func (c *counting) PutRecords(_ context.Context, entries []Entry) ([]Result, error) {
	c.mu <- struct{}{}
	c.calls++
	for i := range entries {
		c.entries++
		c.users += entries[i].Records
		c.bytes += len(entries[i].Key) + len(entries[i].Data)
	}
	<-c.mu
	return make([]Result, len(entries)), nil
}

// endless is a log of n records, of a few thousand keys. Nothing is kept: a second
// reading makes the same ones.
type endless struct {
	n    uint64
	keys [][]byte
	data []byte
}

func newEndless(n int) *endless {
	e := &endless{n: uint64(n), data: make([]byte, 300)}
	for i := range 5000 {
		e.keys = append(e.keys, fmt.Appendf(nil, "request-%028d", i))
	}
	return e
}

func (e *endless) Reader(from uint64) (Reader, error) { return &endlessReader{e: e, next: from}, nil }

type endlessReader struct {
	e    *endless
	next uint64
}

func (r *endlessReader) TryNext() (Record, error) {
	if r.next > r.e.n {
		return Record{}, ErrDrained
	}
	i := (r.next / 3) * 2654435761 % uint64(len(r.e.keys))
	record := Record{ID: r.next, Key: r.e.keys[i], Hash: md5.Sum(r.e.keys[i]), Data: r.e.data, Count: 1}
	r.next++
	return record, nil
}

func (r *endlessReader) Next(ctx context.Context) (Record, error) {
	record, err := r.TryNext()
	if err != nil {
		<-ctx.Done()
		return Record{}, ctx.Err()
	}
	return record, nil
}

func (r *endlessReader) Close() error { return nil }

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &use))
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkSend sends b.N records of 300 bytes to 8 shards that take everything at once,
// the reading of a log and the hashes of the keys
// included.
func BenchmarkSend(b *testing.B) {
	for _, f := range forms {
		b.Run(f.name, func(b *testing.B) {
			stream := newCounting(8)
			left := int64(b.N)
			done := make(chan int, 1024)
			s := mustNew(b, Settings{
				Stream: stream, Log: newEndless(b.N), Order: f.order, Aggregate: f.aggregate,
				Done: func(ids []uint64) { done <- len(ids) },
			})
			b.SetBytes(300)
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu(b)
			s.Start()
			for left > 0 {
				left -= int64(<-done)
			}
			used := cpu(b) - before
			b.StopTimer()
			require.NoError(b, s.Shutdown(b.Context()))
			require.Equal(b, b.N, stream.users)
			b.ReportMetric(float64(b.N)/used.Seconds(), "records/cpu-s")
			b.ReportMetric(float64(b.N)/float64(stream.entries), "users/record")
			b.ReportMetric(float64(stream.users)/float64(stream.calls), "users/call")
		})
	}
}
