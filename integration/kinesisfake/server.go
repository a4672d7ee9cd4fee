package kinesisfake

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	account     = "000000000000"
	region      = "us-east-1"
	contentType = "application/x-amz-json-1.1"
	target      = "Kinesis_20131202."
	// maxSkew is how far a request's clock may be off.
	maxSkew = 5 * time.Minute
	// maxBody has room for a call's 10 MiB in base64.
	maxBody = 20 << 20
)

// Settings say what there is.
type Settings struct {
	// Streams are there from the start, with so many shards each.
	Streams map[string]int
	// MaxRecordSize is the streams' own limit of a record's data and key. Zero: 1 MiB.
	MaxRecordSize int
	// ShardBytes and ShardRecords are what a shard takes in a second, and at once
	// after a pause; beyond it single records are refused. Zero: no limit.
	// Kinesis's own are 1 MB and 1,000.
	ShardBytes, ShardRecords int
	// CountOnly keeps no records, only Counts.
	CountOnly bool
}

// Server is the fake. It is an http.Handler, and may be used from several goroutines.
type Server struct {
	settings Settings
	dice     dice
	skew     atomic.Int64 // how far its clock is ahead of this machine's

	mu      sync.Mutex
	streams map[string]*stream
	held    chan struct{} // closed when answers go on; nil where none are held
}

// New makes a fake.
func New(settings Settings) *Server {
	s := &Server{settings: settings, streams: make(map[string]*stream)}
	for name, shards := range settings.Streams {
		s.streams[name] = newStream(name, shards, &s.settings)
	}
	return s
}

// Misbehave sets what goes wrong from here on. The zero value: nothing.
func (s *Server) Misbehave(f Faults) { s.dice.set(f) }

// Hold keeps back the answers of calls that write, from here on: what they bring is
// stored. They are sent when the function it gives is called.
func (s *Server) Hold() (release func()) {
	held := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = held
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held = nil
		close(held)
	})
}

// awaitRelease waits while answers are held, or until who asked is gone.
func (s *Server) awaitRelease(ctx context.Context) {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	if held == nil {
		return
	}
	select {
	case <-held:
	case <-ctx.Done():
	}
}

// SetClock puts the server's clock ahead of this machine's.
func (s *Server) SetClock(ahead time.Duration) { s.skew.Store(int64(ahead)) }

func (s *Server) now() time.Time { return time.Now().Add(time.Duration(s.skew.Load())) }

// operations are what it can do, by the name in X-Amz-Target.
var operations = map[string]func(*Server, []byte) (any, *apiError){
	"CreateStream":          (*Server).createStream,
	"DeleteStream":          (*Server).deleteStream,
	"DescribeStream":        (*Server).describeStream,
	"DescribeStreamSummary": (*Server).describeStreamSummary,
	"GetRecords":            (*Server).getRecords,
	"GetShardIterator":      (*Server).getShardIterator,
	"ListShards":            (*Server).listShards,
	"ListStreams":           (*Server).listStreams,
	"MergeShards":           (*Server).mergeShards,
	"SplitShard":            (*Server).splitShard,
	"UpdateMaxRecordSize":   (*Server).updateMaxRecordSize,
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	w.Header().Set("X-Amzn-Requestid", "00000000-0000-4000-8000-000000000000")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			writeError(w, &apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "too large"})
		}
		return
	}
	op, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), target)
	if !ok || r.Method != http.MethodPost || r.Header.Get("Content-Type") != contentType {
		writeError(w, refuse("UnknownOperationException", "%s %s", r.Method, r.Header.Get("X-Amz-Target")))
		return
	}
	if e := s.checkSignature(r); e != nil {
		writeError(w, e)
		return
	}
	fault, faults := s.dice.call(op)
	switch op {
	case "PutRecords", "PutRecord":
		s.write(w, r, op, body, fault, &faults)
		return
	}
	do, ok := operations[op]
	if !ok {
		writeError(w, refuse("UnknownOperationException", "%s", op))
		return
	}
	if fault != faultNone {
		answerFault(w, fault)
		return
	}
	out, e := do(s, body)
	if e != nil {
		writeError(w, e)
		return
	}
	_ = answer(w, out)
}

// checkSignature looks at the form and the time of a signature.
func (s *Server) checkSignature(r *http.Request) *apiError {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=") {
		return refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return refuse("IncompleteSignatureException", "X-Amz-Date: %v", err)
	}
	if off := s.now().Sub(signed); off.Abs() > maxSkew {
		return refuse(codeSignature, "Signature expired: %s is now earlier than %s",
			signed.Format("20060102T150405Z"), s.now().Add(-maxSkew).UTC().Format("20060102T150405Z"))
	}
	return nil
}

func answer(w http.ResponseWriter, out any) error {
	w.Header().Set("Content-Type", contentType)
	if out == nil {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	body, err := json.Marshal(out)
	if err != nil {
		return err
	}
	_, err = w.Write(body)
	return err
}

// write is PutRecords and PutRecord.
func (s *Server) write(w http.ResponseWriter, r *http.Request, op string, body []byte, fault fault, faults *Faults) {
	var in struct {
		streamName
		Records []putEntry
		putEntry
	}
	if e := decode(body, &in); e != nil {
		writeError(w, e)
		return
	}
	target, e := s.find(in.streamName)
	if e != nil {
		writeError(w, e)
		return
	}
	if target.creating() {
		writeError(w, refuse(codeMissing, "Stream %s under account %s not found.", target.name, account))
		return
	}
	entries := in.Records
	if op == "PutRecord" {
		entries = []putEntry{in.putEntry}
	}
	switch fault {
	case faultThrottle, faultError, faultUnavailable, faultExpired:
		target.note(fault, false)
		answerFault(w, fault)
		return
	case faultCutBefore:
		target.note(fault, false)
		cut(w)
		return
	case faultNone, faultCutAfter, faultTear, faultSlow:
	}
	hashes, e := target.check(entries)
	if e != nil {
		target.note(faultNone, false)
		writeError(w, e)
		return
	}
	results, call := target.put(entries, hashes, &s.dice, faults)
	target.note(fault, true)
	out, e := putAnswer(op, results)
	if e != nil {
		target.end(call, false)
		writeError(w, e)
		return
	}
	switch fault {
	case faultCutAfter:
		target.end(call, true)
		cut(w)
		return
	case faultTear:
		target.end(call, true)
		tear(w, out)
		return
	case faultSlow:
		timer := time.NewTimer(faults.SlowFor)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	case faultNone, faultThrottle, faultError, faultUnavailable, faultExpired, faultCutBefore:
	}
	s.awaitRelease(r.Context())
	target.end(call, r.Context().Err() != nil)
	// Whoever hung up does not get it, whatever the kernel says of the write.
	if err := answer(w, out); err != nil || r.Context().Err() != nil {
		target.lose(call)
	}
}

func putAnswer(op string, results []putResult) (any, *apiError) {
	if op == "PutRecord" {
		switch one := results[0]; one.ErrorCode {
		case "":
			return one, nil
		case codeInternal:
			return nil, &apiError{http.StatusInternalServerError, one.ErrorCode, one.ErrorMessage}
		default:
			return nil, refuse(one.ErrorCode, "%s", one.ErrorMessage)
		}
	}
	failed := 0
	for _, one := range results {
		if one.ErrorCode != "" {
			failed++
		}
	}
	return map[string]any{"FailedRecordCount": failed, "Records": results, "EncryptionType": "NONE"}, nil
}

func answerFault(w http.ResponseWriter, f fault) {
	if f == faultUnavailable {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "<html><body><b>Http/1.1 Service Unavailable</b></body></html>")
		return
	}
	writeError(w, f.refusal())
}

// cut ends the connection without an answer.
func cut(http.ResponseWriter) { panic(http.ErrAbortHandler) } //nolint:forbidigo // net/http's own way to do that

// tear sends half of an answer.
func tear(w http.ResponseWriter, out any) {
	body, err := json.Marshal(out)
	if err == nil {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
	}
	cut(w)
}

// streamName is how most requests name a stream.
type streamName struct{ StreamName, StreamARN string }

func (s *Server) find(n streamName) (*stream, *apiError) {
	name := n.StreamName
	if n.StreamARN != "" {
		_, name, _ = strings.Cut(n.StreamARN, ":stream/")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.streams[name]
	if !ok {
		return nil, refuse(codeMissing, "Stream %s under account %s not found.", name, account)
	}
	return one, nil
}

func (s *Server) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.streams))
}

func decode(body []byte, in any) *apiError {
	if err := json.Unmarshal(body, in); err != nil {
		return refuse("SerializationException", "%v", err)
	}
	return nil
}
