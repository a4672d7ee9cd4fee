package kinesisexporter

import (
	"context"
	"errors"
	"fmt"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/sender"
	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/spoolrecord"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// queue is where user records are until the stream has them. The sender's IDs of them
// are never 0.
type queue interface {
	sender.Log
	// reserve waits for room for what is put next, or released.
	reserve(ctx context.Context, users []user, payloads [][]byte) error
	release(users []user)
	// put returns nil when the sender of the records may have its answer.
	put(ctx context.Context, users []user, payloads [][]byte) error
	done(ids []uint64)
	// refused says what becomes of a record that no dead letter is made of.
	refused(id uint64, reason error)
	// drain waits until nothing is left that would be lost.
	drain(ctx context.Context) error
	close() error
	stats() spool.Stats
	// hasRoom says whether there is room again; isWritable, whether the disk takes what is
	// written.
	hasRoom() bool
	isWritable() bool
}

// spoolQueue keeps them on disk.
type spoolQueue struct {
	spool *spool.Spool
	size  int64 // where it takes no more
}

func openSpoolQueue(set spool.Settings) (*spoolQueue, error) {
	s, err := spool.Open(set)
	if err != nil {
		return nil, err
	}
	return &spoolQueue{s, set.MaxSize}, nil
}

func (q *spoolQueue) reserve(ctx context.Context, _ []user, payloads [][]byte) error {
	size := 0
	for _, p := range payloads {
		size += len(p)
	}
	return q.spool.Reserve(ctx, size)
}

// release has nothing to do: the spool keeps no room.
func (*spoolQueue) release([]user) {}

func (q *spoolQueue) put(ctx context.Context, _ []user, payloads [][]byte) error {
	return q.spool.Enqueue(spool.Batch{Records: payloads}).Wait(ctx)
}

func (q *spoolQueue) done(ids []uint64) {
	acks := make([]spool.ID, len(ids))
	for i, id := range ids {
		acks[i] = spool.ID(id - 1)
	}
	q.spool.Ack(acks...)
}

// refused does not happen: a spool has a folder for dead letters.
func (q *spoolQueue) refused(id uint64, _ error) { q.done([]uint64{id}) }

// drain has nothing to wait for: what is on disk is sent after the next start.
func (*spoolQueue) drain(context.Context) error { return nil }

func (q *spoolQueue) close() error { return q.spool.Close() }

func (q *spoolQueue) stats() spool.Stats { return q.spool.Stats() }

// Reader begins at a record, or at the oldest: the sender's numbers are the spool's, one
// higher.
func (q *spoolQueue) Reader(from uint64) (sender.Reader, error) {
	return &spoolReader{q.spool.NewReaderFrom(spool.ID(max(from, 1) - 1))}, nil
}

type spoolReader struct{ r *spool.Reader }

func (r *spoolReader) Next(ctx context.Context) (sender.Record, error) {
	stored, err := r.r.Next(ctx)
	if err != nil {
		return sender.Record{}, err
	}
	return recordOf(stored)
}

func (r *spoolReader) TryNext() (sender.Record, error) {
	stored, err := r.r.TryNext()
	switch {
	case errors.Is(err, spool.ErrDrained):
		return sender.Record{}, sender.ErrDrained
	case err != nil:
		return sender.Record{}, err
	}
	return recordOf(stored)
}

func (r *spoolReader) Close() error { return r.r.Close() }

func recordOf(stored spool.Record) (sender.Record, error) {
	r, err := spoolrecord.Decode(stored.Payload)
	if err != nil {
		return sender.Record{}, fmt.Errorf("entry %d of segment %d of the spool: %w; it was written by another version, or is no spool of the kinesis exporter: use the version that wrote it, or move the directory aside, which loses the records in it", stored.ID, stored.Segment, err)
	}
	return sender.Record{ID: uint64(stored.ID) + 1, Key: r.Key, Hash: r.Hash, Data: r.Data, Count: r.Count}, nil
}
