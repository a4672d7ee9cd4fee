package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/s3fake"
	"github.com/heartwood-otel/heartwood/integration/s3server"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit/archivetest"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
)

// An archive that is as it was written is good on another's server, too, whose answers
// take their time.
func TestVerifyOnVersity(t *testing.T) {
	server := s3server.StartVersity(t)
	for _, set := range server.Env() {
		name, value, _ := strings.Cut(set, "=")
		t.Setenv(name, value)
	}
	store, err := s3store.New(t.Context(), s3store.Settings{Bucket: "archive", Region: s3fake.Region, Endpoint: server.URL, PathStyle: true})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Create(t.Context(), s3store.Creation{}))

	// The server dates what it gets by its own clock.
	begun := time.Now().UTC().Truncate(time.Second)
	clock := &archivetest.Clock{At: begun}
	a := archivetest.New(t, store, "logs/", clock)
	key := archivetest.NewKey(t, archive.WriterOrigin(a.Origin, "gateway-1"))
	a.Enrol(t, func(w *archive.Writers) {
		w.Keys = append(w.Keys, archive.WriterKey{Writer: "gateway-1", VKey: key.VKey, From: begun.Add(-time.Hour)})
	})
	w := a.NewWriter("gateway-1", key)
	for i := range 5 {
		w.Write(t, archivetest.Lines(300, 300*i, begun, "req-a", "req-b"))
		clock.At = begun.Add(time.Duration(i+1) * time.Second)
	}
	report, err := archiveaudit.Verify(t.Context(), store, archiveaudit.Settings{Prefix: "logs/", Root: a.Root.Verifier, Now: time.Now()})
	require.NoError(t, err)
	require.Equal(t, archiveaudit.Good, report.Verdict, "%s", report.AppendText(nil, time.Second))
}
