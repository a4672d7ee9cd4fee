package logfmtreceiver

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/lineframe"
)

// FuzzRequest: whatever a body says, each frame of it becomes one record or the
// request is refused as a whole, the answer agrees with what the next consumer got,
// and what goes in comes out.
func FuzzRequest(f *testing.F) {
	f.Add(true, []byte(framed(frameOne, frameL10, frameTwo)), "3", "f1")
	f.Add(true, []byte("80"+framed(frameOne)[2:]+framed(frameTwo)), "2", "")
	f.Add(true, []byte("99 "+frameOne), "1", "f1")
	f.Add(false, []byte("level=info msg=\"a\"\n\x00\xff\n<13>x\n"), "", "")
	f.Add(false, []byte(strings.Repeat("x", 1000)+"\n5 <13>x"), "", "")
	s := newSink()
	cfg := parseConfig(f, httpOnly+"max_line_size: 256\nkeep_original: true")
	r, err := newReceiver(nopSettings(), cfg, s)
	require.NoError(f, err)
	web, err := newHTTPServer(r, cfg.HTTP.Get())
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, logplex bool, body []byte, count, frame string) {
		q := &request{s: web.(*httpServer), body: body, count: count, frame: frame, drain: "d"}
		if logplex {
			q.kind = logplexBody
		}
		want := 0
		frames := lineframe.NewBytesReader(slices.Clone(body), lineframe.Settings{MaxLine: 256})
		var f lineframe.Frame
		for frames.Rest(&f) {
			want++
		}
		s.records = s.records[:0]
		status, a := q.take(t.Context())
		switch status {
		case http.StatusOK:
			require.Equal(t, a.Accepted, len(s.records)+a.Repeated)
			require.Equal(t, want, a.Accepted)
		case http.StatusBadRequest:
			require.Empty(t, s.records)
			require.Positive(t, a.Rejected)
		default:
			t.Fatalf("status %d", status)
		}
	})
}

// FuzzStream sends any bytes through a connection, with a consumer that changes and
// refuses the first call: the records are those of the frames, each once.
func FuzzStream(f *testing.F) {
	f.Add([]byte("a=1\nb=2\n"))
	f.Add([]byte("23 <34>1 - h a - - - 3 a\n3msg=four\x00\x00\n"))
	f.Add([]byte("<13>" + strings.Repeat("é", 300) + "\r\n99 <13>x"))
	f.Fuzz(func(t *testing.T, in []byte) {
		s := newSink()
		s.mutates = true
		s.before = func(_ context.Context, call int, _ plog.Logs) error {
			if call == 1 {
				return errRefused
			}
			return nil
		}
		r, err := newReceiver(nopSettings(), parseConfig(t, "tcp:\nmax_line_size: 256"), s)
		require.NoError(t, err)
		server, err := newTCPServer(r, r.cfg.TCP.Get())
		require.NoError(t, err)
		client, conn := net.Pipe()
		go func() {
			_, _ = client.Write(in)
			_ = client.Close()
		}()
		close(r.closing) // no pause before the retry
		server.(*tcpServer).handle(&streamConn{Conn: conn})
		_ = conn.Close()

		want := 0
		frames := lineframe.NewBytesReader(in, lineframe.Settings{MaxLine: 256})
		var f lineframe.Frame
		for frames.Rest(&f) {
			want++
		}
		require.Len(t, s.records, want)
	})
}
