package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
)

// traffic makes records of about 300 bytes as a few services write them: a request has five of them.
type traffic struct {
	*rand.Rand
	resources [][]record.Field
	at        time.Time
	step      time.Duration
	n         int
	request   string
	trace     string
	path      string
	user      int64
}

func newTraffic(step time.Duration) *traffic {
	g := &traffic{Rand: rand.New(rand.NewPCG(1, 2)), at: start, step: step}
	for i := range 12 {
		g.resources = append(g.resources, []record.Field{
			{Name: "host.name", Value: fmt.Sprint("node-", i)},
			{Name: "service.instance.id", Value: fmt.Sprintf("%08x-0000-4000-8000-%012x", i, i)},
			{Name: "service.name", Value: trafficServices[i%len(trafficServices)]},
			{Name: "service.version", Value: "1.4.2"},
		})
	}
	return g
}

var (
	trafficServices = []string{"gateway", "checkout", "basket", "payments", "search", "mail"}
	trafficPaths    = []string{"/api/basket", "/api/checkout", "/api/search", "/api/users", "/login", "/static/app.js"}
	trafficVerbs    = []string{"accepted", "loaded", "stored", "sent", "computed", "checked", "completed"}
	trafficNouns    = []string{"basket", "order", "invoice", "session", "customer", "payment", "shipment", "address", "price list", "stock"}
)

func (g *traffic) batch(n int) []record.Record {
	out := make([]record.Record, n)
	attributes := make([]record.Field, 0, 12*n)
	for i := range out {
		if g.n%5 == 0 {
			g.request = fmt.Sprintf("%08x-%04x-7%03x-8%03x-%012x", g.Uint32(), g.Uint32()&0xffff, g.Uint32()&0xfff, g.Uint32()&0xfff, g.Uint64()&0xffffffffffff)
			g.trace = fmt.Sprintf("%016x%016x", g.Uint64(), g.Uint64())
			g.path = trafficPaths[g.IntN(len(trafficPaths))]
			g.user = int64(g.IntN(50_000))
		}
		g.n++
		g.at = g.at.Add(g.step)
		status, severity := int64(200), uint8(9)
		switch roll := g.IntN(1000); {
		case roll < 5:
			status, severity = 503, 17
		case roll < 30:
			status, severity = 404, 13
		}
		noun := trafficNouns[g.IntN(len(trafficNouns))]
		body := fmt.Sprintf("%s %d %s in %d ms", noun, g.IntN(1_000_000), trafficVerbs[g.IntN(len(trafficVerbs))], g.IntN(900))
		if g.n%100_000 == 77_777 {
			body = "certificate expires soon for " + noun
		}
		from := len(attributes)
		attributes = append(attributes,
			record.Field{Name: "client.address", Value: "10.1." + strconv.Itoa(g.IntN(16)) + "." + strconv.Itoa(g.IntN(250))},
			record.Field{Name: "code.function.name", Value: trafficVerbs[g.IntN(len(trafficVerbs))]},
			record.Field{Name: "http.request.method", Value: "GET"},
			record.Field{Name: "http.response.body.size", Value: int64(g.IntN(40_000))},
			record.Field{Name: "http.response.status_code", Value: status},
			record.Field{Name: "http.route", Value: g.path},
			record.Field{Name: "log.category", Value: "application"},
			record.Field{Name: "measure.elapsed", Value: float64(g.IntN(90_000)) / 1000},
			record.Field{Name: "process.pid", Value: int64(1000 + g.IntN(12))},
			record.Field{Name: "request.id", Value: g.request},
			record.Field{Name: "thread.name", Value: "worker-" + strconv.Itoa(g.IntN(8))},
			record.Field{Name: "user.id", Value: g.user})
		which := g.IntN(len(g.resources))
		out[i] = record.Record{
			Time: g.at.Add(-time.Duration(g.IntN(2000)) * time.Millisecond), Arrived: g.at, Severity: severity, SeverityText: "info", Service: trafficServices[which%len(trafficServices)],
			Body: body, Request: g.request, Trace: g.trace, Span: fmt.Sprintf("%016x", g.Uint64()),
			UID:        fmt.Sprintf("%08x-%04x-7%03x-8%03x-%012x", uint32(g.at.UnixMilli()>>16), uint16(g.at.UnixMilli()), g.n&0xfff, g.Uint32()&0xfff, g.Uint64()&0xffffffffffff),
			Attributes: attributes[from:len(attributes):len(attributes)], Resource: g.resources[which],
		}
	}
	return out
}

func BenchmarkAdd(b *testing.B) {
	g := newTraffic(time.Millisecond)
	s, err := Open(Settings{Directory: b.TempDir(), MaxWaiting: 64 << 20, Now: func() time.Time { return start }})
	require.NoError(b, err)
	template := g.batch(maxBlockRecords)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		require.Zero(b, s.Add(slices.Clone(template)))
		require.NoError(b, s.Flush(b.Context()))
		n += len(template)
	}
	b.StopTimer()
	stats := s.Stats()
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(stats.Bytes)/float64(stats.Records+stats.Spans), "disk-B/record")
	require.NoError(b, s.Close())
}

// BenchmarkQueries is over HEARTWOOD_VIEWER_RECORDS, 200,000 without; 10,000,000 take some minutes to be made.
func BenchmarkQueries(b *testing.B) {
	records, _ := strconv.Atoi(os.Getenv("HEARTWOOD_VIEWER_RECORDS"))
	if records == 0 {
		records = 200_000
	}
	g := newTraffic(24 * time.Hour / time.Duration(records))
	s, err := Open(Settings{Directory: b.TempDir(), MaxSize: 4 << 30, MaxAge: 48 * time.Hour, MaxWaiting: 64 << 20, Now: func() time.Time { return start }})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	var request, trace string
	began, waiting := time.Now(), time.Duration(0)
	for n := 0; n < records; {
		batch := g.batch(min(maxBlockRecords, records-n))
		n += len(batch)
		if n >= records/3 && request == "" {
			request, trace = batch[0].Request, batch[0].Trace
		}
		from := time.Now()
		require.Zero(b, s.Add(batch))
		require.NoError(b, s.Flush(b.Context()))
		waiting += time.Since(from)
	}
	stats := s.Stats()
	b.Logf("%d records in %s (%.0f/s in the store), %.1f bytes on disk each, %s", stats.Records, time.Since(began), float64(records)/waiting.Seconds(), float64(stats.Bytes)/float64(stats.Records), memory())
	end := g.at.Add(time.Second)
	for _, test := range []struct {
		name, query string
		r           Range
	}{
		{"newest", "", Range{}},
		{"time", "", Range{start.Add(8 * time.Hour), start.Add(9 * time.Hour)}},
		{"time and field", "service:checkout level>=error", Range{start.Add(8 * time.Hour), start.Add(9 * time.Hour)}},
		{"field", "http.route:/login status>=500", Range{}},
		{"rare field", "user.id:4711", Range{}},
		{"request", "request:" + request, Range{}},
		{"trace as a word", trace, Range{}},
		{"frequent word", "invoice", Range{}},
		{"rare word", "certificate", Range{}},
		{"no such word", "kubernetes", Range{}},
		{"two words", "invoice stored", Range{start, start.Add(12 * time.Hour)}},
		{"digits", "123456", Range{}},
		{"five digits", "40213", Range{}},
		{"four digits", "4711", Range{}},
		{"hexadecimal", "a1f3c7", Range{}},
		{"four hexadecimal", "a1f3", Range{}},
		{"part of a UUID", "a1f3-7c", Range{}},
		{"address", "10.1.7.133", Range{}},
		{"no such address", "10.9.7.133", Range{}},
		{"decimal", "12.345", Range{}},
	} {
		q, err := query.Parse(test.query)
		require.NoError(b, err)
		b.Run("page/"+strings.ReplaceAll(test.name, " ", "-"), func(b *testing.B) {
			var times []time.Duration
			found, whole := 0, false
			for b.Loop() {
				s.answers = answerCache{}
				began := time.Now()
				page, err := s.Records(b.Context(), q, test.r, false, 100, "")
				require.NoError(b, err)
				times = append(times, time.Since(began))
				found, whole = len(page.Records), page.Complete
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "median-ms")
			b.ReportMetric(float64(found), "found")
			if !whole {
				b.ReportMetric(1, "incomplete")
			}
		})
		b.Run("volume/"+strings.ReplaceAll(test.name, " ", "-"), func(b *testing.B) {
			from, to := start, end
			if !test.r.From.IsZero() {
				from, to = test.r.From, test.r.To
			}
			whole := false
			for b.Loop() {
				s.answers = answerCache{}
				volume, err := s.Volume(b.Context(), q, from, to.Sub(from)/120, 120)
				require.NoError(b, err)
				whole = volume.Complete
			}
			b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N), "ms")
			if !whole {
				b.ReportMetric(1, "incomplete")
			}
		})
	}
	b.Run("story", func(b *testing.B) {
		for b.Loop() {
			records, _, err := s.Story(b.Context(), request, "", 5000)
			require.NoError(b, err)
			require.GreaterOrEqual(b, len(records), 5)
		}
		b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N), "ms")
	})
	b.Run("facets", func(b *testing.B) {
		q := query.Query{}
		counted := 0
		for b.Loop() {
			var err error
			_, counted, _, err = s.Facets(b.Context(), q, Range{end.Add(-time.Hour), end}, nil, 10)
			require.NoError(b, err)
		}
		b.ReportMetric(float64(counted), "counted")
		b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N), "ms")
	})
	b.Log(memory())
}

func memory() string {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var rss []string
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "VmHWM") {
				rss = append(rss, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	return fmt.Sprintf("live heap %d MiB, %s", m.HeapAlloc>>20, strings.Join(rss, ", "))
}
