package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// TestRecordSize: a record of the benchmarks has 300 bytes.
func TestRecordSize(t *testing.T) {
	marshal := plog.ProtoMarshaler{}
	body, err := marshal.MarshalLogs(batch(100_000, 1))
	require.NoError(t, err)
	assert.Len(t, body, recordSize)
}

// TestUIDs: each record has one of its own, and its key some others' too.
func TestUIDs(t *testing.T) {
	seen, keys := make(map[string]bool), make(map[string]int)
	for first := 0; first < 2*batchRecords*keyRecords; first += batchRecords {
		for _, rl := range batch(first, batchRecords).ResourceLogs().All() {
			r := rl.ScopeLogs().At(0).LogRecords().At(0)
			id, _ := r.Attributes().Get(uidKey)
			key, _ := r.Attributes().Get("request.id")
			assert.False(t, seen[id.Str()])
			seen[id.Str()] = true
			keys[key.Str()]++
		}
	}
	assert.Len(t, keys, 2*batchRecords)
	for _, n := range keys {
		require.Equal(t, keyRecords, n)
	}
}
