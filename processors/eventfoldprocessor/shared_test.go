package eventfoldprocessor

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// TestRecordsThatOthersHaveToo are only read, as the processor says, whether they fold or
// pass, and have a uid or none.
func TestRecordsThatOthersHaveToo(t *testing.T) {
	next := &keeper{}
	b := start(t, next, "{idle_timeout: 1m}")
	require.False(t, b.Capabilities().MutatesData)
	shared := logs(
		rec{service: "shop", request: "a", uid: "1", body: "one"}, rec{service: "shop", request: "a", body: "two"}, rec{service: "shop", body: "no request"},
	)
	before := plog.NewLogs()
	shared.CopyTo(before)
	shared.MarkReadOnly()
	require.NoError(t, b.ConsumeLogs(t.Context(), shared))
	assert.Equal(t, before.ResourceLogs().Len(), shared.ResourceLogs().Len())
	assert.Equal(t, before.LogRecordCount(), shared.LogRecordCount())
	for i, rl := range shared.ResourceLogs().All() {
		assert.Equal(t, before.ResourceLogs().At(i).ScopeLogs().At(0).LogRecords().At(0).Attributes().AsRaw(), rl.ScopeLogs().At(0).LogRecords().At(0).Attributes().AsRaw())
	}
	assert.EqualValues(t, 1, b.sum(t, "records_passed", ""))
	b.stop(t)
}

// TestARecordThatPassesHasAUID, its own or one that it gets here: exporters behind would
// each give it another.
func TestARecordThatPassesHasAUID(t *testing.T) {
	for _, more := range []string{"", ", originals: pass"} {
		next := &keeper{}
		b := start(t, next, "{idle_timeout: 1m"+more+"}")
		empty := rec{service: "shop", body: "empty", attrs: map[string]any{"log.record.uid": ""}}
		b.consume(t, rec{service: "shop", uid: "1", body: "own"}, rec{service: "shop", body: "none"}, empty, rec{service: "shop", request: "a", body: "folds"})
		b.consume(t, rec{service: "shop", body: "alone"})
		uids := make(map[any]bool)
		for _, r := range next.records() {
			uid := r.attr("log.record.uid")
			assert.NotEmpty(t, uid, r.Body().Str())
			uids[uid] = true
		}
		assert.True(t, uids["1"])
		assert.Len(t, uids, len(next.records()), "no two alike")
		b.stop(t)
	}
}

// TestARefusedBatchComesAgainWhole: what folds is still there when what passes was refused.
func TestARefusedBatchComesAgainWhole(t *testing.T) {
	refused := errors.New("come again")
	next := &keeper{before: func(_ context.Context, call int) error {
		if call == 1 {
			return refused
		}
		return nil
	}}
	b := start(t, next, "{idle_timeout: 1m}")
	batch := logs(rec{service: "shop", request: "a", uid: "1", body: "one"}, rec{service: "shop", uid: "2", body: "no request"})
	require.ErrorIs(t, b.ConsumeLogs(t.Context(), batch), refused)
	require.Equal(t, 2, batch.LogRecordCount())
	require.NoError(t, b.ConsumeLogs(t.Context(), batch))
	assert.EqualValues(t, 1, b.sum(t, "records_passed", ""))
	assert.EqualValues(t, 2, b.sum(t, "records_received", ""))
	b.stop(t)
}
