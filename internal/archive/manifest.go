package archive

import (
	"crypto/sha256"
	"time"
)

// Digest is a SHA-256, in JSON 64 lower-case hex digits.
type Digest [sha256.Size]byte

// Event is why a manifest was written.
type Event string

// The events there are.
const (
	EventStart    Event = "start"
	EventInterval Event = "interval"
	EventShutdown Event = "shutdown"
)

// Manifest is what was written in an interval. docs/format/archive.md describes each
// field. Times are in UTC.
type Manifest struct {
	Format       string           `json:"format"`
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
	Interval     time.Duration    `json:"interval"` // as Go writes it
	ConfigSHA256 Digest           `json:"config_sha256"`
	Version      string           `json:"version"`
	Recovered    *Recovered       `json:"recovered"` // nil but behind a lost disk
}

// Previous is the manifest before.
type Previous struct {
	ManifestSHA256    Digest `json:"manifest_sha256"`
	ManifestVersion   string `json:"manifest_version"`
	CheckpointVersion string `json:"checkpoint_version"`
	// FiltersVersion is empty when that one has no filters.
	FiltersVersion string `json:"filters_version"`
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
	Path      string `json:"path"` // behind "tile/": 0/x001/067
	SHA256    Digest `json:"sha256"`
	VersionID string `json:"version_id"`
}

// Counts count records.
type Counts struct {
	Accepted     int64 `json:"accepted"`
	Archived     int64 `json:"archived"`
	Repeated     int64 `json:"repeated"`
	DeadLettered int64 `json:"dead_lettered"`
	Redactions   int64 `json:"redactions"`
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

// Marshal checks the manifest and gives its bytes.
func (m *Manifest) Marshal() ([]byte, error) { return nil, errNotYet }

// ParseManifest reads a manifest's bytes. It refuses all that Marshal does not write.
func ParseManifest(data []byte) (*Manifest, error) { return nil, errNotYet }

// Validate says what in the manifest does not fit together.
func (m *Manifest) Validate() error { return errNotYet }

// CheckFollows says what does not fit between a manifest and the one before, of which
// sum is the SHA-256.
func (m *Manifest) CheckFollows(before *Manifest, sum Digest) error { return errNotYet }

// Tree is the tree of the leaves before the manifest's own. [Tree.Append] of the LeafHash
// of the manifest's bytes makes it the one of the checkpoint.
func (m *Manifest) Tree() (*Tree, error) { return nil, errNotYet }
