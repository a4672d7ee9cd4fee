package ecsprocessor

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

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
	for range 4000 {
		checkDocument(t, (&dice{randomBytes(random)}).document())
	}
}

func TestRecordsComeBack(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 4000 {
		_, r := one()
		require.NoError(t, (&dice{randomBytes(random)}).record(r))
		checkRecord(t, r)
	}
}

func randomBytes(random *rand.Rand) []byte {
	bytes := make([]byte, 200)
	for i := range bytes {
		bytes[i] = byte(random.Uint32())
	}
	return bytes
}
