package integration

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// zeros is a body of so many bytes, compressed to few.
func zeros(t *testing.T, size int, to func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := to(&out)
	require.NoError(t, err)
	chunk := make([]byte, 1<<20)
	for range size / len(chunk) {
		_, err := w.Write(chunk)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// TestLimitsOfOTLP: bodies, bodies after decompression, headers and slow clients of the
// otlp receiver's servers have limits, and those that break them cost little. It is set as
// docs/security.md recommends; hostile_linux_test.go and the receiver's own tests do the
// same for logfmt.
func TestLimitsOfOTLP(t *testing.T) {
	t.Parallel()
	sink := harness.NewSink(t)
	col := harness.Start(t, `
		receivers:
		  otlp:
		    protocols:
		      grpc: {endpoint: {{addr "grpc"}}, max_concurrent_streams: 100}
		      http: {endpoint: {{addr "http"}}, max_request_body_size: 4194304, compression_algorithms: ["", gzip, zstd, zlib], read_header_timeout: 4s, read_timeout: 5s, idle_timeout: 4s}
		`+listenersToSink("otlp"), harness.With("sink", sink))
	post := func(coding string, body []byte, header http.Header) (int, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+col.Addr(t, "http")+"/v1/logs", bytes.NewReader(body))
		require.NoError(t, err)
		request.Header = header.Clone()
		if request.Header == nil {
			request.Header = http.Header{}
		}
		request.Header.Set("Content-Type", "application/x-protobuf")
		if coding != "" {
			request.Header.Set("Content-Encoding", coding)
		}
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err
		}
		return response.StatusCode, response.Body.Close()
	}
	cut := func(err error) bool { // while the body is being sent, the answer comes as an end
		return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	}
	large, err := oneRecord(strings.Repeat("x", 5<<20)).MarshalProto()
	require.NoError(t, err)
	const bomb = 128 << 20
	for coding, body := range map[string][]byte{
		"":     large,
		"gzip": zeros(t, bomb, func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }),
		"zlib": zeros(t, bomb, func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil }),
		"zstd": zeros(t, bomb, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) }),
		"lz4":  []byte("not on the list"),
	} {
		code, err := post(coding, body, nil)
		if !cut(err) {
			require.NoError(t, err, coding)
			assert.GreaterOrEqual(t, code, 400, coding)
			assert.Less(t, code, 500, coding)
		}
	}
	code, err := post("", nil, http.Header{"X-Long": {strings.Repeat("x", 2<<20)}})
	if !cut(err) {
		require.NoError(t, err)
		assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, code)
	}

	conn, err := grpc.NewClient(col.Addr(t, "grpc"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, conn.Close()) })
	for _, body := range [][]byte{large, make([]byte, bomb)} {
		for _, option := range []grpc.CallOption{grpc.EmptyCallOption{}, grpc.UseCompressor("gzip")} {
			err := conn.Invoke(t.Context(), "/opentelemetry.proto.collector.logs.v1.LogsService/Export", body, new([]byte),
				option, grpc.ForceCodecV2(rawCodec{encoding.GetCodecV2("proto")}))
			assert.Equal(t, codes.ResourceExhausted, status.Code(err), "%d bytes: %v", len(body), err)
		}
	}

	// Clients that say nothing, half of a header, or half of a body, are left.
	slow := map[string]net.Conn{}
	for what, text := range map[string]string{
		"half of a header": "POST /v1/logs HTTP/1.1\r\nHost: x\r\n",
		"half of a body":   "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"nothing":          "",
	} {
		slow[what] = dial(t, "tcp", col.Addr(t, "http"))
		_, err := io.WriteString(slow[what], text)
		require.NoError(t, err)
	}
	for what, conn := range slow {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err = io.Copy(io.Discard, conn)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "%s: the server leaves it", what)
	}

	require.NoError(t, overOTLPHTTP(t.Context(), col.Addr(t, "http"), "neighbour", credential{}))
	requireBodies(t, sink, []string{"neighbour"})
	_, peak := col.Memory(t)
	t.Logf("%d MiB of memory at its highest", peak>>20)
	assert.Less(t, peak, int64(maxPeak))
	col.Stop(t)
}
