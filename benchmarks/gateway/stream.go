package main

import (
	"bytes"
	"crypto/md5" //nolint:gosec // Kinesis places records by it
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
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
	stored  int // Kinesis records
	records int // user records, or log records
	bytes   int
	units   int
	seen    map[int]time.Time // when a mark came, by its number
}

func newStream(otlp bool) *stream {
	return &stream{
		fake: kinesisfake.New(kinesisfake.Settings{Streams: map[string]int{streamName: shards}}),
		otlp: otlp, seen: make(map[int]time.Time),
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
	s.records += c.records
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
	stored, records, bytes, units int
	marks                         []int
	answer                        []byte
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
		n, err := countRecords(data, otlp)
		if err != nil {
			return err
		}
		c.records += n
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

// countRecords counts the user records of an aggregate (field 3 of its message), the log
// records of an OTLP request (1, 2, 2), or one.
func countRecords(data []byte, otlp bool) (int, error) {
	switch {
	case bytes.HasPrefix(data, aggregateMagic) && len(data) > len(aggregateMagic)+md5.Size:
		return countFields(data[len(aggregateMagic):len(data)-md5.Size], 3)
	case otlp:
		return countFields(data, 1, 2, 2)
	}
	return 1, nil
}

// countFields counts the fields of that number, or what is below them on a path.
func countFields(message []byte, first protowire.Number, path ...protowire.Number) (count int, err error) {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return 0, protowire.ParseError(size)
		}
		field := message[size:]
		length := protowire.ConsumeFieldValue(number, kind, field)
		if length < 0 {
			return 0, protowire.ParseError(length)
		}
		switch {
		case number != first:
		case len(path) == 0:
			count++
		default:
			inner, _ := protowire.ConsumeBytes(field)
			n, err := countFields(inner, path[0], path[1:]...)
			if err != nil {
				return 0, err
			}
			count += n
		}
		message = field[length:]
	}
	return count, nil
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
