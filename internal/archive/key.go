package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// maxSafe is the longest value in a key, in bytes, before what says that it was cut.
	// S3 takes keys of 1024 bytes; with it, a class and two partitions fit beside a
	// prefix of 200 bytes.
	maxSafe = 128
	// maxWriter is the longest name of a writer, in bytes.
	maxWriter = 64
	// numberDigits are those of numbers in keys: as many as the largest int64 has, and one.
	numberDigits = 20

	hourForm = "2006-01-02/hour=15"
)

// Layout makes the keys of an archive. Prefix is "" or ends with '/', see [CheckPrefix].
type Layout struct{ Prefix string }

// DataKey is a data object's key in parts.
type DataKey struct {
	// Class is the records' class, as it was before it was made safe.
	Class string
	// Hour is the beginning of dt and hour, in UTC.
	Hour time.Time
	// Partitions are names and values, as they were before they were made safe.
	Partitions []Partition
	Writer     string
	FirstLeaf  int64
	// SHA256 is that of the object's bytes as stored.
	SHA256 [sha256.Size]byte
	// Extension is that of the encoding with that of the compression: jsonl.zst. See
	// [Extension].
	Extension string
}

// Partition is one name=value in a key.
type Partition struct{ Name, Value string }

// Data gives a data object's key. What the class and the values of partitions are made of
// does not matter; names of partitions, the writer and the extension are the caller's to
// check, see [CheckPartition] and [CheckWriter].
func (l Layout) Data(k DataKey) string {
	k.Class = Safe(k.Class)
	safe := make([]Partition, len(k.Partitions))
	for i, p := range k.Partitions {
		safe[i] = Partition{p.Name, Safe(p.Value)}
	}
	k.Partitions = safe
	return l.data(k)
}

// data is Data of values that are safe.
func (l Layout) data(k DataKey) string {
	b := make([]byte, 0, 256)
	b = append(b, l.Prefix...)
	b = append(b, "category="...)
	b = append(b, k.Class...)
	b = append(b, "/dt="...)
	b = k.Hour.UTC().AppendFormat(b, hourForm)
	b = append(b, '/')
	for _, p := range k.Partitions {
		b = append(b, p.Name...)
		b = append(b, '=')
		b = append(b, p.Value...)
		b = append(b, '/')
	}
	b = append(b, k.Writer...)
	b = append(b, '/')
	b = appendNumber(b, k.FirstLeaf)
	b = append(b, '-')
	b = hex.AppendEncode(b, k.SHA256[:])
	b = append(b, '.')
	b = append(b, k.Extension...)
	return string(b)
}

func appendNumber(dst []byte, n int64) []byte {
	return fmt.Appendf(dst, "%0*d", numberDigits, n)
}

// Manifest gives a manifest's key.
func (l Layout) Manifest(writer string, number int64, sum [sha256.Size]byte) string {
	return fmt.Sprintf("%s%0*d-%x.json", l.ManifestPrefix(writer), numberDigits, number, sum)
}

// Filters gives the key of a manifest's filters.
func (l Layout) Filters(writer string, number int64, sum [sha256.Size]byte) string {
	return fmt.Sprintf("%s%0*d-%x.bin", l.FiltersPrefix(writer), numberDigits, number, sum)
}

// Tile gives the key of a full tile of height 8.
func (l Layout) Tile(writer string, t tlog.Tile) string {
	return l.TilePrefix(writer) + TilePath(t)
}

// Checkpoint gives a checkpoint's key.
func (l Layout) Checkpoint(writer string, number int64) string {
	return fmt.Sprintf("%s%0*d", l.CheckpointPrefix(writer), numberDigits, number)
}

// Writers gives the key of a writers file.
func (l Layout) Writers(number int64) string {
	return fmt.Sprintf("%s%0*d", l.WritersPrefix(), numberDigits, number)
}

// LogPrefix is what all keys begin with that are not of data objects.
func (l Layout) LogPrefix() string { return l.Prefix + "_log/" }

// DataPrefix is what all keys of data objects begin with.
func (l Layout) DataPrefix() string { return l.Prefix + "category=" }

// WriterFolder is what the keys of a writer's log begin with.
func (l Layout) WriterFolder(writer string) string { return l.LogPrefix() + writer + "/" }

// ManifestPrefix is what the keys of a writer's manifests begin with.
func (l Layout) ManifestPrefix(writer string) string { return l.WriterFolder(writer) + "manifest/" }

// FiltersPrefix is what the keys of a writer's filters begin with.
func (l Layout) FiltersPrefix(writer string) string { return l.WriterFolder(writer) + "filters/" }

// TilePrefix is what the keys of a writer's tiles begin with.
func (l Layout) TilePrefix(writer string) string { return l.WriterFolder(writer) + "tile/" }

// CheckpointPrefix is what the keys of a writer's checkpoints begin with.
func (l Layout) CheckpointPrefix(writer string) string {
	return l.WriterFolder(writer) + "checkpoint/"
}

// Probe is where a writer tries at its start whether it may write. It is no part of the
// log: a server that should have refused what was tried has an empty object there.
func (l Layout) Probe(writer string) string { return l.WriterFolder(writer) + "probe" }

// WritersPrefix is what the keys of writers files begin with. No writer is called that.
func (l Layout) WritersPrefix() string { return l.LogPrefix() + writersFolder + "/" }

const writersFolder = "writers"

// ParseData takes a data object's key apart. Values of class and partitions are given
// as they stand in the key. Other keys are an error.
func (l Layout) ParseData(key string) (DataKey, error) {
	k, err := l.parseData(key)
	if err != nil {
		return DataKey{}, fmt.Errorf("%q is not the key of a data object: %w", key, err)
	}
	return k, nil
}

func (l Layout) parseData(key string) (k DataKey, err error) {
	rest, ok := strings.CutPrefix(key, l.DataPrefix())
	if !ok {
		return k, fmt.Errorf("it does not begin with %q", l.DataPrefix())
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 5 {
		return k, errors.New("category, dt, hour, writer and name are not all there")
	}
	k.Class = parts[0]
	if !isSafe(k.Class) {
		return k, fmt.Errorf("category is not made safe: %q", k.Class)
	}
	day, ok := strings.CutPrefix(parts[1], "dt=")
	if !ok {
		return k, errors.New("no dt behind category")
	}
	hour := day + "/" + parts[2]
	if k.Hour, err = time.Parse(hourForm, hour); err != nil || k.Hour.Format(hourForm) != hour {
		return k, errors.New("dt and hour are not dt=YYYY-MM-DD/hour=HH")
	}
	for _, part := range parts[3 : len(parts)-2] {
		name, value, ok := strings.Cut(part, "=")
		if !ok || !isSafe(value) {
			return k, fmt.Errorf("no partition of the form name=value: %q", part)
		}
		if err := CheckPartition(name); err != nil {
			return k, err
		}
		k.Partitions = append(k.Partitions, Partition{name, value})
	}
	k.Writer = parts[len(parts)-2]
	if err := CheckWriter(k.Writer); err != nil {
		return k, err
	}
	k.FirstLeaf, k.SHA256, k.Extension, err = parseName(parts[len(parts)-1])
	if err == nil && !isExtension(k.Extension) {
		err = fmt.Errorf("no archive has objects with the extension %q", k.Extension)
	}
	return k, err
}

// parseName takes <number>-<sha256>.<extension> apart.
func parseName(name string) (number int64, sum [sha256.Size]byte, extension string, err error) {
	const sumAt, extensionAt = numberDigits + 1, numberDigits + 1 + 2*sha256.Size + 1
	if len(name) <= extensionAt || name[sumAt-1] != '-' || name[extensionAt-1] != '.' {
		return 0, sum, "", fmt.Errorf("its name is not <number>-<sha256>.<extension>: %q", name)
	}
	if number, err = parseNumber(name[:numberDigits]); err != nil {
		return 0, sum, "", err
	}
	if sum, err = parseDigest(name[sumAt : extensionAt-1]); err != nil {
		return 0, sum, "", err
	}
	return number, sum, name[extensionAt:], nil
}

func parseNumber(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || len(text) != numberDigits {
		return 0, fmt.Errorf("no number of %d digits: %q", numberDigits, text)
	}
	return int64(n), nil
}

// parseDigest reads 64 lower-case hex digits.
func parseDigest(text string) (d [sha256.Size]byte, err error) {
	if len(text) != 2*sha256.Size || strings.ToLower(text) != text {
		return d, fmt.Errorf("no SHA-256 in lower-case hex digits: %q", text)
	}
	if _, err := hex.Decode(d[:], []byte(text)); err != nil {
		return d, fmt.Errorf("no SHA-256 in lower-case hex digits: %q", text)
	}
	return d, nil
}

// inLog takes the writer off a key of its log.
func (l Layout) inLog(key, folder string) (writer, name string, err error) {
	rest, ok := strings.CutPrefix(key, l.LogPrefix())
	if !ok {
		return "", "", fmt.Errorf("it does not begin with %q", l.LogPrefix())
	}
	writer, rest, _ = strings.Cut(rest, "/")
	if err := CheckWriter(writer); err != nil {
		return "", "", err
	}
	name, ok = strings.CutPrefix(rest, folder)
	if !ok {
		return "", "", fmt.Errorf("no %s behind the writer", folder)
	}
	return writer, name, nil
}

func (l Layout) parseNamed(key, folder, extension string) (writer string, number int64, sum [sha256.Size]byte, err error) {
	writer, name, err := l.inLog(key, folder)
	if err != nil {
		return "", 0, sum, err
	}
	number, sum, ext, err := parseName(name)
	if err == nil && ext != extension {
		err = fmt.Errorf("its extension is not %s", extension)
	}
	if err != nil {
		return "", 0, [sha256.Size]byte{}, err
	}
	return writer, number, sum, nil
}

// ParseManifest takes a manifest's key apart. Other keys are an error.
func (l Layout) ParseManifest(key string) (writer string, number int64, sum [sha256.Size]byte, err error) {
	writer, number, sum, err = l.parseNamed(key, "manifest/", "json")
	if err != nil {
		err = fmt.Errorf("%q is not the key of a manifest: %w", key, err)
	}
	return writer, number, sum, err
}

// ParseFilters takes the key of a manifest's filters apart. Other keys are an error.
func (l Layout) ParseFilters(key string) (writer string, number int64, sum [sha256.Size]byte, err error) {
	writer, number, sum, err = l.parseNamed(key, "filters/", "bin")
	if err != nil {
		err = fmt.Errorf("%q is not the key of filters: %w", key, err)
	}
	return writer, number, sum, err
}

// ParseTile takes a full tile's key apart. Other keys are an error.
func (l Layout) ParseTile(key string) (writer string, t tlog.Tile, err error) {
	writer, path, err := l.inLog(key, "tile/")
	if err == nil {
		t, err = ParseTilePath(path)
	}
	if err != nil {
		return "", tlog.Tile{}, fmt.Errorf("%q is not the key of a tile: %w", key, err)
	}
	return writer, t, nil
}

// ParseCheckpoint takes a checkpoint's key apart. Other keys are an error.
func (l Layout) ParseCheckpoint(key string) (writer string, number int64, err error) {
	writer, name, err := l.inLog(key, "checkpoint/")
	if err == nil {
		number, err = parseNumber(name)
	}
	if err != nil {
		return "", 0, fmt.Errorf("%q is not the key of a checkpoint: %w", key, err)
	}
	return writer, number, nil
}

// ParseWriters takes the key of a writers file apart. Other keys are an error.
func (l Layout) ParseWriters(key string) (number int64, err error) {
	name, ok := strings.CutPrefix(key, l.WritersPrefix())
	if !ok {
		return 0, fmt.Errorf("%q is not the key of a writers file: it does not begin with %q", key, l.WritersPrefix())
	}
	if number, err = parseNumber(name); err != nil {
		return 0, fmt.Errorf("%q is not the key of a writers file: %w", key, err)
	}
	return number, nil
}

// maxTileLevel is the highest level of tiles that trees of 2^63 leaves have.
const maxTileLevel = 63 / TileHeight

// TilePath is a full tile's path behind "tile/", as in C2SP tlog-tiles, that is without the
// height: 0/x001/067 is tile 1067 of level 0.
func TilePath(t tlog.Tile) string {
	n := t.N
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	return strconv.Itoa(t.L) + "/" + path
}

// ParseTilePath reads a full tile's path.
func ParseTilePath(path string) (tlog.Tile, error) {
	t, err := tlog.ParseTilePath("tile/" + strconv.Itoa(TileHeight) + "/" + path)
	if err != nil || t.W != TileWidth || t.L < 0 || t.L > maxTileLevel || TilePath(t) != path {
		return tlog.Tile{}, fmt.Errorf("no path of a full tile: %q", path)
	}
	return t, nil
}

// Safe makes a value safe to stand in a key: what comes out is 1 to 145 bytes of letters,
// digits and ".-_%~", is not "." or "..", and is another for each value (as far as that can
// be said of the first 64 bits of a SHA-256, for long ones).
func Safe(value string) string {
	switch value {
	case "":
		return "%"
	case ".", "..":
		return "%2E" + value[1:]
	}
	b := make([]byte, 0, min(len(value), maxSafe)+32)
	for i := range len(value) {
		n := len(b)
		if c := value[i]; staysInKey(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
		if len(b) > maxSafe {
			sum := sha256.Sum256([]byte(value))
			b = append(b[:n], '~')
			return string(hex.AppendEncode(b, sum[:8]))
		}
	}
	return string(b)
}

const upperHex = "0123456789ABCDEF"

// staysInKey says whether a byte of a value stands in a key as it is.
func staysInKey(c byte) bool {
	return isLetterOrDigit(c) || c == '.' || c == '-' || c == '_'
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isSafe says whether a text is one that Safe makes of some value.
func isSafe(text string) bool {
	switch text {
	case "", ".", "..":
		return false
	case "%", "%2E", "%2E.":
		return true
	}
	value := text
	if at := strings.IndexByte(text, '~'); at >= 0 {
		sum := text[at+1:]
		value = text[:at]
		if len(sum) != 16 || strings.Trim(sum, "0123456789abcdef") != "" || at > maxSafe || at < maxSafe-2 {
			return false
		}
	}
	if len(value) > maxSafe {
		return false
	}
	for i := 0; i < len(value); i++ {
		if staysInKey(value[i]) {
			continue
		}
		if value[i] != '%' || len(value)-i < 3 {
			return false
		}
		high, low := strings.IndexByte(upperHex, value[i+1]), strings.IndexByte(upperHex, value[i+2])
		if high < 0 || low < 0 || staysInKey(byte(high<<4|low)) {
			return false
		}
		i += 2
	}
	return true
}

// CheckWriter says what is wrong with a writer's name.
func CheckWriter(name string) error {
	fits := len(name) >= 1 && len(name) <= maxWriter && name != writersFolder && name != rootKey
	for i := range len(name) {
		c := name[i]
		fits = fits && staysInKey(c) && (c < 'A' || c > 'Z') && (i > 0 || isLetterOrDigit(c))
	}
	if !fits {
		return fmt.Errorf("%q is no name of a writer: it has 1 to %d of a-z, 0-9 and \".-_\", the first a letter or digit, and is neither %q nor %q",
			name, maxWriter, writersFolder, rootKey)
	}
	return nil
}

// CheckPartition says what is wrong with the name of a partition.
func CheckPartition(name string) error {
	fits := len(name) >= 1 && len(name) <= maxWriter && name != "category" && name != "dt" && name != "hour"
	for i := range len(name) {
		c := name[i]
		fits = fits && ('a' <= c && c <= 'z' || i > 0 && (c == '_' || '0' <= c && c <= '9'))
	}
	if !fits {
		return fmt.Errorf("%q is no name of a partition: it has 1 to %d of a-z, 0-9 and _, the first a letter, and is not category, dt or hour",
			name, maxWriter)
	}
	return nil
}

// CheckPrefix says what is wrong with a prefix of keys.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	inner, ok := strings.CutSuffix(prefix, "/")
	if !ok {
		return fmt.Errorf("the prefix %q does not end with '/'", prefix)
	}
	for part := range strings.SplitSeq(inner, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("the prefix %q has a part that is empty, \".\" or \"..\", which tools take for folders", prefix)
		}
		for i := range len(part) {
			if c := part[i]; !staysInKey(c) && c != '=' {
				return fmt.Errorf("the prefix %q has other characters than letters, digits and \".-_=/\"", prefix)
			}
		}
	}
	return nil
}

// CheckKeyLength says that a key of these partitions may become longer than the 1024 bytes
// that S3 takes.
func (l Layout) CheckKeyLength(writer string, partitions []string) error {
	k := DataKey{Class: strings.Repeat("x", maxSafe+1), Writer: writer, Extension: longestExtension}
	for _, name := range partitions {
		k.Partitions = append(k.Partitions, Partition{name, k.Class})
	}
	if n := len(l.Data(k)); n > maxKey {
		return fmt.Errorf("keys may come to %d bytes, S3 takes %d: shorten the prefix or the writer's name, or leave out partitions", n, maxKey)
	}
	return nil
}

const maxKey = 1024
