package archiver

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/heartwood-otel/heartwood/internal/diskfs"

	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// openObject is one that records are added to. It belongs to the pump.
type openObject struct {
	name   string // the destination's form
	dest   destination
	file   uint64
	opened time.Time
	data   *output
	leaves *output
	uids   *output
	writer *archive.ObjectWriter
	filter *archive.FilterBuilder

	ids              idRanges
	records          int64
	redactions       int64
	minTime, maxTime int64
}

// output is a file of an object. Its errors are diskErrors.
type output struct {
	diskfs.File
	path string
	buf  []byte
}

// maxBuffered is how many bytes of leaves' hashes, or fingerprints, wait for a write.
const maxBuffered = 32 << 10

func (o *output) Write(p []byte) (int, error) {
	n, err := o.File.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return n, diskError{fmt.Errorf("write %s: %w", o.path, err)}
	}
	return n, nil
}

// add writes when it has enough.
func (o *output) add(p []byte) error {
	o.buf = append(o.buf, p...)
	if len(o.buf) < maxBuffered {
		return nil
	}
	return o.flush()
}

func (o *output) flush() error {
	if len(o.buf) == 0 {
		return nil
	}
	_, err := o.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}

// finish makes it durable, but for its name.
func (o *output) finish() error {
	if err := o.flush(); err != nil {
		return err
	}
	if err := o.Sync(); err != nil {
		return diskError{fmt.Errorf("sync %s: %w", o.path, err)}
	}
	return nil
}

func (a *Archiver) create(file uint64, kind string) (*output, error) {
	path := a.file(file, kind)
	f, err := a.set.FS.Create(path)
	if err != nil {
		return nil, diskError{fmt.Errorf("make %s: %w", path, err)}
	}
	return &output{File: f, path: path}, nil
}

func (a *Archiver) newObject(form []byte, now time.Time) (*openObject, error) {
	dest, err := parseDestination(form)
	if err != nil {
		return nil, err
	}
	o := &openObject{name: string(form), dest: dest, opened: now, filter: archive.NewFilterBuilder()}
	a.mu.Lock()
	o.file = a.nextFile
	a.nextFile++
	a.mu.Unlock()
	if o.data, err = a.create(o.file, dataFile); err == nil {
		if o.leaves, err = a.create(o.file, leavesFile); err == nil {
			o.uids, err = a.create(o.file, uidsFile)
		}
	}
	if err == nil {
		o.writer, err = archive.NewObjectWriter(o.data, archive.WriteSettings{
			Compression: a.set.Compression, Lines: archive.HasLines(dest.encoding), Hashes: o.leaves.add,
		})
	}
	if err != nil {
		a.discard(o)
		return nil, err
	}
	return o, nil
}

// discard closes an object's files, and removes them.
func (a *Archiver) discard(o *openObject) {
	for _, out := range []*output{o.data, o.leaves, o.uids} {
		if out != nil {
			_ = out.Close()
		}
	}
	for _, kind := range []string{dataFile, leavesFile, uidsFile, filterFile} {
		a.remove(o.file, kind)
	}
}

// remove removes a file. Where it can't be, the next start does.
func (a *Archiver) remove(file uint64, kind string) {
	if err := a.set.FS.Remove(a.file(file, kind)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.logger.Debug("A file that is no longer needed stays until the next start", zap.Error(err))
	}
}

// add adds a record.
func (o *openObject) add(id spool.ID, s *stored, p *pump) error {
	if err := o.writer.Append(s.line); err != nil {
		return fmt.Errorf("record %d of the queue: %w", id, err)
	}
	if len(s.requestID) > 0 {
		o.filter.Add(s.requestID)
	}
	switch len(s.traceID) {
	case 0:
	case len([16]byte{}):
		o.filter.AddTraceID([16]byte(s.traceID))
	default: // no trace id that we write
		o.filter.Add(hex.AppendEncode(nil, s.traceID))
	}
	for more := (fields{rest: s.moreIDs}); len(more.rest) > 0; {
		o.filter.Add(more.text())
	}
	if s.hasUID && p.a.set.RepeatWindow > 0 {
		if err := o.uids.add(s.fingerprint[:]); err != nil {
			return err
		}
	}
	at := s.time
	if at == noTime {
		at = s.arrival
	}
	if o.records == 0 {
		o.minTime, o.maxTime = at, at
	}
	o.minTime, o.maxTime = min(o.minTime, at), max(o.maxTime, at)
	o.records++
	o.redactions += s.redactions
	o.ids.add(id)
	return nil
}

// seal ends an object: its files are made durable, then the journal has its key and leaves
// and what it has of the queue, then that is acknowledged.
func (p *pump) seal(ctx context.Context, o *openObject) error {
	a := p.a
	sealed, err := p.finish(o)
	if err != nil {
		return err
	}
	entries := make([][]byte, 0, 2)
	entry, err := appendEntry(kindSealed, &sealed.sealedEntry, o.ids.bytes(), p.repeats.bytes())
	if err != nil {
		return err
	}
	entries = append(entries, entry)
	window := savedWindow{windowEntry: windowEntry{File: o.file, At: time.Now()}}
	if a.set.RepeatWindow > 0 {
		if entry, err = appendEntry(kindWindow, window.windowEntry); err != nil {
			return err
		}
		entries = append(entries, entry)
	}
	first, err := a.journal.append(ctx, "seal "+sealed.Key, entries...)
	if err != nil {
		// Its entry may be there at the next start, and then its files must be.
		delete(p.open, o.name)
		return err
	}
	sealed.id, window.id = first, first+1
	told := sealed.manifestObject()
	delete(p.open, o.name)
	if len(entries) > 1 {
		a.windows = append(a.windows, window)
	} else {
		a.remove(o.file, uidsFile)
	}
	a.mu.Lock()
	a.open = len(p.open)
	a.sealed = append(a.sealed, sealed)
	a.sealedBytes += sealed.onDisk()
	a.nextLeaf = sealed.end()
	a.announceLocked()
	a.mu.Unlock()
	p.ack(ctx, &o.ids)
	p.takeRepeats(ctx)
	a.set.Observer.Sealed(told)
	return nil
}

// finish makes an object's files durable.
func (p *pump) finish(o *openObject) (*object, error) {
	a := p.a
	info, err := o.writer.Finish()
	if err != nil {
		return nil, fmt.Errorf("end an object: %w", err)
	}
	filter, err := a.create(o.file, filterFile)
	if err != nil {
		return nil, err
	}
	defer filter.Close() //nolint:errcheck // it is synced
	filter.buf = o.filter.Append(nil)
	filterSize := int64(len(filter.buf))
	for _, out := range []*output{o.data, o.leaves, o.uids, filter} {
		if err := out.finish(); err != nil {
			return nil, err
		}
	}
	if err := a.set.FS.SyncDir(a.objects); err != nil {
		return nil, diskError{fmt.Errorf("sync %s: %w", a.objects, err)}
	}
	for _, out := range []*output{o.data, o.leaves, o.uids} {
		if err := out.Close(); err != nil {
			return nil, diskError{fmt.Errorf("close %s: %w", out.path, err)}
		}
	}
	s := &object{sealedEntry: sealedEntry{
		File: o.file, Size: info.Size, SHA256: info.SHA256, Bytes: info.Bytes, Leaves: info.Leaves,
		Records: o.records, MinTime: fromNanos(o.minTime), MaxTime: fromNanos(o.maxTime),
		Class: o.dest.rule.Name, Encoding: o.dest.encoding, Compressed: a.set.Compression,
		Mode: o.dest.rule.Mode, Period: o.dest.rule.Period, Storage: o.dest.rule.StorageClass,
		FilterSize: filterSize, Redactions: o.redactions, Repeated: p.repeats.total,
	}}
	a.mu.Lock()
	s.FirstLeaf, s.SealedAt = a.nextLeaf, a.now()
	a.mu.Unlock()
	s.Key = a.set.Layout.Data(archive.DataKey{
		Class: o.dest.rule.Name, Hour: o.dest.hour, Partitions: o.dest.partitions, Writer: a.set.Writer,
		FirstLeaf: s.FirstLeaf, SHA256: s.SHA256, Extension: archive.Extension(o.dest.encoding, a.set.Compression),
	})
	return s, nil
}

// now is the server's time, in UTC.
func (a *Archiver) now() time.Time {
	now, ok := a.set.Store.Now()
	if !ok {
		now = time.Now()
	}
	return now.UTC()
}

// manifestObject is what a manifest says of it; without the filter's place.
func (o *object) manifestObject() archive.ManifestObject {
	m := archive.ManifestObject{
		Key: o.Key, Size: o.Size, SHA256: o.SHA256, Bytes: o.Bytes, FirstLeaf: o.FirstLeaf, Leaves: o.Leaves,
		Records: o.Records, MinTime: o.MinTime, MaxTime: o.MaxTime, Class: o.Class, Encoding: o.Encoding,
		Compression: o.Compressed,
	}
	if u := o.uploaded; u != nil {
		m.VersionID, m.Mode, m.RetainUntil, m.StorageClass = u.VersionID, string(u.Mode), u.Until, u.Storage
	}
	return m
}
