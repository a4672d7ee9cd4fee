package logencoding

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestWritable(t *testing.T) {
	for name, c := range map[string]struct {
		set    func(pcommon.Map)
		copied bool
	}{
		"text":      {func(m pcommon.Map) { m.PutStr("id", "a") }, false},
		"number":    {func(m pcommon.Map) { m.PutInt("id", 0) }, false},
		"none":      {func(pcommon.Map) {}, true},
		"no text":   {func(m pcommon.Map) { m.PutStr("id", "") }, true},
		"no value":  {func(m pcommon.Map) { m.PutEmpty("id") }, true},
		"other key": {func(m pcommon.Map) { m.PutStr("ids", "a") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			logs := plog.NewLogs()
			records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
			records.AppendEmpty().Attributes().PutStr("id", "first")
			c.set(records.AppendEmpty().Attributes())
			own := Writable(logs, "id")
			assert.Equal(t, logs, own, "nobody else has them")
			logs.MarkReadOnly()
			own = Writable(logs, "id")
			assert.Equal(t, c.copied, !own.IsReadOnly())
			if c.copied {
				own.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).Attributes().PutStr("id", "given")
				assert.NotEqual(t, "given", records.At(1).Attributes().AsRaw()["id"])
			}
		})
	}
}
