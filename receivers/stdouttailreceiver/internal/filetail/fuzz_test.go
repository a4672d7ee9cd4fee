package filetail

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// collector joins the pieces of lines again.
type collector struct {
	t    *testing.T
	text strings.Builder
	next int64
	full bool
}

func (c *collector) Open(FileInfo) Stream          { return c }
func (c *collector) Held() (int64, bool)           { return 0, false }
func (c *collector) Expire(time.Time)              {}
func (c *collector) Close()                        {}
func (c *collector) Pending() (time.Time, bool)    { return time.Time{}, c.full }
func (c *collector) Deliver(context.Context) error { c.full = false; return nil }
func (c *collector) Full() bool                    { return c.full }

func (c *collector) Line(l Line) {
	require.GreaterOrEqual(c.t, l.Offset, c.next)
	require.Equal(c.t, l.Index > 0, l.Offset > l.Start)
	require.LessOrEqual(c.t, l.Offset+int64(len(l.Data)), l.End)
	c.next = l.End
	c.text.Write(l.Data)
	if l.Last || !l.Cut && !l.Unended {
		c.text.WriteByte('\n')
	}
	c.full = true
}

// FuzzLines reads a file of anything: no byte is lost but line ends and the NULs
// that lines begin with.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"", "one\ntwo\r\n", "\x00\x00a\nb", "no end", strings.Repeat("ä", 40) + "\n", "\r\r\n\n\n", "\xff\xfe\x00\n\x00"} {
		f.Add([]byte(s), uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		path := filepath.Join(t.TempDir(), "x.log")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		c := &collector{t: t}
		tail, err := New(Config{Include: []string{path}, MaxLine: 16 + int(size), ReadBufferSize: 1 << 10, Workers: 1}, &MemoryStore{},
			func(int) Handler { return c }, nil)
		require.NoError(t, err)
		w := tail.workers[0]
		info, err := os.Stat(path)
		require.NoError(t, err)
		file := &file{id: newID(), w: w}
		tail.mu.Lock()
		tail.locateLocked(file, place{path: path, resolved: path, inode: inodeOf(info)}, 1)
		tail.mu.Unlock()
		require.NoError(t, w.turn(t.Context(), t.Context(), file))
		w.flush(file)
		w.closeAll()
		require.Equal(t, expected(data), c.text.String())
	})
}

// expected is data as the collector should have it.
func expected(data []byte) string {
	var sb strings.Builder
	for len(data) > 0 {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		k := 0
		for k < len(data) && data[k] == 0 {
			k++
		}
		if k == len(data) {
			break
		}
		if k > 0 {
			data = data[k:]
			continue
		}
		sb.Write(trimCR(line))
		if ended {
			sb.WriteByte('\n')
		}
		data = rest
	}
	return sb.String()
}

// FuzzDocument decodes anything as a checkpoint.
func FuzzDocument(f *testing.F) {
	good, err := encodeDocument(&record{Path: "/l/x.log", Offset: 10, Head: strings.Repeat("0", 32), HeadLen: 10, Marks: []savedMark{{10, "ff"}}})
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte("1 00000000 {}"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var r record
		if err := decodeDocument("k", doc, &r); err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			return
		}
		got, err := r.file("id")
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			return
		}
		require.LessOrEqual(t, got.lineStart, got.pos)
		again, err := encodeDocument(&r)
		require.NoError(t, err)
		var r2 record
		require.NoError(t, decodeDocument("k", again, &r2))
		require.Equal(t, r, r2)
	})
}
