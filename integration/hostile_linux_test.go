package integration

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// maxPeak is what the binary may need at its highest, in bytes, with what is sent
// to it here. It needs about 130 MiB; a line or a body that were held whole would
// need several times as much.
const maxPeak = 300 << 20

// Hostile senders cost neither memory without bound nor their neighbours' lines.
func TestHostileSendersAreBounded(t *testing.T) {
	t.Parallel()
	sink, ledger := harness.NewSink(t), harness.NewLedger()
	col := harness.Start(t, `receivers: {logfmt: {tcp: {endpoint: {{addr "tcp"}}}, http: {endpoint: {{addr "http"}}}}}`+outdent(overGRPC), harness.With("sink", sink))
	neighbour := dial(t, "tcp", col.Addr(t, "tcp"))
	write := func() {
		t.Helper()
		require.NoError(t, writeLines(neighbour, ledger, "neighbour", 100, 10))
	}

	write()
	const hugeLine = 100 << 20
	hostile := dial(t, "tcp", col.Addr(t, "tcp"))
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for range hugeLine / len(chunk) {
		_, err := hostile.Write(chunk)
		require.NoError(t, err)
	}
	write()
	_, err := io.WriteString(hostile, "\n")
	require.NoError(t, err)

	// A bomb: 1 GiB in 1 MiB.
	var bomb bytes.Buffer
	zipper := gzip.NewWriter(&bomb)
	for range 1 << 10 {
		_, err := zipper.Write(chunk)
		require.NoError(t, err)
	}
	require.NoError(t, zipper.Close())
	for range 3 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+col.Addr(t, "http")+"/", bytes.NewReader(bomb.Bytes()))
		require.NoError(t, err)
		request.Header.Set("Content-Encoding", "gzip")
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err == nil { // the connection may be cut off while the bomb is being sent
			assert.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
			require.NoError(t, response.Body.Close())
		}
	}

	// Bytes that are nothing at all.
	noise := dial(t, "tcp", col.Addr(t, "tcp"))
	_, err = noise.Write(bytes.Repeat([]byte{0, 0xff, '"', '=', 0x1b, '\n', 0xc3, '<', '9'}, 100_000))
	require.NoError(t, err)
	require.NoError(t, noise.Close())
	write()

	neighbours := harness.Attr("writer", "neighbour")
	sink.WaitFor(t, "the neighbour's lines", time.Minute, func() bool { return len(sink.Logs(neighbours)) >= ledger.Made() })
	ledger.RequireExactlyOnce(t, sink.Logs(neighbours))

	// The huge line is there, in pieces, whole.
	pieces := harness.HasAttr("heartwood.line.index")
	whole := 0
	sink.WaitFor(t, "the whole of the huge line", time.Minute, func() bool {
		whole = 0
		for _, r := range sink.Logs(pieces) {
			whole += strings.Count(r.Text(), "x")
		}
		return whole >= hugeLine
	})
	assert.Equal(t, hugeLine, whole)

	now, peak := col.Memory(t)
	t.Logf("resident memory: %d MiB now, %d MiB at its highest", now>>20, peak>>20)
	assert.Less(t, peak, int64(maxPeak))
	col.Stop(t)
}
