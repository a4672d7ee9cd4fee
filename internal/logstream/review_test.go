package logstream_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/logstream"
)

// hostileLines are what programs write, and what only looks like it; each %s is a
// mark that names the line.
var hostileLines = []string{
	`{"level":"info","msg":"%s"}`,
	`{"level":"info","msg":"%s"`,
	`{"log":"%s\n","stream":"stderr","time":"2026-11-21T08:15:30Z","log.record.uid":"x"}`,
	`{"msg":"%s","log.record.uid":"mine","heartwood.parse_error":"none"}`,
	`{}%s`,
	"level=info msg=\"%s\" log.file.record_offset=7",
	"level=info msg=\"%s",
	"2026-11-21T08:15:30.5Z stderr F %s",
	"2026-11-21 08:15:30,123 ERROR shop.orders %s",
	"2026-11-21 08:15:30,123 ERROR lo\xffgger %s \x00\x1b[31m",
	"Traceback (most recent call last): %s",
	"Traceback (most recent call last):\x00%s",
	"  File \"%s\", line 3, in <module>",
	"ValueError: %s",
	"java.lang.IllegalStateException: %s",
	"\tat com.example.%s(Main.java:3)",
	"Caused by: java.io.IOException: %s",
	"panic: %s",
	"goroutine 1 [running]: %s",
	"\x00\x00\xff\xfe%s",
	"%s",
	"    %s",
	`10.0.0.1 - - [21/Nov/2026:08:15:30 +0000] "GET /%s HTTP/1.1" 200 5 "-" "x"`,
	`[x] "%s`,
	"E1121 08:15:30.000001   1 a.go:1] %s",
}

// TestEveryLineIsInOneRecord: whatever comes, the marks of all lines stand in the
// originals of the records, each once and in order, and uids are different.
func TestEveryLineIsInOneRecord(t *testing.T) {
	for _, join := range []logstream.Join{
		{MaxLines: 1000, MaxBytes: 256 << 10, Timeout: time.Second},
		{MaxLines: 3, MaxBytes: 100, Timeout: time.Second, Unindented: true},
		{Disabled: true, MaxLines: 3, MaxBytes: 100, Timeout: time.Second},
	} {
		for format := logstream.Auto; format <= logstream.Access; format++ {
			t.Run(fmt.Sprintf("format=%d unindented=%v disabled=%v", format, join.Unindented, join.Disabled), func(t *testing.T) {
				random := rand.New(rand.NewPCG(uint64(format), 1))
				mapper, err := logrecord.NewMapper(logrecord.Settings{KeepOriginal: true})
				require.NoError(t, err)
				batch := mapper.NewBatch()
				set := logstream.Settings{Format: format, Join: join}
				s := logstream.New(&set, logstream.Source{ID: "file", Offsets: true}, batch)
				now := time.Unix(1_795_250_000, 0)
				var got strings.Builder
				uids := map[string]bool{}
				take := func() {
					for _, r := range recordsOf(batch.Take()) {
						original, ok := r.Attributes().Get("log.record.original")
						require.True(t, ok)
						text := original.Str()
						if original.Type().String() == "Bytes" {
							text = string(original.Bytes().AsRaw())
						}
						got.WriteString(text + "\n")
						uid, ok := r.Attributes().Get("log.record.uid")
						require.True(t, ok)
						if !strings.HasPrefix(uid.Str(), "file-") {
							continue // the line's own
						}
						require.False(t, uids[uid.Str()], "%s comes twice", uid.Str())
						uids[uid.Str()] = true
					}
				}
				const lines = 5000
				for i := range lines {
					mark := fmt.Sprintf("<%d>", i)
					s.Add(&logstream.Line{Data: fmt.Appendf(nil, hostileLines[random.IntN(len(hostileLines))], mark), Offset: int64(i), Read: now})
					switch random.IntN(20) {
					case 0:
						s.Add(&logstream.Line{Data: []byte(" \t"), Offset: int64(i), Read: now})
					case 1:
						s.Expire(now.Add(2 * time.Second))
					case 2:
						if offset, held := s.Held(); held {
							require.LessOrEqual(t, offset, int64(i))
						}
						take()
					}
				}
				s.Flush()
				_, held := s.Held()
				require.False(t, held)
				take()
				rest := got.String()
				for i := range lines {
					mark := fmt.Sprintf("<%d>", i)
					_, after, found := strings.Cut(rest, mark)
					require.True(t, found, "line %s is in no record, or not in order", mark)
					require.NotContains(t, after[:min(len(after), 2000)], mark)
					rest = after
				}
			})
		}
	}
}

func recordsOf(logs plog.Logs) (all []plog.LogRecord) {
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				all = append(all, r)
			}
		}
	}
	return all
}
