package main

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// TestRequests: records say as many bytes as they should, no two have a uid in common,
// and eight of one request have one request.id and one trace.
func TestRequests(t *testing.T) {
	for size, wire := range map[int]int{300: 406, 1000: 1118} {
		uids, ids, traces := map[string]bool{}, map[string]int{}, map[string]string{}
		for n := range 3 {
			tmpl, err := newTemplate(n, size, time.Now())
			require.NoError(t, err)
			request := plogotlp.NewExportRequest()
			body := tmpl.appendRequest(nil, n)
			assert.InEpsilon(t, wire, len(body)/batchRecords, 0.02, "docs/performance.md says how large they are in OTLP")
			require.NoError(t, request.UnmarshalProto(body))
			records := request.Logs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			require.Equal(t, batchRecords, records.Len())
			for i, r := range records.All() {
				if i != 0 {
					assert.InDelta(t, size, contentSize(r), 3)
				}
				uid, _ := r.Attributes().Get("log.record.uid")
				id, _ := r.Attributes().Get("request.id")
				require.False(t, uids[uid.Str()])
				require.Equal(t, fmt.Sprintf("0197f3a0-4c6e-7000-8000-%012d", n*batchRecords+i), uid.Str())
				uids[uid.Str()] = true
				ids[id.Str()]++
				trace := r.TraceID()
				if known, ok := traces[id.Str()]; ok {
					require.Equal(t, known, trace.String())
				}
				traces[id.Str()] = trace.String()
				require.NotZero(t, binary.BigEndian.Uint64(trace[:8]))
			}
			assert.Contains(t, records.At(0).Body().Str(), fmt.Sprintf("%s%012d", markPrefix, n))
		}
		assert.Len(t, ids, 3*batchRecords/eventRecords)
		for id, n := range ids {
			assert.Equal(t, eventRecords, n, id)
		}
	}
}
