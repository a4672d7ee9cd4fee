package archiver

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// countingStore takes everything, and counts. It hashes what it is given, as S3's client
// would not: the checksum is known.
type countingStore struct {
	objects, bytes atomic.Int64
}

func (s *countingStore) Put(_ context.Context, o objectstore.Object) (objectstore.Info, error) {
	n, err := io.Copy(io.Discard, io.NewSectionReader(o.Body, 0, o.Size))
	if err != nil || n != o.Size {
		return objectstore.Info{}, fmt.Errorf("%d of %d bytes: %w", n, o.Size, err)
	}
	s.objects.Add(1)
	s.bytes.Add(n)
	return objectstore.Info{Key: o.Key, VersionID: "1", Size: o.Size, Lock: o.Lock}, nil
}
func (s *countingStore) Now() (time.Time, bool) { return time.Now(), true }
func (s *countingStore) Get(context.Context, string, string, int64, int64) (io.ReadCloser, objectstore.Info, error) {
	return nil, objectstore.Info{}, objectstore.ErrNotFound
}

func (s *countingStore) Head(context.Context, string, string) (objectstore.Info, error) {
	return objectstore.Info{}, objectstore.ErrNotFound
}

func (s *countingStore) List(context.Context, string, string) iter.Seq2[objectstore.Info, error] {
	return func(func(objectstore.Info, error) bool) {}
}

func (s *countingStore) Versions(context.Context, string) iter.Seq2[objectstore.Info, error] {
	return func(func(objectstore.Info, error) bool) {}
}

func (s *countingStore) Folders(context.Context, string) iter.Seq2[string, error] {
	return func(func(string, error) bool) {}
}

func (s *countingStore) Bucket(context.Context) (objectstore.Bucket, error) {
	return objectstore.Bucket{}, objectstore.ErrUnsupported
}

// benchmarkRecords look like an access log in ECS, size bytes each or a little more.
func benchmarkRecords(n, size int) (records []Record, bytes int64) {
	dice := rand.New(rand.NewPCG(1, 2))
	now := time.Now()
	words := []string{"checkout", "basket", "payment", "catalogue", "session", "timeout", "accepted", "retry", "customer", "shipment"}
	for i := range n {
		id := dice.Uint64()
		line := fmt.Appendf(nil, `{"@timestamp":"2026-03-01T12:%02d:%02d.%09dZ","log.level":"info","http.request.id":"%016x","trace.id":"%016x%016x","http.request.method":"GET","url.path":"/%s/%d","http.response.status_code":%d,"event.duration":%d,"client.ip":"10.%d.%d.%d","message":"`,
			i/60%60, i%60, dice.IntN(1e9), id, id, id, words[dice.IntN(len(words))], dice.IntN(100000), 200+dice.IntN(4)*100, dice.IntN(1e8), dice.IntN(256), dice.IntN(256), dice.IntN(256))
		for len(line) < size {
			line = append(append(line, words[dice.IntN(len(words))]...), ' ')
		}
		line = append(line, `","ecs.version":"8.11.0"}`...)
		r := Record{
			Rule: Rule{Name: []string{"access", "application"}[i%2], Mode: objectstore.Governance, Period: 90 * 24 * time.Hour},
			Hour: now, Encoding: archive.EncodingJSON, Signal: Logs, Time: now, Arrival: now, HasUID: true,
			RequestID: fmt.Appendf(nil, "%016x", id), TraceID: binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, id), id), Line: line,
		}
		records = append(records, r)
		bytes += int64(len(line))
	}
	return records, bytes
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkArchive takes records through the whole engine: accepted, sealed, uploaded, and
// in the log. MB/cpu-s is of JSON.
func BenchmarkArchive(b *testing.B) {
	for _, size := range []int{512, 1024} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			store := &countingStore{}
			set := testSettings(b.TempDir(), store)
			set.QueueSize, set.VerifyShare, set.MaxRepeats = 4<<30, 0, 1<<20
			a, err := New(set)
			require.NoError(b, err)
			require.NoError(b, a.Start(b.Context()))
			records, bytes := benchmarkRecords(1000, size)
			b.SetBytes(bytes)
			b.ReportAllocs()
			n := uint64(0)
			began := cpuTime()
			for b.Loop() {
				for i := range records {
					n++
					binary.LittleEndian.PutUint64(records[i].Fingerprint[:], n)
				}
				if err := a.Accept(b.Context(), records); err != nil {
					b.Fatal(err)
				}
			}
			require.NoError(b, a.Shutdown(context.Background()))
			b.ReportMetric(float64(b.N)*float64(bytes)/1e6/(cpuTime()-began).Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(b.N)*float64(bytes)/float64(store.bytes.Load()), "ratio")
			require.EqualValues(b, n, a.head.Totals.Archived)
		})
	}
}

// BenchmarkRepeatWindow adds to a window that is full, and forgets as much.
func BenchmarkRepeatWindow(b *testing.B) {
	for _, touch := range []bool{false, true} {
		b.Run(fmt.Sprintf("touch=%t", touch), func(b *testing.B) {
			w := newRepeatWindow(time.Minute, 1<<22)
			dice := rand.New(rand.NewPCG(1, 2))
			var next [touchAtOnce]fingerprint
			now := time.Unix(1000, 0)
			batch := func() (repeats int) {
				for i := range next {
					binary.LittleEndian.PutUint64(next[i][:], dice.Uint64())
				}
				if touch {
					w.touch(next[:])
				}
				for i := range next {
					if w.add(&next[i], 1, now) {
						repeats++
					}
				}
				return repeats
			}
			for w.len() < 3<<20 {
				batch()
				now = now.Add(20 * time.Microsecond)
			}
			now = now.Add(time.Minute - 4*time.Second)
			repeats := 0
			for b.Loop() {
				repeats += batch()
				now = now.Add(20 * time.Microsecond)
				w.expire(now)
			}
			require.Zero(b, repeats)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/touchAtOnce, "ns/record")
		})
	}
}
