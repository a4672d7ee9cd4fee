package logrecord

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestJSONLines holds the lines of JSON that the field prints.
func TestJSONLines(t *testing.T) {
	fixtures := readFixtures(t, "json")
	require.NotEmpty(t, fixtures)
	for _, x := range fixtures {
		t.Run("", func(t *testing.T) {
			t.Log(x.Line)
			var w want
			decoder := json.NewDecoder(bytes.NewReader(x.Want))
			decoder.DisallowUnknownFields()
			require.NoError(t, decoder.Decode(&w))
			assertWant(t, w, mapJSON(t, Settings{}, x.Line, nil))
		})
	}
}

func mapJSON(tb testing.TB, set Settings, line string, o *Origin) one {
	tb.Helper()
	return mapJSONWith(tb, set, line, o, true)
}

func mapJSONWith(tb testing.TB, set Settings, line string, o *Origin, withSlabs bool) one {
	tb.Helper()
	m, err := NewMapper(set)
	require.NoError(tb, err)
	b := m.NewBatch()
	b.out.withSlabs = withSlabs
	if o == nil {
		o = &Origin{}
	}
	require.True(tb, b.AddJSON([]byte(line), o))
	logs := b.Take()
	require.Equal(tb, 1, logs.LogRecordCount())
	rl := logs.ResourceLogs().At(0)
	return one{record: rl.ScopeLogs().At(0).LogRecords().At(0), resource: rl.Resource().Attributes()}
}
