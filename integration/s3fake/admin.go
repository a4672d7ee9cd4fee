package s3fake

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
)

// Count is what came of an operation.
type Count struct {
	Requests int
	// Errors are answers by their code, of faults as well.
	Errors map[string]int
	// Faults are the faults that hit, by Fault.String.
	Faults map[string]int
	// BytesIn and BytesOut are those of bodies, without what is around them.
	BytesIn, BytesOut int64
}

// Counts are by operation; what the fake doesn't do is "Unknown".
func (s *Server) Counts() map[string]Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[string]Count)
	for name, c := range s.counts {
		all[name] = Count{c.Requests, maps.Clone(c.Errors), maps.Clone(c.Faults), c.BytesIn, c.BytesOut}
	}
	return all
}

func (s *Server) count(q *request, fault Fault, code string, out int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[q.op]
	if c == nil {
		c = &Count{Errors: make(map[string]int), Faults: make(map[string]int)}
		s.counts[q.op] = c
	}
	c.Requests++
	c.BytesIn += q.body.size
	c.BytesOut += int64(out)
	if code != "" {
		c.Errors[code]++
	}
	if fault.kind != kindNone {
		c.Faults[fault.String()]++
	}
}

// What follows is for tests to look at what is stored, and to change it behind the
// API's back, without regard to locks.

// Versions are all of a bucket's versions and delete markers by key, the newest first.
// None when there is no such bucket.
func (s *Server) Versions(name string) []Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[name]
	if b == nil {
		return nil
	}
	var all []Version
	for _, key := range b.keys {
		for i, v := range slices.Backward(b.objects[key]) {
			one := *v
			one.Latest = i == len(b.objects[key])-1
			all = append(all, one)
		}
	}
	return all
}

// Version gives one version; without an id the newest, which may be a delete marker.
func (s *Server) Version(name, key, id string) (Version, bool) {
	for _, v := range s.Versions(name) {
		if v.Key == key && (v.ID == id || id == "" && v.Latest) {
			return v, true
		}
	}
	return Version{}, false
}

// Edit changes a version in place; without an id the newest. When its Data is another
// afterwards, its Size, SHA256, ETag and Checksum become those of the new one, as if it
// had been stored so; another Edit can make them lie. Its Key, ID and Latest stay.
func (s *Server) Edit(name, key, id string, edit func(*Version)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, at, err := s.findLocked(name, key, id)
	if err != nil {
		return err
	}
	all := b.objects[key]
	v := *all[at]
	old := v.Data
	v.Data, v.Tags, v.Metadata = bytes.Clone(old), maps.Clone(v.Tags), maps.Clone(v.Metadata)
	edit(&v)
	v.Key, v.ID, v.Latest = key, all[at].ID, false
	if !bytes.Equal(old, v.Data) {
		v.describe()
	}
	all[at] = &v
	return nil
}

func (s *Server) findLocked(name, key, id string) (*bucket, int, error) {
	b := s.buckets[name]
	if b == nil {
		return nil, 0, fmt.Errorf("s3fake: no bucket %q", name)
	}
	all := b.objects[key]
	if id == "" && len(all) > 0 {
		return b, len(all) - 1, nil
	}
	at := slices.IndexFunc(all, func(v *Version) bool { return v.ID == id })
	if at < 0 {
		return nil, 0, fmt.Errorf("s3fake: no version %q of %q in bucket %q", id, key, name)
	}
	return b, at, nil
}

// describe makes what is said of the bytes true.
func (v *Version) describe() {
	sum := md5.Sum(v.Data)
	v.Size, v.SHA256 = int64(len(v.Data)), sha256.Sum256(v.Data)
	v.ETag = v.etag(sum[:])
	v.Algorithm, v.Checksum = "SHA256", base64.StdEncoding.EncodeToString(v.SHA256[:])
}

// Remove takes a version away as if it had never been; without an id all of the key.
func (s *Server) Remove(name, key, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, at, err := s.findLocked(name, key, id)
	if err != nil {
		return err
	}
	gone := b.objects[key][at]
	b.remove(key, func(v *Version) bool { return id == "" || v == gone })
	return nil
}

// Insert puts a version or a delete marker on top of its key's, and gives its id. What
// is zero becomes what a PutObject of now would have: ID, Modified, StorageClass, SSE,
// and what describes Data.
func (s *Server) Insert(name string, v Version) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[name]
	if b == nil {
		return "", fmt.Errorf("s3fake: no bucket %q", name)
	}
	if v.ID == "" {
		v.ID = s.nextIDLocked(b, v.Key)
	}
	if v.Modified.IsZero() {
		v.Modified = s.clock()
	}
	if !v.DeleteMarker {
		if v.StorageClass == "" {
			v.StorageClass = "STANDARD"
		}
		if v.SSE == "" {
			v.SSE = "AES256"
		}
		if v.ETag == "" {
			v.describe()
		}
	}
	v.Latest = false
	b.add(&v)
	return v.ID, nil
}

// CopyBucket makes a bucket that is like another, with all its versions; what is done
// to one doesn't change the other.
func (s *Server) CopyBucket(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[from]
	if b == nil {
		return fmt.Errorf("s3fake: no bucket %q", from)
	}
	c := &bucket{
		name: to, created: b.created, versioning: b.versioning, lock: b.lock,
		objects: make(map[string][]*Version, len(b.objects)), keys: slices.Clone(b.keys),
	}
	for key, all := range b.objects {
		copies := make([]*Version, len(all))
		for i, v := range all {
			one := *v
			copies[i] = &one
		}
		c.objects[key] = copies
	}
	s.buckets[to] = c
	return nil
}
