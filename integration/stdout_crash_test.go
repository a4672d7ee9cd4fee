package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// crashes is how often the collector is killed while writers write and rotate.
const crashes = 50

// rotatingWriter writes numbered records to a file and rotates it.
type rotatingWriter struct {
	name   string
	path   string
	record func(n int) string
	rotate func(t *testing.T, w *rotatingWriter)

	file      *os.File
	rotations int
	written   int
}

func (w *rotatingWriter) open(t *testing.T) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(w.path), 0o750))
	var err error
	w.file, err = os.OpenFile(w.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
}

// run writes until stop is closed. A record is one call of write.
func (w *rotatingWriter) run(t *testing.T, stop <-chan struct{}) {
	t.Helper()
	dice := rand.New(rand.NewPCG(uint64(len(w.name)), uint64(w.name[0])))
	w.open(t)
	for {
		select {
		case <-stop:
			if err := w.file.Close(); err != nil {
				t.Error(err)
			}
			return
		case <-time.After(time.Duration(dice.IntN(4)) * time.Millisecond):
		}
		for range dice.IntN(10) {
			w.written++
			if _, err := w.file.WriteString(w.record(w.written)); err != nil {
				t.Error(err)
			}
		}
		if dice.IntN(200) == 0 {
			w.rotations++
			w.rotate(t, w)
		}
	}
}

// byRename is how kubelet and logrotate rotate.
func byRename(t *testing.T, w *rotatingWriter) {
	t.Helper()
	assert.NoError(t, w.file.Close())
	assert.NoError(t, os.Rename(w.path, fmt.Sprintf("%s.%d", w.path, w.rotations)))
	w.open(t)
}

// byCopy is logrotate's copytruncate.
func byCopy(t *testing.T, w *rotatingWriter) {
	t.Helper()
	content, err := os.ReadFile(w.path)
	assert.NoError(t, err)
	assert.NoError(t, os.WriteFile(fmt.Sprintf("%s.%d", w.path, w.rotations), content, 0o600))
	assert.NoError(t, os.Truncate(w.path, 0))
}

// TestKilledFiftyTimesNothingIsLost: writers write and rotate all the time, the
// collector is killed at any moment. Every record arrives; one that arrives twice has
// the same uid.
func TestKilledFiftyTimesNothingIsLost(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	sink.Behave(harness.RefuseShare(0.1, 1, harness.Refusal{Reason: harness.Unavailable}))
	col := harness.New(t, `
		extensions:
		  file_storage: {directory: {{dir "checkpoints"}}, fsync: true}
		receivers:
		  stdout_tail:
		    storage: file_storage
		    files: {include: ['{{dir "logs"}}/**/*.log*'], start_at: beginning, poll_interval: 20ms}
		    join: {timeout: 5s} # a machine that has no time for the collector breaks no trace
		exporters:
		  otlp_grpc:
		    endpoint: {{.sink.GRPC}}
		    tls: {insecure: true}
		    sending_queue: {enabled: false}
		    retry_on_failure: {enabled: false}
		service:
		  extensions: [file_storage]
		  pipelines:
		    logs: {receivers: [stdout_tail], exporters: [otlp_grpc]}
	`, harness.With("sink", sink))
	logs := col.Path("logs")

	logfmt := func(name string) func(int) string {
		return func(n int) string {
			return fmt.Sprintf("writer=%s n=%d pad=%s\n", name, n, strings.Repeat("x", n%150))
		}
	}
	const pods = "var/log/pods/shop_api_0a1b2c3d-1111-2222-3333-444455556666/api"
	writers := []*rotatingWriter{
		{name: "renamed", path: filepath.Join(logs, "renamed.log"), record: logfmt("renamed"), rotate: byRename},
		{name: "copied", path: filepath.Join(logs, "copied.log"), record: logfmt("copied"), rotate: byCopy},
		{name: "traces", path: filepath.Join(logs, "traces.log"), rotate: byRename, record: func(n int) string {
			return fmt.Sprintf("2026-11-21 08:15:30,123 ERROR shop.traces failed %d\nTraceback (most recent call last):\n  File \"a.py\", line %d, in f\nKeyError: %d\n", n, n, n)
		}},
		{name: "pod", path: filepath.Join(logs, pods, "0.log"), rotate: byRename, record: func(n int) string {
			now := time.Now().UTC().Format(time.RFC3339Nano)
			return fmt.Sprintf("%s stdout P {\"writer\":\"pod\",\n%s stderr F to stderr\n%s stdout F \"n\":%d}\n", now, now, now, n)
		}},
	}
	var writing sync.WaitGroup
	stop := make(chan struct{})
	for _, w := range writers {
		writing.Go(func() { w.run(t, stop) })
	}

	dice := rand.New(rand.NewPCG(7, 11))
	for range crashes {
		col.Start(t)
		time.Sleep(time.Duration(dice.IntN(500)) * time.Millisecond)
		col.Kill()
	}
	close(stop)
	writing.Wait()
	col.Start(t)
	seen := newSightings()
	sink.WaitFor(t, "every record", 3*time.Minute, func() bool { return seen.read(sink).complete(writers) })
	col.Stop(t)
	seen.read(sink)
	for _, w := range writers {
		require.Len(t, seen.uids[w.name], w.written, w.name)
		for n, uids := range seen.uids[w.name] {
			require.Len(t, uids, 1, "%s %d came as %d records that nobody can tell to be one", w.name, n, len(uids))
		}
		assert.Positive(t, w.rotations, w.name)
	}
	t.Logf("%d records read, %d of them repeats", seen.records, seen.records-seen.distinct())
	assert.Equal(t, len(seen.byUID), seen.distinct(), "two records have one uid")
}

// sightings are what the sink has got: for each writer the uids of each number.
type sightings struct {
	uids    map[string]map[int64]map[string]bool
	byUID   map[string]string
	records int
}

func newSightings() *sightings { return &sightings{} }

func (s *sightings) read(sink *harness.Sink) *sightings {
	*s = sightings{uids: map[string]map[int64]map[string]bool{}, byUID: map[string]string{}}
	for _, r := range sink.Logs() {
		writer, _ := r.Attributes["writer"].(string)
		n, _ := r.Attributes["n"].(int64)
		uid, _ := r.Attributes["log.record.uid"].(string)
		if r.Attributes["log.logger"] == "shop.traces" {
			writer = "traces"
			// Joined whole, or not found here.
			_, _ = fmt.Sscanf(fmt.Sprint(r.Attributes["exception.message"]), "%d", &n)
		}
		if writer == "" {
			continue // stderr's
		}
		s.records++
		if s.uids[writer] == nil {
			s.uids[writer] = map[int64]map[string]bool{}
		}
		if s.uids[writer][n] == nil {
			s.uids[writer][n] = map[string]bool{}
		}
		s.uids[writer][n][uid] = true
		s.byUID[uid] = fmt.Sprint(writer, n)
	}
	return s
}

func (s *sightings) complete(writers []*rotatingWriter) bool {
	for _, w := range writers {
		if len(s.uids[w.name]) < w.written {
			return false
		}
	}
	return true
}

// distinct is the number of records of which all were told apart.
func (s *sightings) distinct() int {
	n := 0
	for _, numbers := range s.uids {
		n += len(numbers)
	}
	return n
}
