package archiveaudit_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit/archivetest"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// Checkpoints that somebody has put far behind the end are not taken for the last one.
func TestProveBesideOtherCheckpoints(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	o := f.one.Manifests[2].Objects[0]
	for _, numbers := range []int{5, 63} {
		for bits := 4; bits < numbers; bits++ {
			f.store.Overwrite(f.Layout.Checkpoint("gateway-1", 1<<bits-1), []byte("x"), objectstore.Lock{})
		}
		f.store.Overwrite(f.Layout.CheckpointPrefix("gateway-1")+fmt.Sprintf("%020d", -1), []byte("x"), objectstore.Lock{})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		done := make(chan error, 1)
		go func() {
			p := &archiveaudit.Prover{Reader: f.store, Prefix: prefix}
			_, err := p.Prove(ctx, o.Key, 1, 2)
			p = &archiveaudit.Prover{Reader: f.store, Prefix: prefix, Latest: true}
			proved, failure := p.Prove(ctx, o.Key, 1, 2)
			if failure == nil && proved[0].Checkpoint != f.one.Previous.Number {
				failure = fmt.Errorf("it is of checkpoint %d", proved[0].Checkpoint)
			}
			done <- errors.Join(err, failure)
		}()
		select {
		case err := <-done:
			require.NoError(t, err, "%d", numbers)
		case <-ctx.Done():
			require.Fail(t, "it does not end")
		}
		cancel()
	}
}

// Lines of an object that has very many are given one after the other, and not held.
func TestSearchOfALargeObject(t *testing.T) {
	f := newFixture(t, objectstore.Governance)
	padding := strings.Repeat("x", 1<<20)
	const count = 160
	var large archivetest.Object
	for i := range count {
		large.Lines = append(large.Lines, fmt.Sprintf(`{"request.id":"large","n":%d,"body":"%s"}`, i, padding))
	}
	large.IDs = []string{"large"}
	f.one.Write(t, large)
	large.Lines = nil
	for _, id := range []string{"large", ""} {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		q := archiveaudit.Query{Prefix: prefix, ID: id, From: f.one.Previous.To.Add(-time.Second), Parallel: 2}
		n := 0
		stats, err := archiveaudit.Search(t.Context(), f.store, q, func(h archiveaudit.Hit) error {
			if n == count/2 {
				runtime.GC()
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				assert.Less(t, int64(now.HeapAlloc)-int64(before.HeapAlloc), int64(128<<20), id)
			}
			assert.True(t, strings.HasPrefix(string(h.Data[:60]), fmt.Sprintf(`{"request.id":"large","n":%d,`, n)), "%d: %.60q", n, h.Data)
			n++
			assert.Equal(t, int64(n), h.Line)
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, count, n)
		assert.Equal(t, int64(count), stats.Hits)
		assert.Equal(t, int64(1), stats.Hit)
	}
	// One that was changed is not given in part.
	key := f.one.Previous.Objects[0].Key
	f.store.Edit(key, "", true, func(data []byte) []byte { data[len(data)-20] ^= 1; return data })
	_, err := archiveaudit.Search(t.Context(), f.store, archiveaudit.Query{Prefix: prefix, ID: "large", Parallel: 2}, func(archiveaudit.Hit) error {
		assert.Fail(t, "of an object that was changed")
		return nil
	})
	require.ErrorContains(t, err, "was changed")
}

// A manifest that is none stops a search, whatever is under way.
func TestSearchStopsEarly(t *testing.T) {
	t.Parallel()
	f := newFixture(t, objectstore.Governance)
	key := f.find(t, fmt.Sprintf("_log/gateway-1/manifest/%020d-", 3))
	right, _ := f.store.Bytes(key, "")
	f.store.Edit(key, "", true, func([]byte) []byte { return []byte("x") })
	_, err := archiveaudit.Search(t.Context(), f.store, archiveaudit.Query{Prefix: prefix, From: begin()}, func(archiveaudit.Hit) error { return nil })
	require.ErrorContains(t, err, "was changed")
	enough := errors.New("enough")
	f.store.Edit(key, "", true, func([]byte) []byte { return right })
	_, err = archiveaudit.Search(t.Context(), f.store, archiveaudit.Query{Prefix: prefix, From: begin()}, func(archiveaudit.Hit) error { return enough })
	require.ErrorIs(t, err, enough)
}
