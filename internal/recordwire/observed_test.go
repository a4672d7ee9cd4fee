package recordwire

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestAroundObserved(t *testing.T) {
	observed := uint64(0)
	around := func(change func(plog.LogRecord)) []byte {
		logs := plog.NewLogs()
		r := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
		r.SetTimestamp(5)
		r.Body().SetStr("b")
		r.Attributes().PutStr("a", "1")
		change(r)
		var encoded []byte
		require.NoError(t, Split(logs, func(_ Origin, record []byte) error {
			encoded = slices.Clone(record)
			return nil
		}))
		observed = uint64(r.ObservedTimestamp())
		before, behind := AroundObserved(encoded, observed)
		assert.Equal(t, observed != 0, len(before) < len(encoded))
		// The same fields in another order: as another writer might have them.
		turned := turn(t, encoded)
		first, second := AroundObserved(turned, observed)
		assert.Equal(t, turn(t, slices.Concat(before, behind)), slices.Concat(first, second))
		return slices.Concat(before, behind)
	}
	plain := around(func(plog.LogRecord) {})
	assert.Equal(t, plain, around(func(r plog.LogRecord) { r.SetObservedTimestamp(1) }))
	assert.Equal(t, plain, around(func(r plog.LogRecord) { r.SetObservedTimestamp(1 << 60) }))
	assert.NotEqual(t, plain, around(func(r plog.LogRecord) { r.SetTimestamp(6) }))
	assert.NotEqual(t, plain, around(func(r plog.LogRecord) { r.Body().SetStr("c") }))
	assert.NotEqual(t, plain, around(func(r plog.LogRecord) { r.SetEventName("e") }))
	timeless := around(func(r plog.LogRecord) { r.SetTimestamp(0) })
	assert.Equal(t, timeless, around(func(r plog.LogRecord) { r.SetTimestamp(0); r.SetObservedTimestamp(1) }))
	assert.Equal(t, timeless, around(func(r plog.LogRecord) { r.SetTimestamp(0); r.SetObservedTimestamp(pcommon.Timestamp(tagTime)) }))
	alone := around(func(r plog.LogRecord) {
		plog.NewLogRecord().CopyTo(r)
		r.SetObservedTimestamp(pcommon.Timestamp(tagObserved) << 56)
	})
	assert.Equal(t, around(func(r plog.LogRecord) { plog.NewLogRecord().CopyTo(r) }), alone)

	damaged := []byte{tagAttributes, 200, 1, 0}
	before, behind := AroundObserved(damaged, 1)
	assert.Equal(t, damaged, before)
	assert.Empty(t, behind)
}

// turn gives a record's fields in the reverse order.
func turn(t *testing.T, record []byte) []byte {
	t.Helper()
	var out []byte
	for len(record) > 0 {
		_, _, n := protowire.ConsumeField(record)
		require.Positive(t, n)
		out = append(slices.Clone(record[:n]), out...)
		record = record[n:]
	}
	return out
}
