package pdataslab

import (
	"runtime"
	"testing"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// TestScratchIsUsedAgain moves what has been decoded elsewhere, where it stays.
func TestScratchIsUsedAgain(t *testing.T) {
	want := string(encode(t, fullRecord()))
	many := plog.NewLogRecord()
	for i := range scratchPairs + 1 {
		many.Attributes().PutInt(string(rune('a'+i)), int64(i))
	}
	manyWant := string(encode(t, many))
	for _, b := range []Builder{New(), {}} {
		var s Scratch
		var kept []plog.LogRecord
		for round := range 4 {
			s.Reset()
			b.Separate(len(want))
			for range 20 * round {
				r, err := s.Decode(&b, want)
				require.NoError(t, err)
				require.Equal(t, want, string(encode(t, r)))
				moved := plog.NewLogRecord()
				r.MoveTo(moved)
				kept = append(kept, moved)
			}
			for _, wire := range []string{want, manyWant} { // the second is not from s.pairs
				r, err := s.DecodeAttributes(&b, wire)
				require.NoError(t, err)
				require.Equal(t, wire, string(encode(t, r)))
				values := pcommon.NewMap()
				for name, v := range r.Attributes().All() {
					v.MoveTo(values.PutEmpty(name))
				}
				moved := plog.NewLogRecord()
				values.MoveTo(moved.Attributes())
				kept = append(kept, moved)
			}
			_, err := s.Decode(&b, want[:len(want)-1])
			require.Error(t, err)
			s.Reset()
			_, err = s.DecodeAttributes(&b, want[:len(want)-1])
			require.Error(t, err)
			if r, err := s.DecodeAttributes(&b, manyWant); assert.NoError(t, err) {
				assert.Equal(t, scratchPairs+1, r.Attributes().Len())
			}
		}
		s.Reset()
		for _, r := range kept {
			if r.Attributes().Len() > scratchPairs {
				assert.Equal(t, many.Attributes().AsRaw(), r.Attributes().AsRaw())
			} else if r.Timestamp() != 0 {
				assert.Equal(t, want, string(encode(t, r)))
			}
		}
	}
}

func TestScratchLetsGo(t *testing.T) {
	wire := encode(t, fullRecord())
	var s Scratch
	b := New()
	decode := func() weak.Pointer[byte] {
		text := string(wire)
		b.Separate(len(text))
		for range 3 * recordsInChunk * maxChunks / 2 {
			_, err := s.Decode(&b, text)
			require.NoError(t, err)
		}
		_, err := s.DecodeAttributes(&b, text)
		require.NoError(t, err)
		return weak.Make(unsafe.StringData(text))
	}
	text := decode()
	s.Reset()
	b.Forget()
	runtime.GC()
	runtime.GC()
	assert.Nil(t, text.Value())
	assert.Len(t, s.chunks, maxChunks)
	runtime.KeepAlive(&s)
}
