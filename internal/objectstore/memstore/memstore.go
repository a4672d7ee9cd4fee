// Package memstore is a bucket in memory, for tests: versions, delete markers, locks and
// a clock as S3 has them, faults where a test wants them, and what a bucket's owner can do
// to an archive that S3's own interface does not let anyone do.
package memstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// Op is a call of the interface.
type Op string

// The calls, by their names. A listing is one call.
const (
	OpPut      Op = "Put"
	OpGet      Op = "Get"
	OpHead     Op = "Head"
	OpList     Op = "List"
	OpFolders  Op = "Folders"
	OpVersions Op = "Versions"
	OpBucket   Op = "Bucket"
	OpDelete   Op = "Delete"
)

// Stage is when in a call a fault comes.
type Stage int

const (
	// Before is when nothing has been done.
	Before Stage = iota
	// After is when all has been done, and the answer is on its way: an error here is an
	// answer that was lost.
	After
)

// Call is what a fault is asked about.
type Call struct {
	Op  Op
	Key string // a prefix, with listings
	// VersionID is the one that was asked for.
	VersionID string
	Stage     Stage
}

// Version is a version of an object, or a delete marker. Its Latest is not kept here: the
// last of a key's versions is the latest.
type Version struct {
	objectstore.Info
	Data        []byte
	ContentType string
	Tags        map[string]string
}

func (v *Version) clone() *Version {
	c := *v
	c.Data = bytes.Clone(v.Data)
	c.Tags = maps.Clone(v.Tags)
	return &c
}

// Store is a bucket. It is safe for concurrent use. It implements objectstore.Store.
type Store struct {
	// mu guards the following.
	mu       sync.Mutex
	clock    func() time.Time
	fault    func(context.Context, Call) error
	body     func(Call, io.Reader) io.Reader
	bucket   objectstore.Bucket
	keys     []string              // sorted
	versions map[string][]*Version // of each key, the newest last; never empty
	next     int                   // number of the next version id
	date     time.Time             // of an answer, in whole seconds
	dateAt   time.Time             // the clock at that time
}

var _ objectstore.Store = (*Store)(nil)

// New makes an empty bucket with versioning and Object Lock and without a default
// retention. The clock is the server's; nil is time.Now.
func New(clock func() time.Time) *Store {
	if clock == nil {
		clock = time.Now
	}
	return &Store{
		clock: clock, versions: map[string][]*Version{},
		bucket: objectstore.Bucket{Versioning: true, ObjectLock: true},
	}
}

// SetClock gives the server another clock.
func (s *Store) SetClock(clock func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = clock
}

// SetBucket changes what the bucket is. Versions that are there stay.
func (s *Store) SetBucket(b objectstore.Bucket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bucket = b
}

// SetFault has f asked before and after each call; its error is the call's. It may wait,
// and is called without a lock held. Nil is none.
func (s *Store) SetFault(f func(context.Context, Call) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// SetBody has the bodies that Get gives made anew by f: cut off, or changed. Nil is none.
func (s *Store) SetBody(f func(Call, io.Reader) io.Reader) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body = f
}

// Clone is a deep copy, with the same clock and without faults.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := New(s.clock)
	c.bucket, c.keys, c.next = s.bucket, slices.Clone(s.keys), s.next
	c.date, c.dateAt = s.date, s.dateAt
	for key, versions := range s.versions {
		for _, v := range versions {
			c.versions[key] = append(c.versions[key], v.clone())
		}
	}
	return c
}

// begin asks for a fault before the call, end after it.
func (s *Store) begin(ctx context.Context, c Call) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %q: %w", c.Op, c.Key, err)
	}
	c.Stage = Before
	return s.ask(ctx, c)
}

func (s *Store) end(ctx context.Context, c Call) error {
	c.Stage = After
	if err := s.ask(ctx, c); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// As with s3store, a Date that fits moves nothing: it is in whole seconds.
	now := s.clock()
	date := now.UTC().Truncate(time.Second)
	guess := s.date.Add(now.Sub(s.dateAt))
	if s.dateAt.IsZero() || guess.Before(date) || guess.After(date.Add(time.Second)) {
		s.date, s.dateAt = date, now
	}
	return nil
}

func (s *Store) ask(ctx context.Context, c Call) error {
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	if fault == nil {
		return nil
	}
	if err := fault(ctx, c); err != nil {
		return fmt.Errorf("%s %q: %w", c.Op, c.Key, err)
	}
	return nil
}

// Now implements objectstore.Store.
func (s *Store) Now() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dateAt.IsZero() {
		return time.Time{}, false
	}
	return s.date.Add(s.clock().Sub(s.dateAt)), true
}

// Put implements objectstore.Store. As S3, it refuses a body that is not that of the
// checksum, a lock that has ended, and any lock where the bucket has no Object Lock; and
// it puts an object where a delete marker is the latest version.
func (s *Store) Put(ctx context.Context, o objectstore.Object) (objectstore.Info, error) {
	call := Call{Op: OpPut, Key: o.Key}
	if err := s.begin(ctx, call); err != nil {
		return objectstore.Info{}, err
	}
	data, err := io.ReadAll(io.NewSectionReader(o.Body, 0, o.Size))
	if err != nil {
		return objectstore.Info{}, fmt.Errorf("Put %q: read the body: %w", o.Key, err)
	}
	info, err := s.put(&o, data)
	if err != nil && !errors.Is(err, objectstore.ErrExists) {
		return objectstore.Info{}, err
	}
	if lost := s.end(ctx, call); lost != nil {
		return objectstore.Info{}, lost
	}
	return info, err
}

func (s *Store) put(o *objectstore.Object, data []byte) (objectstore.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	refuse := func(format string, args ...any) (objectstore.Info, error) {
		return objectstore.Info{}, fmt.Errorf("Put %q: "+format, append([]any{o.Key}, args...)...)
	}
	if o.Key == "" || len(o.Key) > 1024 {
		return refuse("keys have 1 to 1,024 bytes, not %d", len(o.Key))
	}
	if int64(len(data)) != o.Size {
		return refuse("the body has %d bytes, not %d: %w", len(data), o.Size, io.ErrUnexpectedEOF)
	}
	if sha256.Sum256(data) != o.SHA256 {
		return refuse("the body has another SHA-256 than was given (BadDigest)")
	}
	now := s.clock()
	if o.Lock.Mode != objectstore.Unlocked {
		if !s.bucket.ObjectLock {
			return refuse("the bucket has no Object Lock (InvalidRequest)")
		}
		if !o.Lock.RetainUntil.After(now) {
			return refuse("the retain-until date %s is not in the future (InvalidArgument)", o.Lock.RetainUntil)
		}
	}
	if latest := s.latestLocked(o.Key); latest != nil && !latest.DeleteMarker && !o.OnTop {
		return refuse("%w", objectstore.ErrExists)
	}
	v := &Version{Data: data, ContentType: o.ContentType, Tags: maps.Clone(o.Tags)}
	v.Lock, v.StorageClass = lockOf(o.Lock), o.StorageClass
	asked := v.Lock
	if v.Lock.Mode == objectstore.Unlocked && s.bucket.DefaultMode != objectstore.Unlocked {
		v.Lock = lockOf(objectstore.Lock{Mode: s.bucket.DefaultMode, RetainUntil: now.Add(s.bucket.DefaultPeriod)})
	}
	v.HasSHA256, v.SHA256 = true, o.SHA256
	s.addLocked(o.Key, v)
	info := v.Info
	info.Lock, info.Modified = asked, time.Time{}
	return info, nil
}

func lockOf(l objectstore.Lock) objectstore.Lock {
	if l.Mode == objectstore.Unlocked {
		return objectstore.Lock{}
	}
	return objectstore.Lock{Mode: l.Mode, RetainUntil: l.RetainUntil.UTC().Truncate(time.Second)}
}

// addLocked puts a version on top, and fills in what the server gives it.
func (s *Store) addLocked(key string, v *Version) {
	v.Key, v.Size, v.Modified = key, int64(len(v.Data)), s.clock().UTC().Truncate(time.Second)
	if v.StorageClass == "" && !v.DeleteMarker {
		v.StorageClass = "STANDARD"
	}
	if i, found := slices.BinarySearch(s.keys, key); !found {
		s.keys = slices.Insert(s.keys, i, key)
	}
	if s.bucket.Versioning {
		s.next++
		v.VersionID = fmt.Sprintf("version-%08d", s.next)
	} else {
		s.versions[key] = nil
	}
	s.versions[key] = append(s.versions[key], v)
}

func (s *Store) latestLocked(key string) *Version {
	versions := s.versions[key]
	if len(versions) == 0 {
		return nil
	}
	return versions[len(versions)-1]
}

// findLocked finds a version that has content.
func (s *Store) findLocked(key, versionID string) (*Version, error) {
	var v *Version
	if versionID == "" {
		v = s.latestLocked(key)
	} else if i := s.indexLocked(key, versionID); i >= 0 {
		v = s.versions[key][i]
	}
	switch {
	case v == nil && versionID != "":
		return nil, fmt.Errorf("version %q of %q: %w", versionID, key, objectstore.ErrNotFound)
	case v == nil:
		return nil, fmt.Errorf("%q: %w", key, objectstore.ErrNotFound)
	case v.DeleteMarker:
		return nil, fmt.Errorf("%q: a delete marker (version %s): %w", key, v.VersionID, objectstore.ErrNotFound)
	}
	return v, nil
}

func (s *Store) indexLocked(key, versionID string) int {
	return slices.IndexFunc(s.versions[key], func(v *Version) bool { return v.VersionID == versionID })
}

// Get implements objectstore.Reader.
func (s *Store) Get(ctx context.Context, key, versionID string, offset, length int64) (io.ReadCloser, objectstore.Info, error) {
	call := Call{Op: OpGet, Key: key, VersionID: versionID}
	if err := s.begin(ctx, call); err != nil {
		return nil, objectstore.Info{}, err
	}
	s.mu.Lock()
	v, err := s.findLocked(key, versionID)
	var data []byte
	var info objectstore.Info
	body := s.body
	if err == nil {
		info = v.Info
		// Bytes are changed by tampering: these are a copy.
		data, err = cut(v, offset, length)
	}
	s.mu.Unlock()
	if err != nil {
		return nil, objectstore.Info{}, fmt.Errorf("Get %w", err)
	}
	if err := s.end(ctx, call); err != nil {
		return nil, objectstore.Info{}, err
	}
	var r io.Reader = bytes.NewReader(data)
	if body != nil {
		r = body(call, r)
	}
	return io.NopCloser(r), info, nil
}

func cut(v *Version, offset, length int64) ([]byte, error) {
	if offset < 0 || offset > v.Size || (offset == v.Size && offset > 0) {
		return nil, fmt.Errorf("%q: the range begins at %d and the object has %d bytes (InvalidRange)", v.Key, offset, v.Size)
	}
	data := v.Data[offset:]
	if length >= 0 && length < int64(len(data)) {
		data = data[:length]
	}
	return bytes.Clone(data), nil
}

// Head implements objectstore.Reader.
func (s *Store) Head(ctx context.Context, key, versionID string) (objectstore.Info, error) {
	call := Call{Op: OpHead, Key: key, VersionID: versionID}
	if err := s.begin(ctx, call); err != nil {
		return objectstore.Info{}, err
	}
	s.mu.Lock()
	v, err := s.findLocked(key, versionID)
	var info objectstore.Info
	if err == nil {
		info = v.Info
	}
	s.mu.Unlock()
	if lost := s.end(ctx, call); lost != nil {
		return objectstore.Info{}, lost
	}
	if err != nil {
		return objectstore.Info{}, fmt.Errorf("Head %w", err)
	}
	return info, nil
}

// listing is the common part of the three: what collect gives under the lock is given one
// by one.
func listing[T any](ctx context.Context, s *Store, call Call, collect func() ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		err := s.begin(ctx, call)
		if err != nil {
			yield(none, err)
			return
		}
		s.mu.Lock()
		all, err := collect()
		s.mu.Unlock()
		if err == nil {
			err = s.end(ctx, call)
		}
		if err != nil {
			yield(none, err)
			return
		}
		for _, one := range all {
			if err := ctx.Err(); err != nil {
				yield(none, err)
				return
			}
			if !yield(one, nil) {
				return
			}
		}
	}
}

// withPrefixLocked gives the keys with the prefix.
func (s *Store) withPrefixLocked(prefix string) []string {
	from, _ := slices.BinarySearch(s.keys, prefix)
	to := from
	for to < len(s.keys) && strings.HasPrefix(s.keys[to], prefix) {
		to++
	}
	return s.keys[from:to]
}

// listed is what a listing knows of a version.
func listed(v *Version) objectstore.Info {
	return objectstore.Info{Key: v.Key, VersionID: v.VersionID, Size: v.Size, Modified: v.Modified, DeleteMarker: v.DeleteMarker}
}

// List implements objectstore.Reader.
func (s *Store) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objectstore.Info, error] {
	return listing(ctx, s, Call{Op: OpList, Key: prefix}, func() ([]objectstore.Info, error) {
		var all []objectstore.Info
		for _, key := range s.withPrefixLocked(prefix) {
			if v := s.latestLocked(key); key > startAfter && !v.DeleteMarker {
				info := listed(v)
				info.VersionID = "" // which S3's does not say
				all = append(all, info)
			}
		}
		return all, nil
	})
}

// Folders implements objectstore.Reader.
func (s *Store) Folders(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return listing(ctx, s, Call{Op: OpFolders, Key: prefix}, func() ([]string, error) {
		var all []string
		for _, key := range s.withPrefixLocked(prefix) {
			name, _, found := strings.Cut(key[len(prefix):], "/")
			folder := prefix + name + "/"
			if found && !s.latestLocked(key).DeleteMarker && (len(all) == 0 || all[len(all)-1] != folder) {
				all = append(all, folder)
			}
		}
		return all, nil
	})
}

// Versions implements objectstore.Reader.
func (s *Store) Versions(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	return listing(ctx, s, Call{Op: OpVersions, Key: prefix}, func() ([]objectstore.Info, error) {
		var all []objectstore.Info
		for _, key := range s.withPrefixLocked(prefix) {
			for i, v := range slices.Backward(s.versions[key]) {
				info := listed(v)
				info.Latest = i == len(s.versions[key])-1
				all = append(all, info)
			}
		}
		return all, nil
	})
}

// Bucket implements objectstore.Reader.
func (s *Store) Bucket(ctx context.Context) (objectstore.Bucket, error) {
	if err := s.begin(ctx, Call{Op: OpBucket}); err != nil {
		return objectstore.Bucket{}, err
	}
	s.mu.Lock()
	b := s.bucket
	s.mu.Unlock()
	if err := s.end(ctx, Call{Op: OpBucket}); err != nil {
		return objectstore.Bucket{}, err
	}
	return b, nil
}
