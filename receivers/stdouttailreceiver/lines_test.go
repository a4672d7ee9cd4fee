package stdouttailreceiver

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

func newLines(limit int) lines { return lines{max: limit, uids: recorduid.NewSource()} }

func TestLinesInAnyChunks(t *testing.T) {
	text := "one\n\ntwo\r\n" + strings.Repeat("x", 100) + "\nno end"
	for size := 1; size <= len(text); size++ {
		l := newLines(100)
		var got []string
		take := func(data []byte, piece logrecord.Piece) {
			assert.Empty(t, piece)
			got = append(got, string(data))
		}
		for at := 0; at < len(text); at += size {
			l.add([]byte(text[at:min(at+size, len(text))]), take)
		}
		require.True(t, l.open())
		l.end(take)
		assert.False(t, l.open())
		assert.Equal(t, []string{"one", "", "two", strings.Repeat("x", 100), "no end"}, got, "chunks of %d", size)
	}
}

func TestLongLineComesInPieces(t *testing.T) {
	for _, size := range []int{1, 7, 10, 64} {
		l := newLines(10)
		var got []string
		ids := map[string]bool{}
		take := func(data []byte, piece logrecord.Piece) {
			if piece.ID != "" {
				ids[piece.ID] = true
			}
			got = append(got, fmt.Sprintf("%s %d %v", data, piece.Index, piece.Last))
		}
		text := "abcdefghijklmnopqrstuvwxyz\nshort\n0123456789abc"
		for at := 0; at < len(text); at += size {
			l.add([]byte(text[at:min(at+size, len(text))]), take)
		}
		l.end(take)
		assert.Equal(t, []string{
			"abcdefghij 0 false", "klmnopqrst 1 false", "uvwxyz 2 true", "short 0 false", "0123456789 0 false", "abc 1 true",
		}, got, "chunks of %d", size)
		assert.Len(t, ids, 2)
	}
}

func TestLinesKeepEveryByte(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var text []byte
		for range random.IntN(400) {
			text = append(text, "ab\n\n\r"[random.IntN(5)])
		}
		var want [][]byte
		for _, line := range bytes.SplitAfter(text, []byte("\n")) {
			want = append(want, bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")))
		}
		l := newLines(16)
		var got [][]byte
		take := func(data []byte, piece logrecord.Piece) {
			if piece.Index > 0 {
				got[len(got)-1] = append(got[len(got)-1], data...)
				return
			}
			got = append(got, bytes.Clone(data))
		}
		for rest := text; len(rest) > 0; {
			n := min(1+random.IntN(40), len(rest))
			l.add(rest[:n], take)
			rest = rest[n:]
		}
		if l.open() {
			l.end(take)
		} else {
			want = want[:len(want)-1] // what Split gives behind the last newline
		}
		assert.Equal(t, string(bytes.Join(want, []byte("|"))), string(bytes.Join(got, []byte("|"))), "%q", text)
	}
}

func TestPiecesKeepCharacters(t *testing.T) {
	for limit := 16; limit < 24; limit++ {
		l := newLines(limit)
		text := strings.Repeat("aä日🚀", 20)
		var got strings.Builder
		take := func(data []byte, _ logrecord.Piece) {
			assert.True(t, utf8.Valid(data), "%q", data)
			assert.LessOrEqual(t, len(data), limit)
			got.Write(data)
		}
		l.add([]byte(text+"\n"), take)
		assert.Equal(t, text, got.String())
	}
}
