package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// MaxManifest is the size of the largest manifest in bytes. One names some thousand objects
// and tiles, of about 1 KiB and 200 bytes.
const MaxManifest = 256 << 20

// ParseManifest reads a manifest's bytes. It refuses all that Marshal does not write: other
// fields, fields twice or in another order, white space, and what does not fit together.
// Nobody may have vouched for the bytes: it takes a few times their memory at most.
func ParseManifest(data []byte) (*Manifest, error) {
	if len(data) > MaxManifest {
		return nil, fmt.Errorf("no manifest: %d bytes, %d are the most", len(data), MaxManifest)
	}
	r := manifestReader{data: data}
	m := r.manifest()
	if r.err == nil && r.at < len(data) {
		r.unexpected("the end")
	}
	if r.err != nil {
		return nil, fmt.Errorf("no manifest: %w", r.err)
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// manifestReader reads what jsonWriter writes, and nothing else. After an error it reads
// nothing more.
type manifestReader struct {
	data  []byte
	at    int
	comma bool // stands before the next member
	err   error
}

func (r *manifestReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("at byte %d: %w", r.at, fmt.Errorf(format, args...))
	}
}

func (r *manifestReader) unexpected(want string) {
	const excerpt = 30
	r.fail("it has %q where %s would be written: unknown or repeated fields, another order, or white space", r.data[r.at:min(r.at+excerpt, len(r.data))], want)
}

// has goes on behind a text if it comes next.
func (r *manifestReader) has(text string) bool {
	if r.err != nil || !bytes.HasPrefix(r.data[r.at:], []byte(text)) {
		return false
	}
	r.at += len(text)
	return true
}

func (r *manifestReader) want(text string) {
	if r.err == nil && !r.has(text) {
		r.unexpected(strconv.Quote(text))
	}
}

// open begins an object, close ends one.
func (r *manifestReader) open() {
	r.want("{")
	r.comma = false
}

func (r *manifestReader) close() {
	r.want("}")
	r.comma = true
}

// name goes on behind a member's name, and the comma before it.
func (r *manifestReader) name(name string) {
	if r.comma {
		r.want(`,"` + name + `":`)
	} else {
		r.want(`"` + name + `":`)
	}
	r.comma = true
}

// optional says whether a member that may be absent, and is never the first, comes next.
func (r *manifestReader) optional(name string) bool { return r.has(`,"` + name + `":`) }

// list calls each for each element of a list, up to limit.
func (r *manifestReader) list(limit int, each func()) {
	r.want("[")
	for n := 0; r.err == nil && !r.has("]"); n++ {
		if n == limit {
			r.fail("there are more than %d", limit)
			return
		}
		if n > 0 {
			r.want(",")
		}
		each()
	}
}

// noLimit is for lists of which each element has its hundred bytes.
const noLimit = MaxManifest

func (r *manifestReader) value() string {
	r.want(`"`)
	if r.err != nil {
		return ""
	}
	rest := r.data[r.at:]
	end := bytes.IndexAny(rest, "\"\\")
	if end >= 0 && rest[end] == '"' && !hasControl(rest[:end]) {
		r.at += end + 1
		return string(rest[:end])
	}
	var text []byte
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			r.at += i + 1
			return string(text)
		case c < ' ':
			r.at += i
			r.fail("a control character that is not escaped")
			return ""
		case c != '\\':
			text = append(text, c)
		case i+1 < len(rest) && (rest[i+1] == '"' || rest[i+1] == '\\'):
			i++
			text = append(text, rest[i])
		default:
			escaped, ok := control(rest[i:])
			if !ok {
				r.at += i
				r.unexpected("a character that needs no escape")
				return ""
			}
			text = append(text, escaped)
			i += len(`\u0000`) - 1
		}
	}
	r.at = len(r.data)
	r.fail("a text has no end")
	return ""
}

func hasControl(text []byte) bool {
	return bytes.ContainsFunc(text, func(c rune) bool { return c < ' ' })
}

// control reads \u00xx of a control character.
func control(text []byte) (byte, bool) {
	if len(text) < len(`\u0000`) || string(text[:4]) != `\u00` {
		return 0, false
	}
	high, low := bytes.IndexByte([]byte(lowerHex), text[4]), bytes.IndexByte([]byte(lowerHex), text[5])
	return byte(high<<4 | low), (high == 0 || high == 1) && low >= 0
}

func (r *manifestReader) text(name string) string {
	r.name(name)
	return r.value()
}

func (r *manifestReader) int(name string) int64 {
	r.name(name)
	if r.err != nil {
		return 0
	}
	end := r.at
	for end < len(r.data) && (r.data[end] == '-' || '0' <= r.data[end] && r.data[end] <= '9') {
		end++
	}
	text := string(r.data[r.at:end])
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		r.fail("%s is no number: %q", name, text)
		return 0
	}
	r.at = end
	return n
}

// parsed reads a text, and refuses it where it could be written in another way.
func parsed[T any](r *manifestReader, name string, parse func(string) (T, error), write func(T) string) (v T) {
	text := r.text(name)
	if r.err != nil {
		return v
	}
	v, err := parse(text)
	switch {
	case err != nil:
		r.fail("%s: %w", name, err)
	case write(v) != text:
		r.fail("%s: it has %q, which would be written %q", name, text, write(v))
	}
	return v
}

func (r *manifestReader) time(name string) time.Time {
	return parsed(r, name, func(text string) (time.Time, error) { return time.Parse(timeForm, text) },
		func(t time.Time) string { return t.Format(timeForm) })
}

func (r *manifestReader) digest(name string) Digest {
	return parsed(r, name, func(text string) (Digest, error) { return parseDigest(text) }, Digest.String)
}

func (r *manifestReader) base64() []byte {
	text := r.value()
	if r.err != nil {
		return nil
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(data) != text {
		r.fail("no base64")
		return nil
	}
	return data
}

func (r *manifestReader) manifest() *Manifest {
	m := &Manifest{Objects: []ManifestObject{}, Tiles: []TileRef{}, Edge: [][]byte{}}
	r.open()
	m.Format = r.text("format")
	if r.err == nil && m.Format != Format {
		r.fail("its format is %q, this program reads %q", m.Format, Format)
	}
	m.Origin = r.text("origin")
	m.Number = r.int("number")
	m.Event = Event(r.text("event"))
	m.Instance = r.text("instance")
	m.From = r.time("from")
	m.To = r.time("to")
	m.FirstLeaf = r.int("first_leaf")
	m.Leaf = r.int("leaf")
	if r.optional("previous") {
		m.Previous = r.previous()
	}
	r.name("objects")
	r.list(noLimit, func() { m.Objects = append(m.Objects, r.object()) })
	if r.optional("filters") {
		m.Filters = &FiltersRef{}
		r.open()
		m.Filters.SHA256 = r.digest("sha256")
		m.Filters.Size = r.int("size")
		r.close()
	}
	r.name("tiles")
	r.list(noLimit, func() {
		var t TileRef
		r.open()
		t.Path = r.text("path")
		t.SHA256 = r.digest("sha256")
		t.VersionID = r.text("version_id")
		r.close()
		m.Tiles = append(m.Tiles, t)
	})
	r.name("edge")
	r.list(maxTileLevel+1, func() { m.Edge = append(m.Edge, r.base64()) })
	r.name("ledger")
	r.open()
	m.Ledger.Counts = r.counts()
	m.Ledger.Waiting = r.int("waiting")
	r.close()
	r.name("totals")
	r.open()
	m.Totals = r.counts()
	r.close()
	m.Interval = parsed(r, "interval", func(text string) (Duration, error) {
		d, err := time.ParseDuration(text)
		return Duration(d), err
	}, func(d Duration) string { return time.Duration(d).String() })
	m.ConfigSHA256 = r.digest("config_sha256")
	m.Version = r.text("version")
	if r.optional("recovered") {
		m.Recovered = r.recovered()
	}
	r.close()
	return m
}

func (r *manifestReader) previous() *Previous {
	p := &Previous{}
	r.open()
	p.ManifestSHA256 = r.digest("manifest_sha256")
	p.ManifestVersion = r.text("manifest_version")
	p.CheckpointVersion = r.text("checkpoint_version")
	p.FiltersVersion = r.text("filters_version")
	p.Mode = r.text("mode")
	if p.Mode != "" {
		p.RetainUntil = r.time("retain_until")
	}
	r.close()
	return p
}

func (r *manifestReader) counts() (c Counts) {
	c.Accepted = r.int("accepted")
	c.Archived = r.int("archived")
	c.Repeated = r.int("repeated")
	c.DeadLettered = r.int("dead_lettered")
	c.Redactions = r.int("redactions")
	return c
}

func (r *manifestReader) object() (o ManifestObject) {
	r.open()
	o.Key = r.text("key")
	o.VersionID = r.text("version_id")
	o.Size = r.int("size")
	o.SHA256 = r.digest("sha256")
	o.Bytes = r.int("bytes")
	o.FirstLeaf = r.int("first_leaf")
	o.Leaves = r.int("leaves")
	o.Records = r.int("records")
	o.MinTime = r.time("min_time")
	o.MaxTime = r.time("max_time")
	o.Class = r.text("class")
	o.Encoding = r.text("encoding")
	o.Compression = Compression(r.text("compression"))
	o.Mode = r.text("mode")
	if o.Mode != "" {
		o.RetainUntil = r.time("retain_until")
	}
	o.StorageClass = r.text("storage_class")
	r.name("filter")
	r.open()
	o.Filter.Offset = r.int("offset")
	o.Filter.Length = r.int("length")
	r.close()
	r.close()
	return o
}

func (r *manifestReader) recovered() *Recovered {
	v := &Recovered{Objects: []RecoveredObject{}}
	r.open()
	v.FromNumber = r.int("from_number")
	r.name("objects")
	r.list(noLimit, func() {
		var o RecoveredObject
		r.open()
		o.Key = r.text("key")
		o.VersionID = r.text("version_id")
		o.SHA256 = r.digest("sha256")
		r.close()
		v.Objects = append(v.Objects, o)
	})
	r.close()
	return v
}

// edgeStart stands before the edge in a manifest, and nowhere else: in a text its quotes
// would be escaped. maxEdge is the longest edge as it is written.
const (
	edgeStart = `],"edge":[`
	maxEdge   = (maxTileLevel + 1) * (tileSize*4/3 + 8)
)

// LastLeaf reads a manifest that nobody has vouched for yet, and of any size, without
// keeping it. It says whether it is the last leaf of the checkpoint's tree, and gives the
// SHA-256 of all that was read. Only an error of reading is one.
func LastLeaf(from io.Reader, c *Checkpoint) (sum Digest, is bool, err error) {
	plain, leaf := sha256.New(), sha256.New()
	leaf.Write([]byte{leafMark})
	source := bufio.NewReaderSize(io.TeeReader(from, io.MultiWriter(plain, leaf)), 64<<10)
	edge, err := readEdge(source)
	if err == nil {
		_, err = io.Copy(io.Discard, source)
	}
	if err != nil {
		return Digest{}, false, err
	}
	sum = Digest(plain.Sum(nil))
	r := manifestReader{data: edge}
	var hashes [][]byte
	r.list(maxTileLevel+1, func() { hashes = append(hashes, r.base64()) })
	tree, err := TreeFromEdge(c.Size-1, hashes)
	if r.err != nil || err != nil {
		return sum, false, nil //nolint:nilerr // it is no manifest, or another tree's
	}
	tree.Append(leaf.Sum(nil), nil)
	return sum, tree.Root() == c.Root, nil
}

// readEdge gives the edge's list, or nothing where there is none, and leaves the rest.
func readEdge(source *bufio.Reader) ([]byte, error) {
	matched := 0
	for matched < len(edgeStart) {
		c, err := source.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case err != nil:
			return nil, err
		case c == edgeStart[matched]:
			matched++
		case c == edgeStart[0]: // it is only at the beginning
			matched = 1
		default:
			matched = 0
		}
	}
	edge := []byte{'['}
	for len(edge) < maxEdge {
		c, err := source.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil
		case err != nil:
			return nil, err
		}
		if edge = append(edge, c); c == ']' {
			break
		}
	}
	return edge, nil
}
