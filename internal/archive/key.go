package archive

import (
	"crypto/sha256"
	"errors"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

var errNotYet = errors.New("not yet")

// Layout makes the keys of an archive. Prefix is "" or ends with '/'.
type Layout struct{ Prefix string }

// DataKey is a data object's key in parts.
type DataKey struct {
	// Class is the record's class, as it was before it was made safe.
	Class string
	// Hour is the beginning of dt and hour, in UTC.
	Hour time.Time
	// Partitions are names and values, as they were before they were made safe.
	Partitions []Partition
	Writer     string
	FirstLeaf  int64
	SHA256     [sha256.Size]byte
	// Extension is that of the encoding with that of the compression: jsonl.zst. See
	// [Extension].
	Extension string
}

// Partition is one name=value in a key.
type Partition struct{ Name, Value string }

// Data gives a data object's key.
func (l Layout) Data(k DataKey) string { return "" }

// Manifest gives a manifest's key.
func (l Layout) Manifest(writer string, number int64, sum [sha256.Size]byte) string { return "" }

// Filters gives the key of a manifest's filters.
func (l Layout) Filters(writer string, number int64, sum [sha256.Size]byte) string { return "" }

// Tile gives the key of a full tile of height 8.
func (l Layout) Tile(writer string, t tlog.Tile) string { return "" }

// Checkpoint gives a checkpoint's key.
func (l Layout) Checkpoint(writer string, number int64) string { return "" }

// Writers gives the key of a writers file.
func (l Layout) Writers(number int64) string { return "" }

// LogPrefix is what all keys begin with that are not of data objects.
func (l Layout) LogPrefix() string { return l.Prefix + "_log/" }

// DataPrefix is what all keys of data objects begin with.
func (l Layout) DataPrefix() string { return l.Prefix + "category=" }

// WriterFolder is what the keys of a writer's log begin with.
func (l Layout) WriterFolder(writer string) string { return "" }

// ManifestPrefix is what the keys of a writer's manifests begin with.
func (l Layout) ManifestPrefix(writer string) string { return "" }

// FiltersPrefix is what the keys of a writer's filters begin with.
func (l Layout) FiltersPrefix(writer string) string { return "" }

// TilePrefix is what the keys of a writer's tiles begin with.
func (l Layout) TilePrefix(writer string) string { return "" }

// CheckpointPrefix is what the keys of a writer's checkpoints begin with.
func (l Layout) CheckpointPrefix(writer string) string { return "" }

// WritersPrefix is what the keys of writers files begin with.
func (l Layout) WritersPrefix() string { return "" }

// ParseData takes a data object's key apart. Values of class and partitions are given
// as they stand in the key. Other keys are an error.
func (l Layout) ParseData(key string) (DataKey, error) { return DataKey{}, errNotYet }

// ParseManifest takes a manifest's key apart. Other keys are an error.
func (l Layout) ParseManifest(key string) (writer string, number int64, sum [sha256.Size]byte, err error) {
	return "", 0, sum, errNotYet
}

// ParseFilters takes the key of a manifest's filters apart. Other keys are an error.
func (l Layout) ParseFilters(key string) (writer string, number int64, sum [sha256.Size]byte, err error) {
	return "", 0, sum, errNotYet
}

// ParseTile takes a full tile's key apart. Other keys are an error.
func (l Layout) ParseTile(key string) (writer string, t tlog.Tile, err error) {
	return "", t, errNotYet
}

// ParseCheckpoint takes a checkpoint's key apart. Other keys are an error.
func (l Layout) ParseCheckpoint(key string) (writer string, number int64, err error) {
	return "", 0, errNotYet
}

// ParseWriters takes the key of a writers file apart. Other keys are an error.
func (l Layout) ParseWriters(key string) (number int64, err error) { return 0, errNotYet }

// Safe makes a value safe to stand in a key.
func Safe(value string) string { return "" }

// CheckWriter says what is wrong with a writer's name.
func CheckWriter(name string) error { return errNotYet }

// CheckPartition says what is wrong with the name of a partition.
func CheckPartition(name string) error { return errNotYet }

// CheckPrefix says what is wrong with a prefix of keys.
func CheckPrefix(prefix string) error { return errNotYet }
