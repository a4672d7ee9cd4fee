package eventfoldprocessor

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/pdataslab"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
	"github.com/heartwood-otel/heartwood/internal/recordwire"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/story"
)

// What parts have in common is taken out of them before they are decoded. The event
// must be the same as when it is not.
func TestCommonAttributesChangeNothing(t *testing.T) {
	styles := []story.Settings{
		{Style: story.Document},
		{Style: story.Document, Merge: story.MergeSettings{Keys: map[string]story.Strategy{"a": story.List, "b": story.Sum, "status": story.Count, "code.line.number": story.Last}}},
		{Style: story.LogTrace, LogTrace: story.LogTraceSettings{Verbosity: "vvv", Delimiter: "; ", UID: "b"}},
		{Style: story.Canonical},
		{Style: story.Canonical, Merge: story.MergeSettings{Default: story.List, Keys: map[string]story.Strategy{"a": story.Max, "b": story.Min, "status": story.Unique}}},
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	a := newAssembly()
	for range 2000 {
		stored := randomParts(t, random)
		set := styles[random.IntN(len(styles))]
		builder := story.New(set)
		event := func(mayTakeOut func([]byte) bool) plog.ResourceLogs {
			c := foldtable.Closed{Event: foldtable.Event{ID: recorduid.UUID{7}, Reason: foldtable.Idle}}
			e, err := a.event(&c, stored, mayTakeOut)
			require.NoError(t, err)
			out := plog.NewLogs()
			builder.AppendTo(out.ResourceLogs(), e)
			return out.ResourceLogs().At(0)
		}
		want := event(func([]byte) bool { return false })
		got := event(func(name []byte) bool { return builder.MayTakeOut(string(name)) })
		w, g := want.ScopeLogs().At(0).LogRecords().At(0), got.ScopeLogs().At(0).LogRecords().At(0)
		require.Equal(t, w.Attributes().AsRaw(), g.Attributes().AsRaw())
		if set.Style != story.Document {
			require.Equal(t, w.Body().AsRaw(), g.Body().AsRaw())
			continue
		}
		wantBody, gotBody := w.Body().AsRaw().(map[string]any), g.Body().AsRaw().(map[string]any)
		assert.ElementsMatch(t, wantBody["shared"], gotBody["shared"])
		delete(wantBody, "shared")
		delete(gotBody, "shared")
		require.Equal(t, wantBody, gotBody)
	}
}

// Events from slabs are those that pdata's functions make, and stay what they are while
// the assembly makes others.
func TestSlabsChangeNothing(t *testing.T) {
	styles := []story.Style{story.Document, story.LogTrace, story.Canonical}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	slabs, plain := newAssembly(), newAssembly()
	plain.slabs = pdataslab.Builder{}
	require.True(t, slabs.slabs.UsesSlabs())
	var want [][]byte
	events := plog.NewLogs()
	for i := range 600 {
		stored := randomParts(t, random)
		builder := story.New(story.Settings{Style: styles[i%len(styles)], LogTrace: story.LogTraceSettings{Verbosity: "v", Delimiter: "; "}})
		c := foldtable.Closed{Event: foldtable.Event{ID: recorduid.UUID{7}, Reason: foldtable.Idle}}
		mayTakeOut := func(name []byte) bool { return builder.MayTakeOut(string(name)) }

		one := plog.NewLogs()
		e, err := plain.event(&c, stored, mayTakeOut)
		require.NoError(t, err)
		builder.AppendTo(one.ResourceLogs(), e)
		want = append(want, encoded(t, one))

		e, err = slabs.event(&c, stored, mayTakeOut)
		require.NoError(t, err)
		builder.AppendTo(events.ResourceLogs(), e)
		for k := range stored {
			clear(stored[k].Record)
		}
		if i%16 == 0 {
			slabs.forget()
			runtime.GC()
		}
	}
	for i, rl := range events.ResourceLogs().All() {
		one := plog.NewLogs()
		rl.CopyTo(one.ResourceLogs().AppendEmpty())
		require.Equal(t, want[i], encoded(t, one))
	}
}

func encoded(tb testing.TB, logs plog.Logs) []byte {
	tb.Helper()
	out, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(tb, err)
	return out
}

// randomParts are records that have much in common.
func randomParts(tb testing.TB, random *rand.Rand) (stored []foldtable.StoredPart) {
	tb.Helper()
	logs := plog.NewLogs()
	for range 1 + random.IntN(2) {
		rl := logs.ResourceLogs().AppendEmpty()
		rl.Resource().Attributes().PutStr("service.name", strconv.Itoa(random.IntN(2)))
		records := rl.ScopeLogs().AppendEmpty().LogRecords()
		for range 1 + random.IntN(3) {
			r := records.AppendEmpty()
			r.Body().SetStr(strconv.Itoa(random.IntN(9)))
			for _, i := range random.Perm(8)[:random.IntN(9)] {
				name := []string{"a", "b", "status", "code.line.number", "code.file.path", "log.record.uid", "fold.x", "exception.type"}[i]
				switch random.IntN(12) {
				case 0:
					r.Attributes().PutInt(name, random.Int64N(600))
				case 1:
					r.Attributes().PutEmptySlice(name).AppendEmpty().SetStr("x")
				default:
					r.Attributes().PutInt(name, 200)
				}
			}
		}
	}
	var origins []string
	require.NoError(tb, recordwire.Split(logs, func(origin recordwire.Origin, record []byte) error {
		if len(origins) == 0 || origins[len(origins)-1] != string(origin) {
			origins = append(origins, string(origin))
		}
		stored = append(stored, foldtable.StoredPart{Origin: origin, OriginSlot: uint32(len(origins)), Record: record})
		return nil
	}))
	return stored
}
