package spool

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/spool"
)

const (
	recordsPerCall = 200
	recordSize     = 300
)

// callers calls work b.N times from so many goroutines, and reports calls per second.
func callers(b *testing.B, count int, work func() error) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	for range count {
		all.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := work(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "calls/s")
}

func BenchmarkSpool(b *testing.B) {
	for _, count := range []int{64, 256} {
		b.Run(fmt.Sprintf("callers=%d", count), func(b *testing.B) {
			s, err := spool.Open(spool.Settings{Directory: filepath.Join(b.TempDir(), "s")})
			require.NoError(b, err)
			batch := make([][]byte, recordsPerCall)
			for i := range batch {
				batch[i] = bytes.Repeat([]byte("x"), recordSize)
			}
			// A reader acknowledges what it reads, as an exporter does.
			read := make(chan int)
			ctx, stop := context.WithCancel(b.Context())
			go func() {
				r, n := s.NewReader(), 0
				defer func() { _ = r.Close(); read <- n }()
				var acks []spool.ID
				for n < b.N*recordsPerCall {
					record, err := r.Next(ctx)
					if err != nil {
						return
					}
					if len(record.Payload) != recordSize {
						b.Errorf("record %d has %d bytes", record.ID, len(record.Payload))
					}
					n++
					if acks = append(acks, record.ID); len(acks) == recordsPerCall {
						s.Ack(acks...)
						acks = acks[:0]
					}
				}
			}()
			b.ResetTimer()
			callers(b, count, func() error {
				_, err := s.Append(b.Context(), spool.Batch{Records: batch})
				return err
			})
			b.StopTimer()
			time.AfterFunc(time.Minute, stop)
			require.Equal(b, b.N*recordsPerCall, <-read)
			stop()
			require.NoError(b, s.Ack().Wait(b.Context()), "the acknowledgements before are durable")
			require.Zero(b, s.Stats().Records)
			require.NoError(b, s.Close())
		})
	}
}

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// BenchmarkPersistentQueue has the settings that could make a difference beside the
// default ones: the best is to be compared. All wait in ConsumeLogs until the request
// is in the file and synced, as the spool's callers do.
func BenchmarkPersistentQueue(b *testing.B) {
	settings := []struct {
		name      string
		consumers int
		batch     bool
	}{{"default", 10, false}, {"consumers=64", 64, false}, {"batch", 10, true}}
	for _, set := range settings {
		for _, count := range []int{64, 256} {
			b.Run(fmt.Sprintf("%s/callers=%d", set.name, count), func(b *testing.B) {
				queue := exporterhelper.NewDefaultQueueConfig()
				queue.NumConsumers = set.consumers
				if set.batch {
					queue.Batch.GetOrInsertDefault()
				}
				persistentQueue(b, count, queue)
			})
		}
	}
}

func persistentQueue(b *testing.B, count int, queue exporterhelper.QueueBatchConfig) {
	b.Helper()
	factory := filestorage.NewFactory()
	cfg := factory.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory, cfg.FSync = b.TempDir(), true
	storage, err := factory.Create(b.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
	require.NoError(b, err)
	require.NoError(b, storage.Start(b.Context(), componenttest.NewNopHost()))
	id := component.NewID(factory.Type())
	queue.StorageID, queue.QueueSize, queue.BlockOnOverflow = &id, 1<<20, true
	want := int64(b.N * recordsPerCall)
	var delivered atomic.Int64
	all := make(chan struct{})
	exporter, err := exporterhelper.NewLogs(b.Context(), exportertest.NewNopSettings(component.MustNewType("bench")), struct{}{},
		func(_ context.Context, logs plog.Logs) error {
			n := int64(logs.LogRecordCount())
			if now := delivered.Add(n); now >= want && now-n < want {
				close(all)
			}
			return nil
		}, exporterhelper.WithQueue(configoptional.Some(queue)))
	require.NoError(b, err)
	require.NoError(b, exporter.Start(b.Context(), host{id: storage}))
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range recordsPerCall {
		records.AppendEmpty().Body().SetStr(string(bytes.Repeat([]byte("x"), recordSize)))
	}
	b.ResetTimer()
	callers(b, count, func() error { return exporter.ConsumeLogs(b.Context(), logs) })
	b.StopTimer()
	select {
	case <-all:
	case <-time.After(5 * time.Minute):
	}
	require.NoError(b, exporter.Shutdown(context.Background()))
	require.Equal(b, want, delivered.Load())
	require.NoError(b, storage.Shutdown(context.Background()))
}
