package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"
)

// Digest is a SHA-256, in JSON 64 lower-case hex digits.
type Digest [sha256.Size]byte

// String gives the hex digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText gives the hex digits.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads 64 lower-case hex digits.
func (d *Digest) UnmarshalText(text []byte) error {
	sum, err := parseDigest(string(text))
	*d = sum
	return err
}

// Event is why a manifest was written.
type Event string

// The events there are.
const (
	EventStart    Event = "start"
	EventInterval Event = "interval"
	EventShutdown Event = "shutdown"
)

// Duration is a duration, in JSON as Go writes it: 5m0s.
type Duration time.Duration

// MarshalText writes it as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what Go writes.
func (d *Duration) UnmarshalText(text []byte) error {
	got, err := time.ParseDuration(string(text))
	*d = Duration(got)
	return err
}

// MaxInterval is the longest that may lie between checkpoints: for twice as long, nobody can
// tell a log that was cut off from one that is silent.
const MaxInterval = 7 * 24 * time.Hour

// Manifest is what was written in an interval. docs/format/archive.md describes each
// field. Times are in UTC.
type Manifest struct {
	Format       string           `json:"format"` // Format; Marshal fills it in
	Origin       string           `json:"origin"`
	Number       int64            `json:"number"`
	Event        Event            `json:"event"`
	Instance     string           `json:"instance"`
	From         time.Time        `json:"from"`
	To           time.Time        `json:"to"`
	FirstLeaf    int64            `json:"first_leaf"`
	Leaf         int64            `json:"leaf"`
	Previous     *Previous        `json:"previous"` // nil in number 0
	Objects      []ManifestObject `json:"objects"`
	Filters      *FiltersRef      `json:"filters"` // nil without objects
	Tiles        []TileRef        `json:"tiles"`
	Edge         [][]byte         `json:"edge"`
	Ledger       Ledger           `json:"ledger"`
	Totals       Counts           `json:"totals"`
	Interval     Duration         `json:"interval"`
	ConfigSHA256 Digest           `json:"config_sha256"`
	Version      string           `json:"version"`
	Recovered    *Recovered       `json:"recovered"` // nil but behind a lost disk
}

// Previous is the manifest before. Versions are empty where the place has none.
type Previous struct {
	ManifestSHA256    Digest `json:"manifest_sha256"`
	ManifestVersion   string `json:"manifest_version"`
	CheckpointVersion string `json:"checkpoint_version"`
	// FiltersVersion is empty when that one has no filters.
	FiltersVersion string `json:"filters_version"`
	// Mode and RetainUntil are the weakest lock that its filters, tiles, manifest and
	// checkpoint had when they were put: GOVERNANCE, COMPLIANCE or "", where one has none
	// or it is not known. RetainUntil is zero, and left out, when Mode is "".
	Mode        string    `json:"mode,omitempty"`
	RetainUntil time.Time `json:"retain_until,omitzero"`
}

// ManifestObject is a data object.
type ManifestObject struct {
	Key          string      `json:"key"`
	VersionID    string      `json:"version_id"`
	Size         int64       `json:"size"` // as stored
	SHA256       Digest      `json:"sha256"`
	Bytes        int64       `json:"bytes"` // not compressed
	FirstLeaf    int64       `json:"first_leaf"`
	Leaves       int64       `json:"leaves"`
	Records      int64       `json:"records"`
	MinTime      time.Time   `json:"min_time"`
	MaxTime      time.Time   `json:"max_time"`
	Class        string      `json:"class"`
	Encoding     string      `json:"encoding"`
	Compression  Compression `json:"compression"`
	Mode         string      `json:"mode"`         // GOVERNANCE, COMPLIANCE or ""
	RetainUntil  time.Time   `json:"retain_until"` // zero, and left out, when Mode is ""
	StorageClass string      `json:"storage_class"`
	Filter       FilterRef   `json:"filter"`
}

// FilterRef is where an object's filter is in the filters' object, in bytes.
type FilterRef struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// FiltersRef is the filters' object.
type FiltersRef struct {
	SHA256 Digest `json:"sha256"`
	Size   int64  `json:"size"`
}

// TileRef is a tile that became full.
type TileRef struct {
	Path      string `json:"path"` // behind "tile/", see [TilePath] and [TileRef.PlainPath]
	SHA256    Digest `json:"sha256"`
	VersionID string `json:"version_id"`
}

// PlainPath is the tile's path without the "-" and the SHA-256 that are behind it where a
// lost disk left another tile under its key.
func (t *TileRef) PlainPath() string { return strings.TrimSuffix(t.Path, BesideTile(t.SHA256)) }

// Tile is the tile that the path is of.
func (t *TileRef) Tile() (tlog.Tile, error) { return ParseTilePath(t.PlainPath()) }

// BesideTile is what stands behind the key and the path of a tile that is put beside
// another one, which a lost disk left under its key.
func BesideTile(sum Digest) string { return "-" + sum.String() }

// Counts count records.
type Counts struct {
	Accepted     int64 `json:"accepted"`
	Archived     int64 `json:"archived"`
	Repeated     int64 `json:"repeated"`
	DeadLettered int64 `json:"dead_lettered"`
	Redactions   int64 `json:"redactions"`
}

// Add gives the sum of both.
func (c Counts) Add(d Counts) Counts {
	return Counts{
		c.Accepted + d.Accepted, c.Archived + d.Archived, c.Repeated + d.Repeated,
		c.DeadLettered + d.DeadLettered, c.Redactions + d.Redactions,
	}
}

// Ledger counts the records of an interval, and those that wait at its end.
type Ledger struct {
	Counts
	Waiting int64 `json:"waiting"`
}

// Recovered says that the disk was lost.
type Recovered struct {
	FromNumber int64             `json:"from_number"`
	Objects    []RecoveredObject `json:"objects"`
}

// RecoveredObject is an object that no log covers.
type RecoveredObject struct {
	Key       string `json:"key"`
	VersionID string `json:"version_id"`
	SHA256    Digest `json:"sha256"`
}

// Marshal checks the manifest and gives its bytes. Fields of Format are filled in.
func (m *Manifest) Marshal() ([]byte, error) {
	if m.Format == "" {
		m.Format = Format
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	data := m.append(nil)
	if len(data) > MaxManifest {
		return nil, fmt.Errorf("manifest %d has %d bytes: %d are the most", m.Number, len(data), MaxManifest)
	}
	return data, nil
}

// maxNumber is the largest number that JSON's readers agree on.
const maxNumber = 1<<53 - 1

// jsonWriter writes JSON without white space.
type jsonWriter struct {
	b     []byte
	comma bool
}

func (w *jsonWriter) open(c byte) {
	w.separate()
	w.b = append(w.b, c)
	w.comma = false
}

func (w *jsonWriter) close(c byte) {
	w.b = append(w.b, c)
	w.comma = true
}

func (w *jsonWriter) separate() {
	if w.comma {
		w.b = append(w.b, ',')
	}
	w.comma = true
}

func (w *jsonWriter) name(name string) {
	w.separate()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
	w.comma = false
}

func (w *jsonWriter) int(name string, n int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, n, 10)
	w.comma = true
}

func (w *jsonWriter) text(name, text string) {
	w.name(name)
	w.value(text)
}

// value writes a text: quotes, backslashes and control characters are escaped, and
// nothing else.
func (w *jsonWriter) value(text string) {
	w.separate()
	w.b = append(w.b, '"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			w.b = append(w.b, '\\', c)
		case c < ' ':
			w.b = append(w.b, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15])
		default:
			w.b = append(w.b, c)
		}
	}
	w.b = append(w.b, '"')
}

const lowerHex = "0123456789abcdef"

func (w *jsonWriter) digest(name string, d Digest) { w.text(name, d.String()) }

// timeForm has always nine digits, and UTC.
const timeForm = "2006-01-02T15:04:05.000000000Z"

func (w *jsonWriter) time(name string, t time.Time) { w.text(name, t.UTC().Format(timeForm)) }

func (m *Manifest) append(dst []byte) []byte {
	w := &jsonWriter{b: dst}
	w.open('{')
	w.text("format", m.Format)
	w.text("origin", m.Origin)
	w.int("number", m.Number)
	w.text("event", string(m.Event))
	w.text("instance", m.Instance)
	w.time("from", m.From)
	w.time("to", m.To)
	w.int("first_leaf", m.FirstLeaf)
	w.int("leaf", m.Leaf)
	if p := m.Previous; p != nil {
		w.name("previous")
		w.open('{')
		w.digest("manifest_sha256", p.ManifestSHA256)
		w.text("manifest_version", p.ManifestVersion)
		w.text("checkpoint_version", p.CheckpointVersion)
		w.text("filters_version", p.FiltersVersion)
		w.text("mode", p.Mode)
		if p.Mode != "" {
			w.time("retain_until", p.RetainUntil)
		}
		w.close('}')
	}
	w.name("objects")
	w.open('[')
	for i := range m.Objects {
		m.Objects[i].append(w)
	}
	w.close(']')
	if f := m.Filters; f != nil {
		w.name("filters")
		w.open('{')
		w.digest("sha256", f.SHA256)
		w.int("size", f.Size)
		w.close('}')
	}
	w.name("tiles")
	w.open('[')
	for _, t := range m.Tiles {
		w.open('{')
		w.text("path", t.Path)
		w.digest("sha256", t.SHA256)
		w.text("version_id", t.VersionID)
		w.close('}')
	}
	w.close(']')
	w.name("edge")
	w.open('[')
	for _, hashes := range m.Edge {
		w.value(base64.StdEncoding.EncodeToString(hashes))
	}
	w.close(']')
	w.name("ledger")
	w.open('{')
	m.Ledger.append(w)
	w.int("waiting", m.Ledger.Waiting)
	w.close('}')
	w.name("totals")
	w.open('{')
	m.Totals.append(w)
	w.close('}')
	w.text("interval", time.Duration(m.Interval).String())
	w.digest("config_sha256", m.ConfigSHA256)
	w.text("version", m.Version)
	if r := m.Recovered; r != nil {
		w.name("recovered")
		w.open('{')
		w.int("from_number", r.FromNumber)
		w.name("objects")
		w.open('[')
		for _, o := range r.Objects {
			w.open('{')
			w.text("key", o.Key)
			w.text("version_id", o.VersionID)
			w.digest("sha256", o.SHA256)
			w.close('}')
		}
		w.close(']')
		w.close('}')
	}
	w.close('}')
	return w.b
}

func (o *ManifestObject) append(w *jsonWriter) {
	w.open('{')
	w.text("key", o.Key)
	w.text("version_id", o.VersionID)
	w.int("size", o.Size)
	w.digest("sha256", o.SHA256)
	w.int("bytes", o.Bytes)
	w.int("first_leaf", o.FirstLeaf)
	w.int("leaves", o.Leaves)
	w.int("records", o.Records)
	w.time("min_time", o.MinTime)
	w.time("max_time", o.MaxTime)
	w.text("class", o.Class)
	w.text("encoding", o.Encoding)
	w.text("compression", string(o.Compression))
	w.text("mode", o.Mode)
	if o.Mode != "" {
		w.time("retain_until", o.RetainUntil)
	}
	w.text("storage_class", o.StorageClass)
	w.name("filter")
	w.open('{')
	w.int("offset", o.Filter.Offset)
	w.int("length", o.Filter.Length)
	w.close('}')
	w.close('}')
}

func (c Counts) append(w *jsonWriter) {
	w.int("accepted", c.Accepted)
	w.int("archived", c.Archived)
	w.int("repeated", c.Repeated)
	w.int("dead_lettered", c.DeadLettered)
	w.int("redactions", c.Redactions)
}

// Tree is the tree of the leaves before the manifest's own. [Tree.Append] of the LeafHash
// of the manifest's bytes makes it the one of the checkpoint.
func (m *Manifest) Tree() (*Tree, error) { return TreeFromEdge(m.Leaf, m.Edge) }

// Validate says what in the manifest does not fit together.
func (m *Manifest) Validate() error {
	if err := m.validate(); err != nil {
		return fmt.Errorf("manifest %d: %w", m.Number, err)
	}
	return nil
}

func (m *Manifest) validate() error {
	if m.Format != Format {
		return fmt.Errorf("format: %q, this program knows %q", m.Format, Format)
	}
	if err := checkKeyName(m.Origin); err != nil {
		return fmt.Errorf("origin: %w", err)
	}
	switch m.Event {
	case EventStart, EventInterval, EventShutdown:
	default:
		return fmt.Errorf("event: %q is none of start, interval and shutdown", m.Event)
	}
	texts := checker{}
	texts.text("instance", m.Instance, true)
	texts.text("version", m.Version, false)
	texts.number("number", m.Number)
	texts.number("first_leaf", m.FirstLeaf)
	texts.number("leaf", m.Leaf)
	texts.time("from", m.From)
	texts.time("to", m.To)
	m.Ledger.check(&texts, "ledger")
	m.Totals.check(&texts, "totals")
	texts.number("ledger.waiting", m.Ledger.Waiting)
	if p := m.Previous; p != nil {
		texts.text("previous.manifest_version", p.ManifestVersion, false)
		texts.text("previous.checkpoint_version", p.CheckpointVersion, false)
		texts.text("previous.filters_version", p.FiltersVersion, false)
		texts.time("previous.retain_until", p.RetainUntil)
	}
	if texts.err != nil {
		return texts.err
	}
	if p := m.Previous; p != nil {
		if err := checkLock(p.Mode, p.RetainUntil); err != nil {
			return fmt.Errorf("previous.%w", err)
		}
	}
	if m.To.Before(m.From) {
		return fmt.Errorf("to: %s is before from, %s", m.To.Format(timeForm), m.From.Format(timeForm))
	}
	if m.Interval <= 0 || time.Duration(m.Interval) > MaxInterval {
		return fmt.Errorf("interval: %s is not above 0 and up to %s", time.Duration(m.Interval), MaxInterval)
	}
	if (m.Number == 0) != (m.Previous == nil) {
		return errors.New("previous: number 0 has none, every other has it")
	}
	if m.Number == 0 && m.FirstLeaf != 0 {
		return fmt.Errorf("first_leaf: number 0 begins at 0, not %d", m.FirstLeaf)
	}
	if m.Number > m.FirstLeaf {
		return fmt.Errorf("first_leaf: %d manifests before are leaves, so it is not %d", m.Number, m.FirstLeaf)
	}
	if t := m.Totals; t.Archived > t.Accepted || t.Repeated > t.Accepted || t.DeadLettered > t.Accepted || m.Ledger.Waiting > t.Accepted ||
		t.Archived+t.Repeated+t.DeadLettered+m.Ledger.Waiting > t.Accepted {
		return fmt.Errorf("totals: %d archived, %d repeated, %d dead-lettered and %d waiting are more than the %d accepted",
			t.Archived, t.Repeated, t.DeadLettered, m.Ledger.Waiting, t.Accepted)
	}
	for _, c := range []struct {
		name            string
		interval, total int64
	}{
		{"accepted", m.Ledger.Accepted, m.Totals.Accepted},
		{"archived", m.Ledger.Archived, m.Totals.Archived},
		{"repeated", m.Ledger.Repeated, m.Totals.Repeated},
		{"dead_lettered", m.Ledger.DeadLettered, m.Totals.DeadLettered},
		{"redactions", m.Ledger.Redactions, m.Totals.Redactions},
	} {
		if c.interval > c.total || m.Number == 0 && c.interval != c.total {
			return fmt.Errorf("totals.%s: %d is not the ledger's %d with those before", c.name, c.total, c.interval)
		}
	}
	if m.Number == 0 {
		if err := m.Ledger.balance(0); err != nil {
			return err
		}
	}
	if err := m.validateObjects(); err != nil {
		return err
	}
	if _, err := m.Tree(); err != nil {
		return fmt.Errorf("edge: %w", err)
	}
	for i, t := range m.Tiles {
		tile, err := t.Tile()
		if err != nil {
			return fmt.Errorf("tiles[%d].path: %w", i, err)
		}
		if tile.L >= levels(m.Leaf) || tile.N >= m.Leaf>>(TileHeight*(tile.L+1)) {
			return fmt.Errorf("tiles[%d].path: %s is not full in a tree of %d leaves", i, t.Path, m.Leaf)
		}
		if err := checkText(t.VersionID); err != nil {
			return fmt.Errorf("tiles[%d].version_id: %w", i, err)
		}
	}
	if r := m.Recovered; r != nil {
		if r.FromNumber < 0 || r.FromNumber >= m.Number {
			return fmt.Errorf("recovered.from_number: %d is not that of a manifest before", r.FromNumber)
		}
		for i, o := range r.Objects {
			if err := errors.Join(checkText(o.Key), checkText(o.VersionID)); err != nil {
				return fmt.Errorf("recovered.objects[%d]: %w", i, err)
			}
		}
	}
	return nil
}

func (m *Manifest) validateObjects() error {
	leaf, records, offset := m.FirstLeaf, int64(0), int64(0)
	for i := range m.Objects {
		o := &m.Objects[i]
		if err := o.validate(m.Origin); err != nil {
			return fmt.Errorf("objects[%d].%w", i, err)
		}
		if o.FirstLeaf != leaf {
			return fmt.Errorf("objects[%d].first_leaf: %d, but %d is next", i, o.FirstLeaf, leaf)
		}
		leaf += o.Leaves
		if o.Leaves > maxNumber || leaf > m.Leaf {
			return fmt.Errorf("objects[%d].leaves: they go beyond leaf %d", i, m.Leaf)
		}
		records += o.Records
		if o.Filter.Offset != offset {
			return fmt.Errorf("objects[%d].filter.offset: %d, but %d is next", i, o.Filter.Offset, offset)
		}
		offset += o.Filter.Length
		if offset > maxNumber || records > maxNumber {
			return fmt.Errorf("objects[%d]: the sums of records and filters are too large", i)
		}
	}
	if leaf != m.Leaf {
		return fmt.Errorf("leaf: %d, but the objects' leaves end with %d", m.Leaf, leaf-1)
	}
	if records != m.Ledger.Archived {
		return fmt.Errorf("ledger.archived: %d, but the objects have %d records", m.Ledger.Archived, records)
	}
	if (len(m.Objects) == 0) != (m.Filters == nil) {
		return errors.New("filters: they are there when there are objects")
	}
	if m.Filters != nil && m.Filters.Size != offset {
		return fmt.Errorf("filters.size: %d, but the objects' filters have %d bytes", m.Filters.Size, offset)
	}
	return nil
}

// validate says what is wrong with an object. The key's prefix is not known here: what is
// behind it is looked at.
func (o *ManifestObject) validate(origin string) error {
	c := checker{}
	c.text("version_id", o.VersionID, false)
	c.text("class", o.Class, true)
	c.text("encoding", o.Encoding, true)
	c.text("storage_class", o.StorageClass, false)
	c.positive("size", o.Size)
	c.positive("bytes", o.Bytes)
	c.number("first_leaf", o.FirstLeaf)
	c.positive("leaves", o.Leaves)
	c.positive("records", o.Records)
	c.time("min_time", o.MinTime)
	c.time("max_time", o.MaxTime)
	c.time("retain_until", o.RetainUntil)
	c.number("filter.offset", o.Filter.Offset)
	c.positive("filter.length", o.Filter.Length)
	if c.err != nil {
		return c.err
	}
	if o.Leaves > MaxLeaves {
		return fmt.Errorf("leaves: %d, and %d are the most that an object has", o.Leaves, MaxLeaves)
	}
	if o.MaxTime.Before(o.MinTime) {
		return fmt.Errorf("max_time: %s is before min_time, %s", o.MaxTime.Format(timeForm), o.MinTime.Format(timeForm))
	}
	if err := checkLock(o.Mode, o.RetainUntil); err != nil {
		return err
	}
	if err := o.Compression.Check(); err != nil {
		return fmt.Errorf("compression: %w", err)
	}
	if HasLines(o.Encoding) {
		if o.Records != o.Leaves {
			return fmt.Errorf("records: %d, but each of the %d lines is one", o.Records, o.Leaves)
		}
		if o.Bytes < 2*o.Leaves {
			return fmt.Errorf("bytes: %d are too few for %d lines", o.Bytes, o.Leaves)
		}
	} else if o.Leaves != 1 {
		return fmt.Errorf("leaves: an object without lines is one, not %d", o.Leaves)
	}
	layout, err := layoutOf(o.Key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	key, err := layout.ParseData(o.Key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	switch {
	case key.SHA256 != o.SHA256:
		err = errors.New("its SHA-256 is not the object's")
	case key.FirstLeaf != o.FirstLeaf:
		err = errors.New("its first leaf is not the object's")
	case key.Class != Safe(o.Class):
		err = errors.New("its category is not the object's class")
	case key.Extension != Extension(o.Encoding, o.Compression):
		err = errors.New("its extension is not that of the encoding and compression")
	case !bytes.HasSuffix([]byte(origin), []byte("/"+key.Writer)):
		err = errors.New("its writer is not the log's")
	}
	if err != nil {
		return fmt.Errorf("key: %q: %w", o.Key, err)
	}
	return nil
}

func checkLock(mode string, until time.Time) error {
	switch mode {
	case "":
		if !until.IsZero() {
			return errors.New("retain_until: there is none without mode")
		}
	case "GOVERNANCE", "COMPLIANCE":
		if until.IsZero() {
			return errors.New("retain_until: a mode is nothing without it")
		}
	default:
		return fmt.Errorf("mode: %q is neither GOVERNANCE, COMPLIANCE nor empty", mode)
	}
	return nil
}

// layoutOf finds the prefix of a data object's key: what is behind it begins with the last
// "category=" at the beginning of a part.
func layoutOf(key string) (Layout, error) {
	const begin = "category="
	for at := len(key) - len(begin); at >= 0; at-- {
		if key[at:at+len(begin)] == begin && (at == 0 || key[at-1] == '/') {
			l := Layout{Prefix: key[:at]}
			return l, CheckPrefix(l.Prefix)
		}
	}
	return Layout{}, fmt.Errorf("%q is not the key of a data object", key)
}

// checker keeps the first of what is wrong.
type checker struct{ err error }

func (c *checker) number(name string, n int64) {
	if c.err == nil && (n < 0 || n > maxNumber) {
		c.err = fmt.Errorf("%s: %d is not from 0 to 2^53 - 1", name, n)
	}
}

func (c *checker) positive(name string, n int64) {
	if c.err == nil && (n < 1 || n > maxNumber) {
		c.err = fmt.Errorf("%s: %d is not from 1 to 2^53 - 1", name, n)
	}
}

func (c *checker) time(name string, t time.Time) {
	if year := t.UTC().Year(); c.err == nil && (year < 1 || year > 9999) {
		c.err = fmt.Errorf("%s: the year %d has not four digits", name, year)
	}
}

func (c *checker) text(name, text string, needed bool) {
	if c.err != nil {
		return
	}
	if err := checkText(text); err != nil {
		c.err = fmt.Errorf("%s: %w", name, err)
	} else if needed && text == "" {
		c.err = fmt.Errorf("%s: it is empty", name)
	}
}

func checkText(text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%q is not UTF-8", text)
	}
	return nil
}

func (c Counts) check(to *checker, name string) {
	to.number(name+".accepted", c.Accepted)
	to.number(name+".archived", c.Archived)
	to.number(name+".repeated", c.Repeated)
	to.number(name+".dead_lettered", c.DeadLettered)
	to.number(name+".redactions", c.Redactions)
}

// CheckFollows says what does not fit between a manifest and the one before, of which
// sum is the SHA-256. Versions and what is in the bucket are not looked at.
func (m *Manifest) CheckFollows(before *Manifest, sum Digest) error {
	if err := m.checkFollows(before, sum); err != nil {
		return fmt.Errorf("manifest %d does not follow %d: %w", m.Number, before.Number, err)
	}
	return nil
}

func (m *Manifest) checkFollows(before *Manifest, sum Digest) error {
	switch {
	case m.Number != before.Number+1:
		return errors.New("numbers go up by 1")
	case m.Origin != before.Origin:
		return fmt.Errorf("origin: %q, before it was %q", m.Origin, before.Origin)
	case m.Previous == nil || m.Previous.ManifestSHA256 != sum:
		return errors.New("previous.manifest_sha256: it is not that of the one before")
	case m.Previous.FiltersVersion != "" && before.Filters == nil:
		return errors.New("previous.filters_version: the one before has no filters")
	case !m.From.Equal(before.To):
		return fmt.Errorf("from: %s, but the one before ends at %s", m.From.Format(timeForm), before.To.Format(timeForm))
	case m.FirstLeaf != before.Leaf+1:
		return fmt.Errorf("first_leaf: %d, but the one before is leaf %d", m.FirstLeaf, before.Leaf)
	case m.Totals != before.Totals.Add(m.Ledger.Counts):
		return errors.New("totals: they are not those before with the ledger's")
	case m.Recovered == nil && m.Instance != before.Instance:
		return fmt.Errorf("instance: %q, before it was %q, and nothing was recovered", m.Instance, before.Instance)
	case m.Recovered != nil && m.Recovered.FromNumber != before.Number:
		return fmt.Errorf("recovered.from_number: %d is not that of the one before", m.Recovered.FromNumber)
	}
	waiting := before.Ledger.Waiting
	if m.Recovered != nil {
		waiting = 0 // lost with the disk
	}
	return m.Ledger.balance(waiting)
}

// balance holds the records that came against those that went.
func (l Ledger) balance(waiting int64) error {
	if waiting+l.Accepted != l.Archived+l.Repeated+l.DeadLettered+l.Waiting {
		return fmt.Errorf("ledger: %d waiting before and %d accepted are not %d archived, %d repeated, %d dead-lettered and %d waiting",
			waiting, l.Accepted, l.Archived, l.Repeated, l.DeadLettered, l.Waiting)
	}
	return nil
}
