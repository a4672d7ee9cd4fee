package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

// testManifest is number 3 of a log, of 5 leaves before it, with all fields.
func testManifest() *Manifest {
	at := time.Date(2026, 3, 1, 7, 5, 0, 123456789, time.UTC)
	sum := Digest(sha256.Sum256([]byte("object")))
	second := Digest(sha256.Sum256([]byte("second")))
	l := Layout{Prefix: "p/"}
	tree := NewTree()
	tree.Append(make([]byte, 260*HashSize), nil)
	return &Manifest{
		Format: Format, Origin: "example.com/logs/gateway-1", Number: 3, Event: EventInterval, Instance: "0123abcd",
		From: at, To: at.Add(5 * time.Minute), FirstLeaf: 255, Leaf: 260,
		Previous: &Previous{ManifestSHA256: sha256.Sum256([]byte("before")), ManifestVersion: "m1", CheckpointVersion: "c1", FiltersVersion: "f1", Mode: "COMPLIANCE", RetainUntil: at.Add(730 * 24 * time.Hour).Truncate(time.Hour)},
		Objects: []ManifestObject{
			{
				Key: l.Data(DataKey{
					Class: "a/b", Hour: at, Partitions: []Partition{{"tenant", "category="}}, Writer: "gateway-1",
					FirstLeaf: 255, SHA256: sum, Extension: "ext.jsonl.zst",
				}),
				VersionID: "v1", Size: 100, SHA256: sum, Bytes: 1000, FirstLeaf: 255, Leaves: 4, Records: 4,
				MinTime: at, MaxTime: at.Add(time.Second), Class: "a/b", Encoding: "ecs_encoding", Compression: CompressionZstd,
				Mode: "GOVERNANCE", RetainUntil: at.Add(90 * 24 * time.Hour).Truncate(time.Hour), StorageClass: "STANDARD_IA",
				Filter: FilterRef{Offset: 0, Length: 32},
			},
			{
				Key: l.Data(DataKey{
					Class: "audit", Hour: at, Writer: "gateway-1",
					FirstLeaf: 259, SHA256: second, Extension: "otlp.binpb",
				}),
				VersionID: "v2", Size: 50, SHA256: second, Bytes: 50, FirstLeaf: 259, Leaves: 1, Records: 7,
				MinTime: at, MaxTime: at, Class: "audit", Encoding: EncodingOTLPProto, Compression: CompressionNone,
				StorageClass: "STANDARD", Filter: FilterRef{Offset: 32, Length: 40},
			},
		},
		Filters:  &FiltersRef{SHA256: sha256.Sum256([]byte("filters")), Size: 72},
		Tiles:    []TileRef{{Path: "0/000", SHA256: sha256.Sum256([]byte("tile")), VersionID: "t1"}},
		Edge:     tree.Edge(),
		Ledger:   Ledger{Counts: Counts{Accepted: 20, Archived: 11, Repeated: 2, DeadLettered: 1, Redactions: 5}, Waiting: 10},
		Totals:   Counts{Accepted: 120, Archived: 105, Repeated: 4, DeadLettered: 1, Redactions: 50},
		Interval: Duration(5 * time.Minute), ConfigSHA256: sha256.Sum256([]byte("config")), Version: "v0.8.0 \"<x>\"\n",
		Recovered: &Recovered{FromNumber: 2, Objects: []RecoveredObject{{Key: "p/category=x", VersionID: "v9", SHA256: sum}}},
	}
}

// firstManifest is the least there can be.
func firstManifest() *Manifest {
	return &Manifest{
		Origin: "example.com/logs/gateway-1", Event: EventStart, Instance: "0123abcd",
		From: testHour, To: testHour, Interval: Duration(time.Minute), Edge: [][]byte{},
	}
}

func TestManifestRoundTrip(t *testing.T) {
	for _, m := range []*Manifest{testManifest(), firstManifest()} {
		data, err := m.Marshal()
		require.NoError(t, err)
		require.True(t, json.Valid(data))
		again, err := ParseManifest(data)
		require.NoError(t, err)
		if m.Objects == nil {
			m.Objects, m.Tiles = []ManifestObject{}, []TileRef{}
		}
		require.Equal(t, m, again)
		tree, err := again.Tree()
		require.NoError(t, err)
		require.Equal(t, m.Leaf, tree.Size())
	}
}

// TestManifestBytes holds the form, byte for byte: an older manifest has to be read for
// years.
func TestManifestBytes(t *testing.T) {
	data, err := firstManifest().Marshal()
	require.NoError(t, err)
	zero := strings.Repeat("0", 64)
	assert.Equal(t, `{"format":"heartwood-archive/1","origin":"example.com/logs/gateway-1","number":0,"event":"start","instance":"0123abcd",`+
		`"from":"2026-03-01T07:00:00.000000000Z","to":"2026-03-01T07:00:00.000000000Z","first_leaf":0,"leaf":0,"objects":[],"tiles":[],"edge":[],`+
		`"ledger":{"accepted":0,"archived":0,"repeated":0,"dead_lettered":0,"redactions":0,"waiting":0},`+
		`"totals":{"accepted":0,"archived":0,"repeated":0,"dead_lettered":0,"redactions":0},"interval":"1m0s","config_sha256":"`+zero+`","version":""}`, string(data))
	data, err = testManifest().Marshal()
	require.NoError(t, err)
	assert.Contains(t, string(data), `"version":"v0.8.0 \"<x>\"\u000a","recovered":{"from_number":2,"objects":[{"key":"p/category=x","version_id":"v9","sha256":"`)
	assert.Contains(t, string(data), `"edge":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`)
	assert.Contains(t, string(data), `"mode":"","storage_class":"STANDARD","filter":{"offset":32,"length":40}}`)
}

func TestManifestParserRefuses(t *testing.T) {
	whole, err := testManifest().Marshal()
	require.NoError(t, err)
	for name, test := range map[string]struct{ old, new, want string }{
		"unknown field":        {`{"format"`, `{"extra":1,"format"`, "unknown or repeated fields"},
		"unknown inner field":  {`"waiting":10`, `"waiting":10,"lost":1`, "unknown or repeated fields"},
		"field twice":          {`"number":3`, `"number":2,"number":3`, "at byte"},
		"object twice":         {`"filters":{`, `"filters":{"size":72},"filters":{`, "at byte"},
		"another case":         {`"number"`, `"Number"`, "at byte"},
		"white space":          {`,"number"`, `, "number"`, "at byte"},
		"another order":        {`"first_leaf":255,"leaf":260,"previous"`, `"leaf":260,"first_leaf":255,"previous"`, "at byte"},
		"behind the end":       {`]}}`, `]}}x`, "where the end would be written"},
		"space behind":         {`}`, "}", ""},
		"a fraction":           {`"number":3`, `"number":3.0`, "no manifest"},
		"an exponent":          {`"number":3`, `"number":3e0`, "no manifest"},
		"2^53":                 {`"redactions":50`, `"redactions":9007199254740992`, "totals.redactions: 9007199254740992 is not from 0 to 2^53 - 1"},
		"2^64":                 {`"redactions":50`, `"redactions":18446744073709551616`, "no manifest"},
		"negative":             {`"repeated":2`, `"repeated":-2`, "ledger.repeated: -2"},
		"null":                 {`"number":3`, `"number":null`, "number is no number"},
		"text as number":       {`"number":3`, `"number":"3"`, "no manifest"},
		"escaped needlessly":   {`"event":"interval"`, `"event":"interva\u006c"`, "at byte"},
		"not UTF-8":            {`0123abcd`, "0123abc\xff", "is not UTF-8"},
		"upper-case hex":       {`"config_sha256":"b`, `"config_sha256":"B`, "lower-case hex"},
		"hex too short":        {`"config_sha256":"b`, `"config_sha256":"`, "lower-case hex"},
		"another zone":         {`"to":"2026-03-01T07:10:00.123456789Z"`, `"to":"2026-03-01T08:10:00.123456789+01:00"`, "at byte"},
		"fewer digits":         {`"retain_until":"2026-05-30T07:00:00.000000000Z"`, `"retain_until":"2026-05-30T07:00:00Z"`, "at byte"},
		"no time":              {`"to":"2026-03-01T07:10:00.123456789Z"`, `"to":"2026-02-30T07:10:00.123456789Z"`, "no manifest"},
		"another duration":     {`"interval":"5m0s"`, `"interval":"300s"`, "at byte"},
		"no duration":          {`"interval":"5m0s"`, `"interval":"5"`, "no manifest"},
		"another form":         {`heartwood-archive/1`, `heartwood-archive/2`, `its format is "heartwood-archive/2", this program reads`},
		"another event":        {`"event":"interval"`, `"event":"stop"`, `event: "stop"`},
		"edge without padding": {`AAA=`, `AAA`, "no manifest"},
		"edge in another form": {`"edge":["AAAA`, `"edge":["AA\nAA`, "no manifest"},
		"edge too short":       {`AAA=",`, `",`, ""},
		"edge of many levels":  {`"edge":[`, `"edge":["","","","","","","","",`, "there are more than 8"},
		"a control character":  {`"m1"`, "\"m\x011\"", "not escaped"},
		"an escaped delete":    {`"m1"`, `"m\u007f"`, "needs no escape"},
		"upper-case escape":    {`\u000a`, `\u000A`, "needs no escape"},
		"short escape":         {`\u000a`, `\n`, "needs no escape"},
		"null object":          {`"filters":{`, `"filters":null,"filters":{`, "at byte"},
		"minus nothing":        {`"number":3`, `"number":-0`, "no number"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, string(whole), test.old)
			data := strings.Replace(string(whole), test.old, test.new, 1)
			switch name {
			case "behind the end":
				data = string(whole) + "x"
			case "space behind":
				data = string(whole) + "\n"
			}
			_, err := ParseManifest([]byte(data))
			require.Error(t, err)
			assert.Contains(t, err.Error(), test.want)
		})
	}
	for n := range whole {
		_, err := ParseManifest(whole[:n])
		require.ErrorContains(t, err, "no manifest: at byte", n)
	}
	for _, data := range []string{"", "null", "{}", "[]", `"x"`, strings.Repeat("[", 100_000)} {
		_, err := ParseManifest([]byte(data))
		require.Error(t, err, data)
	}
}

// A manifest that anybody may have put there takes no more memory than its bytes do, by a
// small factor.
func TestManifestOfManyEmptyObjects(t *testing.T) {
	whole, err := firstManifest().Marshal()
	require.NoError(t, err)
	const count = 1 << 20
	for name, test := range map[string]struct{ old, element string }{
		"objects":           {`"objects":[`, `{}`},
		"tiles":             {`"tiles":[`, `{}`},
		"levels of an edge": {`"edge":[`, `""`},
	} {
		list := strings.TrimSuffix(strings.Repeat(test.element+",", count), ",")
		data := []byte(strings.Replace(string(whole), test.old, test.old+list, 1))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ParseManifest(data)
		runtime.ReadMemStats(&after)
		require.Error(t, err, name)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(len(data)), name)
	}
	_, err = ParseManifest(make([]byte, MaxManifest+1))
	require.ErrorContains(t, err, "are the most")
}

// LastLeaf finds the manifest of a checkpoint among others, without parsing them.
func TestLastLeaf(t *testing.T) {
	for _, m := range []*Manifest{testManifest(), firstManifest()} {
		data, err := m.Marshal()
		require.NoError(t, err)
		tree, err := m.Tree()
		require.NoError(t, err)
		leaf := LeafHash(data)
		tree.Append(leaf[:], nil)
		c := &Checkpoint{Size: tree.Size(), Root: tree.Root()}
		sum, is, err := LastLeaf(iotest.OneByteReader(bytes.NewReader(data)), c)
		require.NoError(t, err)
		assert.True(t, is)
		assert.Equal(t, Digest(sha256.Sum256(data)), sum)
		for at := range data {
			other := bytes.Clone(data)
			other[at] ^= 1
			sum, is, err := LastLeaf(bytes.NewReader(other), c)
			require.NoError(t, err)
			require.False(t, is, at)
			require.Equal(t, Digest(sha256.Sum256(other)), sum)
		}
		_, is, err = LastLeaf(bytes.NewReader(data), &Checkpoint{Size: c.Size + 1, Root: c.Root})
		require.NoError(t, err)
		assert.False(t, is)
		_, _, err = LastLeaf(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(data))), c)
		require.ErrorIs(t, err, iotest.ErrTimeout)
	}
	for _, text := range []string{"", "{}", `],"edge":[`, `],"edge":["`, `]],"edge":[]`, `],"edge":[]],"edge":[`, `],"edge":[` + strings.Repeat("x", 1<<20)} {
		sum, is, err := LastLeaf(strings.NewReader(text), &Checkpoint{Size: 1})
		require.NoError(t, err)
		assert.False(t, is)
		assert.Equal(t, Digest(sha256.Sum256([]byte(text))), sum)
	}
}

// TestManifestMutations changes each byte in turn: what is still read says something else
// than was written, and no other bytes say it.
func TestManifestMutations(t *testing.T) {
	whole, err := testManifest().Marshal()
	require.NoError(t, err)
	read := 0
	for at := range whole {
		for _, bit := range []byte{1, 4, 32} {
			data := bytes.Clone(whole)
			data[at] ^= bit
			m, err := ParseManifest(data)
			if err != nil {
				continue
			}
			read++
			again, err := m.Marshal()
			require.NoError(t, err)
			require.Equal(t, data, again)
		}
	}
	assert.NotZero(t, read, "numbers and hashes could be anything")
}

func TestManifestValidate(t *testing.T) {
	require.NoError(t, testManifest().Validate())
	for want, change := range map[string]func(*Manifest){
		"origin: ":                  func(m *Manifest) { m.Origin = "a b" },
		"instance: ":                func(m *Manifest) { m.Instance = "" },
		"to: ":                      func(m *Manifest) { m.To = m.From.Add(-1) },
		"interval: 0s":              func(m *Manifest) { m.Interval = 0 },
		"interval: 168h0m1s is not": func(m *Manifest) { m.Interval = Duration(MaxInterval + time.Second) },
		"objects[0].leaves: 16777217, and": func(m *Manifest) {
			m.Objects[0].Leaves, m.Objects[0].Records, m.Objects[0].Bytes = MaxLeaves+1, MaxLeaves+1, 4*MaxLeaves
		},
		"previous: ":  func(m *Manifest) { m.Previous = nil },
		"previous: n": func(m *Manifest) { m.Number, m.FirstLeaf, m.Recovered = 0, 0, nil },
		"first_leaf: 3 manifests before are leaves, so it is not 2":                             func(m *Manifest) { m.FirstLeaf = 2 },
		"to: the year 10026 has not four digits":                                                func(m *Manifest) { m.To = m.To.AddDate(8000, 0, 0) },
		"totals: 105 archived, 4 repeated, 1 dead-lettered and 11 waiting are more than the 12": func(m *Manifest) { m.Ledger.Waiting++ },
		"totals.redactions: 4 is not the ledger's 5":                                            func(m *Manifest) { m.Totals.Redactions = 4 },
		"objects[1].first_leaf: 258, but 259 is next": func(m *Manifest) {
			m.Objects[1].FirstLeaf = 258
			m.Objects[1].Key = strings.Replace(m.Objects[1].Key, "259", "258", 1)
		},
		"objects[0].leaves: they go beyond leaf 260": func(m *Manifest) { m.Objects[0].Leaves, m.Objects[0].Records = 6, 6 },
		"leaf: 261, but the objects' leaves end with 259": func(m *Manifest) {
			m.Leaf = 261
		},
		"objects[0].records: 5, but each of the 4 lines is one": func(m *Manifest) { m.Objects[0].Records = 5 },
		"ledger.archived: 11, but the objects have 12":          func(m *Manifest) { m.Objects[1].Records = 8 },
		"objects[1].leaves: an object without lines is one":     func(m *Manifest) { m.Objects[1].Leaves = 2 },
		"objects[0].bytes: 7 are too few for 4 lines":           func(m *Manifest) { m.Objects[0].Bytes = 7 },
		"objects[0].size: 0":                                    func(m *Manifest) { m.Objects[0].Size = 0 },
		"its SHA-256 is not":                                    func(m *Manifest) { m.Objects[0].SHA256[0]++ },
		"its first leaf is not":                                 func(m *Manifest) { m.Objects[0].Key = strings.Replace(m.Objects[0].Key, "255", "254", 1) },
		"its category is not":                                   func(m *Manifest) { m.Objects[0].Class = "other" },
		"its extension is not":                                  func(m *Manifest) { m.Objects[0].Compression = CompressionGzip },
		"its writer is not":                                     func(m *Manifest) { m.Origin = "example.com/logs/xgateway-1" },
		"objects[0].key: \"x\" is not the key":                  func(m *Manifest) { m.Objects[0].Key = "x" },
		"objects[0].max_time: ":                                 func(m *Manifest) { m.Objects[0].MaxTime = m.Objects[0].MinTime.Add(-1) },
		"previous.mode: \"X\"":                                  func(m *Manifest) { m.Previous.Mode = "X" },
		"previous.retain_until: there is none":                  func(m *Manifest) { m.Previous.Mode = "" },
		"previous.retain_until: a mode":                         func(m *Manifest) { m.Previous.RetainUntil = time.Time{} },
		"objects[0].mode: \"X\"":                                func(m *Manifest) { m.Objects[0].Mode = "X" },
		"objects[0].retain_until: a mode is nothing":            func(m *Manifest) { m.Objects[0].RetainUntil = time.Time{} },
		"objects[1].retain_until: there is none":                func(m *Manifest) { m.Objects[1].RetainUntil = testHour },
		"objects[1].filter.offset: 31, but 32 is next":          func(m *Manifest) { m.Objects[1].Filter.Offset = 31 },
		"filters.size: 71, but the objects' filters have 72":    func(m *Manifest) { m.Filters.Size = 71 },
		"filters: they are there when":                          func(m *Manifest) { m.Filters = nil },
		"edge: ":                                                func(m *Manifest) { m.Edge = m.Edge[:1] },
		"tiles[0].path: 0/001 is not full":                      func(m *Manifest) { m.Tiles[0].Path = "0/001" },
		"tiles[0].path: 1/000 is not full":                      func(m *Manifest) { m.Tiles[0].Path = "1/000" },
		"tiles[0].path: no path":                                func(m *Manifest) { m.Tiles[0].Path = "0/0" },
		"tiles[0].path: no path of a full tile: \"0/000-":       func(m *Manifest) { m.Tiles[0].Path = "0/000-" + Digest{1}.String() },
		"tiles[0].path: no path of a full tile: \"0/000-E": func(m *Manifest) {
			m.Tiles[0].SHA256[0] = 0xEA
			m.Tiles[0].Path = "0/000-" + strings.ToUpper(m.Tiles[0].SHA256.String())
		},
		"tiles[0].path: 0/001-":                             func(m *Manifest) { m.Tiles[0].Path = "0/001-" + m.Tiles[0].SHA256.String() },
		"tiles[0].path: no path of a full tile: \"0/000-\"": func(m *Manifest) { m.Tiles[0].Path = "0/000--" + m.Tiles[0].SHA256.String() },
		"recovered.from_number: 3":                          func(m *Manifest) { m.Recovered.FromNumber = 3 },
		"version: \"\\xff\" is not UTF-8":                   func(m *Manifest) { m.Version = "\xff" },
	} {
		m := testManifest()
		change(m)
		err := m.Validate()
		if assert.Error(t, err, want) {
			assert.Contains(t, err.Error(), want)
			_, again := m.Marshal()
			assert.Equal(t, err, again)
		}
	}
	first := firstManifest()
	first.Ledger.Accepted, first.Totals.Accepted = 1, 1
	_, err := first.Marshal()
	require.ErrorContains(t, err, "ledger: 0 waiting before and 1 accepted are not 0 archived")
}

// A tile beside one that a lost disk left has its own hash in its path.
func TestManifestOfATileBesideAnother(t *testing.T) {
	m := testManifest()
	m.Tiles[0].Path += "-" + m.Tiles[0].SHA256.String()
	data, err := m.Marshal()
	require.NoError(t, err)
	again, err := ParseManifest(data)
	require.NoError(t, err)
	assert.Equal(t, m.Tiles, again.Tiles)
	assert.Equal(t, "0/000", again.Tiles[0].PlainPath())
	tile, err := again.Tiles[0].Tile()
	require.NoError(t, err)
	assert.Equal(t, tlog.Tile{H: TileHeight, L: 0, N: 0, W: TileWidth}, tile)
}

func TestManifestFollows(t *testing.T) {
	sum := Digest{1}
	pair := func() (*Manifest, *Manifest) {
		before, m := testManifest(), testManifest()
		before.Number, before.From, before.To, before.Leaf = 2, testHour, m.From, 254
		before.Totals = Counts{Accepted: 100, Archived: 94, Repeated: 2, Redactions: 45}
		before.Ledger.Waiting = 4
		m.Previous.ManifestSHA256 = sum
		m.Recovered = nil
		return before, m
	}
	before, m := pair()
	require.NoError(t, m.CheckFollows(before, sum))
	for want, change := range map[string]func(before, m *Manifest){
		"numbers go up by 1":                     func(_, m *Manifest) { m.Number = 4 },
		"origin: ":                               func(b, _ *Manifest) { b.Origin = "other" },
		"previous.manifest_sha256: ":             func(_, m *Manifest) { m.Previous.ManifestSHA256[1]++ },
		"previous.filters_version: ":             func(b, _ *Manifest) { b.Filters = nil },
		"from: ":                                 func(b, _ *Manifest) { b.To = b.To.Add(1) },
		"first_leaf: 255, but the one before is": func(b, _ *Manifest) { b.Leaf = 253 },
		"totals: ":                               func(b, _ *Manifest) { b.Totals.Redactions++ },
		"instance: ":                             func(b, _ *Manifest) { b.Instance = "x" },
		"ledger: 5 waiting before and 20 accepted": func(b, _ *Manifest) { b.Ledger.Waiting++ },
		"recovered.from_number: 1":                 func(_, m *Manifest) { m.Recovered = &Recovered{FromNumber: 1} },
		"ledger: 0 waiting before":                 func(_, m *Manifest) { m.Recovered = &Recovered{FromNumber: 2} },
	} {
		before, m := pair()
		change(before, m)
		err := m.CheckFollows(before, sum)
		if assert.Error(t, err, want) {
			assert.Contains(t, err.Error(), want)
		}
	}
}

func FuzzManifest(f *testing.F) {
	for _, m := range []*Manifest{testManifest(), firstManifest()} {
		data, err := m.Marshal()
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			return
		}
		again, err := m.Marshal()
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("%q becomes %q (%v)", data, again, err)
		}
		if !json.Valid(data) {
			t.Fatalf("%q is no JSON", data)
		}
		if _, err := m.Tree(); err != nil {
			t.Fatal(err)
		}
	})
}

// No other bytes than the manifest's are the last leaf of its checkpoint.
func FuzzLastLeaf(f *testing.F) {
	whole, err := testManifest().Marshal()
	require.NoError(f, err)
	tree, err := testManifest().Tree()
	require.NoError(f, err)
	leaf := LeafHash(whole)
	tree.Append(leaf[:], nil)
	c := &Checkpoint{Size: tree.Size(), Root: tree.Root()}
	f.Add(whole)
	f.Add([]byte(`],"edge":[]`))
	f.Add([]byte(`],"ed],"edge":["",""]]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		sum, is, err := LastLeaf(bytes.NewReader(data), c)
		if err != nil || sum != Digest(sha256.Sum256(data)) || is != bytes.Equal(data, whole) {
			t.Fatalf("%q: %s, %t, %v", data, sum, is, err)
		}
	})
}
