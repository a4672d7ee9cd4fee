package ecsprocessor

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/xpdata"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// checkDocument holds that an ECS document that goes to OpenTelemetry's names and back is
// what it would have been without.
func checkDocument(t *testing.T, doc map[string]any) {
	t.Helper()
	there, back := newWriter(ecs.Options{}), &reader{ecs.NewUnmapper()}
	_, straight := one()
	require.NoError(t, straight.Attributes().FromRaw(doc))
	sortMap(straight.Attributes())
	_, around := one()
	straight.CopyTo(around)
	there.log(straight)
	want := straight.Attributes().AsRaw()

	back.log(around)
	once := asJSON(t, around)
	back.log(around)
	require.Equal(t, once, asJSON(t, around), "from_ecs twice")
	there.log(around)
	got := around.Attributes().AsRaw()

	twice := plog.NewLogRecord()
	around.CopyTo(twice)
	there.log(twice)
	require.Equal(t, got, twice.Attributes().AsRaw(), "to_ecs twice")
	delete(want, "ecs.version")
	delete(got, "ecs.version")
	// What is derived of OpenTelemetry's names, and was not of ECS's.
	for _, derived := range []string{"event.outcome", "event.kind", "client.address", "server.address", "source.address", "destination.address"} {
		if _, said := want[derived]; !said {
			delete(got, derived)
		}
	}
	require.Equal(t, withoutNumbers(want), withoutNumbers(got), "from %v over %s", doc, once)
}

// withoutNumbers puts labels that are told apart by a number together: the order of the
// attributes decides which gets which.
func withoutNumbers(attributes map[string]any) map[string]any {
	alike := make(map[string]any)
	for name, v := range attributes {
		label := numbered.ReplaceAllString(name, "")
		if !strings.HasPrefix(name, "labels.") {
			alike[name] = v
			continue
		}
		values, _ := alike[label].([]string)
		values = append(values, fmt.Sprintf("%T %v", v, v))
		slices.Sort(values)
		alike[label] = values
	}
	return alike
}

var numbered = regexp.MustCompile(`(_[0-9]+)+$`)

// checkRecord holds that a record that goes to ECS and back is what it was.
func checkRecord(t *testing.T, r plog.LogRecord) {
	t.Helper()
	there, back := newWriter(ecs.Options{}), &reader{ecs.NewUnmapper()}
	was := asJSON(t, r)
	there.log(r)
	via := asJSON(t, r)
	back.log(r)
	require.Equal(t, was, asJSON(t, r), "over %s", via)
}

func asJSON(t *testing.T, r plog.LogRecord) string {
	t.Helper()
	logs, only := one()
	r.CopyTo(only)
	sortMap(only.Attributes())
	text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	return string(text)
}

func TestDocumentsComeBack(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 1500 {
		checkDocument(t, (&dice{randomBytes(random)}).document())
	}
}

func TestRecordsComeBack(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 1500 {
		_, r := one()
		require.NoError(t, (&dice{randomBytes(random)}).record(r))
		checkRecord(t, r)
	}
}

// checkTwice holds that what was said in other names is not said again, both ways, also of
// records that have names of both, and some twice.
func checkTwice(t *testing.T, bytes []byte) {
	t.Helper()
	d := &dice{bytes}
	_, r := one()
	require.NoError(t, d.record(r))
	more := mapOf(t, d.document())
	sortMap(more)
	sortMap(r.Attributes())
	var mixed xpdata.MapBuilder
	for _, m := range []pcommon.Map{more, r.Attributes()} {
		for name, v := range m.All() {
			v.CopyTo(mixed.AppendEmpty(name))
		}
	}
	mixed.UnsafeIntoMap(r.Attributes())
	for name, x := range map[string]translator{
		"label": newWriter(ecs.Options{}), "keep": newWriter(ecs.Options{Unknown: ecs.Keep}), "drop": newWriter(ecs.Options{Unknown: ecs.Drop}),
		"from_ecs": &reader{ecs.NewUnmapper()},
	} {
		_, once := one()
		r.CopyTo(once)
		if w, ok := x.(*writer); ok {
			checkWriter(t, w, once)
		} else {
			x.log(once)
		}
		want := asJSON(t, once)
		x.log(once)
		require.Equal(t, want, asJSON(t, once), "%s of %s", name, asJSON(t, r))
	}
}

// checkWriter translates a record, and holds that it has what the mapper's items say, and
// is otherwise what it was.
func checkWriter(t *testing.T, w *writer, r plog.LogRecord) {
	t.Helper()
	want := plog.NewLogRecord()
	r.CopyTo(want)
	was := plog.NewLogRecord()
	r.CopyTo(was)
	want.Attributes().Clear()
	var items xpdata.MapBuilder
	for _, item := range w.mapper.Attributes(was) {
		item.PutInto(items.AppendEmpty(item.Name))
	}
	items.UnsafeIntoMap(want.Attributes())
	w.log(r)
	require.Equal(t, asJSON(t, want), asJSON(t, r))
}

func TestTwiceIsOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for range 1500 {
		checkTwice(t, randomBytes(random))
	}
}

func FuzzTwice(f *testing.F) {
	seeds(f)
	f.Fuzz(checkTwice)
}

func randomBytes(random *rand.Rand) []byte {
	bytes := make([]byte, 200)
	for i := range bytes {
		bytes[i] = byte(random.Uint32())
	}
	return bytes
}

func FuzzDocument(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, bytes []byte) { checkDocument(t, (&dice{bytes}).document()) })
}

func FuzzRecord(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, bytes []byte) {
		_, r := one()
		require.NoError(t, (&dice{bytes}).record(r))
		checkRecord(t, r)
	})
}

func seeds(f *testing.F) {
	f.Helper()
	random := rand.New(rand.NewPCG(5, 6))
	f.Add([]byte{})
	for range 8 {
		f.Add(randomBytes(random))
	}
}

// FuzzOTLP has any logs and any traces that OTLP can carry, names that are there twice
// among them. Each record and span stays, and twice is once, both ways.
func FuzzOTLP(f *testing.F) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 4 {
		logs, r := one()
		require.NoError(f, (&dice{randomBytes(random)}).record(r))
		require.NoError(f, r.Attributes().FromRaw((&dice{randomBytes(random)}).document()))
		bytes, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
		require.NoError(f, err)
		f.Add(bytes)
	}
	translators := []translator{newWriter(ecs.Options{}), newWriter(ecs.Options{Unknown: ecs.Keep}), &reader{ecs.NewUnmapper()}}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		for i, x := range translators {
			if logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(bytes); err == nil {
				records := logs.LogRecordCount()
				translateLogs(x, logs)
				require.Equal(t, records, logs.LogRecordCount())
				once := marshalled(t, logs)
				translateLogs(x, logs)
				require.Equal(t, once, marshalled(t, logs), "%d twice", i)
			}
			if traces, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(bytes); err == nil {
				spans := traces.SpanCount()
				translateTraces(x, traces)
				require.Equal(t, spans, traces.SpanCount())
			}
		}
	})
}

// marshalled is what logs say, whatever the order of attributes.
func marshalled(t *testing.T, logs plog.Logs) string {
	t.Helper()
	for _, rl := range logs.ResourceLogs().All() {
		sortMap(rl.Resource().Attributes())
		for _, sl := range rl.ScopeLogs().All() {
			sortMap(sl.Scope().Attributes())
			for _, r := range sl.LogRecords().All() {
				sortMap(r.Attributes())
			}
		}
	}
	text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	return string(text)
}
