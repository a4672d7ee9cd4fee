package worms3exporter

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/recordids"
)

// TestMeantAttributesAreTheFirst holds what is found at once to what is looked for one by one,
// with attributes that are there twice, as what comes over the wire may have them.
func TestMeantAttributesAreTheFirst(t *testing.T) {
	meantNames := []string{uidAttribute, categoryAttribute, redactionAttribute, requestAttribute}
	names := append(meantNames, recordids.Macro, recordids.Traces, recordids.Fold, "other") //nolint:gocritic // it is not used again
	for i, one := range names {
		for j, other := range names {
			for list := range 2 {
				logs := plog.NewLogs()
				a := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Attributes()
				a.PutStr(one, "first")
				a.PutStr("x", "x")
				second := a.PutEmpty("REPLACED")
				if list == 1 {
					second.SetEmptySlice().AppendEmpty().SetStr("second")
				} else {
					second.SetStr("second")
				}
				// A name of the same length, as it is encoded.
				encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(renamed(logs, "REPLACED", fmt.Sprintf("%*s", len(other), "!")))
				require.NoError(t, err)
				doubled, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(bytes.ReplaceAll(encoded, fmt.Appendf(nil, "%*s", len(other), "!"), []byte(other)))
				require.NoError(t, err)
				attributes := doubled.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes()
				require.Equal(t, 3, attributes.Len())

				m := meantBy(attributes)
				for k, got := range []pcommon.Value{m.uid, m.category, m.redactions, m.request} {
					want, _ := attributes.Get(meantNames[k])
					where := fmt.Sprintf("%s of %s and %s", meantNames[k], names[i], names[j])
					if _, there := attributes.Get(meantNames[k]); !there {
						assert.Equal(t, pcommon.Value{}, got, where)
						continue
					}
					assert.Equal(t, want.AsString(), text(got), where)
				}
				assert.Equal(t, recordids.Plain(pcommon.NewMap(), attributes), m.plain, "%s and %s", names[i], names[j])
			}
		}
	}
}

// renamed is the first record's attribute under another name.
func renamed(logs plog.Logs, from, to string) plog.Logs {
	a := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes()
	v, _ := a.Get(from)
	v.CopyTo(a.PutEmpty(to))
	a.Remove(from)
	return logs
}
