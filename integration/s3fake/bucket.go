package s3fake

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// The modes of a lock.
const (
	Governance = "GOVERNANCE"
	Compliance = "COMPLIANCE"
)

const (
	enabled   = "Enabled"
	suspended = "Suspended"
)

type bucket struct {
	name       string
	created    time.Time
	versioning string // "", enabled, suspended
	lock       *lockConfiguration
	objects    map[string][]*Version // oldest first
	keys       []string              // sorted
}

type lockConfiguration struct {
	XMLName xml.Name `xml:"ObjectLockConfiguration"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	Enabled string   `xml:"ObjectLockEnabled,omitempty"`
	Rule    *lockRule
}

type lockRule struct {
	Default struct {
		Mode  string `xml:",omitempty"`
		Days  int    `xml:",omitempty"`
		Years int    `xml:",omitempty"`
	} `xml:"DefaultRetention"`
}

// retention is what the bucket's default makes of a new object.
func (c *lockConfiguration) retention(now time.Time) (mode string, until time.Time) {
	if c == nil || c.Rule == nil || c.Rule.Default.Mode == "" {
		return "", time.Time{}
	}
	d := c.Rule.Default
	return d.Mode, now.AddDate(0, 0, d.Days+365*d.Years)
}

// AddBucket makes a bucket, or empties the one of that name.
func (s *Server) AddBucket(name string, settings Bucket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &bucket{name: name, created: s.clock(), objects: make(map[string][]*Version)}
	if settings.Versioned || settings.Lock {
		b.versioning = enabled
	}
	if settings.Lock {
		b.lock = &lockConfiguration{Enabled: enabled}
		if settings.Mode != "" {
			b.lock.Rule = new(lockRule)
			d := &b.lock.Rule.Default
			d.Mode, d.Days, d.Years = settings.Mode, settings.Days, settings.Years
		}
	}
	s.buckets[name] = b
}

func (b *bucket) current(key string) *Version {
	if all := b.objects[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// find gives a version by its id, or without one the current.
func (b *bucket) find(key, id string) *Version {
	if id == "" {
		return b.current(key)
	}
	for _, v := range b.objects[key] {
		if v.ID == id {
			return v
		}
	}
	return nil
}

// add puts a version on top of its key's.
func (b *bucket) add(v *Version) {
	if at, ok := slices.BinarySearch(b.keys, v.Key); !ok {
		b.keys = slices.Insert(b.keys, at, v.Key)
	}
	b.objects[v.Key] = append(b.objects[v.Key], v)
}

func (b *bucket) remove(key string, which func(*Version) bool) {
	left := slices.DeleteFunc(b.objects[key], which)
	b.objects[key] = left
	if len(left) == 0 {
		delete(b.objects, key)
		if at, ok := slices.BinarySearch(b.keys, key); ok {
			b.keys = slices.Delete(b.keys, at, at+1)
		}
	}
}

// nextIDLocked makes an id for a version: "null" where the bucket has no versioning, which
// takes the place of the one that has it already.
func (s *Server) nextIDLocked(b *bucket, key string) string {
	if b.versioning != enabled {
		b.remove(key, func(v *Version) bool { return v.ID == nullID })
		return nullID
	}
	s.versions++
	return fmt.Sprintf("v%07d.%016x", s.versions, s.versions*0x9e3779b97f4a7c15)
}

const nullID = "null"

func (s *Server) bucketLocked(q *request) (*bucket, *apiError) {
	b := s.buckets[q.bucket]
	if b == nil {
		return nil, noSuchBucket()
	}
	return b, nil
}

// inBucket does something with the request's bucket, under the lock.
func inBucket(s *Server, q *request, do func(b *bucket) (*answer, *apiError)) (*answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, e := s.bucketLocked(q)
	if e != nil {
		return nil, e
	}
	return do(b)
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (s *Server) createBucket(q *request) (*answer, *apiError) {
	var in struct {
		Location string `xml:"LocationConstraint"`
	}
	if len(q.body.data) > 0 {
		if e := decodeXML(q, &in); e != nil {
			return nil, e
		}
	}
	if in.Location == "" {
		in.Location = Region
	}
	if in.Location != s.settings.Region {
		return nil, fail(http.StatusBadRequest, "IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", in.Location)
	}
	if !bucketName.MatchString(q.bucket) {
		return nil, fail(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.")
	}
	s.mu.Lock()
	there := s.buckets[q.bucket] != nil
	s.mu.Unlock()
	switch {
	case !there:
		s.AddBucket(q.bucket, Bucket{Lock: q.header("X-Amz-Bucket-Object-Lock-Enabled") == "true"})
	case s.settings.Region != Region: // there it is nothing but confirmed
		return nil, fail(http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
	}
	a := newAnswer(http.StatusOK)
	a.set("Location", "/"+q.bucket)
	return a, nil
}

func (s *Server) deleteBucket(q *request) (*answer, *apiError) {
	return inBucket(s, q, func(b *bucket) (*answer, *apiError) {
		if len(b.keys) > 0 {
			return nil, fail(http.StatusConflict, "BucketNotEmpty", "The bucket you tried to delete is not empty. You must delete all versions in the bucket.")
		}
		delete(s.buckets, b.name)
		return newAnswer(http.StatusNoContent), nil
	})
}

func (s *Server) headBucket(q *request) (*answer, *apiError) {
	return inBucket(s, q, func(*bucket) (*answer, *apiError) {
		a := newAnswer(http.StatusOK)
		a.set("X-Amz-Bucket-Region", s.settings.Region)
		return a, nil
	})
}

func (s *Server) listBuckets(*request) (*answer, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	type one struct{ Name, CreationDate string }
	out := struct {
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
		Owner   struct{ ID string }
		Buckets []one `xml:"Buckets>Bucket"`
	}{}
	out.Owner.ID = Owner
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		out.Buckets = append(out.Buckets, one{name, s.buckets[name].created.UTC().Format(lockTime)})
	}
	return answerXML(out), nil
}

func (s *Server) getBucketLocation(q *request) (*answer, *apiError) {
	return inBucket(s, q, func(*bucket) (*answer, *apiError) {
		out := struct {
			XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
			Where   string   `xml:",chardata"`
		}{}
		if s.settings.Region != Region { // which has no name here
			out.Where = s.settings.Region
		}
		return answerXML(out), nil
	})
}

type versioningConfiguration struct {
	XMLName xml.Name `xml:"VersioningConfiguration"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"`
	Status  string   `xml:",omitempty"`
}

func (s *Server) getBucketVersioning(q *request) (*answer, *apiError) {
	return inBucket(s, q, func(b *bucket) (*answer, *apiError) {
		return answerXML(versioningConfiguration{Xmlns: namespace, Status: b.versioning}), nil
	})
}

func (s *Server) putBucketVersioning(q *request) (*answer, *apiError) {
	var in versioningConfiguration
	if e := decodeXML(q, &in); e != nil {
		return nil, e
	}
	if in.Status != enabled && in.Status != suspended {
		return nil, fail(http.StatusBadRequest, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	return inBucket(s, q, func(b *bucket) (*answer, *apiError) {
		if b.lock != nil && in.Status != enabled {
			return nil, fail(http.StatusConflict, "InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		b.versioning = in.Status
		return newAnswer(http.StatusOK), nil
	})
}

func (s *Server) getLockConfiguration(q *request) (*answer, *apiError) {
	return inBucket(s, q, func(b *bucket) (*answer, *apiError) {
		if b.lock == nil {
			return nil, fail(http.StatusNotFound, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
		}
		out := *b.lock
		out.Xmlns = namespace
		return answerXML(out), nil
	})
}

func (s *Server) putLockConfiguration(q *request) (*answer, *apiError) {
	var in lockConfiguration
	if e := decodeXML(q, &in); e != nil {
		return nil, e
	}
	if in.Enabled != enabled {
		return nil, malformedXML()
	}
	if in.Rule != nil {
		d := in.Rule.Default
		if d.Mode != Governance && d.Mode != Compliance || (d.Days == 0) == (d.Years == 0) {
			return nil, malformedXML()
		}
		if d.Days < 0 || d.Years < 0 || d.Days > 36500 || d.Years > 100 {
			return nil, invalidArgument("Default retention period must be a positive integer value, at most 36500 days or 100 years")
		}
	}
	return inBucket(s, q, func(b *bucket) (*answer, *apiError) {
		if b.versioning != enabled {
			return nil, fail(http.StatusConflict, "InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
		}
		in.XMLName = xml.Name{}
		in.Xmlns = ""
		b.lock = &in
		return newAnswer(http.StatusOK), nil
	})
}

// queryInt is a number in a query, from 0 to maxKeys, which it is too when absent.
func queryInt(q *request, name string) (int, *apiError) {
	text := q.query.Get(name)
	if text == "" {
		return maxKeys, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, invalidArgument("Provided %s not an integer or within integer range", name)
	}
	return min(n, maxKeys), nil
}
