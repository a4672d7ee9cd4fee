package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/integration/harness"
	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

// TestOneUIDAtAllPlaces: a record that came without a uid has the same in Kinesis and in the
// archive, where a processor of ours is before both; each makes its own where none is.
func TestOneUIDAtAllPlaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		processors string
		same       bool
	}{
		"event_fold": {"[event_fold]", true},
		"request_id": {"[request_id]", true},
		"both":       {"[request_id, event_fold]", true},
		"neither":    {"[]", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stream := kinesisfake.Start(t, kinesisfake.Settings{Streams: map[string]int{"logs": 2}})
			_, bed := newFakeBed(t)
			bed.Exporters = "[kinesis, worm_s3]"
			state := t.TempDir()
			col := bed.start(t, harness.WithEnv(awsEnv...), harness.WithFile(writeFile(t, "more.yaml", fmt.Sprintf(`
processors:
  request_id: {generate: none}
  event_fold: {directory: %q}
exporters:
  kinesis: {stream: logs, endpoint: %q, encoding: json, spool: {directory: %q}}
service:
  pipelines:
    logs: {processors: %s}
`, filepath.Join(state, "fold"), stream.URL(), filepath.Join(state, "spool"), c.processors))))

			const records = 20
			logs := plog.NewLogs()
			all := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
			for n := range records {
				r := all.AppendEmpty()
				r.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
				r.Body().SetStr(fmt.Sprint("record ", n))
			}
			body, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
			require.NoError(t, err)
			status, answer, err := newFragments(t).post(t.Context(), col.Addr(t, "in"), body)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status, "%s", answer)
			require.Eventually(t, func() bool { return stream.Counts("logs").Stored >= records }, time.Minute, 20*time.Millisecond)
			waitArchived(t, col)
			col.Stop(t)

			streamed := make(map[string]string)
			for _, user := range stream.UserRecords(t, "logs") {
				var d struct {
					UID  string `json:"log.record.uid"`
					Body string `json:"body"`
				}
				require.NoError(t, json.Unmarshal(user.Data, &d), "%s", user.Data)
				streamed[d.Body] = d.UID
			}
			archived := bed.read(t).records
			require.Len(t, archived, records)
			require.Len(t, streamed, records)
			uids := make(map[string]bool)
			for _, r := range archived {
				require.NotEmpty(t, r.UID)
				uids[r.UID] = true
				assert.Equal(t, c.same, r.UID == streamed[r.Body], "%s: %s in the archive, %s in the stream", r.Body, r.UID, streamed[r.Body])
			}
			assert.Len(t, uids, records, "no two alike")
		})
	}
}
