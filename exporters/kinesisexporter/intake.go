package kinesisexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/spoolrecord"
	"github.com/heartwood-otel/heartwood/internal/deadletter"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

// intake makes user records of what one call brings, in the form of the spool. It is for
// one goroutine at a time, and used again.
type intake struct {
	x    *kinesisExporter
	keys keyReader
	comp compressor // nil for none
	now  time.Time
	// ctx ends when the sender is to be told to come again.
	ctx context.Context
	// failed says that nothing of the call is to be taken.
	failed error

	// buf has the user records one behind the other, in the form of the spool.
	buf     []byte
	users   []user
	scratch []byte
	// letters are what does not fit, or can't be encoded.
	letters []deadletter.Letter
	// truncated is how many records were cut.
	truncated int
	// records and payloads are filled by payload.
	payloads [][]byte
}

// user is a user record in an intake's buffer.
type user struct {
	key        partitionKey
	count      int
	start, end int // in the buffer
	data       int // where the data begins
}

// Of an intake that is kept for the next call.
const maxKeptBuffer = 16 << 20

func (x *kinesisExporter) newIntake() *intake {
	// The configuration names the compression: it can be made.
	comp, err := newCompressor(x.cfg.Compression)
	if err != nil {
		x.set.Logger.Error("A compressor can't be made: " + err.Error())
	}
	return &intake{x: x, comp: comp, keys: keyReader{names: x.cfg.PartitionKey, source: recorduid.NewSource()}}
}

func (x *kinesisExporter) intake(ctx context.Context) *intake {
	in := x.intakes.Get().(*intake)
	in.now, in.ctx = time.Now(), ctx
	return in
}

// release lets go of what the call has brought.
func (in *intake) release() {
	clear(in.users)
	clear(in.letters)
	clear(in.payloads)
	in.users, in.letters, in.payloads = in.users[:0], in.letters[:0], in.payloads[:0]
	in.buf, in.truncated, in.ctx, in.failed = in.buf[:0], 0, nil, nil
	in.keys.last = partitionKey{}
	if cap(in.buf) > maxKeptBuffer {
		in.buf = nil
	}
	if cap(in.scratch) > maxKeptBuffer {
		in.scratch = nil
	}
	in.x.intakes.Put(in)
}

// open begins a user record. Its data is to be appended to buf; close ends it.
func (in *intake) open(key partitionKey, count int) {
	start := len(in.buf)
	in.buf = spoolrecord.AppendHead(in.buf, key.hash, key.text, count)
	in.users = append(in.users, user{key: key, count: count, start: start, data: len(in.buf)})
}

// drop takes the user record that is open out again.
func (in *intake) drop() {
	last := len(in.users) - 1
	in.buf = in.buf[:in.users[last].start]
	in.users = in.users[:last]
}

// close compresses the data, and says by how many bytes the user record is too large. If
// it is, it is still open.
func (in *intake) close() (excess int, err error) {
	u := &in.users[len(in.users)-1]
	if in.comp != nil {
		in.scratch, err = in.comp.appendTo(in.scratch[:0], in.buf[u.data:])
		if err != nil {
			return 0, fmt.Errorf("compress: %w", err)
		}
		in.buf = append(in.buf[:u.data], in.scratch...)
	}
	u.end = len(in.buf)
	return in.excess(len(u.key.text) + u.end - u.data), nil
}

// payload gives the user records for the spool. They are parts of the buffer.
func (in *intake) payload() [][]byte {
	in.payloads = slices.Grow(in.payloads[:0], len(in.users))
	for i := range in.users {
		in.payloads = append(in.payloads, in.buf[in.users[i].start:in.users[i].end])
	}
	return in.payloads
}

func (in *intake) data(u *user) []byte { return in.buf[u.data:u.end] }

// letter makes the user record that is open a dead letter with this data.
func (in *intake) letter(reason, message string, data []byte) {
	u := in.users[len(in.users)-1]
	in.letters = append(in.letters, deadletter.Letter{Reason: reason, Message: message, Key: u.key.text, Data: data, Records: u.count})
	in.drop()
}

// group is items with one partition key that become one user record, or several.
type group[T any] struct {
	key   partitionKey
	data  T
	count int
}

// codec is what is to be known of a signal. T is plog.Logs, ptrace.Traces or
// pmetric.Metrics.
type codec[T any] interface {
	// appendBatch appends the encoding of all that is in data.
	appendBatch(dst []byte, data T) ([]byte, error)
	// plain is OTLP's JSON, for what can't be encoded otherwise.
	plain(data T) ([]byte, error)
	// split takes data apart behind its first n items; data is lost.
	split(data T, n int) (first, rest T)
	// truncate makes the single item of data shorter, if it can: encoded, it has that many
	// bytes too many, of so many.
	truncate(data T, excess, size int) bool
}

// put encodes a group: as one user record, or where that does not fit, one half of it
// and then the other. What is single and does not fit is cut, where that is wanted and
// possible, or is a dead letter.
func put[T any](in *intake, c codec[T], g group[T]) {
	in.open(g.key, g.count)
	var excess int
	var err error
	if in.buf, err = c.appendBatch(in.buf, g.data); err == nil {
		excess, err = in.close()
	}
	switch {
	case err == nil && excess == 0:
	case g.count > 1:
		in.drop()
		n := g.count / 2
		first, rest := c.split(g.data, n)
		put(in, c, group[T]{g.key, first, n})
		put(in, c, group[T]{g.key, rest, g.count - n})
	case err != nil:
		plain, otherwise := c.plain(g.data)
		in.letter(reasonNotEncodable, errors.Join(err, otherwise).Error(), plain)
	case in.x.cfg.OnTooLarge == truncate && c.truncate(g.data, excess, excess+in.x.limit.now()):
		in.drop()
		before := in.truncated
		put(in, c, g)
		in.truncated = before + 1
	default:
		in.tooLarge()
	}
}

func (in *intake) tooLarge() {
	u := in.users[len(in.users)-1]
	in.letter(reasonTooLarge, fmt.Sprintf("partition key and data have %d bytes, the limit is %d", len(u.key.text)+len(in.buf)-u.data, in.x.limit.now()),
		slices.Clone(in.buf[u.data:]))
}

// errLimit asks the sender to come again when the stream has said how large its records
// may be.
var errLimit = errors.New("the stream has not said yet how large a record may be, and one is larger than any stream takes without being told to")

// excess is by how many bytes a record of so many is too large. Where that is not known
// yet, it waits for the stream to say it.
func (in *intake) excess(size int) int {
	excess := max(0, size-in.x.limit.now())
	if excess == 0 || in.failed != nil || in.x.limit.isKnown() {
		return excess
	}
	if !in.x.limit.wait(in.ctx) {
		in.failed = errLimit
		return excess
	}
	return max(0, size-in.x.limit.now())
}
