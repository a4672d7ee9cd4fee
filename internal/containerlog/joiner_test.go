package containerlog

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func piece(s Stream, content string) *Entry {
	return &Entry{Stream: s, Content: []byte(content), Partial: true, Time: 1}
}

func whole(s Stream, content string) *Entry {
	return &Entry{Stream: s, Content: []byte(content), Time: 2}
}

func TestJoiner(t *testing.T) {
	j := NewJoiner(100)
	held := func(want int64, wantOK bool) {
		t.Helper()
		offset, ok := j.Held()
		assert.Equal(t, want, offset)
		assert.Equal(t, wantOK, ok)
	}
	held(0, false)
	out := j.Append(nil, piece(Stdout, "a"), 0)
	held(0, true)
	out = j.Append(out, piece(Stderr, "x"), 40)
	held(0, true)
	assert.Equal(t, 2, j.Size())
	assert.Empty(t, out)
	out = j.Append(out, piece(Stdout, "b"), 80)
	out = j.Append(out, whole(Stdout, "c"), 120)
	held(40, true)
	out = j.Append(out, whole(Stdout, "d"), 160)
	out = j.Append(out, whole(Stderr, ""), 200)
	held(0, false)
	assert.Zero(t, j.Size())
	assert.Equal(t, []Joined{
		{Content: []byte("abc"), Stream: Stdout, Time: 1},
		{Content: []byte("d"), Stream: Stdout, Time: 2, Start: 160, Offset: 160},
		{Content: []byte("x"), Stream: Stderr, Time: 1, Start: 40, Offset: 40},
	}, out)
}

func TestJoinerCopiesNothingWhole(t *testing.T) {
	j := NewJoiner(100)
	e := whole(Stdout, "a line")
	var out []Joined
	out = j.Append(out, e, 0)
	assert.Same(t, &e.Content[0], &out[0].Content[0])
	assert.Zero(t, testing.AllocsPerRun(100, func() { out = j.Append(out[:0], e, 0) }))
}

// What is held, and what was given out, survives that the caller's buffer is used
// again.
func TestJoinerOwnsWhatItHolds(t *testing.T) {
	j := NewJoiner(100)
	buffer := []byte(`piece{"tag":"web"}tags`)
	out := j.Append(nil, &Entry{Stream: Stdout, Partial: true, Content: buffer[:5], Attrs: buffer[5:18], Tags: buffer[18:]}, 0)
	copy(buffer, strings.Repeat("z", len(buffer)))
	out = j.Append(out, whole(Stdout, "end"), 50)
	_ = j.Append(nil, piece(Stdout, "another line"), 90)
	require.Len(t, out, 1)
	assert.Equal(t, `pieceend{"tag":"web"}tags`, string(out[0].Content)+string(out[0].Attrs)+string(out[0].Tags))
}

func TestJoinerCutsLongLines(t *testing.T) {
	type got struct {
		content    string
		start, off int64
		cut        bool
		index      int
		last       bool
	}
	f := func(name string, entries []*Entry, want ...got) {
		t.Helper()
		j := NewJoiner(16)
		var out []Joined
		for i, e := range entries {
			out = j.Append(out, e, int64(i)*100)
			assert.LessOrEqual(t, j.Size(), 16, name)
		}
		var all []got
		for _, o := range out {
			all = append(all, got{string(o.Content), o.Start, o.Offset, o.Cut, o.Index, o.Last})
		}
		assert.Equal(t, want, all, name)
	}
	f("at the limit", []*Entry{piece(Stdout, "12345678"), whole(Stdout, "12345678")}, got{"1234567812345678", 0, 0, false, 0, false})
	f("one more", []*Entry{piece(Stdout, "12345678"), whole(Stdout, "123456789")},
		got{"12345678", 0, 0, true, 0, false}, got{"123456789", 0, 100, true, 1, true})
	f("one long entry", []*Entry{whole(Stdout, strings.Repeat("a", 33))},
		got{"aaaaaaaaaaaaaaaa", 0, 0, true, 0, false}, got{"aaaaaaaaaaaaaaaa", 0, 0, true, 1, false}, got{"a", 0, 0, true, 2, true})
	f("nothing behind the pieces", []*Entry{piece(Stdout, strings.Repeat("a", 16)), piece(Stdout, "b"), whole(Stdout, strings.Repeat("c", 16)), whole(Stdout, "next")},
		got{"aaaaaaaaaaaaaaaa", 0, 0, true, 0, false}, got{"b", 0, 100, true, 1, false}, got{"cccccccccccccccc", 0, 200, true, 2, true}, got{"next", 300, 300, false, 0, false})
	f("a rune over two entries", []*Entry{piece(Stdout, "1234567890123\xe2\x82"), whole(Stdout, "\xac5")},
		got{"1234567890123", 0, 0, true, 0, false}, got{"€5", 0, 0, true, 1, true})
	f("a rune at the cut", []*Entry{whole(Stdout, "123456789012345€")},
		got{"123456789012345", 0, 0, true, 0, false}, got{"€", 0, 0, true, 1, true})
	f("half a rune alone", []*Entry{piece(Stdout, "\xe2"), whole(Stdout, "\x82\xac3456789012345")},
		got{"€3456789012345", 0, 0, false, 0, false})
	f("half a rune alone before too much", []*Entry{piece(Stdout, "\xe2"), whole(Stdout, "\x82\xac34567890123456")},
		got{"€3456789012345", 0, 0, true, 0, false}, got{"6", 0, 100, true, 1, true})
}

func TestJoinerFlush(t *testing.T) {
	j := NewJoiner(100)
	_ = j.Append(nil, piece(Stdout, "a"), 0)
	out := j.Flush(nil)
	_, ok := j.Held()
	assert.False(t, ok)
	assert.Empty(t, j.Flush(nil), "nothing new came")
	_ = j.Append(nil, piece(Stdout, "b"), 10)
	out = j.Flush(out)
	out = j.Append(out, whole(Stdout, "c"), 20)
	out = j.Append(out, whole(Stdout, "d"), 30)
	assert.Equal(t, []Joined{
		{Content: []byte("a"), Stream: Stdout, Time: 1, Cut: true},
		{Content: []byte("b"), Stream: Stdout, Time: 1, Cut: true, Offset: 10, Index: 1},
		{Content: []byte("c"), Stream: Stdout, Time: 1, Cut: true, Offset: 20, Index: 2, Last: true},
		{Content: []byte("d"), Stream: Stdout, Time: 2, Start: 30, Offset: 30},
	}, out)
}

func TestJoinerEnd(t *testing.T) {
	j := NewJoiner(100)
	_ = j.Append(nil, piece(Stdout, "a"), 0)
	_ = j.Append(nil, piece(Stderr, "b"), 10)
	_ = j.Flush(nil)
	_ = j.Append(nil, piece(Stdout, "c"), 20)
	assert.Equal(t, []Joined{
		{Content: []byte("c"), Stream: Stdout, Time: 1, Cut: true, Offset: 20, Index: 1, Last: true, Unended: true},
	}, j.End(nil))
	assert.Empty(t, j.End(nil))
	_ = j.Append(nil, piece(Stdout, "a"), 30)
	assert.Equal(t, []Joined{{Content: []byte("a"), Stream: Stdout, Time: 1, Start: 30, Offset: 30, Unended: true}}, j.End(nil))
	_, ok := j.Held()
	assert.False(t, ok)
}

func TestJoinerKeepsExtra(t *testing.T) {
	j := NewJoiner(40)
	a, b := []Attribute{{"a", "1"}}, []Attribute{{"b", "2"}}
	e := piece(Stdout, "x")
	e.Extra = a
	_ = j.Append(nil, e, 0)
	_ = j.Append(nil, e, 10)
	last := whole(Stdout, "y")
	last.Extra = b
	out := j.Append(nil, last, 20)
	require.Len(t, out, 1)
	assert.Equal(t, []Attribute{{"a", "1"}, {"b", "2"}}, out[0].Extra)

	// Without end, and each entry with something new: memory stays bounded.
	n := 0
	for i := range 1000 {
		e.Extra = []Attribute{{"key", strings.Repeat("v", 5+i%7)}}
		for _, o := range j.Append(nil, e, int64(100+i)) {
			n += len(o.Extra)
		}
		require.LessOrEqual(t, j.Size(), 60)
	}
	for _, o := range j.End(nil) {
		n += len(o.Extra)
	}
	assert.Equal(t, 1000, n)
}

func FuzzJoiner(f *testing.F) {
	f.Add([]byte("\x03abc\x13xyz\x00\x83long long long long\x05€€€€€"))
	f.Add([]byte("\x21\xe2\x22\x82\xac\x40\x03"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 16
		j := NewJoiner(limit)
		var in, got [streams]bytes.Buffer
		var open [streams]Joined // the piece before, of a line that goes on
		see := func(out []Joined) {
			for _, o := range out {
				require.LessOrEqual(t, len(o.Content), limit)
				require.False(t, o.Unended && len(o.Content) == 0)
				require.LessOrEqual(t, o.Start, o.Offset)
				got[o.Stream].Write(o.Content)
				if !o.Unended && (!o.Cut || o.Last) {
					got[o.Stream].WriteByte('\n')
				}
				if before := open[o.Stream]; before.Cut {
					require.True(t, o.Cut)
					require.Equal(t, before.Index+1, o.Index)
					require.Equal(t, before.Start, o.Start)
				} else {
					require.Zero(t, o.Index)
				}
				open[o.Stream] = Joined{}
				if o.Cut && !o.Last {
					open[o.Stream] = o
				}
			}
		}
		offset := int64(0)
		for len(data) > 0 {
			n := min(int(data[0]&0x1f), len(data)-1)
			e := Entry{Stream: Stdout, Partial: data[0]&0x20 != 0, Content: bytes.ReplaceAll(data[1:1+n], []byte("\n"), []byte("."))}
			if data[0]&0x40 != 0 {
				e.Stream = Stderr
			}
			in[e.Stream].Write(e.Content)
			if !e.Partial {
				in[e.Stream].WriteByte('\n')
			}
			see(j.Append(nil, &e, offset))
			require.LessOrEqual(t, j.Size(), 2*limit)
			if data[0]&0x80 != 0 {
				see(j.Flush(nil))
			}
			data = data[1+n:]
			offset += 100
		}
		see(j.End(nil))
		for s := range got {
			require.Equal(t, in[s].String(), got[s].String())
		}
	})
}

func TestWholeRunes(t *testing.T) {
	s := "aé€😀"
	for n := range len(s) {
		w := wholeRunes([]byte(s[:n]))
		assert.True(t, utf8.ValidString(s[:w]), n)
		assert.Less(t, n-w, 4)
	}
	assert.Equal(t, 4, wholeRunes([]byte("a\xff\xff\xff")))
	assert.Equal(t, 5, wholeRunes([]byte("\x80\x80\x80\x80\x80")))
}
