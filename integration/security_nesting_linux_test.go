package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// rawCodec sends bytes as they are, as a client would that is not the protocol's.
type rawCodec struct{ encoding.CodecV2 }

func (c rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	if raw, ok := v.([]byte); ok {
		return mem.BufferSlice{mem.SliceBuffer(raw)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// nestedRequest is a request for logs of so many bytes with one record, whose body is as
// many lists within lists (or maps) as there is room for.
func nestedRequest(size int, tags ...byte) []byte {
	data := make([]byte, size)
	at := size
	wrap := func(tag byte) {
		header := binary.AppendUvarint([]byte{tag}, uint64(size-at))
		at -= len(header)
		copy(data[at:], header)
	}
	const around = 64 // bytes for what is around the value
	for at > around {
		for _, tag := range tags {
			wrap(tag)
		}
	}
	for _, tag := range []byte{0x2a, 0x12, 0x12, 0x0a} { // the body, its record, scope and resource
		wrap(tag)
	}
	return data[at:]
}

// TestNestedValuesAreRefused: lists within lists, of which 12 MiB end a Collector by a stack
// overflow and 4 MiB cost it half a gigabyte. All ways into the otlp receiver refuse them as
// they stand in no configuration, at no cost, for good; what is sent beside them arrives.
func TestNestedValuesAreRefused(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	col := harness.Start(t, `
		receivers:
		  otlp:
		    protocols:
		      grpc: {endpoint: {{addr "grpc"}}, max_recv_msg_size_mib: 32}
		      http: {endpoint: {{addr "http"}}, logs_url_path: /in/logs}
		exporters:
		  otlp_grpc: {endpoint: {{.sink.GRPC}}, tls: {insecure: true}, sending_queue: {enabled: false}, retry_on_failure: {enabled: false}, timeout: 60s}
		service:
		  pipelines:
		    logs: {receivers: [otlp], exporters: [otlp_grpc]}
		`, harness.With("sink", sink))
	conn, err := grpc.NewClient(col.Addr(t, "grpc"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	post := func(path, contentType, coding string, body []byte) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+col.Addr(t, "http")+path, bytes.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", contentType)
		if coding != "" {
			request.Header.Set("Content-Encoding", coding)
		}
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response.StatusCode, string(answer)
	}
	sent := 0
	good := func() {
		t.Helper()
		logs := plog.NewLogs()
		body := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body()
		for range 100 {
			body = body.SetEmptySlice().AppendEmpty()
		}
		request := plogotlp.NewExportRequestFromLogs(logs)
		_, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), request)
		require.NoError(t, err)
		data, err := request.MarshalProto()
		require.NoError(t, err)
		code, answer := post("/in/logs", "application/x-protobuf", "", data)
		require.Equal(t, http.StatusOK, code, answer)
		sent += 2
	}
	good()
	refused := 0
	for _, size := range []int{4 << 20, 12 << 20, 19 << 20} {
		for _, tags := range [][]byte{{0x0a, 0x2a}, {0x12, 0x0a, 0x32}} { // lists, maps
			data := nestedRequest(size, tags...)
			code, answer := post("/in/logs", "application/x-protobuf", "", data)
			assert.Equal(t, http.StatusBadRequest, code)
			assert.Contains(t, answer, "nested too deep")
			var packed bytes.Buffer
			zip := gzip.NewWriter(&packed)
			_, err := zip.Write(data)
			require.NoError(t, err)
			require.NoError(t, zip.Close())
			code, _ = post("/in/logs", "application/x-protobuf", "gzip", packed.Bytes())
			assert.Equal(t, http.StatusBadRequest, code)
			// A group in front, which pdata would step into.
			code, _ = post("/in/logs", "application/x-protobuf", "", append([]byte{0x7b, 0x08, 0x01}, data...))
			assert.Equal(t, http.StatusBadRequest, code)
			err = conn.Invoke(t.Context(), "/opentelemetry.proto.collector.logs.v1.LogsService/Export", data, new([]byte),
				grpc.ForceCodecV2(rawCodec{encoding.GetCodecV2("proto")}))
			assert.Equal(t, codes.Internal, status.Code(err))
			require.ErrorContains(t, err, "nested too deep")
			refused += 3
		}
	}
	nestedJSON := `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":` + strings.Repeat(`{"arrayValue":{"values":[`, 400_000)
	code, answer := post("/in/logs", "application/json", "", []byte(nestedJSON))
	assert.Equal(t, http.StatusBadRequest, code)
	assert.Contains(t, answer, "nested too deep")
	good()
	sink.WaitLogCount(t, sent)
	assert.Equal(t, sent, sink.LogCount())
	metrics := col.Metrics(t)
	assert.InDelta(t, refused+1, metrics.Sum("otelcol_extension_nesting_limit_refused", "transport=http"), 0)
	assert.InDelta(t, refused/3, metrics.Sum("otelcol_extension_nesting_limit_refused", "transport=grpc"), 0)
	_, peak := col.Memory(t)
	t.Logf("%d MiB of memory at its highest", peak>>20)
	assert.Less(t, peak, int64(400<<20), "a stack for the lists of 4 MiB alone is more")
	col.Stop(t)
}

// TestNestedMessagePackIsRefused: fluent_forward's reader has a limit of its own.
func TestNestedMessagePackIsRefused(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	col := harness.Start(t, `
		receivers:
		  fluent_forward: {endpoint: {{addr "in"}}}`+listenersToSink("fluent_forward"), harness.With("sink", sink))
	// [tag, time, {"a": value}]
	message := func(value string) string { return "\x93\xa3tag\xce\x65\x00\x00\x00\x81\xa1a" + value }
	hostile := dial(t, "tcp", col.Addr(t, "in"))
	require.NoError(t, hostile.SetDeadline(time.Now().Add(time.Minute)))
	_, err := io.WriteString(hostile, message(strings.Repeat("\x91", 12<<20)))
	if err == nil { // it may be closed while it sends
		_, err = io.Copy(io.Discard, hostile)
	}
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection is closed")
	good := dial(t, "tcp", col.Addr(t, "in"))
	_, err = io.WriteString(good, message("\x91\xa4good"))
	require.NoError(t, err)
	require.NoError(t, good.Close())
	sink.WaitLog(t, harness.Where("the list", func(r harness.LogRecord) bool { return strings.Contains(r.Attributes.String(), "good") }))
	_, peak := col.Memory(t)
	t.Logf("%d MiB of memory at its highest", peak>>20)
	assert.Less(t, peak, int64(400<<20))
	col.Stop(t)
}
