package kinesisexporter

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/sender"
	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/spoolrecord"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// usersOf makes user records in the form of the spool, each with its text as key and
// data.
func usersOf(texts ...string) (users []user, payloads [][]byte) {
	for _, text := range texts {
		key := partitionKey{text, hashOf(text)}
		head := spoolrecord.AppendHead(nil, key.hash, text, 2)
		users = append(users, user{key: key, count: 2, data: len(head), end: len(head) + len(text)})
		payloads = append(payloads, append(head, text...))
	}
	return users, payloads
}

func TestAReaderGivesWhatIsNotDoneFromAnIDOn(t *testing.T) {
	for name, open := range map[string]func() queue{
		"memory": func() queue { return newMemoryQueue(1000) },
		"spool": func() queue {
			q, err := openSpoolQueue(spool.Settings{Directory: t.TempDir()})
			require.NoError(t, err)
			return q
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := open()
			put := func(texts ...string) chan error {
				users, payloads := usersOf(texts...)
				answer := make(chan error, 1)
				require.NoError(t, q.reserve(t.Context(), users, payloads))
				go func() { answer <- q.put(context.Background(), users, payloads) }()
				return answer
			}
			first := put("a", "b", "c", "d")
			all, err := q.Reader(0)
			require.NoError(t, err)
			var ids []uint64
			for _, want := range []string{"a", "b", "c", "d"} {
				r, err := all.Next(t.Context())
				require.NoError(t, err)
				assert.Equal(t, sender.Record{ID: r.ID, Key: []byte(want), Hash: hashOf(want), Data: []byte(want), Count: 2}, r)
				ids = append(ids, r.ID)
			}
			assert.Positive(t, ids[0], "0 is none")
			_, err = all.TryNext()
			require.ErrorIs(t, err, sender.ErrDrained)

			q.done([]uint64{ids[2]})
			from, err := q.Reader(ids[1])
			require.NoError(t, err)
			var texts []string
			for {
				r, err := from.TryNext()
				if errors.Is(err, sender.ErrDrained) {
					break
				}
				require.NoError(t, err)
				if r.ID != ids[2] { // what was done a moment ago may come again
					texts = append(texts, string(r.Data))
				}
			}
			assert.Equal(t, []string{"b", "d"}, texts)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			_, err = from.Next(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)

			second := put("e")
			r, err := from.Next(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "e", string(r.Data))
			q.done([]uint64{ids[0], ids[1], ids[3], r.ID, r.ID, 4711})
			require.NoError(t, <-first)
			require.NoError(t, <-second)
			require.NoError(t, all.Close())
			require.NoError(t, from.Close())
			require.NoError(t, q.drain(t.Context()))
			require.NoError(t, q.close())
			users, payloads := usersOf("late")
			require.Error(t, q.reserve(t.Context(), users, payloads))
			require.Error(t, q.put(t.Context(), users, payloads), "reserved before it was closed")
		})
	}
}

func TestMemoryHasALimit(t *testing.T) {
	q := newMemoryQueue(10)
	large, _ := usersOf("larger than the limit")
	require.NoError(t, q.reserve(t.Context(), large, nil), "what is alone has room")
	small, payloads := usersOf("a")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, q.reserve(ctx, small, nil), errNoRoom)
	q.release(large)
	for range 5 { // of 2 bytes each
		require.NoError(t, q.reserve(t.Context(), small, nil))
	}
	require.ErrorIs(t, q.reserve(ctx, small, nil), errNoRoom)

	// One who gives up makes room; so does one that is done, and one that is refused.
	require.ErrorIs(t, q.put(ctx, small, payloads), errLate)
	require.NoError(t, q.reserve(t.Context(), small, nil))
	for want, end := range map[error]func(id uint64){
		nil:       func(id uint64) { q.done([]uint64{id}) },
		errNoRoom: func(id uint64) { q.refused(id, errNoRoom) },
	} {
		answer := make(chan error, 1)
		go func() { answer <- q.put(t.Context(), small, payloads) }()
		r, err := (&memoryReader{q: q}).Next(t.Context())
		require.NoError(t, err)
		end(r.ID)
		require.ErrorIs(t, <-answer, want)
		require.NoError(t, q.reserve(t.Context(), small, nil))
	}
	require.NoError(t, q.close())
}

// TestDrainEndsTheWaitForRoom: who waits for room when the shutdown begins is told at
// once, although nothing that is there is done.
func TestDrainEndsTheWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newMemoryQueue(10)
		large, payloads := usersOf("larger than the limit")
		require.NoError(t, q.reserve(t.Context(), large, nil))
		put := make(chan error, 1)
		go func() { put <- q.put(t.Context(), large, payloads) }()
		small, _ := usersOf("a")
		answer := make(chan error, 1)
		go func() { answer <- q.reserve(t.Context(), small, nil) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		drained := make(chan error, 1)
		go func() { drained <- q.drain(ctx) }()
		synctest.Wait()
		select {
		case err := <-answer:
			require.ErrorIs(t, err, errClosed)
		default:
			assert.Fail(t, "it waits for room that nobody gives")
		}
		require.ErrorIs(t, <-drained, context.DeadlineExceeded)
		require.NoError(t, q.close())
		require.ErrorIs(t, <-put, errClosed)
	})
}
