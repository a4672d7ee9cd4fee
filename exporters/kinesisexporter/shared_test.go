package kinesisexporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRecordsThatOthersHaveToo are only read, as the exporter says; those that lack a uid
// are copied first.
func TestRecordsThatOthersHaveToo(t *testing.T) {
	for encoding, mutates := range map[string]bool{"json": false, "otlp_json": false, "otlp_proto": true} {
		for _, unit := range []string{"record", "batch"} {
			t.Run(encoding+"/"+unit, func(t *testing.T) {
				f := newFake(t)
				b := startLogs(t, f, "{encoding: "+encoding+", unit: "+unit+"}")
				require.Equal(t, mutates, b.logs.Capabilities().MutatesData)
				if mutates {
					return
				}
				complete := newLogs(rec{request: "a", uid: "u1", body: "one"}, rec{request: "b", uid: "u2", body: "two"})
				lacking := newLogs(rec{request: "c", uid: "u3", body: "three"}, rec{request: "d", body: "four"})
				complete.MarkReadOnly()
				lacking.MarkReadOnly()
				require.NoError(t, b.logs.ConsumeLogs(t.Context(), complete))
				require.NoError(t, b.logs.ConsumeLogs(t.Context(), lacking))
				_, given := lacking.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).Attributes().Get(uidAttribute)
				assert.False(t, given)
				documents := f.byKey(t)
				for key, uid := range map[string]string{"a": "u1", "b": "u2", "c": "u3", "d": uidAttribute} {
					require.Len(t, documents[key], 1, key)
					assert.Contains(t, documents[key][0], uid)
				}
			})
		}
	}
}
