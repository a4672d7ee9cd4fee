package s3fake

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	requestID = "0000000000000000"
	namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
	// maxSkew is how far a request's clock may be off.
	maxSkew    = 15 * time.Minute
	amzTime    = "20060102T150405Z"
	lockTime   = "2006-01-02T15:04:05.000Z"
	defaultKMS = "arn:aws:kms:us-east-1:" + Owner + ":key/aws-s3"
)

// Owner is the account that all buckets belong to, as x-amz-expected-bucket-owner.
const Owner = "111122223333"

// Settings say what there is.
type Settings struct {
	// Buckets are there from the start.
	Buckets map[string]Bucket
	// Region is where they are. Empty: us-east-1. A signature for another is refused.
	Region string
	// Discard keeps of objects no bytes, only their size and SHA-256, and computes
	// nothing else of them: GetObject is answered with 500, ETags are no MD5s, and
	// checksums other than SHA-256 are believed.
	Discard bool
	// TrustSHA256 believes the SHA-256 of x-amz-checksum-sha256, and hashes nothing
	// where it is given. Only with Discard.
	TrustSHA256 bool
	// IgnoreSkew takes requests whose clock is more than 15 minutes off.
	IgnoreSkew bool
}

// Bucket says what a bucket is like.
type Bucket struct {
	// Lock turns Object Lock on, and with it versioning.
	Lock bool
	// Versioned turns versioning on without Object Lock.
	Versioned bool
	// Mode and Days or Years are the default retention. Empty: none.
	Mode        string
	Days, Years int
}

// Server is the fake. It is an http.Handler, and may be used from several goroutines.
type Server struct {
	settings Settings
	dice     dice

	// mu guards the following.
	mu       sync.Mutex
	clock    func() time.Time
	buckets  map[string]*bucket
	counts   map[string]*Count
	versions uint64 // made so far
}

// New makes a fake.
func New(settings Settings) *Server {
	if settings.Region == "" {
		settings.Region = Region
	}
	s := &Server{
		settings: settings, clock: time.Now,
		buckets: make(map[string]*bucket), counts: make(map[string]*Count),
	}
	for name, b := range settings.Buckets {
		s.AddBucket(name, b)
	}
	return s
}

// Misbehave sets what goes wrong from here on. The zero value: nothing.
func (s *Server) Misbehave(f Faults) { s.dice.set(f) }

// OnRequest sets a function that decides about each request; where it gives no fault,
// those of Misbehave count. Nil: none. It is called from several goroutines.
func (s *Server) OnRequest(hook func(Request) Fault) {
	s.dice.mu.Lock()
	defer s.dice.mu.Unlock()
	s.dice.hook = hook
}

// OnAnswer sets a function that may change the header of each answer before it is
// sent. A header set to nil is left out, Date too. Nil: none. It is called from several
// goroutines.
func (s *Server) OnAnswer(hook func(Request, http.Header)) {
	s.dice.mu.Lock()
	defer s.dice.mu.Unlock()
	s.dice.answer = hook
}

// SetClock sets the server's clock, from which Date, LastModified, the age of
// signatures and the end of locks are. Nil: the machine's.
func (s *Server) SetClock(now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = now
}

// Now is the time by the server's clock.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock()
}

// request is one that is being answered.
type request struct {
	r           *http.Request
	op          string
	bucket, key string
	query       url.Values
	body        payload
}

func (q *request) header(name string) string { return q.r.Header.Get(name) }

// operation is what is done for a request.
type operation func(*Server, *request) (*answer, *apiError)

// answer is what is sent. Its header has what every answer has only when it's sent.
type answer struct {
	status int
	header http.Header
	body   []byte
	length int64 // of the body, where it isn't sent (HEAD)
}

func newAnswer(status int) *answer {
	return &answer{status: status, header: make(http.Header)}
}

func (a *answer) set(name, value string) {
	if value != "" {
		a.header.Set(name, value)
	}
}

func (a *answer) xml(document any) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	if err := xml.NewEncoder(&b).Encode(document); err != nil {
		panic(err) //nolint:forbidigo // our own structs
	}
	a.header.Set("Content-Type", "application/xml")
	a.body, a.length = b.Bytes(), int64(b.Len())
}

// answerXML is 200 with a document.
func answerXML(document any) *answer {
	a := newAnswer(http.StatusOK)
	a.xml(document)
	return a
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, do := route(r)
	seen := Request{Operation: q.op, Bucket: q.bucket, Key: q.key, VersionID: q.query.Get("versionId"), Header: r.Header}
	fault, onAnswer := s.dice.throw(&seen)
	// The body is read to its end whatever becomes of the request: an answer that
	// comes before that may be lost on the way.
	bodyErr, gone := s.readBody(q)
	if gone {
		s.count(q, fault, "", 0)
		cut()
	}
	a, e := s.perform(q, do, bodyErr, fault)
	if e != nil {
		a = e.answer(q)
	}
	s.send(w, q, a, e, fault, func(h http.Header) {
		if onAnswer != nil {
			onAnswer(seen, h)
		}
	})
}

// perform does what was asked for, unless a fault comes first.
func (s *Server) perform(q *request, do operation, bodyErr *apiError, fault Fault) (a *answer, e *apiError) {
	if fault.kind == kindNone || fault.after {
		if e = s.checkSignature(q); e == nil {
			e = s.checkOwner(q)
		}
		if e == nil {
			e = bodyErr
		}
		if e == nil {
			a, e = do(s, q)
		}
	}
	if fault.kind == kindRefuse {
		return nil, fault.refusal()
	}
	return a, e
}

// send is the last step: the faults of answers, and the counts.
func (s *Server) send(w http.ResponseWriter, q *request, a *answer, e *apiError, fault Fault, onAnswer func(http.Header)) {
	code := ""
	if e != nil {
		code = e.code
	}
	switch fault.kind {
	case kindCut, kindHang, kindUnavailable:
		s.count(q, fault, "", 0)
		switch fault.kind {
		case kindHang:
			<-q.r.Context().Done()
			cut()
		case kindCut:
			cut()
		}
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "<html><body><b>Http/1.1 Service Unavailable</b></body></html>")
		return
	case kindSlow:
		timer := time.NewTimer(fault.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-q.r.Context().Done():
		}
	case kindShorten, kindFlip:
		if q.op == "GetObject" && len(a.body) > 0 {
			a.body = slices.Clone(a.body)
			if fault.kind == kindFlip {
				a.body[len(a.body)/2] ^= 1
			} else {
				a.body = a.body[:len(a.body)/2]
				a.length = int64(len(a.body))
			}
		}
	case kindChecksum:
		for name, values := range a.header {
			if strings.HasPrefix(name, "X-Amz-Checksum-") && name != "X-Amz-Checksum-Type" {
				a.header[name] = []string{otherSum(values[0])}
			}
		}
	case kindNone, kindRefuse, kindTear:
	}
	header := w.Header()
	header.Set("Date", s.Now().UTC().Format(http.TimeFormat))
	header.Set("Server", "AmazonS3")
	header.Set("X-Amz-Request-Id", requestID)
	header.Set("X-Amz-Id-2", requestID)
	maps.Copy(header, a.header)
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		header.Set("Content-Length", strconv.FormatInt(a.length, 10))
	}
	onAnswer(header)
	for name, values := range header {
		if values == nil && name != "Date" { // for which nil is net/http's way to say none
			delete(header, name)
		}
	}
	if fault.kind == kindTear {
		s.count(q, fault, code, len(a.body)/2)
		if len(a.body) > 0 {
			w.WriteHeader(a.status)
			_, _ = w.Write(a.body[:len(a.body)/2])
			_ = http.NewResponseController(w).Flush()
		}
		cut()
	}
	s.count(q, fault, code, len(a.body))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // whoever is gone has no use for it
}

// cut ends the connection without an answer, or in the middle of it.
func cut() { panic(http.ErrAbortHandler) } //nolint:forbidigo // net/http's own way to do that

// bucketOf takes a request's bucket and key from its host and path.
func bucketOf(r *http.Request) (name, key string) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	path := strings.TrimPrefix(r.URL.Path, "/")
	if name, _, ok := strings.Cut(host, ".s3."); ok {
		return name, path
	}
	name, key, _ = strings.Cut(path, "/")
	return name, key
}

// operations by method, level and subresource.
var (
	bucketOperations = map[string]map[string]namedOperation{
		http.MethodGet: {
			"location": {"GetBucketLocation", (*Server).getBucketLocation}, "versioning": {"GetBucketVersioning", (*Server).getBucketVersioning},
			"object-lock": {"GetObjectLockConfiguration", (*Server).getLockConfiguration},
			"versions":    {"ListObjectVersions", (*Server).listVersions}, "list-type": {"ListObjectsV2", (*Server).listObjects},
		},
		http.MethodPut: {
			"": {"CreateBucket", (*Server).createBucket}, "versioning": {"PutBucketVersioning", (*Server).putBucketVersioning},
			"object-lock": {"PutObjectLockConfiguration", (*Server).putLockConfiguration},
		},
		http.MethodHead:   {"": {"HeadBucket", (*Server).headBucket}},
		http.MethodDelete: {"": {"DeleteBucket", (*Server).deleteBucket}},
	}
	objectOperations = map[string]map[string]namedOperation{
		http.MethodGet: {
			"": {"GetObject", (*Server).getObject}, "retention": {"GetObjectRetention", (*Server).getRetention},
			"legal-hold": {"GetObjectLegalHold", (*Server).getLegalHold}, "tagging": {"GetObjectTagging", (*Server).getTagging},
		},
		http.MethodPut: {
			"": {"PutObject", (*Server).putObject}, "retention": {"PutObjectRetention", (*Server).putRetention},
			"legal-hold": {"PutObjectLegalHold", (*Server).putLegalHold},
		},
		http.MethodHead:   {"": {"HeadObject", (*Server).getObject}},
		http.MethodDelete: {"": {"DeleteObject", (*Server).deleteObject}},
	}
)

type namedOperation struct {
	name string
	do   operation
}

// options are the names in a query that don't choose another operation.
var options = []string{
	"x-id", "versionId", "prefix", "delimiter", "max-keys", "key-marker", "version-id-marker",
	"start-after", "continuation-token", "encoding-type", "fetch-owner", "max-buckets", "bucket-region",
}

func route(r *http.Request) (*request, operation) {
	q := &request{r: r, query: r.URL.Query()}
	q.bucket, q.key = bucketOf(r)
	unknown := func() operation {
		q.op = "Unknown"
		return func(*Server, *request) (*answer, *apiError) {
			return nil, notImplemented(r.Method + " " + r.URL.RequestURI())
		}
	}
	sub := ""
	for name := range q.query {
		if !slices.Contains(options, name) {
			if sub != "" {
				return q, unknown()
			}
			sub = name
		}
	}
	var found namedOperation
	switch {
	case q.bucket == "" && r.Method == http.MethodGet && sub == "":
		found = namedOperation{"ListBuckets", (*Server).listBuckets}
	case q.bucket == "":
	case q.key == "":
		found = bucketOperations[r.Method][sub]
	case r.Header.Get("X-Amz-Copy-Source") == "":
		found = objectOperations[r.Method][sub]
	}
	if found.do == nil || sub == "list-type" && q.query.Get(sub) != "2" {
		return q, unknown()
	}
	q.op = found.name
	return q, found.do
}

// checkSignature looks at the form, the place, the headers and the time of a signature.
func (s *Server) checkSignature(q *request) *apiError {
	rest, ok := strings.CutPrefix(q.header("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return accessDenied("Access Denied")
	}
	fields := make(map[string]string)
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	scope := strings.Split(fields["Credential"], "/") // key, date, region, service, aws4_request
	if len(scope) != 5 || len(fields["Signature"]) != 64 || scope[3] != "s3" || scope[4] != "aws4_request" {
		return fail(http.StatusBadRequest, "AuthorizationHeaderMalformed", "The authorization header is malformed: %s", q.header("Authorization"))
	}
	if scope[2] != s.settings.Region {
		return fail(http.StatusBadRequest, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region '%s' is wrong; expecting '%s'", scope[2], s.settings.Region)
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	if !slices.Contains(signed, "host") {
		return accessDenied("There were headers present in the request which were not signed: host")
	}
	for name := range q.r.Header {
		if lower := strings.ToLower(name); (strings.HasPrefix(lower, "x-amz-") || lower == "content-md5") && !slices.Contains(signed, lower) {
			return accessDenied("There were headers present in the request which were not signed: " + lower)
		}
	}
	if q.header("X-Amz-Content-Sha256") == "" {
		return invalidRequest("Missing required header for this request: x-amz-content-sha256")
	}
	at, err := time.Parse(amzTime, q.header("X-Amz-Date"))
	if err != nil {
		return accessDenied("AWS authentication requires a valid Date or x-amz-date header")
	}
	if off := s.Now().Sub(at); off.Abs() > maxSkew && !s.settings.IgnoreSkew {
		return TooSkewed.refusal()
	}
	return nil
}

func (s *Server) checkOwner(q *request) *apiError {
	if owner := q.header("X-Amz-Expected-Bucket-Owner"); owner != "" && owner != Owner {
		return accessDenied("Access Denied")
	}
	return nil
}

// decodeXML reads a request's document.
func decodeXML(q *request, into any) *apiError {
	if err := xml.Unmarshal(q.body.data, into); err != nil && !errors.Is(err, io.EOF) {
		return malformedXML()
	}
	return nil
}

// xmlSafe leaves out what XML can't say.
func xmlSafe(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			return -1
		}
		return r
	}, text)
}
