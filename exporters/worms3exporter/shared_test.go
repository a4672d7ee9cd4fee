package worms3exporter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRecordsThatOthersHaveToo are only read, as the exporter says; those that lack a uid
// are copied first, and so is what becomes a dead letter.
func TestRecordsThatOthersHaveToo(t *testing.T) {
	for encoding, mutates := range map[string]bool{"json": false, "otlp_json": false, "otlp_proto": true} {
		t.Run(encoding, func(t *testing.T) {
			b := newBench(t, "{encoding: "+encoding+"}").withEngine(t)
			logs := b.startLogs(t, host{})
			require.Equal(t, mutates, logs.Capabilities().MutatesData)
			if mutates {
				return
			}
			complete := newLogs(rec{uid: "u1", body: "one"}, rec{uid: "u2", body: strings.Repeat("x", maxLine)})
			lacking := newLogs(rec{uid: "u3", body: "three"}, rec{body: "four"})
			complete.MarkReadOnly()
			lacking.MarkReadOnly()
			require.NoError(t, logs.ConsumeLogs(t.Context(), complete))
			require.NoError(t, logs.ConsumeLogs(t.Context(), lacking))
			_, given := lacking.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).Attributes().Get(uidAttribute)
			assert.False(t, given)
			require.Len(t, b.engine.records, 3)
			assert.Equal(t, 1, b.engine.letters)
			for i, uid := range []string{"u1", "u3", uidAttribute} {
				assert.Contains(t, string(b.engine.records[i].Line), uid)
			}
		})
	}
}
