package filetail

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nullHandler counts lines.
type nullHandler struct {
	lines *atomic.Int64
	n     int64
	limit int64
}

func (h *nullHandler) Open(FileInfo) Stream           { return h }
func (h *nullHandler) Line(Line)                      { h.n++ }
func (h *nullHandler) Held() (int64, bool)            { return 0, false }
func (h *nullHandler) Expire(time.Time)               {}
func (h *nullHandler) Close()                         {}
func (h *nullHandler) Full() bool                     { return h.n >= h.limit }
func (h *nullHandler) Pending() (s time.Time, b bool) { return s, h.n > 0 }
func (h *nullHandler) Deliver(context.Context) error {
	h.lines.Add(h.n)
	h.n = 0
	return nil
}

func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkRead reads 100-byte lines, delivered by 1,000.
func BenchmarkRead(b *testing.B) {
	const lines = 500_000
	line := append(bytes.Repeat([]byte("x"), 99), '\n')
	for _, files := range []int{1, 100} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			dir := b.TempDir()
			for i := range files {
				head := fmt.Appendf(nil, "%099d\n", i)
				data := slices.Concat(head, bytes.Repeat(line, lines/files-1))
				require.NoError(b, os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".log")), data, 0o600))
			}
			b.SetBytes(lines * 100)
			b.ReportAllocs()
			begin := cpu()
			for b.Loop() {
				var n atomic.Int64
				t, err := New(Config{Include: []string{filepath.Join(dir, "*.log")}}, &MemoryStore{},
					func(int) Handler { return &nullHandler{lines: &n, limit: 1000} }, nil)
				require.NoError(b, err)
				require.NoError(b, t.Start(context.Background()))
				for n.Load() < lines {
					time.Sleep(200 * time.Microsecond)
				}
				require.NoError(b, t.Shutdown(context.Background()))
				require.Equal(b, int64(lines), n.Load())
			}
			b.ReportMetric(float64(b.N)*lines/(cpu()-begin).Seconds(), "lines/cpu-s")
		})
	}
}

// BenchmarkIdle watches files that nobody writes to, for five seconds.
func BenchmarkIdle(b *testing.B) {
	for _, notify := range []bool{true, false} {
		for _, layout := range []string{"flat", "pods"} {
			b.Run(fmt.Sprintf("files=2000/layout=%s/notify=%v", layout, notify), func(b *testing.B) {
				dir := b.TempDir()
				pattern := filepath.Join(dir, "*.log")
				if layout == "pods" {
					pattern = filepath.Join(dir, "*", "*", "*.log")
				}
				for i := range 2000 {
					path := filepath.Join(dir, fmt.Sprint(i, ".log"))
					if layout == "pods" {
						path = filepath.Join(dir, fmt.Sprintf("ns_pod-%d_uid", i), "app", "0.log")
						require.NoError(b, os.MkdirAll(filepath.Dir(path), 0o700))
					}
					require.NoError(b, os.WriteFile(path, fmt.Appendf(nil, "file %d\n", i), 0o600))
				}
				var n atomic.Int64
				t, err := New(Config{Include: []string{pattern}, DisableNotify: !notify}, &MemoryStore{},
					func(int) Handler { return &nullHandler{lines: &n, limit: 1000} }, nil)
				require.NoError(b, err)
				require.NoError(b, t.Start(context.Background()))
				for n.Load() < 2000 {
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(activeFor + time.Second)
				for b.Loop() {
					begin := cpu()
					time.Sleep(20 * time.Second)
					b.ReportMetric((cpu()-begin).Seconds()/20*100, "%core")
				}
				require.NoError(b, t.Shutdown(context.Background()))
			})
		}
	}
}
