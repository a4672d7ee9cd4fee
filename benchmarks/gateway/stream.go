package main

import (
	"bytes"
	"crypto/md5" //nolint:gosec // Kinesis places records by it
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"math/big"
	"net/http"
	"strconv"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/heartwood-otel/heartwood/integration/kinesisfake"
)

const (
	streamName = "bench"
	shards     = 16
)

// stream stands for Kinesis and only counts: each record that a PutRecords brings is one
// answered with success. What else is asked is answered by the fake.
type stream struct {
	fake *kinesisfake.Server
	// otlp says that records are OTLP requests, of which the log records count.
	otlp bool

	mu      sync.Mutex
	err     error
	calls   int
	stored  int                 // Kinesis records
	records int                 // user records, or log records, each once
	brought int                 // those that came again as well: a call that took too long is made again
	known   map[uint64]struct{} // hashes of the records
	bytes   int
	units   int
	seen    map[int]time.Time // when a mark came, by its number
}

func newStream(otlp bool) *stream {
	return &stream{
		fake: kinesisfake.New(kinesisfake.Settings{Streams: map[string]int{streamName: shards}}),
		otlp: otlp, seen: make(map[int]time.Time), known: make(map[uint64]struct{}),
	}
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (s *stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Amz-Target") != "Kinesis_20131202.PutRecords" {
		s.fake.ServeHTTP(w, r)
		return
	}
	body, _ := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(body)
	body.Reset()
	if _, err := body.ReadFrom(r.Body); err != nil {
		return // whoever sent it is gone, and comes again
	}
	var c call
	err := c.read(body.Bytes(), s.otlp)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err = errors.Join(s.err, err); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	now := time.Now()
	s.calls++
	s.stored += c.stored
	s.brought += len(c.hashes)
	for _, hash := range c.hashes {
		s.known[hash] = struct{}{}
	}
	s.records = len(s.known)
	s.bytes += c.bytes
	s.units += c.units
	for _, mark := range c.marks {
		if _, ok := s.seen[mark]; !ok {
			s.seen[mark] = now
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_, _ = w.Write(c.answer)
}

func (s *stream) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records
}

// call is what one PutRecords brought.
type call struct {
	stored, bytes, units int
	hashes               []uint64 // of the user records, or log records
	marks                []int
	answer               []byte
}

func (c *call) read(body []byte, otlp bool) error {
	var in struct {
		Records []struct {
			Data                          rawText
			PartitionKey, ExplicitHashKey string
		}
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return fmt.Errorf("a PutRecords: %w", err)
	}
	c.answer = []byte(`{"FailedRecordCount":0,"Records":[`)
	var data []byte
	for i, r := range in.Records {
		var err error
		if data, err = base64.StdEncoding.AppendDecode(data[:0], r.Data); err != nil {
			return fmt.Errorf("a record's data: %w", err)
		}
		c.stored++
		size := len(data) + len(r.PartitionKey)
		c.bytes += size
		c.units += (size + 25<<10 - 1) / (25 << 10)
		if c.hashes, err = appendHashes(c.hashes, data, otlp); err != nil {
			return err
		}
		if c.marks, err = appendMarks(c.marks, data); err != nil {
			return err
		}
		if i > 0 {
			c.answer = append(c.answer, ',')
		}
		c.answer = fmt.Appendf(c.answer, `{"SequenceNumber":"%d","ShardId":"shardId-%012d"}`, 1+i, shardOf(r.PartitionKey, r.ExplicitHashKey))
	}
	c.answer = append(c.answer, `],"EncryptionType":"NONE"}`...)
	return nil
}

// rawText is a JSON text without escapes, as Base64 is.
type rawText []byte

func (t *rawText) UnmarshalJSON(text []byte) error {
	if len(text) < 2 || text[0] != '"' {
		return errors.New("no text")
	}
	*t = text[1 : len(text)-1] // of the body, which is read before it goes
	return nil
}

// shardOf is which of the equal shards has a key.
func shardOf(key, explicit string) int {
	if n, ok := new(big.Int).SetString(explicit, 10); ok {
		return int(n.Rsh(n, 128-4).Int64())
	}
	sum := md5.Sum([]byte(key)) //nolint:gosec // see there
	return int(sum[0] >> 4)
}

var aggregateMagic = []byte{0xf3, 0x89, 0x9a, 0xc2}

var seed = maphash.MakeSeed()

// appendHashes appends one of each user record of an aggregate (data, 3, of the fields 3 of
// its message), of each log record of an OTLP request (1, 2, 2), or of what is one record.
func appendHashes(hashes []uint64, data []byte, otlp bool) ([]uint64, error) {
	switch {
	case bytes.HasPrefix(data, aggregateMagic) && len(data) > len(aggregateMagic)+md5.Size:
		return hashFields(hashes, data[len(aggregateMagic):len(data)-md5.Size], 3, 3)
	case otlp:
		return hashFields(hashes, data, 1, 2, 2)
	}
	return append(hashes, maphash.Bytes(seed, data)), nil
}

// hashFields takes the fields of that number, or what is below them on a path.
func hashFields(hashes []uint64, message []byte, first protowire.Number, path ...protowire.Number) (_ []uint64, err error) {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		field := message[size:]
		length := protowire.ConsumeFieldValue(number, kind, field)
		if length < 0 {
			return nil, protowire.ParseError(length)
		}
		inner, _ := protowire.ConsumeBytes(field)
		switch {
		case number != first:
		case len(path) == 0:
			hashes = append(hashes, maphash.Bytes(seed, inner))
		default:
			if hashes, err = hashFields(hashes, inner, path[0], path[1:]...); err != nil {
				return nil, err
			}
		}
		message = field[length:]
	}
	return hashes, nil
}

func appendMarks(marks []int, data []byte) ([]int, error) {
	for {
		_, rest, ok := bytes.Cut(data, []byte(markPrefix))
		if !ok {
			return marks, nil
		}
		if len(rest) < 12 {
			return nil, errors.New("a mark that is cut off")
		}
		n, err := strconv.Atoi(string(rest[:12]))
		if err != nil {
			return nil, fmt.Errorf("a mark: %w", err)
		}
		marks, data = append(marks, n), rest
	}
}
