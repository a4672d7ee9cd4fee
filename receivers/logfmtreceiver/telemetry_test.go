package logfmtreceiver

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/heartwood-otel/heartwood/receivers/logfmtreceiver/internal/metadatatest"
)

func points(kv ...any) []metricdata.DataPoint[int64] {
	var out []metricdata.DataPoint[int64]
	for i := 0; i < len(kv); i += 2 {
		var set []attribute.KeyValue
		for pair := range strings.SplitSeq(kv[i].(string), " ") {
			if key, value, ok := strings.Cut(pair, "="); ok {
				set = append(set, attribute.String(key, value))
			}
		}
		out = append(out, metricdata.DataPoint[int64]{Attributes: attribute.NewSet(set...), Value: int64(kv[i+1].(int))})
	}
	return out
}

// TestTelemetry runs through a day of a receiver and looks at every metric.
func TestTelemetry(t *testing.T) {
	s := newSink()
	s.before = func(_ context.Context, call int, _ plog.Logs) error {
		switch call {
		case 1, 3:
			return errRefused
		case 2:
			return consumererror.NewPermanent(errRefused)
		}
		return nil
	}
	g := start(t, s, "{tcp: {endpoint: 'localhost:0', max_connections: 1}, http: {endpoint: 'localhost:0'}, max_line_size: 256}")

	logplex(t, g, framed(frameOne), "1", "f1") // call 1: refused
	post(t, g, "a=1\nb=2\n")                   // call 2: refused for good
	conn := g.dial(t, "tcp")
	send(t, conn, "c=3\nd=\"4\n") // calls 3 and 4: refused, then taken
	s.wait(t, 2)
	send(t, conn, strings.Repeat("x", 300)+"\n")
	s.wait(t, 4)
	if refused, err := dialTCP(g.addr(t, "tcp")); err == nil {
		_, _ = refused.Read(make([]byte, 1))
		_ = refused.Close()
	}
	require.NoError(t, conn.Close())
	logplex(t, g, framed(frameOne, frameL10), "3", "f1") // one is missing
	logplex(t, g, framed(frameOne, frameL10), "3", "f1")
	g.shutdown(t)

	const tcp, http = "transport=tcp", "transport=http"
	same := []metricdatatest.Option{metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars()}
	metadatatest.AssertEqualReceiverLogfmtRecordsReceived(t, g.tel, points(tcp, 4, http, 7), same...)
	metadatatest.AssertEqualReceiverLogfmtRecordsAccepted(t, g.tel, points(tcp, 4, http, 2), same...)
	metadatatest.AssertEqualReceiverLogfmtRecordsRefused(t, g.tel, points(http, 1), same...)
	metadatatest.AssertEqualReceiverLogfmtRecordsRepeated(t, g.tel, points(http, 2), same...)
	metadatatest.AssertEqualReceiverLogfmtRecordsDropped(t, g.tel, points(http+" reason=refused_for_good", 2), same...)
	metadatatest.AssertEqualReceiverLogfmtRetries(t, g.tel, points(tcp, 1), same...)
	metadatatest.AssertEqualReceiverLogfmtLinesCut(t, g.tel, points(tcp, 1), same...)
	metadatatest.AssertEqualReceiverLogfmtParseErrors(t, g.tel, points(tcp, 1), same...)
	metadatatest.AssertEqualReceiverLogfmtPartsRejected(t, g.tel, points("", 2+1), same...)
	metadatatest.AssertEqualReceiverLogfmtSenderDropped(t, g.tel, points("notice=L10", 13), same...)
	metadatatest.AssertEqualReceiverLogfmtConnections(t, g.tel, points(tcp, 0, http, 0), same...)
	metadatatest.AssertEqualReceiverLogfmtConnectionsRefused(t, g.tel, points(tcp, 1), same...)
	metadatatest.AssertEqualReceiverLogfmtBytesReceived(t, g.tel, points(
		tcp, len("c=3d=\"4")+300,
		http, len("a=1b=2")+2*len(strings.TrimSuffix(frameOne, "\n"))+len(frameL10),
	), same...)
}
