package sender

import (
	"context"
	"errors"
	"time"
)

// Record is a user record. Key and Data are the Reader's, good until its next call;
// those given to Settings.Refuse are the Sender's, good until it returns.
type Record struct {
	ID    uint64   // grows within a log; 0 is none
	Key   []byte   // the partition key, 1 to 256 characters
	Hash  [16]byte // MD5 of Key, big-endian
	Data  []byte
	Count int // log records, spans or data points in it
}

// Log is where records come from, and stay until Settings.Done names them.
type Log interface {
	// Reader begins at the first record that has at least this ID and is not done. A
	// Reader may give records that are done, and begin earlier; both do no harm.
	Reader(from uint64) (Reader, error)
}

// ErrDrained says that a Reader has nothing more now.
var ErrDrained = errors.New("there is nothing more to read now")

// Reader gives records in the order of their IDs. It is for one goroutine.
type Reader interface {
	// Next waits for the next record.
	Next(ctx context.Context) (Record, error)
	// TryNext gives the next record, or ErrDrained where there is none now.
	TryNext() (Record, error)
	Close() error
}

// Entry is one record of a call, plain or an aggregate. All of it is the Sender's, good
// until PutRecords returns.
type Entry struct {
	Key  []byte
	Data []byte
	// HashKey is the explicit hash key of an aggregate, which is that of Key all the
	// same. Plain records have none.
	HashKey  [16]byte
	Explicit bool
	// Records is how many user records are in it.
	Records int
}

// Result is the stream's answer to one Entry.
type Result struct {
	Code     string // empty: it is in the stream
	Message  string
	ShardID  string
	Sequence string
}

// Codes of single records that are no errors of AWS's.
const (
	// CodeWrongShard: an aggregate came to a shard that does not have all of its keys:
	// AWS's libraries drop such ones.
	CodeWrongShard = "WrongShard"
	// CodeThrottled is AWS's code for a shard that has no capacity left.
	CodeThrottled = "ProvisionedThroughputExceededException"
)

// Shard of the stream.
type Shard struct {
	ID             string
	First, Last    [16]byte // the hash keys it has, both included
	Parent         string
	AdjacentParent string
	Closed         bool // it takes nothing more
}

// Stream is where records go. It is called by several goroutines, and gives up when the
// context ends.
type Stream interface {
	// PutRecords gives a Result for each Entry, or an error for all of them. An
	// error is a *CallError, or as one of KindRetry.
	PutRecords(ctx context.Context, entries []Entry) ([]Result, error)
	// Shards lists the stream's, closed ones too where they are known.
	Shards(ctx context.Context) ([]Shard, error)
}

// Kind of error says what becomes of the records of a call.
type Kind int

const (
	// KindRetry is of what may go another time, as after a timeout, a 500, a cut connection,
	// expired credentials. The stream may have the records or not.
	KindRetry Kind = iota
	// KindThrottled is of too much for the shard or the stream.
	KindThrottled
	// KindNoStream says that the stream is not there, or not yet.
	KindNoStream
	// KindPermanent says that the same call will never go. Its records are tried one by one,
	// and those for which this comes again are refused for good.
	KindPermanent
)

// CallError is why a whole call failed.
type CallError struct {
	Kind Kind
	Code string
	Err  error
}

// Error says what came.
func (e *CallError) Error() string {
	if e.Err == nil {
		return e.Code
	}
	return e.Err.Error()
}

// Unwrap gives what came.
func (e *CallError) Unwrap() error { return e.Err }

// Order that is kept.
type Order int

const (
	// PerKey says that records of one partition key reach the stream in the order of their IDs.
	PerKey Order = iota
	// Unordered lets them come in any order.
	Unordered
)

// Settings of a Sender. Stream, Log and Done must be set.
type Settings struct {
	Stream Stream
	Log    Log
	// Done is told which records are in the stream, each once. It is called by several
	// goroutines; the slice is good until it returns.
	Done func(ids []uint64)
	// Refuse is told of a record that the stream refuses for good. When it returns nil
	// the record is forgotten, without Done; after an error it is tried again. nil:
	// such records are tried for ever.
	Refuse func(Record, Result) error
	// Permanent tells the codes of Results that are for good. Default: those that say
	// that the record is not valid.
	Permanent func(code string) bool
	Observer  Observer // may be nil

	Order Order
	// Aggregate packs records of a shard into one, in the form of package kplrecord.
	Aggregate bool
	// MaxRecordSize is of data and partition key, in bytes. Default 1 MiB.
	MaxRecordSize int
	// MaxRecords, MaxBytes (of data and keys) are the limits of a call. Default 500 and
	// 5 MiB.
	MaxRecords, MaxBytes int
	// MaxAge is how long a record waits for others. Default 200ms.
	MaxAge time.Duration
	// MaxInFlight is how many calls are on their way at a time for each shard; with
	// Aggregate and PerKey it is one. Default 4.
	MaxInFlight int
	// RateBytes (of data and keys), RateRecords are what a shard takes in a second. 0: no limit.
	RateBytes, RateRecords int
	// RetryInitial, RetryMax bound the pause of a shard. Default 100ms and 10s.
	RetryInitial, RetryMax time.Duration
	// Timeout of one call. Default 30s.
	Timeout time.Duration
	// Refresh is how often shards are listed. Default 60s.
	Refresh time.Duration
	// MaxBuffered is what the records of all shards may take in memory, in bytes, with
	// what is kept about each; one more record may be there. Besides, there are buffers for
	// the aggregates on their way, of twice their size, or, where there are none and order
	// is kept, a sixteenth of it for keys of which more waits than may be in memory.
	// Default 64 MiB.
	MaxBuffered int
}

// Observer is told what happens, by several goroutines, and must not wait.
type Observer interface {
	// Put tells of an entry that is in the stream: its user records, what they hold
	// (Record.Count), and its bytes, with the key.
	Put(shard string, userRecords, count, bytes int)
	// Refused tells of user records that were refused one by one.
	Refused(shard, code string, userRecords int)
	// Failed tells of a call that failed as a whole. The shard is empty where shards
	// were listed, or the log was read.
	Failed(shard, code string, err error)
	// Retried tells of user records that are sent again.
	Retried(shard string, userRecords int)
	// Throttled tells how long a shard will pause because it is throttled.
	Throttled(shard string, pause time.Duration)
	// Resharded tells of another list of open shards.
	Resharded(open int)
}

// Stats are the state of a Sender.
type Stats struct {
	Shards   int // open
	Behind   int // of them, those that have records in the log which were passed by
	Parked   int // keys of which so much waits that records of them were passed by
	InFlight int // calls
	Queued   int // user records in memory, those on their way too
	Buffered int // bytes of memory that they take
}
