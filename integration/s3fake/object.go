package s3fake

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Version is one version of an object, or a delete marker, as it is stored.
type Version struct {
	Key string
	// ID is "null" where the bucket had no versioning.
	ID string
	// Latest says that it is what its key gives without a version id.
	Latest       bool
	DeleteMarker bool

	// Data, Tags and Metadata are shared with the fake, and not to be changed in place,
	// but in Edit. No Data with Discard.
	Data   []byte
	Size   int64
	SHA256 [sha256.Size]byte
	// ETag is without its quotes.
	ETag string
	// Algorithm is "SHA256", "CRC64NVME" and so on, and Checksum its value in base64:
	// what the client sent, or S3's own CRC64NVME.
	Algorithm, Checksum string
	Modified            time.Time

	// Mode is Governance, Compliance or empty.
	Mode        string
	RetainUntil time.Time
	LegalHold   bool

	// StorageClass is STANDARD where the request said nothing, SSE is AES256.
	StorageClass string
	SSE, KMSKey  string
	BucketKey    bool
	Tags         map[string]string
	Metadata     map[string]string // names in lower case, without x-amz-meta-

	ContentType, ContentEncoding string
}

// locked says that the version can't be deleted.
func (v *Version) locked(now time.Time, bypass bool) bool {
	return v.LegalHold || v.RetainUntil.After(now) && (v.Mode == Compliance || !bypass)
}

const maxKeyBytes = 1024

var storageClasses = []string{
	"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
	"GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "EXPRESS_ONEZONE",
}

func (s *Server) putObject(q *request) (*answer, *apiError) {
	v, e := s.newVersion(q)
	if e != nil {
		return nil, e
	}
	return inBucket(s, q, func(b *bucket) (*answer, *apiError) {
		now := s.clock()
		if v.Mode != "" || v.LegalHold {
			if b.lock == nil {
				return nil, invalidRequest("Bucket is missing Object Lock Configuration")
			}
			if v.Mode != "" && !v.RetainUntil.After(now) {
				return nil, invalidArgument("The retain until date must be in the future!")
			}
		} else if b.lock != nil {
			v.Mode, v.RetainUntil = b.lock.retention(now)
		}
		if (v.Mode != "" || v.LegalHold) && !q.body.guarded {
			return nil, invalidRequest("Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters")
		}
		if e := checkCondition(q, b.current(v.Key)); e != nil {
			return nil, e
		}
		v.ID, v.Modified = s.nextIDLocked(b, v.Key), now
		b.add(v)
		a := newAnswer(http.StatusOK)
		a.set("Etag", `"`+v.ETag+`"`)
		if b.versioning == enabled {
			a.set("X-Amz-Version-Id", v.ID)
		}
		a.sum(v)
		a.encryption(v)
		return a, nil
	})
}

// checkCondition is for If-None-Match and If-Match of a write.
func checkCondition(q *request, current *Version) *apiError {
	there := current != nil && !current.DeleteMarker
	if value := q.header("If-None-Match"); value != "" {
		if value != "*" {
			return notImplemented("If-None-Match: " + value + " in a write")
		}
		if there {
			return preconditionFailed("If-None-Match")
		}
	}
	if value := q.header("If-Match"); value != "" {
		if !there {
			return noSuchKey()
		}
		if strings.Trim(value, `"`) != current.ETag {
			return preconditionFailed("If-Match")
		}
	}
	return nil
}

// newVersion is what a PutObject asks for, without regard to its bucket.
func (s *Server) newVersion(q *request) (*Version, *apiError) {
	if q.r.ContentLength < 0 && q.header("X-Amz-Decoded-Content-Length") == "" {
		return nil, fail(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if len(q.key) > maxKeyBytes {
		return nil, fail(http.StatusBadRequest, "KeyTooLongError", "Your key is too long")
	}
	if !utf8.ValidString(q.key) {
		return nil, fail(http.StatusBadRequest, "InvalidURI", "Couldn't parse the specified URI.")
	}
	p := &q.body
	v := &Version{
		Key: q.key, Data: p.data, Size: p.size, SHA256: p.sum,
		Algorithm: strings.ToUpper(p.algorithm), Checksum: p.checksum,
		StorageClass: q.header("X-Amz-Storage-Class"), SSE: q.header("X-Amz-Server-Side-Encryption"),
		KMSKey:      q.header("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"),
		BucketKey:   q.header("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled") == "true",
		ContentType: q.header("Content-Type"), ContentEncoding: contentEncoding(q.header("Content-Encoding")),
	}
	if v.ContentType == "" {
		v.ContentType = "binary/octet-stream"
	}
	if v.StorageClass == "" {
		v.StorageClass = "STANDARD"
	} else if !slices.Contains(storageClasses, v.StorageClass) {
		return nil, fail(http.StatusBadRequest, "InvalidStorageClass", "The storage class you specified is not valid")
	}
	switch v.SSE {
	case "", "AES256":
		v.SSE = "AES256"
		if v.KMSKey != "" || v.BucketKey {
			return nil, invalidArgument("Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
		}
	case "aws:kms", "aws:kms:dsse":
		if v.KMSKey == "" {
			v.KMSKey = defaultKMS
		}
	default:
		return nil, invalidArgument("The encryption method specified is not supported")
	}
	v.ETag = v.etag(p.md5)
	if e := lockHeaders(q, v); e != nil {
		return nil, e
	}
	return v, tagsAndMetadata(q, v)
}

// etag is the MD5, but not with a key of KMS, as with S3, nor where there is none.
func (v *Version) etag(md5 []byte) string {
	if md5 == nil || v.SSE != "AES256" {
		return hex.EncodeToString(v.SHA256[:16])
	}
	return hex.EncodeToString(md5)
}

// contentEncoding leaves out what is the transfer's.
func contentEncoding(value string) string {
	var left []string
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "aws-chunked" && part != "" {
			left = append(left, part)
		}
	}
	return strings.Join(left, ",")
}

func tagsAndMetadata(q *request, v *Version) *apiError {
	const maxTags, maxMetadata = 10, 2 << 10
	if tagging := q.header("X-Amz-Tagging"); tagging != "" {
		values, err := url.ParseQuery(tagging)
		if err != nil {
			return invalidArgument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
		}
		if len(values) > maxTags {
			return fail(http.StatusBadRequest, "BadRequest", "Object tags cannot be greater than %d", maxTags)
		}
		v.Tags = make(map[string]string)
		for name, all := range values {
			if len(all) != 1 || name == "" || utf8.RuneCountInString(name) > 128 || utf8.RuneCountInString(all[0]) > 256 {
				return fail(http.StatusBadRequest, "InvalidTag", "The tag %q is not valid", name)
			}
			v.Tags[name] = all[0]
		}
	}
	size := 0
	for name, values := range q.r.Header {
		rest, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-")
		if !ok {
			continue
		}
		if v.Metadata == nil {
			v.Metadata = make(map[string]string)
		}
		v.Metadata[rest] = strings.Join(values, ",")
		size += len(rest) + len(v.Metadata[rest])
	}
	if size > maxMetadata {
		return fail(http.StatusBadRequest, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	}
	return nil
}

// sum is how an answer says a version's checksum.
func (a *answer) sum(v *Version) {
	if v.Checksum != "" {
		a.set(sumPrefix+v.Algorithm, v.Checksum)
		a.set(sumPrefix+"Type", "FULL_OBJECT")
	}
}

func (a *answer) encryption(v *Version) {
	const sse = "X-Amz-Server-Side-Encryption"
	a.set(sse, v.SSE)
	a.set(sse+"-Aws-Kms-Key-Id", v.KMSKey)
	if v.BucketKey {
		a.set(sse+"-Bucket-Key-Enabled", "true")
	}
}

// getObject is GetObject and HeadObject.
func (s *Server) getObject(q *request) (*answer, *apiError) {
	return inBucket(s, q, func(b *bucket) (*answer, *apiError) {
		id := q.query.Get("versionId")
		v := b.find(q.key, id)
		switch {
		case v == nil && id == "":
			return nil, noSuchKey()
		case v == nil:
			return nil, noSuchVersion()
		case v.DeleteMarker && id == "":
			return nil, noSuchKey().with("X-Amz-Delete-Marker", "true").with("X-Amz-Version-Id", v.ID)
		case v.DeleteMarker:
			return nil, fail(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.").
				with("X-Amz-Delete-Marker", "true").with("Allow", "DELETE").with("Last-Modified", v.Modified.UTC().Format(http.TimeFormat))
		}
		if e := checkRead(q, v); e != nil {
			return nil, e
		}
		a := v.answer(b)
		first, last, partial, e := byteRange(q.header("Range"), v.Size)
		if e != nil {
			return nil, e
		}
		if partial {
			a.status = http.StatusPartialContent
			a.set("Content-Range", "bytes "+strconv.FormatInt(first, 10)+"-"+strconv.FormatInt(last-1, 10)+"/"+strconv.FormatInt(v.Size, 10))
		} else if q.header("X-Amz-Checksum-Mode") == "ENABLED" {
			a.sum(v)
		}
		a.length = last - first
		if q.op == "GetObject" {
			if s.settings.Discard && v.Size > 0 {
				return nil, fail(http.StatusInternalServerError, "InternalError", "The fake was told to keep no bytes of objects")
			}
			a.body = v.Data[first:last]
		}
		return a, nil
	})
}

func noSuchVersion() *apiError {
	return fail(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.")
}

// checkRead is for If-Match and If-None-Match of a read.
func checkRead(q *request, v *Version) *apiError {
	if value := q.header("If-Match"); value != "" && value != "*" && strings.Trim(value, `"`) != v.ETag {
		return preconditionFailed("If-Match")
	}
	if value := q.header("If-None-Match"); value == "*" || value != "" && strings.Trim(value, `"`) == v.ETag {
		return fail(http.StatusNotModified, "NotModified", "Not Modified").with("Etag", `"`+v.ETag+`"`)
	}
	return nil
}

// answer is what GET and HEAD say about a version.
func (v *Version) answer(b *bucket) *answer {
	a := newAnswer(http.StatusOK)
	a.set("Accept-Ranges", "bytes")
	a.set("Etag", `"`+v.ETag+`"`)
	a.set("Last-Modified", v.Modified.UTC().Format(http.TimeFormat))
	a.set("Content-Type", v.ContentType)
	a.set("Content-Encoding", v.ContentEncoding)
	if b.versioning != "" {
		a.set("X-Amz-Version-Id", v.ID)
	}
	if v.StorageClass != "STANDARD" {
		a.set("X-Amz-Storage-Class", v.StorageClass)
	}
	a.encryption(v)
	if v.Mode != "" {
		a.set("X-Amz-Object-Lock-Mode", v.Mode)
		a.set("X-Amz-Object-Lock-Retain-Until-Date", v.RetainUntil.UTC().Format(lockTime))
	}
	if v.LegalHold {
		a.set("X-Amz-Object-Lock-Legal-Hold", "ON")
	}
	if len(v.Tags) > 0 {
		a.set("X-Amz-Tagging-Count", strconv.Itoa(len(v.Tags)))
	}
	for name, value := range v.Metadata {
		a.set("X-Amz-Meta-"+name, value)
	}
	return a
}

// byteRange reads a Range of one part, and gives what it means of size bytes: from
// first until before last. What isn't such a Range is as if it weren't there (RFC 9110, 14.2).
func byteRange(header string, size int64) (first, last int64, partial bool, e *apiError) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, size, false, nil
	}
	unsatisfiable := fail(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable").
		with("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
	parse := func(text string) (int64, bool) {
		n, err := strconv.ParseUint(text, 10, 63)
		return int64(n), err == nil
	}
	if from == "" {
		n, ok := parse(to)
		if !ok {
			return 0, size, false, nil
		}
		if n == 0 || size == 0 {
			return 0, 0, false, unsatisfiable
		}
		return max(0, size-n), size, true, nil
	}
	first, ok = parse(from)
	if !ok {
		return 0, size, false, nil
	}
	last = size
	if to != "" {
		n, ok := parse(to)
		if !ok || n < first {
			return 0, size, false, nil
		}
		last = min(n+1, size)
	}
	if first >= size {
		return 0, 0, false, unsatisfiable
	}
	return first, last, true, nil
}

func (s *Server) deleteObject(q *request) (*answer, *apiError) {
	return inBucket(s, q, func(b *bucket) (*answer, *apiError) {
		a := newAnswer(http.StatusNoContent)
		id := q.query.Get("versionId")
		if id != "" {
			v := b.find(q.key, id)
			if v == nil {
				a.set("X-Amz-Version-Id", id)
				return a, nil
			}
			if v.locked(s.clock(), bypasses(q)) {
				return nil, accessDenied("Access Denied because object protected by object lock.")
			}
			b.remove(q.key, func(one *Version) bool { return one == v })
			a.set("X-Amz-Version-Id", id)
			if v.DeleteMarker {
				a.set("X-Amz-Delete-Marker", "true")
			}
			return a, nil
		}
		if b.versioning == "" {
			b.remove(q.key, func(*Version) bool { return true })
			return a, nil
		}
		v := &Version{Key: q.key, DeleteMarker: true, Modified: s.clock()}
		v.ID = s.nextIDLocked(b, q.key)
		b.add(v)
		a.set("X-Amz-Delete-Marker", "true")
		a.set("X-Amz-Version-Id", v.ID)
		return a, nil
	})
}

func (s *Server) getTagging(q *request) (*answer, *apiError) {
	return s.ofVersion(q, func(_ *bucket, v *Version) (*answer, *apiError) {
		type tag struct{ Key, Value string }
		out := struct {
			XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ Tagging"`
			Tags    []tag    `xml:"TagSet>Tag"`
		}{}
		for _, name := range slices.Sorted(maps.Keys(v.Tags)) {
			out.Tags = append(out.Tags, tag{name, v.Tags[name]})
		}
		return answerXML(out), nil
	})
}

// ofVersion does something with the version that a request names, if there is one that
// is no delete marker, under the lock.
func (s *Server) ofVersion(q *request, do func(*bucket, *Version) (*answer, *apiError)) (*answer, *apiError) {
	return inBucket(s, q, func(b *bucket) (*answer, *apiError) {
		id := q.query.Get("versionId")
		v := b.find(q.key, id)
		switch {
		case v == nil && id != "":
			return nil, noSuchVersion()
		case v == nil || v.DeleteMarker && id == "":
			return nil, noSuchKey()
		case v.DeleteMarker:
			return nil, fail(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
		}
		return do(b, v)
	})
}

// SHA256Checksum is a SHA-256 as x-amz-checksum-sha256 says it.
func SHA256Checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}
