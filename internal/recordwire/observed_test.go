package recordwire

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestAroundObserved(t *testing.T) {
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
		before, behind := AroundObserved(encoded)
		return slices.Concat(before, behind)
	}
	plain := around(func(plog.LogRecord) {})
	assert.Equal(t, plain, around(func(r plog.LogRecord) { r.SetObservedTimestamp(1) }))
	assert.Equal(t, plain, around(func(r plog.LogRecord) { r.SetObservedTimestamp(1 << 60) }))
	assert.NotEqual(t, plain, around(func(r plog.LogRecord) { r.SetTimestamp(6) }))
	assert.NotEqual(t, plain, around(func(r plog.LogRecord) { r.Body().SetStr("c") }))
	assert.NotEqual(t, plain, around(func(r plog.LogRecord) { r.SetEventName("e") }))

	damaged := []byte{tagAttributes, 200, 1, 0}
	before, behind := AroundObserved(damaged)
	assert.Equal(t, damaged, before)
	assert.Empty(t, behind)
}
