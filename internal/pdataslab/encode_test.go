package pdataslab

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

func TestEncodeAsPdataDoes(t *testing.T) {
	var e Encoder
	empty := plog.NewLogRecord()
	full := fullRecord()
	bytes := plog.NewLogRecord()
	bytes.Body().SetEmptyBytes().FromRaw(make([]byte, 5000))
	large := plog.NewLogRecord()
	for range 300 {
		large.Body().SetEmptySlice().AppendEmpty().SetStr("x")
		large.Attributes().PutStr(string(make([]byte, 200)), string(make([]byte, 20000)))
	}
	for range 3 {
		var ends []int
		records := []plog.LogRecord{empty, full, bytes, large, nestedRecord(maxDepth), full}
		for _, r := range records {
			require.True(t, e.Encode(r))
			ends = append(ends, e.Len())
		}
		from := 0
		for i, r := range records {
			want := encode(t, r)
			assert.Equal(t, want, e.Tail(ends[i])[:ends[i]-from])
			from = ends[i]
		}
		e.Reset()
		assert.Zero(t, e.Len())
	}
}

// TestEncodeLeavesToPdata has what an Encoder does not know.
func TestEncodeLeavesToPdata(t *testing.T) {
	var e Encoder
	require.True(t, e.Encode(fullRecord()))
	before := append([]byte(nil), e.Tail(e.Len())...)
	for _, name := range []string{"key by index", "value by index", "too deep"} {
		r := plog.NewLogRecord()
		require.NoError(t, decodePlain(r, unusual(t)[name]))
		assert.False(t, e.Encode(r), name)
		assert.Equal(t, before, e.Tail(e.Len()))
	}
}

// FuzzEncode encodes whatever pdata has decoded.
func FuzzEncode(f *testing.F) {
	f.Add(encode(f, fullRecord()))
	for _, wire := range unusual(f) {
		if len(wire) < 1000 {
			f.Add([]byte(wire))
		}
	}
	var e Encoder
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := plog.NewLogRecord()
		if decodePlain(r, string(wire)) != nil {
			return
		}
		before := e.Len()
		if e.Encode(r) {
			require.Equal(t, encode(t, r), e.Tail(e.Len())[:e.Len()-before])
		}
		if e.Len() > 1<<20 {
			e.Reset()
		}
	})
}
