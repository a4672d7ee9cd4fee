package archiveaudit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

func isNotFound(err error) bool { return errors.Is(err, objectstore.ErrNotFound) }

// checkObject checks a data object and gives the hashes of its leaves: those of its
// content, or where that is not right, those of the log's tiles.
func (w *writerAudit) checkObject(ctx context.Context, s *step, o *archive.ManifestObject) (hashes []byte, known bool) {
	version := w.version(o.VersionID)
	w.a.known.add(o.Key, o.VersionID)
	f := Finding{Writer: w.name, Object: o.Key, Version: version}
	if w.a.locks {
		w.objectLock(ctx, s, o)
	}
	until := o.RetainUntil
	r, err := w.readRight(ctx, o, version, w.filterOf(s, o))
	w.objects.Add(1)
	switch {
	case err != nil:
		if isNotFound(err) {
			w.a.known.addMissing(o.SHA256, o.Key)
		}
		w.a.unreadable(f, "the object", err, until)
	case r.form != nil:
		return w.malformed(ctx, f, s, o, r)
	case r.info.SHA256 != o.SHA256 || r.info.Size != o.Size:
		w.a.found.add(f.tampered(KindChanged, "the object is not what manifest %d names: it has %d bytes with SHA-256 %x, and had %d with %x"+readAgain, s.number, r.info.Size, r.info.SHA256, o.Size, o.SHA256))
	case r.info.Bytes != o.Bytes || r.info.Leaves != o.Leaves:
		w.a.found.add(f.tampered(KindLeaves, "the object has %d lines in %d bytes, and manifest %d says %d in %d", r.info.Leaves, r.info.Bytes, s.number, o.Leaves, o.Bytes))
	default:
		severity := Tampered
		if formOf(o.Encoding) == formECS {
			severity = Note // a sender may have given a field of ECS that the filter is not made of
		}
		for _, wrong := range r.filter {
			w.a.found.add(Finding{
				Severity: severity, Kind: KindFilter, Writer: w.name, Object: o.Key, Line: wrong.line, Leaf: new(o.FirstLeaf + wrong.line - 1),
				Text: fmt.Sprintf("the object has the id %q, and its filter denies it: a search would not find the line", wrong.id),
			})
		}
		return r.hashes, true
	}
	logged, tilesErr := w.leavesFromTiles(ctx, s, o.FirstLeaf, o.Leaves)
	if tilesErr != nil {
		return nil, false
	}
	if err == nil {
		w.lines(f, o, r, logged)
	}
	return logged, true
}

// malformed is an object whose form is wrong somewhere.
func (w *writerAudit) malformed(ctx context.Context, f Finding, s *step, o *archive.ManifestObject, r reading) ([]byte, bool) {
	logged, err := w.leavesFromTiles(ctx, s, o.FirstLeaf, o.Leaves)
	if err == nil && bytes.Equal(logged, r.hashes) {
		w.a.found.add(f.tampered(KindTrailing, "all of the object's lines are the log's, and something stands behind them: %v"+readAgain, r.form))
		return logged, true
	}
	w.a.found.add(f.tampered(KindForm, "the object is not in the archive's form: %v"+readAgain, r.form))
	if err != nil {
		return nil, false
	}
	w.lines(f, o, r, logged)
	return logged, true
}

// objectLock compares an object's lock and dates with what the log says.
func (w *writerAudit) objectLock(ctx context.Context, s *step, o *archive.ManifestObject) {
	info, err := retry(ctx, func() (objectstore.Info, error) { return w.a.r.Head(ctx, o.Key, o.VersionID) })
	f := Finding{Writer: w.name, Object: o.Key, Version: o.VersionID}
	switch {
	case isNotFound(err):
		return // its content is asked for next
	case err != nil:
		w.a.unreadable(f, "the object's lock", err, time.Time{})
		return
	}
	w.sawLock(s.manifest.ConfigSHA256, info)
	was := objectstore.Lock{Mode: objectstore.Mode(o.Mode), RetainUntil: o.RetainUntil}
	if wrong := weaker(info.Lock, was, w.a.Now); wrong != "" {
		w.a.found.add(f.tampered(KindLock, "the object is not locked as it was: %s", wrong))
	}
	if checkpoint := s.checkpointInfo.Modified; !checkpoint.IsZero() && info.Modified.After(checkpoint.Add(clockSlack)) {
		w.a.found.add(f.tampered(KindLate, "the bucket has the object from %s, behind the checkpoint of %s that names it: it was put there afterwards", date(info.Modified), date(checkpoint)))
	}
	if info.HasSHA256 && info.SHA256 != [32]byte(o.SHA256) {
		w.a.found.add(f.tampered(KindChanged, "the bucket says that the object has the SHA-256 %x, and manifest %d names %x", info.SHA256, s.number, o.SHA256))
	}
}

// reading is what was read of an object.
type reading struct {
	info   archive.ObjectInfo
	hashes []byte
	form   error // what is wrong with its form
	sum    uint64
	filter []denied
}

// denied is an id that an object has and its filter denies.
type denied struct {
	line int64
	id   string
}

// maxDenied is how many are named of one object.
const maxDenied = 10

// maxMore is how many bytes more than the log says are read of an object, so that what was
// put in can be named.
const maxMore = 1 << 20

// noted remembers why a body could not be read, and what was read, to know it again.
type noted struct {
	io.Reader
	err error
	sum maphash.Hash
}

func (n *noted) Read(p []byte) (int, error) {
	k, err := n.Reader.Read(p)
	_, _ = n.sum.Write(p[:k]) // never fails
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return k, err
}

// filterOf gives an object's filter, nil where it can't be had.
func (w *writerAudit) filterOf(s *step, o *archive.ManifestObject) *archive.Filter {
	data := s.filters()
	if data == nil {
		return nil
	}
	f := Finding{Writer: w.name, Object: o.Key}
	end := o.Filter.Offset + o.Filter.Length
	if o.Filter.Offset < 0 || o.Filter.Length < 0 || end < o.Filter.Offset || end > int64(len(data)) {
		w.a.found.add(f.tampered(KindFilter, "manifest %d says that its filter is at bytes %d to %d of %d", s.number, o.Filter.Offset, end, len(data)))
		return nil
	}
	filter, err := archive.OpenFilter(data[o.Filter.Offset:end])
	if err != nil {
		w.a.found.add(f.tampered(KindFilter, "its filter can't be read: %v", err))
		return nil
	}
	return &filter
}

// readRight reads an object until it is what the log says, and gives the last reading if
// that is not either.
func (w *writerAudit) readRight(ctx context.Context, o *archive.ManifestObject, version string, filter *archive.Filter) (r reading, err error) {
	var gone error
	err = w.a.reread(ctx, func() (string, error) {
		var err error
		r, err = w.readObject(ctx, o, version, filter)
		switch {
		case isNotFound(err) && !o.RetainUntil.IsZero() && w.a.Now.After(o.RetainUntil):
			gone = err // as it may be
			return "", nil
		case err != nil:
			return "", err
		case r.form == nil && r.info == (archive.ObjectInfo{Size: o.Size, SHA256: o.SHA256, Bytes: o.Bytes, Leaves: o.Leaves}):
			return "", nil
		}
		return strconv.FormatUint(r.sum, 16), nil
	})
	return r, cmp.Or(err, gone)
}

// maxMoreLines is how many lines more than the log says are taken of an object: each is 32
// bytes of memory.
const maxMoreLines = 1 << 16

// readObject reads an object. The error is the place's; what is wrong with the object is
// in what it gives.
func (w *writerAudit) readObject(ctx context.Context, o *archive.ManifestObject, version string, filter *archive.Filter) (reading, error) {
	return retry(ctx, func() (reading, error) {
		body, _, err := w.a.r.Get(ctx, o.Key, version, 0, -1)
		if err != nil {
			return reading{}, err
		}
		defer func() { _ = body.Close() }()
		in := &noted{Reader: body}
		in.sum.SetSeed(w.a.known.seed)
		r := reading{hashes: make([]byte, 0, min(max(o.Leaves, 0), 1<<21)*archive.HashSize)}
		scan := newIDScanner(o.Class, o.Encoding)
		settings := archive.ReadSettings{Compression: o.Compression, Lines: archive.HasLines(o.Encoding), MaxBytes: o.Bytes + maxMore}
		if !settings.Lines {
			r.info, err = archive.ReadHashes(in, settings, func(hashes []byte) error {
				r.hashes = append(r.hashes, hashes...)
				return nil
			})
			w.bytes.Add(r.info.Bytes)
		} else {
			var hasher archive.LeafHasher
			lines := int64(0)
			r.info, err = archive.ReadBlocks(in, settings, func(block []byte) error {
				r.hashes = hasher.AppendLines(r.hashes, block)
				w.bytes.Add(int64(len(block)))
				if filter != nil && scan != nil && len(r.filter) < maxDenied {
					r.filter = scan.denied(r.filter, *filter, block, lines)
				}
				if lines = int64(len(r.hashes) / archive.HashSize); lines > o.Leaves+maxMoreLines {
					return fmt.Errorf("it has more than %d lines", lines)
				}
				return ctx.Err()
			})
		}
		if in.err != nil || ctx.Err() != nil {
			return reading{}, errors.Join(in.err, ctx.Err())
		}
		r.form, r.sum = err, in.sum.Sum64()
		return r, nil
	})
}

// lines says which lines of an object are not the log's.
func (w *writerAudit) lines(f Finding, o *archive.ManifestObject, r reading, logged []byte) {
	got := slices.Collect(slices.Chunk(r.hashes, archive.HashSize))
	want := slices.Collect(slices.Chunk(logged, archive.HashSize))
	front := 0
	for front < len(got) && front < len(want) && bytes.Equal(got[front], want[front]) {
		front++
	}
	back := 0
	for back < len(got)-front && back < len(want)-front && bytes.Equal(got[len(got)-1-back], want[len(want)-1-back]) {
		back++
	}
	if front == len(got) && front == len(want) {
		return
	}
	f.Line, f.Leaf = int64(front)+1, new(o.FirstLeaf+int64(front))
	gotMiddle, wantMiddle := got[front:len(got)-back], want[front:len(want)-back]
	if r.form != nil && len(gotMiddle) == 0 {
		f.Line, f.Leaf = int64(front)+1, new(o.FirstLeaf+int64(front))
		w.a.found.add(f.tampered(KindLineCount, "%d lines could be read, and the log has %d: this is the first that could not", len(got), len(want)))
		return
	}
	switch {
	case len(gotMiddle) == 0:
		w.a.found.add(f.tampered(KindLineCount, "%d lines were taken out from here on", len(wantMiddle)))
	case len(wantMiddle) == 0:
		w.a.found.add(f.tampered(KindLineCount, "%d lines were put in from here on", len(gotMiddle)))
	case len(gotMiddle) != len(wantMiddle):
		w.a.found.add(f.tampered(KindLineCount, "%d lines from here on are others than the log's %d", len(gotMiddle), len(wantMiddle)))
	case sameSet(gotMiddle, wantMiddle):
		w.a.found.add(f.tampered(KindLine, "from here on %d lines are in another order than in the log", len(gotMiddle)))
	default:
		changed := 0
		for i := range gotMiddle {
			if bytes.Equal(gotMiddle[i], wantMiddle[i]) {
				continue
			}
			if changed++; changed <= maxDenied {
				at := int64(front + i)
				f.Line, f.Leaf = at+1, new(o.FirstLeaf+at)
				w.a.found.add(f.tampered(KindLine, "the line is not the log's"))
			}
		}
	}
}

func sameSet(x, y [][]byte) bool {
	x, y = slices.Clone(x), slices.Clone(y)
	slices.SortFunc(x, bytes.Compare)
	slices.SortFunc(y, bytes.Compare)
	return slices.EqualFunc(x, y, bytes.Equal)
}
