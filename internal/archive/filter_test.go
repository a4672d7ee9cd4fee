package archive

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/blake2b"
)

func TestFilter(t *testing.T) {
	for _, n := range []int{0, 1, 6, 7, 1000, 20_000} {
		b := NewFilterBuilder()
		for i := range n {
			for range 3 {
				b.Add(fmt.Appendf(nil, "request-%d", i))
			}
			b.Add([]byte("request-0"))
			b.Add(nil)
		}
		require.Equal(t, n, b.Len())
		data := b.Append([]byte("before"))[len("before"):]
		require.Len(t, data, 24+max(1, (16*n+63)/64)*8)
		f, err := OpenFilter(data)
		require.NoError(t, err)
		for i := range n {
			require.True(t, f.May(fmt.Appendf(nil, "request-%d", i)))
		}
		wrong := 0
		const asked = 20_000
		for i := range asked {
			if f.May(fmt.Appendf(nil, "other-%d", i)) {
				wrong++
			}
		}
		switch {
		case n == 0:
			assert.Zero(t, wrong)
		case n >= 1000: // with few ids, how they fall counts for more
			assert.Less(t, wrong, asked/500, "%d ids", n) // 0.05 % and chance
		default:
			assert.Less(t, wrong, asked/20, "%d ids", n)
		}
	}
}

// TestFilterAsDocumented reads bits without the package's own arithmetic.
func TestFilterAsDocumented(t *testing.T) {
	b := NewFilterBuilder()
	var ids []string
	for i := range 50 {
		ids = append(ids, fmt.Sprintf("id-%d", i))
		b.Add([]byte(ids[i]))
	}
	data := b.Append(nil)
	require.Equal(t, "HWBF", string(data[:4]))
	k := binary.LittleEndian.Uint32(data[4:])
	require.Equal(t, uint32(11), k)
	bits := data[24:]
	want := make([]byte, len(bits))
	for _, id := range ids {
		h, err := blake2b.New(16, data[8:24])
		require.NoError(t, err)
		h.Write([]byte(id))
		sum := h.Sum(nil)
		x, y := binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])|1
		for i := range uint64(k) {
			j := (x + i*y) % uint64(8*len(bits))
			want[j/8] |= 1 << (j % 8)
		}
	}
	assert.Equal(t, want, bits)
	other := NewFilterBuilder()
	other.Add([]byte("a"))
	assert.NotEqual(t, data[8:24], other.Append(nil)[8:24], "keys are random")
}

func TestFilterRefused(t *testing.T) {
	b := NewFilterBuilder()
	b.Add([]byte("a"))
	good := b.Append(nil)
	change := func(at int, to byte) []byte {
		c := append([]byte(nil), good...)
		c[at] = to
		return c
	}
	for name, data := range map[string][]byte{
		"empty": nil, "short": good[:23], "no bits": good[:24], "cut off": good[:31], "a byte more": append(append([]byte(nil), good...), 0),
		"mark": change(0, 'h'), "no hashes": change(4, 0), "too many hashes": change(4, 33), "2^24 hashes": change(7, 1),
	} {
		_, err := OpenFilter(data)
		require.ErrorContains(t, err, "no filter: ", name)
	}
}

func FuzzFilter(f *testing.F) {
	b := NewFilterBuilder()
	b.Add([]byte("a"))
	f.Add(b.Append(nil), []byte("a"))
	f.Add([]byte("HWBF\x20\x00\x00\x00................\xff\xff\xff\xff\xff\xff\xff\xff"), []byte(""))
	f.Fuzz(func(t *testing.T, data, id []byte) {
		filter, err := OpenFilter(data)
		if err != nil {
			return
		}
		all := true
		for _, c := range data[24:] {
			all = all && c == 0xff
		}
		if may := filter.May(id); all && !may {
			t.Fatal("all bits are set")
		}
	})
}

// TestTraceIDsAreTheirDigits: a trace id is found by its digits, as often as it comes, among
// more than are remembered.
func TestTraceIDsAreTheirDigits(t *testing.T) {
	b, want := NewFilterBuilder(), NewFilterBuilder()
	want.key, want.sums = b.key, newFilterSums(b.key[:])
	const most = 2 << recentTracesBits
	var ids [][16]byte
	for i := range 3 * most {
		ids = append(ids, [16]byte{1, byte(i), byte(i >> 8), 15: byte(i % 3)})
	}
	ids = append(ids, ids...)
	for i, id := range ids {
		for range 1 + i%2 {
			b.AddTraceID(id)
		}
		want.Add([]byte(hex.EncodeToString(id[:])))
	}
	require.Equal(t, 3*most, b.Len(), "none is there twice")
	b.AddTraceID([16]byte{})
	want.Add([]byte(strings.Repeat("0", 32)))
	require.Equal(t, want.Len(), b.Len())
	require.Equal(t, want.Append(nil), b.Append(nil))
}

// TestSumsOfManyIDs holds the sums of ids, one after the other, to those of each by itself.
func TestSumsOfManyIDs(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 10 {
		key, text := make([]byte, filterKeySize), make([]byte, 300)
		for i := range text {
			text[i] = byte(random.Uint32())
		}
		copy(key, text[100:])
		sums := newFilterSums(key)
		for n := 1; n <= len(text); n++ {
			require.Equal(t, filterSum(key, text[:n]), sums.sum(text[:n]), "%d bytes", n)
		}
	}
}

// TestLikeTraceIDsAreRemembered: ids that differ in one byte have as many places as others,
// whatever the seed.
func TestLikeTraceIDsAreRemembered(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for round := range 500 {
		b := NewFilterBuilder()
		b.traceSeed = [2]uint64{random.Uint64(), random.Uint64()}
		place := round % 16
		for i := range 256 {
			id := [16]byte{1, 8: 1}
			id[place] = byte(i)
			b.AddTraceID(id)
		}
		kept := 0
		for _, id := range b.traces {
			if id != ([16]byte{}) {
				kept++
			}
		}
		require.Greater(t, kept, 240, "round %d", round)
	}
}

// TestRecentIDsAreStillThere: what is known as an id that was added is one.
func TestRecentIDsAreStillThere(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	b, added := NewFilterBuilder(), map[string]bool{}
	for range 50_000 {
		// Few are near in time, more in all than are remembered.
		id := strings.Repeat("x", dice.IntN(5)*16) + strconv.Itoa(len(added)/2+dice.IntN(500))
		b.Add([]byte(id))
		added[id] = true
	}
	require.Greater(t, len(added), 2*maxRecentIDs)
	require.Len(t, added, b.Len())
	for n := 100; n > 0; n-- { // each is the beginning of the one before
		b.Add([]byte(strings.Repeat("y", n)))
		require.Equal(t, len(added)+101-n, b.Len())
	}
}
