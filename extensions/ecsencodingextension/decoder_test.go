package ecsencodingextension

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/encoding"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// drain reads all batches: how many records each has, and the offset behind it.
func drain(t *testing.T, d encoding.LogsDecoder) (batches [][2]int64) {
	t.Helper()
	for {
		logs, err := d.DecodeLogs()
		if errors.Is(err, io.EOF) {
			assert.Zero(t, logs.LogRecordCount())
			return batches
		}
		require.NoError(t, err)
		batches = append(batches, [2]int64{int64(logs.LogRecordCount()), d.Offset()})
	}
}

func TestDecoder(t *testing.T) {
	e := start(t, nil)
	f := func(data string, want [][2]int64, options ...encoding.DecoderOption) {
		t.Helper()
		for _, stream := range []io.Reader{strings.NewReader(data), iotest.OneByteReader(strings.NewReader(data)), iotest.DataErrReader(strings.NewReader(data))} {
			d, err := e.NewLogsDecoder(stream, options...)
			require.NoError(t, err)
			assert.Equal(t, want, drain(t, d))
			_, err = d.DecodeLogs()
			require.ErrorIs(t, err, io.EOF, "and so it stays")
			assert.Equal(t, int64(len(data)), d.Offset())
		}
	}
	f("", nil)
	f("\n \n", nil)
	f("{}\n{}\n", [][2]int64{{2, 6}})
	f("{}\r\n\n{}", [][2]int64{{2, 7}})
	f("{}\n{}\n\n{}\n", [][2]int64{{2, 6}, {1, 10}}, encoding.WithFlushItems(2))
	f("{}\n{}\n\n{}\n", [][2]int64{{1, 3}, {1, 6}, {1, 10}}, encoding.WithFlushBytes(1), encoding.WithFlushItems(0))
	f("{}\n{}\n{}\n", [][2]int64{{3, 9}}, encoding.WithFlushBytes(0), encoding.WithFlushItems(0))
	f("{}\n{}\n{}\n", [][2]int64{{2, 9}}, encoding.WithOffset(3))
	f("{}\n", nil, encoding.WithOffset(3))
	long := `{"message":"` + strings.Repeat("x", 1<<20) + `"}`
	f(long+"\n"+long, [][2]int64{{1, int64(len(long)) + 1}, {1, 2*int64(len(long)) + 1}})

	_, err := e.NewLogsDecoder(strings.NewReader("{}"), encoding.WithOffset(3))
	require.ErrorIs(t, err, io.EOF)
}

func TestDecoderFails(t *testing.T) {
	e := start(t, nil)
	data := "{}\n{}\n\n{}\nnot JSON\n{}\n"
	d, err := e.NewLogsDecoder(strings.NewReader(data), encoding.WithFlushItems(2))
	require.NoError(t, err)
	logs, err := d.DecodeLogs()
	require.NoError(t, err)
	assert.Equal(t, 2, logs.LogRecordCount())
	for range 2 {
		logs, err = d.DecodeLogs()
		require.EqualError(t, err, "read ECS documents: line 5, column 1: no object")
		assert.Zero(t, logs.LogRecordCount())
		assert.Equal(t, int64(6), d.Offset(), "the record before can be had again")
	}

	broken := errors.New("the disk is gone")
	d, err = e.NewLogsDecoder(io.MultiReader(strings.NewReader("{}\n{"), iotest.ErrReader(broken)))
	require.NoError(t, err)
	_, err = d.DecodeLogs()
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "line 2")
	assert.Zero(t, d.Offset())

	d, err = e.NewLogsDecoder(io.LimitReader(endless{}, maxLine+1))
	require.NoError(t, err)
	_, err = d.DecodeLogs()
	require.ErrorIs(t, err, errLongLine)
}

// endless is a line without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestDecoderReadsWhatWasWritten goes on from the offset after each batch.
func TestDecoderReadsWhatWasWritten(t *testing.T) {
	e := start(t, nil)
	logs := orders(50)
	data, err := e.MarshalLogs(logs)
	require.NoError(t, err)
	var got []map[string]any
	for offset := int64(0); offset < int64(len(data)); {
		d, err := e.NewLogsDecoder(bytes.NewReader(data), encoding.WithOffset(offset), encoding.WithFlushItems(7))
		require.NoError(t, err)
		batch, err := d.DecodeLogs()
		require.NoError(t, err)
		got = append(got, records(batch)...)
		require.Greater(t, d.Offset(), offset)
		offset = d.Offset()
	}
	want := records(logs)
	require.Len(t, got, len(want))
	for i := range want {
		assert.Equal(t, want[i]["body"], got[i]["body"], "record %d", i)
	}
}
