package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var compressions = []Compression{CompressionNone, CompressionGzip, CompressionZstd}

// writeObject gives an object's bytes, and its leaves' hashes.
func writeObject(tb testing.TB, c Compression, lines bool, records ...[]byte) ([]byte, []byte, ObjectInfo) {
	tb.Helper()
	var stored bytes.Buffer
	var hashes []byte
	w, err := NewObjectWriter(&stored, WriteSettings{Compression: c, Lines: lines, Hashes: func(h []byte) error {
		hashes = append(hashes, h...)
		return nil
	}})
	require.NoError(tb, err)
	for _, record := range records {
		require.NoError(tb, w.Append(record))
	}
	info, err := w.Finish()
	require.NoError(tb, err)
	return stored.Bytes(), hashes, info
}

func sampleLines(size int) [][]byte {
	text := sample(size)
	return bytes.Split(text[:len(text)-1], []byte("\n"))
}

func TestObjectRoundTrip(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16)
	for name, records := range map[string][][]byte{
		"one":                {[]byte("{}")},
		"one of one byte":    {[]byte("x")},
		"not UTF-8":          {{0xff, 0, '\r'}, []byte(" ")},
		"many":               sampleLines(5 << 20),
		"larger than blocks": {[]byte("a"), large, []byte("b"), large[:blockSize], large[:blockSize-1], large[:blockSize-2], []byte("c")},
	} {
		for _, c := range compressions {
			for _, lines := range []bool{true, false} {
				t.Run(name+"/"+string(c)+map[bool]string{true: "/lines"}[lines], func(t *testing.T) {
					want := bytes.Join(records, nil)
					var wantHashes []byte
					if lines {
						want = append(bytes.Join(records, []byte("\n")), '\n')
						for _, r := range records {
							sum := LeafHash(r)
							wantHashes = append(wantHashes, sum[:]...)
						}
					} else {
						sum := LeafHash(want)
						wantHashes = sum[:]
					}
					stored, hashes, info := writeObject(t, c, lines, records...)
					assert.Equal(t, wantHashes, hashes)
					assert.Equal(t, ObjectInfo{
						Size: int64(len(stored)), SHA256: sha256.Sum256(stored), Bytes: int64(len(want)),
						Leaves: int64(len(wantHashes) / HashSize),
					}, info)

					settings := ReadSettings{Compression: c, Lines: lines, MaxLine: len(large), MaxBytes: int64(len(want))}
					var got, gotHashes []byte
					again, err := ReadBlocks(iotest.OneByteReader(bytes.NewReader(stored)), settings, func(block []byte) error {
						got = append(got, block...)
						return nil
					})
					require.NoError(t, err)
					assert.True(t, bytes.Equal(want, got))
					assert.Equal(t, info, again)

					again, err = ReadHashes(bytes.NewReader(stored), settings, func(h []byte) error {
						gotHashes = append(gotHashes, h...)
						return nil
					})
					require.NoError(t, err)
					assert.Equal(t, hashes, gotHashes)
					assert.Equal(t, info, again)

					if !lines {
						return
					}
					n := 0
					_, err = ReadLines(bytes.NewReader(stored), settings, func(line []byte) error {
						require.Equal(t, records[n], line)
						n++
						return nil
					})
					require.NoError(t, err)
					assert.Len(t, records, n)
				})
			}
		}
	}
}

// TestObjectsAreReadByOtherTools gives objects to the programs that everybody has.
func TestObjectsAreReadByOtherTools(t *testing.T) {
	records := sampleLines(3 << 20)
	want := append(bytes.Join(records, []byte("\n")), '\n')
	for _, c := range []Compression{CompressionGzip, CompressionZstd} {
		t.Run(string(c), func(t *testing.T) {
			program, err := exec.LookPath(string(c))
			require.NoError(t, err, "the %s program is needed (Debian: apt-get install %s)", c, c)
			stored, _, _ := writeObject(t, c, true, records...)
			run := func(arguments ...string) ([]byte, string) {
				command := exec.CommandContext(t.Context(), program, arguments...)
				command.Stdin = bytes.NewReader(stored)
				var said bytes.Buffer
				command.Stderr = &said
				out, err := command.Output()
				require.NoError(t, err, said.String())
				return out, said.String()
			}
			out, _ := run("-d", "-c")
			assert.True(t, bytes.Equal(want, out))
			_, said := run("-t", "-v")
			assert.NotContains(t, said, "ignored")
		})
	}
}

func TestObjectWriterRefuses(t *testing.T) {
	_, err := NewObjectWriter(io.Discard, WriteSettings{Compression: "lz4"})
	require.ErrorContains(t, err, `there is no compression "lz4": zstd, gzip and none`)

	var stored bytes.Buffer
	w, err := NewObjectWriter(&stored, WriteSettings{Compression: CompressionNone, Lines: true})
	require.NoError(t, err)
	_, err = w.Finish()
	require.ErrorContains(t, err, "without records")
	require.ErrorIs(t, w.Append(nil), errEmptyRecord)
	require.ErrorIs(t, w.Append([]byte("a\nb")), errLineFeed)
	require.ErrorContains(t, w.Append(make([]byte, DefaultMaxLine+1)), "67108865 bytes")
	require.NoError(t, w.Append([]byte("a")))
	info, err := w.Finish()
	require.NoError(t, err)
	assert.Equal(t, int64(1), info.Leaves)
	assert.Equal(t, "a\n", stored.String())
	require.ErrorIs(t, w.Append([]byte("b")), errEnded)
	_, err = w.Finish()
	require.ErrorIs(t, err, errEnded)
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestObjectWriterFailsForGood does not go on behind a write that failed, with a hole.
func TestObjectWriterFailsForGood(t *testing.T) {
	full := errors.New("no space left")
	for name, settings := range map[string]WriteSettings{
		"writer": {Compression: CompressionNone, Lines: true},
		"hashes": {Compression: CompressionNone, Lines: true, Hashes: func([]byte) error { return full }},
		"leaf":   {Compression: CompressionNone, Hashes: func([]byte) error { return full }},
	} {
		t.Run(name, func(t *testing.T) {
			to := io.Writer(failingWriter{full})
			if settings.Hashes != nil {
				to = io.Discard
			}
			w, err := NewObjectWriter(to, settings)
			require.NoError(t, err)
			require.NoError(t, w.Append([]byte("a")))
			_, err = w.Finish()
			require.ErrorIs(t, err, full)
			require.ErrorIs(t, w.Append([]byte("a")), full)
			_, err = w.Finish()
			require.ErrorIs(t, err, full)
		})
	}
}

func TestObjectSizeAhead(t *testing.T) {
	for _, c := range compressions {
		t.Run(string(c), func(t *testing.T) {
			var stored bytes.Buffer
			w, err := NewObjectWriter(&stored, WriteSettings{Compression: c, Lines: true})
			require.NoError(t, err)
			for _, line := range sampleLines(4<<20 + 1<<19) {
				require.NoError(t, w.Append(line))
			}
			ahead, size := w.Size(), w.Bytes()
			info, err := w.Finish()
			require.NoError(t, err)
			assert.Equal(t, info.Bytes, size)
			assert.InEpsilon(t, info.Size, ahead, 0.02)
			assert.Equal(t, info.Size, w.Size())
		})
	}
}

// zstdFrame is one that another program could make.
func zstdFrame(tb testing.TB, content []byte, options ...zstd.EOption) []byte {
	tb.Helper()
	e, err := zstd.NewWriter(nil, append([]zstd.EOption{zstd.WithSingleSegment(true)}, options...)...)
	require.NoError(tb, err)
	frame := e.EncodeAll(content, nil)
	require.NoError(tb, e.Close())
	return frame
}

func gzipMember(tb testing.TB, content []byte, header func(*gzip.Writer)) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.ModTime = time.Unix(0, 0)
	if header != nil {
		header(w)
	}
	_, err := w.Write(content)
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.Bytes()
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// rleFrame says that it has size bytes, and has blocks of one byte repeated to make them.
func rleFrame(size int) []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0xa4}
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	for size > 0 {
		n := min(size, 128<<10)
		size -= n
		word := n<<3 | 1<<1
		if size == 0 {
			word |= 1
		}
		b = append(b, byte(word), byte(word>>8), byte(word>>16), '\n')
	}
	return append(b, 0, 0, 0, 0)
}

func TestObjectReaderRefuses(t *testing.T) {
	text := []byte("{\"a\":1}\n{\"a\":2}\n")
	frame, member := zstdFrame(t, text), gzipMember(t, text, nil)
	change := func(b []byte, at int, to byte) []byte {
		b = bytes.Clone(b)
		b[at] = to
		return b
	}
	skippable := join([]byte{0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0}, []byte("hid"))
	many := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x24, 1}
	for range 1 << 20 {
		many = append(many, 0, 0, 0) // an empty block, not the last
	}
	stored := func(size int) []byte { // what deflate makes of as many equal bytes
		return gzipMember(t, bytes.Repeat([]byte("\n"), size), nil)
	}

	for name, test := range map[string]struct {
		c    Compression
		data []byte
		want string
	}{
		"none: empty":              {CompressionNone, nil, "it is empty"},
		"none: no line's end":      {CompressionNone, text[:len(text)-1], "behind line 0: a line without its end"},
		"none: an empty line":      {CompressionNone, []byte("a\nb\n\nc\n"), "behind line 2: an empty line"},
		"none: begins empty":       {CompressionNone, []byte("\na\n"), "behind line 0: an empty line"},
		"none: ends empty":         {CompressionNone, []byte("a\n\n"), "behind line 1: an empty line"},
		"none: long line":          {CompressionNone, join(text, bytes.Repeat([]byte("x"), 2<<20), []byte("\n")), "a line of more than 1048576 bytes"},
		"none: endless line":       {CompressionNone, join(text, bytes.Repeat([]byte("x"), 9<<20)), "a line of more than 1048576 bytes"},
		"none: more than manifest": {CompressionNone, bytes.Repeat([]byte("12345\n"), 3<<20), "it has more than 8388608 bytes"},

		"zstd: empty":              {CompressionZstd, nil, "it is empty"},
		"zstd: no frame":           {CompressionZstd, text, "no zstd frame"},
		"zstd: empty frame":        {CompressionZstd, join(frame, rleFrame(0)), "behind line 2: zstd frame 1: it is empty"},
		"zstd: bytes behind":       {CompressionZstd, join(frame, []byte("x")), "behind line 2: zstd frame 1: it is cut off"},
		"zstd: many bytes behind":  {CompressionZstd, join(frame, []byte("hello, world")), "zstd frame 1: no zstd frame"},
		"zstd: skippable":          {CompressionZstd, join(skippable, frame), "zstd frame 0: no zstd frame"},
		"zstd: skippable behind":   {CompressionZstd, join(frame, skippable), "zstd frame 1: no zstd frame"},
		"zstd: cut in header":      {CompressionZstd, frame[:4], "it is cut off"},
		"zstd: cut in block":       {CompressionZstd, frame[:12], "it is cut off"},
		"zstd: cut in checksum":    {CompressionZstd, frame[:len(frame)-1], "it is cut off"},
		"zstd: wrong checksum":     {CompressionZstd, change(frame, len(frame)-1, frame[len(frame)-1]^1), "CRC check failed"},
		"zstd: other content":      {CompressionZstd, change(frame, len(frame)-8, 'X'), "zstd frame 0: "},
		"zstd: other size":         {CompressionZstd, change(frame, 5, frame[5]+1), "zstd frame 0: "},
		"zstd: smaller size":       {CompressionZstd, change(frame, 5, 1), "zstd frame 0: "},
		"zstd: no checksum":        {CompressionZstd, zstdFrame(t, text, zstd.WithEncoderCRC(false)), "descriptor 0x20"},
		"zstd: a window":           {CompressionZstd, zstdFrame(t, bytes.Repeat(text, 9000), zstd.WithSingleSegment(false), zstd.WithWindowSize(1<<10)), "descriptor 0x84"},
		"zstd: dictionary":         {CompressionZstd, change(frame, 4, frame[4]|1), "no dictionary"},
		"zstd: reserved bit":       {CompressionZstd, change(frame, 4, frame[4]|8), "descriptor"},
		"zstd: reserved block":     {CompressionZstd, change(frame, 6, frame[6]|6), "a block of the reserved type"},
		"zstd: bomb":               {CompressionZstd, rleFrame(1 << 30), "it has a content of 1073741824 bytes, more than 1048577"},
		"zstd: many bombs":         {CompressionZstd, bytes.Repeat(rleFrame(1<<20), 100), "zstd frame 0: "},
		"zstd: endless blocks":     {CompressionZstd, many, "it is larger than its content of 1 bytes"},
		"zstd: line over frames":   {CompressionZstd, join(zstdFrame(t, []byte("{")), zstdFrame(t, []byte("}\n"))), "a line without its end"},
		"zstd: empty line between": {CompressionZstd, join(frame, zstdFrame(t, []byte("\n"))), "behind line 2: zstd frame 1: an empty line"},
		"zstd: gzip":               {CompressionZstd, member, "no zstd frame"},

		"gzip: empty":             {CompressionGzip, nil, "it is empty"},
		"gzip: no member":         {CompressionGzip, text, "no gzip header"},
		"gzip: empty member":      {CompressionGzip, join(member, gzipMember(t, nil, nil)), "behind line 2: gzip member 1: it is empty"},
		"gzip: byte behind":       {CompressionGzip, join(member, []byte{0}), "gzip member 1: no gzip header"},
		"gzip: zeros behind":      {CompressionGzip, join(member, make([]byte, 512)), "gzip member 1: no gzip header"},
		"gzip: name":              {CompressionGzip, gzipMember(t, text, func(w *gzip.Writer) { w.Name = "hidden" }), "without options"},
		"gzip: comment":           {CompressionGzip, gzipMember(t, text, func(w *gzip.Writer) { w.Comment = "hidden" }), "without options"},
		"gzip: extra":             {CompressionGzip, gzipMember(t, text, func(w *gzip.Writer) { w.Extra = []byte("hidden") }), "without options"},
		"gzip: wrong checksum":    {CompressionGzip, change(member, len(member)-8, member[len(member)-8]^1), "invalid checksum"},
		"gzip: wrong size":        {CompressionGzip, change(member, len(member)-1, 1), "invalid checksum"},
		"gzip: cut off":           {CompressionGzip, member[:len(member)-1], "unexpected EOF"},
		"gzip: bomb":              {CompressionGzip, stored(1 << 28), "its content is more than 1048577 bytes"},
		"gzip: line over members": {CompressionGzip, join(gzipMember(t, []byte("{"), nil), gzipMember(t, []byte("}\n"), nil)), "a line without its end"},
		"gzip: zstd":              {CompressionGzip, frame, "no gzip header"},
	} {
		t.Run(name, func(t *testing.T) {
			before := allocated()
			_, err := ReadLines(bytes.NewReader(test.data), ReadSettings{Compression: test.c, MaxLine: 1 << 20, MaxBytes: 8 << 20},
				func([]byte) error { return nil })
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, test.want)
			assert.Less(t, allocated()-before, uint64(16<<20), "bytes allocated")
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestObjectReaderNamesWhoFailed tells an object that is wrong from one that could not be
// read, and from a callee who had enough.
func TestObjectReaderNamesWhoFailed(t *testing.T) {
	cut := errors.New("connection reset")
	enough := errors.New("enough")
	for _, c := range compressions {
		for _, lines := range []bool{true, false} {
			stored, _, _ := writeObject(t, c, lines, sampleLines(2<<20)...)
			for _, at := range []int{0, 3, 7, 100, len(stored) / 2, len(stored) - 1, len(stored)} {
				r := io.MultiReader(bytes.NewReader(stored[:at]), iotest.ErrReader(cut))
				_, err := ReadHashes(r, ReadSettings{Compression: c, Lines: lines}, func([]byte) error { return nil })
				require.ErrorIs(t, err, cut, "%s, at %d", c, at)
				require.NotErrorIs(t, err, ErrMalformed)
			}
			_, err := ReadBlocks(bytes.NewReader(stored), ReadSettings{Compression: c, Lines: lines}, func([]byte) error { return enough })
			assert.Equal(t, enough, err)
		}
	}
	_, err := ReadBlocks(strings.NewReader(""), ReadSettings{Compression: "lz4"}, func([]byte) error { return nil })
	require.ErrorContains(t, err, "lz4")
}

// TestObjectMutations changes each byte of small objects. What is read nevertheless is
// shown by the SHA-256.
func TestObjectMutations(t *testing.T) {
	records := [][]byte{[]byte(`{"a":1,"b":"one"}`), []byte(`{"a":2,"b":"two"}`), []byte(`{"a":3,"b":"three"}`)}
	for _, c := range compressions {
		stored, hashes, info := writeObject(t, c, true, records...)
		for at := range stored {
			for bit := range 8 {
				b := bytes.Clone(stored)
				b[at] ^= 1 << bit
				var got []byte
				again, err := ReadHashes(bytes.NewReader(b), ReadSettings{Compression: c, Lines: true}, func(h []byte) error {
					got = append(got, h...)
					return nil
				})
				if err != nil {
					require.ErrorIs(t, err, ErrMalformed)
					continue
				}
				require.NotEqual(t, info.SHA256, again.SHA256)
				if c == CompressionNone {
					require.NotEqual(t, hashes, got)
				}
			}
		}
	}
}

// TestFramesAreAsDocumented reads the frames' headers.
func TestFramesAreAsDocumented(t *testing.T) {
	records := sampleLines(3 << 20)
	stored, _, info := writeObject(t, CompressionZstd, true, records...)
	total := uint64(0)
	for len(stored) > 0 {
		var h zstd.Header
		require.NoError(t, h.Decode(stored))
		require.True(t, h.HasFCS)
		require.True(t, h.HasCheckSum)
		require.True(t, h.SingleSegment)
		require.LessOrEqual(t, h.FrameContentSize, uint64(blockSize))
		total += h.FrameContentSize
		next := bytes.Index(stored[4:], stored[:4])
		if next < 0 {
			break
		}
		require.Greater(t, h.FrameContentSize, uint64(blockSize-1000))
		stored = stored[next+4:]
	}
	assert.Equal(t, uint64(info.Bytes), total)

	stored, _, _ = writeObject(t, CompressionGzip, true, []byte("abc"))
	assert.Equal(t, crc32.ChecksumIEEE([]byte("abc\n")), binary.LittleEndian.Uint32(stored[len(stored)-8:]))
}

// TestEncodersAreShared: blocks that are compressed at once are what each of them is alone, and
// no more encoders are made than run at once.
func TestEncodersAreShared(t *testing.T) {
	e := &encoders{turns: make(chan struct{}, 3)}
	block := func(n int) []byte { return bytes.Repeat([]byte(strconv.Itoa(n)), 1000*(n+1)) }
	var want [8][]byte
	for n := range want {
		want[n] = e.append(nil, block(n))
	}
	require.Len(t, e.free, 1, "the one that was used last is used again")
	var all sync.WaitGroup
	for n := range want {
		all.Go(func() {
			for range 50 {
				got := e.append([]byte("before"), block(n))
				assert.True(t, bytes.Equal(append([]byte("before"), want[n]...), got), n)
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, len(e.free), cap(e.turns))
	require.Empty(t, e.turns)
}
