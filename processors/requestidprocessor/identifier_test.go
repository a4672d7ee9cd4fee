package requestidprocessor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heartwood-otel/heartwood/processors/requestidprocessor/internal/metadata"
)

// TestEnds: a name passes in every way in which it can be written; most others don't.
func TestEnds(t *testing.T) {
	var e ends
	for _, name := range []string{"requestid", "http.request.header.xrequestid", "cf.ray", "x", "größe"} {
		e.add(name)
	}
	for _, name := range []string{
		"requestid", "request_id", "Request-ID", "_request__id-", "--REQUESTID", "HTTP.request.header.X-Request-Id", "CF.RAY", "x", "X-", "größe", "-größe",
	} {
		assert.True(t, e.mayHave(name), name)
	}
	for _, name := range []string{"", "-", "_-_", "url.path", "http.status", "status", "user", "y"} {
		assert.False(t, e.mayHave(name), name)
	}
}

// FuzzEnds: what is one of the names when it is normalised passes.
func FuzzEnds(f *testing.F) {
	f.Add("X-Request-ID")
	f.Add("__")
	f.Fuzz(func(t *testing.T, name string) {
		var e ends
		normal := string(normalise(nil, name))
		e.add(normal)
		if normal != "" && !e.mayHave(name) {
			t.Errorf("%q is %q, and does not pass", name, normal)
		}
	})
}

// BenchmarkRecords is a batch of records that bring their ids among eleven other attributes.
func BenchmarkRecords(b *testing.B) {
	b.ReportAllocs()
	p, err := NewFactory().CreateLogs(b.Context(), processortest.NewNopSettings(metadata.Type), createDefaultConfig(), consumertest.NewNop())
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Start(b.Context(), componenttest.NewNopHost()); err != nil {
		b.Fatal(err)
	}
	defer func() { assert.NoError(b, p.Shutdown(b.Context())) }()
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range 400 {
		r := records.AppendEmpty()
		r.SetTraceID([16]byte{byte(i / 8), 1})
		for name := range strings.FieldsSeq("log.record.uid http.method url.path http.status measure#svc client user items retry cost note") {
			r.Attributes().PutStr(name, "value")
		}
		r.Attributes().PutStr("request.id", fmt.Sprintf("8601b555-6a83-4c12-8269-%012d", i/8))
	}
	for b.Loop() {
		if err := p.ConsumeLogs(b.Context(), logs); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/400, "ns/record")
}
