package nestinglimitextension

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/heartwood-otel/heartwood/extensions/nestinglimitextension/internal/metadata"
	"github.com/heartwood-otel/heartwood/extensions/nestinglimitextension/internal/metadatatest"
)

// made is a limiter with the means to read its metrics.
func made(t *testing.T, cfg *Config) (*limiter, *componenttest.Telemetry) {
	t.Helper()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { assert.NoError(t, tel.Shutdown(context.Background())) })
	set := extensiontest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	e, err := NewFactory().Create(t.Context(), extension.Settings{ID: set.ID, TelemetrySettings: set.TelemetrySettings}, cfg)
	require.NoError(t, err)
	l := e.(*limiter) //nolint:forcetypeassert // made above
	require.NoError(t, l.Start(t.Context(), nil))
	t.Cleanup(func() { assert.NoError(t, l.Shutdown(context.Background())) })
	return l, tel
}

func requireRefused(t *testing.T, tel *componenttest.Telemetry, viaGRPC, viaHTTP int64) {
	t.Helper()
	metadatatest.AssertEqualExtensionNestingLimitRefused(t, tel, []metricdata.DataPoint[int64]{
		{Attributes: attribute.NewSet(attribute.String("transport", "grpc")), Value: viaGRPC},
		{Attributes: attribute.NewSet(attribute.String("transport", "http")), Value: viaHTTP},
	}, metricdatatest.IgnoreTimestamp())
}

func nested(levels int) plogotlp.ExportRequest {
	logs := plog.NewLogs()
	v := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body()
	for range levels {
		v = v.SetEmptySlice().AppendEmpty()
	}
	return plogotlp.NewExportRequestFromLogs(logs)
}

func nestedInResource(levels int) plogotlp.ExportRequest {
	logs := plog.NewLogs()
	v := logs.ResourceLogs().AppendEmpty().Resource().Attributes().PutEmpty("a")
	for range levels {
		v = v.SetEmptySlice().AppendEmpty()
	}
	return plogotlp.NewExportRequestFromLogs(logs)
}

// large is a request that comes in several frames of HTTP/2.
func large() plogotlp.ExportRequest {
	logs := plog.NewLogs()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range 2000 {
		r := records.AppendEmpty()
		r.Body().SetStr("a line of some sixty bytes, as they are written by programs...")
		r.Attributes().PutInt("n", int64(i))
	}
	return plogotlp.NewExportRequestFromLogs(logs)
}

func TestHTTP(t *testing.T) {
	l, tel := made(t, &Config{MaxDepth: 10, Paths: map[string]string{"/in": "logs", "/spans": "traces"}})
	wrap, err := l.GetHTTPHandler(t.Context())
	require.NoError(t, err)
	var got []byte
	handler, err := wrap(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			assert.Equal(t, codes.InvalidArgument, status.Code(err))
			_, again := r.Body.Read(make([]byte, 1))
			assert.Equal(t, err, again, "the error stays")
			w.WriteHeader(http.StatusBadRequest)
		}
		got = body
	}))
	require.NoError(t, err)
	good, err := nested(10).MarshalProto()
	require.NoError(t, err)
	deep, err := nested(11).MarshalProto()
	require.NoError(t, err)
	goodJSON, err := nested(10).MarshalJSON()
	require.NoError(t, err)
	deepJSON, err := nested(100).MarshalJSON()
	require.NoError(t, err)
	refused := int64(0)
	for _, tc := range []struct {
		name, path, kind string
		body             []byte
		status           int
	}{
		{"good", "/v1/logs", "application/x-protobuf", good, 200},
		{"deep", "/v1/logs", "application/x-protobuf", deep, 400},
		{"a type that the receiver will refuse", "/v1/logs", "", deep, 400},
		{"configured path, good", "/in", "application/x-protobuf", good, 200},
		{"configured path, deep", "/in", "application/x-protobuf", deep, 400},
		{"another signal's path", "/v1/metrics", "application/x-protobuf", deep, 200}, // a text, there
		{"not configured", "/elsewhere", "application/x-protobuf", good, 404},
		{"the same in part", "/v1/logs/", "application/x-protobuf", good, 404},
		{"JSON, good", "/v1/logs", "application/json; charset=utf-8", goodJSON, 200},
		{"JSON, deep", "/v1/logs", "application/json", deepJSON, 400},
		{"JSON, deep, elsewhere", "/elsewhere", "application/json", deepJSON, 400},
		{"nothing", "/elsewhere", "application/x-protobuf", nil, 200},
	} {
		got = nil
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, tc.path, bytes.NewReader(tc.body))
		if tc.body == nil {
			r.Body = http.NoBody
		}
		r.Header.Set("Content-Type", tc.kind)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		assert.Equal(t, tc.status, w.Code, tc.name)
		if tc.status == 200 {
			assert.Equal(t, string(tc.body), string(got), tc.name)
		} else {
			assert.NotEqual(t, string(tc.body), string(got), tc.name)
			refused++
		}
	}
	requireRefused(t, tel, 0, refused)
}

// takers take what comes over gRPC.
type takers struct {
	plogotlp.UnimplementedGRPCServer
	taken int
	last  []byte
}

func (s *takers) Export(_ context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	s.taken++
	var err error
	if s.last, err = request.MarshalProto(); err != nil {
		return plogotlp.NewExportResponse(), err
	}
	return plogotlp.NewExportResponse(), nil
}

type metricsTaker struct {
	pmetricotlp.UnimplementedGRPCServer
}

func (metricsTaker) Export(context.Context, pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), nil
}

type tracesTaker struct {
	ptraceotlp.UnimplementedGRPCServer
}

func (tracesTaker) Export(context.Context, ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), nil
}

func TestGRPC(t *testing.T) {
	for _, most := range []int{10, defaultMaxDepth} { // less than what the quick decoder goes down to, and more
		t.Run(strconv.Itoa(most), func(t *testing.T) { testGRPC(t, most) })
	}
}

func testGRPC(t *testing.T, most int) {
	t.Helper()
	l, tel := made(t, &Config{MaxDepth: most})
	options, err := l.GetGRPCServerOptions(t.Context())
	require.NoError(t, err)
	server := grpc.NewServer(options...)
	logs := &takers{}
	plogotlp.RegisterGRPCServer(server, logs)
	pmetricotlp.RegisterGRPCServer(server, &metricsTaker{})
	ptraceotlp.RegisterGRPCServer(server, &tracesTaker{})
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); assert.NoError(t, <-done) })
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })

	client := plogotlp.NewGRPCClient(conn)
	for _, option := range []grpc.CallOption{grpc.EmptyCallOption{}, grpc.UseCompressor("gzip")} {
		logs.taken = 0
		for _, request := range []plogotlp.ExportRequest{nested(most), nested(1), plogotlp.NewExportRequest(), large()} {
			_, err = client.Export(t.Context(), request, option)
			require.NoError(t, err)
			want, err := request.MarshalProto()
			require.NoError(t, err)
			assert.Equal(t, want, append([]byte{}, logs.last...))
		}
		for _, request := range []plogotlp.ExportRequest{nested(most + 1), nestedInResource(most + 1)} {
			_, err = client.Export(t.Context(), request, option)
			assert.Equal(t, codes.Internal, status.Code(err), "senders do not try again")
			require.ErrorContains(t, err, fmt.Sprintf("nested too deep: more than %d", most))
		}
		_, err = client.Export(t.Context(), nestedInResource(most), option)
		require.NoError(t, err)
		assert.Equal(t, 5, logs.taken)
	}

	// The types of all signals are known.
	metrics := pmetricotlp.NewExportRequest()
	metrics.Metrics().ResourceMetrics().AppendEmpty().Resource().Attributes().PutStr("a", "b")
	_, err = pmetricotlp.NewGRPCClient(conn).Export(t.Context(), metrics)
	require.NoError(t, err)
	traces := ptraceotlp.NewExportRequest()
	traces.Traces().ResourceSpans().AppendEmpty().Resource().Attributes().PutStr("a", "b")
	_, err = ptraceotlp.NewGRPCClient(conn).Export(t.Context(), traces)
	require.NoError(t, err)
	requireRefused(t, tel, 4, 0)

	require.ErrorContains(t, codec{limiter: l}.Unmarshal(nil, new(int)), "does not know *int")
}

func TestConfig(t *testing.T) {
	require.NoError(t, createDefaultConfig().(*Config).Validate())
	err := (&Config{MaxDepth: 0, Paths: map[string]string{"/a": "lines"}}).Validate()
	require.ErrorContains(t, err, "max_depth is 0, but must be between 1 and 10000")
	require.ErrorContains(t, err, `paths has "lines" for "/a"`)
	_, err = NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), &Config{})
	require.ErrorContains(t, err, "max_depth is 0")
}

// What follows is read and not kept: a sender whose connection breaks would send again.
func TestTheRestIsReadAndNotKept(t *testing.T) {
	data, err := nested(200_000).MarshalProto()
	require.NoError(t, err)
	l, _ := made(t, &Config{MaxDepth: 100})
	rest := bytes.NewReader(data)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/logs", rest)
	request.Header.Set("Content-Type", "application/x-protobuf")
	l.serve(httptest.NewRecorder(), request, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.Less(t, len(body), 1<<16)
		assert.Error(t, err)
	}))
	assert.Zero(t, rest.Len())
}

// TestDecodersKeepLittle holds that a large request does not cost memory for ever.
func TestDecodersKeepLittle(t *testing.T) {
	d := new(decoder)
	pieces := mem.BufferSlice{mem.SliceBuffer("ab"), mem.SliceBuffer("c")}
	assert.Equal(t, "abc", string(d.join(pieces)))
	assert.Equal(t, "abc", string(d.join(pieces)), "again")
	assert.Equal(t, "ab", string(d.join(pieces[:1])))
	assert.True(t, d.done())
	d.join(mem.BufferSlice{mem.SliceBuffer(make([]byte, maxJoined)), mem.SliceBuffer("c")})
	assert.False(t, d.done())
}
