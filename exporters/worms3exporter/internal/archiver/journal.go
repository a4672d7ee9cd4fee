package archiver

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// An entry of the journal:
//
//	0x01, kind, uvarint length and bytes of a JSON object, uvarint count of blobs, and for
//	each its uvarint length and bytes
const journalVersion = 1

type entryKind byte

const (
	// kindSealed: an object is whole, and has its key and leaves. Blobs: the ids in the
	// queue of its records; those of records that were repeats.
	kindSealed entryKind = iota + 1
	// kindWindow: the fingerprints of an object's records. It stays for the repeat window.
	kindWindow
	// kindUploaded: an object is in the bucket.
	kindUploaded
	// kindEnd: an interval has ended, and its manifest has its leaf. Blob: the ids in the
	// queue of records that were repeats.
	kindEnd
	// kindCommit: a manifest and its checkpoint, as they will be put. They are the blobs.
	kindCommit
	// kindHead: the log up to a checkpoint that is in the bucket, or, behind a lost disk,
	// was found there.
	kindHead
	// kindCount: records that were dead-lettered.
	kindCount
)

// sealedEntry is an object. Its files have the number File.
type sealedEntry struct {
	File       uint64              `json:"file"`
	Key        string              `json:"key"`
	Size       int64               `json:"size"`
	SHA256     archive.Digest      `json:"sha256"`
	Bytes      int64               `json:"bytes"`
	FirstLeaf  int64               `json:"first_leaf"`
	Leaves     int64               `json:"leaves"`
	Records    int64               `json:"records"`
	MinTime    time.Time           `json:"min_time"`
	MaxTime    time.Time           `json:"max_time"`
	Class      string              `json:"class"`
	Encoding   string              `json:"encoding"`
	Compressed archive.Compression `json:"compression"`
	Mode       objectstore.Mode    `json:"mode"`
	Period     time.Duration       `json:"period"`
	Storage    string              `json:"storage_class"`
	FilterSize int64               `json:"filter_size"`
	Redactions int64               `json:"redactions"`
	// Repeated are those read between the object sealed before and this one.
	Repeated int64 `json:"repeated"`
	// SealedAt is by the server's clock.
	SealedAt time.Time `json:"sealed_at"`
}

type windowEntry struct {
	File uint64 `json:"file"`
	// At is by this machine's clock.
	At time.Time `json:"at"`
}

type uploadedEntry struct {
	File      uint64           `json:"file"`
	VersionID string           `json:"version_id"`
	Mode      objectstore.Mode `json:"mode"`
	Until     time.Time        `json:"retain_until"`
	Storage   string           `json:"storage_class"`
}

type endEntry struct {
	Number int64         `json:"number"`
	Event  archive.Event `json:"event"`
	From   time.Time     `json:"from"`
	To     time.Time     `json:"to"`
	// FirstLeaf is the interval's, Leaf that of its manifest.
	FirstLeaf int64          `json:"first_leaf"`
	Leaf      int64          `json:"leaf"`
	Ledger    archive.Ledger `json:"ledger"`
	// Counted are the IDs of the kindCount that are in the ledger.
	Counted []spool.ID `json:"counted,omitempty"`

	repeats idRanges
}

type commitEntry struct {
	Number int64 `json:"number"`
	// FiltersVersion is that of the filters that the manifest names.
	FiltersVersion string `json:"filters_version"`
	// Lock is the weakest of the filters and tiles; nil where there are none.
	Lock *objectstore.Lock `json:"lock,omitempty"`

	manifest, checkpoint []byte
}

// headEntry is all that is needed to go on behind a checkpoint. Number -1 is none.
type headEntry struct {
	Number int64 `json:"number"`
	// Size is that of the checkpoint's tree, Edge the tree's.
	Size int64    `json:"size"`
	Edge [][]byte `json:"edge"`
	// Tiles are those that the checkpoint's manifest filled: they are put with the next.
	Tiles     []headTile         `json:"tiles,omitempty"`
	Previous  *archive.Previous  `json:"previous"`
	To        time.Time          `json:"to"`
	Totals    archive.Counts     `json:"totals"`
	Waiting   int64              `json:"waiting"`
	Counted   []spool.ID         `json:"counted,omitempty"`
	Recovered *archive.Recovered `json:"recovered,omitempty"`
}

type headTile struct {
	Level int    `json:"level"`
	N     int64  `json:"n"`
	Data  []byte `json:"data"`
}

// grow makes the head that of a manifest's tree with its own leaf.
func (h *headEntry) grow(m *archive.Manifest, raw []byte) error {
	tree, err := m.Tree()
	if err != nil {
		return err
	}
	leaf := archive.LeafHash(raw)
	tree.Append(leaf[:], func(t tlog.Tile, data []byte) {
		h.Tiles = append(h.Tiles, headTile{t.L, t.N, slices.Clone(data)})
	})
	h.Size, h.Edge = tree.Size(), tree.Edge()
	return nil
}

type countEntry struct {
	DeadLettered int64 `json:"dead_lettered"`
}

func appendEntry(kind entryKind, v any, blobs ...[]byte) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write an entry of the journal: %w", err)
	}
	dst := append([]byte(nil), journalVersion, byte(kind))
	dst = appendText(dst, text)
	dst = binary.AppendUvarint(dst, uint64(len(blobs)))
	for _, b := range blobs {
		dst = appendText(dst, b)
	}
	return dst, nil
}

var errEntry = errors.New("it is no entry of a version that is known")

func parseEntry(data []byte) (kind entryKind, text []byte, blobs [][]byte, err error) {
	f := fields{rest: data}
	version := f.byte()
	kind, text = entryKind(f.byte()), f.text()
	count := f.uvarint()
	for ; count > 0 && !f.failed; count-- {
		blobs = append(blobs, f.text())
	}
	if f.failed || version != journalVersion || len(f.rest) > 0 {
		return 0, nil, nil, errEntry
	}
	return kind, text, blobs, nil
}

// idRanges are IDs in growing order: for each run uvarint gap behind the run before and
// uvarint length.
type idRanges struct {
	form  []byte
	first spool.ID // of the run that is open
	count uint64   // its length
	end   spool.ID // behind the run before
	total int64
}

// add adds an ID that is larger than those before.
func (r *idRanges) add(id spool.ID) {
	r.total++
	if r.count > 0 && id == r.first+spool.ID(r.count) {
		r.count++
		return
	}
	r.close()
	r.first, r.count = id, 1
}

func (r *idRanges) close() {
	if r.count == 0 {
		return
	}
	r.form = binary.AppendUvarint(r.form, uint64(r.first-r.end))
	r.form = binary.AppendUvarint(r.form, r.count)
	r.end, r.count = r.first+spool.ID(r.count), 0
}

// bytes is their form. More may be added afterwards.
func (r *idRanges) bytes() []byte {
	r.close()
	return r.form
}

func parseRanges(form []byte) (idRanges, error) {
	r := idRanges{form: form}
	f := fields{rest: form}
	for len(f.rest) > 0 {
		gap, count := f.uvarint(), f.uvarint()
		first := r.end + spool.ID(gap)
		next := first + spool.ID(count)
		if f.failed || count == 0 || first < r.end || next < first || count > 1<<31 {
			return r, errEntry
		}
		r.end = next
		r.total += int64(count)
	}
	return r, nil
}

// runs gives the first ID and the length of each run.
func (r *idRanges) runs() iter.Seq2[spool.ID, uint64] {
	return func(yield func(first spool.ID, count uint64) bool) {
		f := fields{rest: r.bytes()}
		var end spool.ID
		for len(f.rest) > 0 {
			gap, count := f.uvarint(), f.uvarint()
			first := end + spool.ID(gap)
			if !yield(first, count) {
				return
			}
			end = first + spool.ID(count)
		}
	}
}

// all gives the IDs.
func (r *idRanges) all() iter.Seq[spool.ID] {
	return func(yield func(spool.ID) bool) {
		for id, count := range r.runs() {
			for range count {
				if !yield(id) {
					return
				}
				id++
			}
		}
	}
}

// journal is the spool of what was sealed and is not in the log, and of the log's head.
type journal struct {
	*spool.Spool
	retry *retrier
}

// append makes entries durable, all of them or none: as often as it takes. What of an
// attempt that failed may still be on disk is void with the next that succeeds, so
// nothing else may be written in between where order matters. The error is the context's.
func (j *journal) append(ctx context.Context, what string, records ...[]byte) (first spool.ID, err error) {
	err = j.retry.do(ctx, what, func(ctx context.Context) error {
		t := j.Enqueue(spool.Batch{Records: records})
		first = t.First
		if err := t.Wait(ctx); err != nil {
			return fmt.Errorf("write to the journal: %w", err)
		}
		return nil
	})
	return first, err
}
