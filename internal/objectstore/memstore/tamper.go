package memstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// Delete is S3's DeleteObject: without a version id it puts a delete marker on top, with
// one it removes that version, unless a lock is on it. With bypass, the caller has the
// right to bypass GOVERNANCE.
func (s *Store) Delete(ctx context.Context, key, versionID string, bypass bool) error {
	call := Call{Op: OpDelete, Key: key, VersionID: versionID}
	if err := s.begin(ctx, call); err != nil {
		return err
	}
	if versionID == "" {
		s.Mark(key)
		return s.end(ctx, call)
	}
	s.mu.Lock()
	i := s.indexLocked(key, versionID)
	var held bool
	if i >= 0 {
		lock := s.versions[key][i].Lock
		held = lock.Mode != objectstore.Unlocked && lock.RetainUntil.After(s.clock()) && (lock.Mode == objectstore.Compliance || !bypass)
	}
	if i >= 0 && !held {
		s.removeLocked(key, i)
	}
	s.mu.Unlock()
	if held {
		return fmt.Errorf("Delete %q: version %s is locked: %w", key, versionID, objectstore.ErrDenied)
	}
	return s.end(ctx, call)
}

// Keys are all keys, of delete markers as well, in order.
func (s *Store) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keys)
}

// All are all versions of a key, the newest first: deep copies.
func (s *Store) All(key string) []Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Version
	for i, v := range slices.Backward(s.versions[key]) {
		c := *v.clone()
		c.Latest = i == len(s.versions[key])-1
		all = append(all, c)
	}
	return all
}

// Bytes are those of a version; "" is the latest. They are the caller's. False where there
// is no such version.
func (s *Store) Bytes(key, versionID string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.findLocked(key, versionID)
	if err != nil {
		return nil, false
	}
	return bytes.Clone(v.Data), true
}

// The following is what whoever has the bucket's disks can do. None of it asks for locks,
// and none is a call that a fault is asked about. A version that is not there panics: the
// test is wrong.

// Change has f change a version in place; "" is the latest. Size is set to that of the
// data afterwards.
func (s *Store) Change(key, versionID string, f func(*Version)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.latestLocked(key)
	if versionID != "" {
		v = nil
		if i := s.indexLocked(key, versionID); i >= 0 {
			v = s.versions[key][i]
		}
	}
	if v == nil {
		wrong("there is no version %q of %q", versionID, key)
	}
	f(v)
	v.Size = int64(len(v.Data))
}

// Edit changes the bytes of a version in place, with the checksum that S3 tells kept as it
// was, or made that of the new bytes.
func (s *Store) Edit(key, versionID string, keepChecksum bool, f func(data []byte) []byte) {
	s.Change(key, versionID, func(v *Version) {
		v.Data = f(bytes.Clone(v.Data))
		if !keepChecksum {
			v.SHA256 = sha256.Sum256(v.Data)
		}
	})
}

// SetLock changes a version's lock.
func (s *Store) SetLock(key, versionID string, lock objectstore.Lock) {
	s.Change(key, versionID, func(v *Version) { v.Lock = lockOf(lock) })
}

// SetModified changes when a version was written.
func (s *Store) SetModified(key, versionID string, at time.Time) {
	s.Change(key, versionID, func(v *Version) { v.Modified = at.UTC() })
}

// Overwrite puts a newer version on top, as a PutObject without a condition does, and
// gives its id.
func (s *Store) Overwrite(key string, data []byte, lock objectstore.Lock) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &Version{Data: bytes.Clone(data)}
	v.Lock, v.HasSHA256, v.SHA256 = lockOf(lock), true, sha256.Sum256(data)
	s.addLocked(key, v)
	return v.VersionID
}

// Mark puts a delete marker on top, and gives its id. Where there are no versions, the
// object is gone.
func (s *Store) Mark(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.bucket.Versioning {
		for len(s.versions[key]) > 0 {
			s.removeLocked(key, 0)
		}
		return ""
	}
	v := &Version{}
	v.DeleteMarker = true
	s.addLocked(key, v)
	return v.VersionID
}

// Remove removes a version as if it had never been; "" is the latest.
func (s *Store) Remove(key, versionID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := len(s.versions[key]) - 1
	if versionID != "" {
		i = s.indexLocked(key, versionID)
	}
	if i < 0 {
		wrong("there is no version %q of %q", versionID, key)
	}
	s.removeLocked(key, i)
}

// RemoveAll removes all versions of a key.
func (s *Store) RemoveAll(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.versions[key]) > 0 {
		s.removeLocked(key, 0)
	}
}

func (s *Store) removeLocked(key string, i int) {
	s.versions[key] = slices.Delete(s.versions[key], i, i+1)
	if len(s.versions[key]) > 0 {
		return
	}
	delete(s.versions, key)
	if at, found := slices.BinarySearch(s.keys, key); found {
		s.keys = slices.Delete(s.keys, at, at+1)
	}
}

// Move gives all versions of a key another key, on which there must be none.
func (s *Store) Move(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.versions[from]) == 0 || len(s.versions[to]) > 0 {
		wrong("%q can't be moved to %q", from, to)
	}
	moved := s.versions[from]
	for _, v := range moved {
		v.Key = to
	}
	delete(s.versions, from)
	if at, found := slices.BinarySearch(s.keys, from); found {
		s.keys = slices.Delete(s.keys, at, at+1)
	}
	at, _ := slices.BinarySearch(s.keys, to)
	s.keys = slices.Insert(s.keys, at, to)
	s.versions[to] = moved
}

func wrong(format string, args ...any) {
	panic(fmt.Sprintf("memstore: "+format, args...)) //nolint:forbidigo // in tests alone
}
