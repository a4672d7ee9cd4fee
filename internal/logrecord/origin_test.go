package logrecord_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
)

func TestWhatTheTransportAdds(t *testing.T) {
	m, err := logrecord.NewMapper(logrecord.Settings{KeepOriginal: true})
	require.NoError(t, err)
	b := m.NewBatch()
	b.Add([]byte("a=1 n=x"), &logrecord.Origin{
		Original:   "<13>a=1 n=x",
		Attributes: []logrecord.Attribute{{Key: "n", Int: 7, IsInt: true}, {Key: "s", Value: "text"}},
	})
	b.Add([]byte("a=1 level=erro"), &logrecord.Origin{Problem: "3 bytes are missing"})
	assert.Equal(t, 1, b.Problems())

	records := b.Take().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	got := records.At(0).Attributes().AsRaw()
	assert.Equal(t, int64(7), got["n"])
	assert.Equal(t, "x", got["line.n"])
	assert.Equal(t, "text", got["s"])
	assert.Equal(t, "<13>a=1 n=x", got["log.record.original"])
	assert.Equal(t, "a=1 level=erro", records.At(1).Body().Str())
	assert.Equal(t, "3 bytes are missing", records.At(1).Attributes().AsRaw()["heartwood.parse_error"])
	assert.Empty(t, records.At(1).SeverityText(), "what is broken off is not believed")
	assert.Zero(t, b.Problems(), "a new batch counts anew")
}
