package archive

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

var testHour = time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)

func TestKeys(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	hex := Digest(sum).String()
	l := Layout{Prefix: "logs/prod/"}
	for want, got := range map[string]string{
		"logs/prod/category=access/dt=2026-03-01/hour=07/gateway-1/00000000000000001234-" + hex + ".jsonl.zst": l.Data(DataKey{
			Class: "access", Hour: testHour, Writer: "gateway-1", FirstLeaf: 1234, SHA256: sum, Extension: "jsonl.zst",
		}),
		"logs/prod/category=..%2Fetc/dt=2026-03-01/hour=06/tenant=%/region=eu%201/g/09223372036854775807-" + hex + ".otlp.binpb": l.Data(DataKey{
			Class: "../etc", Hour: testHour.Add(-time.Minute).In(time.FixedZone("", 3600)),
			Partitions: []Partition{{"tenant", ""}, {"region", "eu 1"}},
			Writer:     "g", FirstLeaf: 1<<63 - 1, SHA256: sum, Extension: "otlp.binpb",
		}),
		"logs/prod/_log/g/manifest/00000000000000000007-" + hex + ".json": l.Manifest("g", 7, sum),
		"logs/prod/_log/g/filters/00000000000000000007-" + hex + ".bin":   l.Filters("g", 7, sum),
		"logs/prod/_log/g/tile/0/x001/067":                                l.Tile("g", tlog.Tile{H: 8, N: 1067, W: 256}),
		"logs/prod/_log/g/tile/3/000":                                     l.Tile("g", tlog.Tile{H: 8, L: 3, W: 256}),
		"logs/prod/_log/g/checkpoint/00000000000000000007":                l.Checkpoint("g", 7),
		"logs/prod/_log/writers/00000000000000000007":                     l.Writers(7),
	} {
		assert.Equal(t, want, got)
	}

	key := l.Data(DataKey{Class: "a/b", Hour: testHour, Partitions: []Partition{{"tenant", "ü"}}, Writer: "g", FirstLeaf: 9, SHA256: sum, Extension: "jsonl.gz"})
	parsed, err := l.ParseData(key)
	require.NoError(t, err)
	assert.Equal(t, DataKey{Class: "a%2Fb", Hour: testHour, Partitions: []Partition{{"tenant", "%C3%BC"}}, Writer: "g", FirstLeaf: 9, SHA256: sum, Extension: "jsonl.gz"}, parsed)

	writer, number, got, err := l.ParseManifest(l.Manifest("g", 7, sum))
	require.NoError(t, err)
	assert.Equal(t, []any{"g", int64(7), sum}, []any{writer, number, got})
	writer, number, got, err = l.ParseFilters(l.Filters("g", 8, sum))
	require.NoError(t, err)
	assert.Equal(t, []any{"g", int64(8), sum}, []any{writer, number, got})
	writer, number, err = l.ParseCheckpoint(l.Checkpoint("g", 9))
	require.NoError(t, err)
	assert.Equal(t, []any{"g", int64(9)}, []any{writer, number})
	number, err = l.ParseWriters(l.Writers(10))
	require.NoError(t, err)
	assert.Equal(t, int64(10), number)
	tile := tlog.Tile{H: 8, L: 2, N: 123456789, W: 256}
	writer, again, err := l.ParseTile(l.Tile("g", tile))
	require.NoError(t, err)
	assert.Equal(t, []any{"g", tile}, []any{writer, again})
	assert.Equal(t, "tile/8/"+TilePath(tile), tile.Path())
}

func TestKeysRefused(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	l := Layout{Prefix: "p/"}
	data := "p/category=a/dt=2026-03-01/hour=07/g/00000000000000000001-" + sum + ".jsonl"
	_, err := l.ParseData(data)
	require.NoError(t, err)
	for _, replace := range [][2]string{
		{"p/", ""},
		{"p/", "q/"},
		{"category=a", "category="},
		{"category=a", "category=.."},
		{"category=a", "category=a b"},
		{"category=a", "category=%41"}, // 'A' is not escaped
		{"category=a", "category=%4"},
		{"category=a", "category=%2e"},
		{"category=a", "category=" + strings.Repeat("a", 129)},
		{"category=a", "category=a~0123456789abcdef"},
		{"dt=2026-03-01", "dt=2026-3-01"},
		{"dt=2026-03-01", "dt=2026-02-30"},
		{"hour=07", "hour=24"},
		{"hour=07", "hour=7"},
		{"hour=07", "hour=07/x"},
		{"hour=07", "hour=07/dt=x"},
		{"hour=07", "hour=07/a=b/"},
		{"/g/", "/G/"},
		{"/g/", "/../"},
		{"/g/", "/writers/"},
		{"/g/", "//"},
		{"/g/", "/"},
		{"-", "_"},
		{"00000000000000000001", "0000000000000000001"},
		{"00000000000000000001", "+0000000000000000001"},
		{"00000000000000000001", "99999999999999999999"},
		{sum, strings.ToUpper(sum)},
		{sum, sum[1:]},
		{sum, "zz" + sum[2:]},
		{".jsonl", ".json"},
		{".jsonl", ".jsonl.bz2"},
		{".jsonl", ""},
		{".jsonl", ".jsonl/x"},
	} {
		key := strings.Replace(data, replace[0], replace[1], 1)
		if replace[0] == "-" {
			key = strings.Replace(data, "1-", "1_", 1)
		}
		_, err := l.ParseData(key)
		require.Error(t, err, key)
		assert.Contains(t, err.Error(), "is not the key of a data object")
	}
	for _, key := range []string{
		"", "p/_log/g/manifest/", "p/_log/g/manifest/1-" + sum + ".json", "p/_log/g/manifest/00000000000000000001-" + sum + ".bin",
		"p/_log/g/tile/0/1067", "p/_log/g/tile/0/x001/067.p/3", "p/_log/g/tile/8/000", "p/_log/g/tile/data/000", "p/_log/g/tile/-1/000",
		"p/_log/g/tile/0/000/", "p/_log/../tile/0/000", "p/_log/g/checkpoint/1", "p/_log/g/checkpoint/00000000000000000001/", "p/_log/writers/1",
		"p/_log/writers/000000000000000000001",
	} {
		_, _, _, err := l.ParseManifest(key)
		require.Error(t, err, key)
		_, _, _, err = l.ParseFilters(key)
		require.Error(t, err, key)
		_, _, err = l.ParseTile(key)
		require.Error(t, err, key)
		_, _, err = l.ParseCheckpoint(key)
		require.Error(t, err, key)
		_, err = l.ParseWriters(key)
		require.Error(t, err, key)
	}
}

func TestSafe(t *testing.T) {
	for value, want := range map[string]string{
		"":                         "%",
		".":                        "%2E",
		"..":                       "%2E.",
		"...":                      "...",
		"access":                   "access",
		"A-z_0.9":                  "A-z_0.9",
		"a/b":                      "a%2Fb",
		"100%":                     "100%25",
		"%2E":                      "%252E",
		"~":                        "%7E",
		"a=b":                      "a%3Db",
		"\x00\n\x7f":               "%00%0A%7F",
		"ü":                        "%C3%BC",
		strings.Repeat("a", 128):   strings.Repeat("a", 128),
		strings.Repeat("a", 129):   strings.Repeat("a", 128) + "~c12cb024a2e5551c",
		strings.Repeat("\xff", 43): strings.Repeat("%FF", 42) + "~" + fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Repeat("\xff", 43))))[:16],
	} {
		got := Safe(value)
		assert.Equal(t, want, got)
		assert.True(t, isSafe(got), got)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"g", "gateway-1", "0.a_b-c", strings.Repeat("a", 64)} {
		require.NoError(t, CheckWriter(name))
	}
	for _, name := range []string{"", ".", "..", "-a", "_log", "A", "a b", "a/b", "ü", "writers", "root", strings.Repeat("a", 65), "a\n"} {
		require.ErrorContains(t, CheckWriter(name), "is no name of a writer: it has 1 to 64", name)
	}
	for _, name := range []string{"tenant", "a1_b"} {
		require.NoError(t, CheckPartition(name))
	}
	for _, name := range []string{"", "dt", "hour", "category", "1a", "_a", "a-b", "A", "a=b", "a/b", strings.Repeat("a", 65)} {
		require.ErrorContains(t, CheckPartition(name), "is no name of a partition", name)
	}
	for _, prefix := range []string{"", "a/", "a/b=c/d.e/"} {
		require.NoError(t, CheckPrefix(prefix))
	}
	for _, prefix := range []string{"a", "/", "/a/", "a//", "../", "a/./", "a b/", "ä/", "a\n/"} {
		require.ErrorContains(t, CheckPrefix(prefix), "the prefix", prefix)
	}
	require.NoError(t, Layout{}.CheckKeyLength(strings.Repeat("a", 64), []string{"tenant", "region"}))
	require.ErrorContains(t, Layout{Prefix: strings.Repeat("a", 500) + "/"}.CheckKeyLength("g", []string{"tenant", "region"}), "S3 takes 1024")
}

// TestExtensions holds the longest one to what CheckKeyLength counts with.
func TestExtensions(t *testing.T) {
	for _, encoding := range []string{EncodingJSON, EncodingOTLPJSON, EncodingOTLPProto, "ecs_encoding"} {
		for _, c := range compressions {
			e := Extension(encoding, c)
			assert.LessOrEqual(t, len(e), len(longestExtension))
			assert.True(t, isExtension(e))
		}
	}
	assert.Equal(t, "ext.jsonl.gz", Extension("ecs_encoding", CompressionGzip))
	assert.False(t, HasLines(EncodingOTLPProto))
	assert.True(t, HasLines("ecs_encoding"))
}

var safeForm = regexp.MustCompile(`^[A-Za-z0-9._%-]{1,128}(~[0-9a-f]{16})?$`)

func FuzzSafe(f *testing.F) {
	for _, value := range []string{"", ".", "..", "a/b", "\x00", strings.Repeat("é", 100), "%2E", "a~0123456789abcdef"} {
		f.Add(value, value+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := Safe(a), Safe(b)
		if !safeForm.MatchString(x) || x == "." || x == ".." || !isSafe(x) {
			t.Fatalf("%q becomes %q", a, x)
		}
		if (a == b) != (x == y) {
			t.Fatalf("%q and %q become %q and %q", a, b, x, y)
		}
		isSafe(a)
	})
}

func FuzzKeys(f *testing.F) {
	sum := sha256.Sum256(nil)
	l := Layout{}
	f.Add(l.Data(DataKey{Class: "a", Hour: testHour, Partitions: []Partition{{"tenant", "x y"}}, Writer: "g", SHA256: sum, Extension: "jsonl.zst"}))
	f.Add(l.Manifest("g", 1, sum))
	f.Add(l.Filters("g", 1, sum))
	f.Add(l.Tile("g", tlog.Tile{H: 8, N: 1234, W: 256}))
	f.Add(l.Checkpoint("g", 1))
	f.Add(l.Writers(1))
	f.Fuzz(func(t *testing.T, key string) {
		var again []string
		if k, err := l.ParseData(key); err == nil {
			again = append(again, l.data(k))
		}
		if writer, n, sum, err := l.ParseManifest(key); err == nil {
			again = append(again, l.Manifest(writer, n, sum))
		}
		if writer, n, sum, err := l.ParseFilters(key); err == nil {
			again = append(again, l.Filters(writer, n, sum))
		}
		if writer, tile, err := l.ParseTile(key); err == nil {
			again = append(again, l.Tile(writer, tile))
		}
		if writer, n, err := l.ParseCheckpoint(key); err == nil {
			again = append(again, l.Checkpoint(writer, n))
		}
		if n, err := l.ParseWriters(key); err == nil {
			again = append(again, l.Writers(n))
		}
		if len(again) > 1 {
			t.Fatalf("%q is several: %q", key, again)
		}
		for _, a := range again {
			if a != key {
				t.Fatalf("%q becomes %q", key, a)
			}
		}
	})
}
