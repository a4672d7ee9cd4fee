package eventfoldprocessor

import (
	"crypto/cipher"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/recordwire"
)

// stored is a record as it stands in events, and its origin.
func stored(t *testing.T, service string, change func(plog.LogRecord)) (recordwire.Origin, []byte, uint64) {
	t.Helper()
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", service)
	r := rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetTimestamp(7)
	r.SetObservedTimestamp(8)
	r.Body().SetStr("said")
	r.Attributes().PutStr(uidAttribute, "u1")
	if change != nil {
		change(r)
	}
	var origin recordwire.Origin
	var record []byte
	require.NoError(t, recordwire.Split(logs, func(o recordwire.Origin, b []byte) error {
		origin, record = o, b
		return nil
	}))
	return origin, record, uint64(r.ObservedTimestamp())
}

func TestFingerprints(t *testing.T) {
	secret := newSecret()
	require.NotNil(t, secret)
	for name, secret := range map[string]cipher.AEAD{"secret": secret, "names": nil} {
		t.Run(name, func(t *testing.T) {
			f, other := newFingerprinter(secret), newFingerprinter(secret)
			printOf := func(service string, change func(plog.LogRecord)) uint64 {
				origin, record, observed := stored(t, service, change)
				got := f.of(origin, record, observed)
				assert.Equal(t, got, other.of(origin, record, observed), "senders share what is known")
				other.forget()
				if secret == nil {
					assert.Equal(t, f.name(origin, record, observed), got)
				} else {
					assert.NotEqual(t, f.name(origin, record, observed), got)
				}
				return got
			}
			seen := map[uint64]string{printOf("a", nil): "plain"}
			for say, observed := range map[string]pcommon.Timestamp{"observed later": 9, "observed never": 0} {
				assert.Contains(t, seen, printOf("a", func(r plog.LogRecord) { r.SetObservedTimestamp(observed) }), say)
			}
			for say, change := range map[string]func(plog.LogRecord){
				"body":    func(r plog.LogRecord) { r.Body().SetStr("sa1d") },
				"time":    func(r plog.LogRecord) { r.SetTimestamp(8) },
				"no time": func(r plog.LogRecord) { r.SetTimestamp(0) },
				"uid":     func(r plog.LogRecord) { r.Attributes().PutStr(uidAttribute, "u2") },
				"more":    func(r plog.LogRecord) { r.Attributes().PutEmpty("") },
				"zeroes":  func(r plog.LogRecord) { r.Body().SetStr("said\x00") },
			} {
				one := printOf("a", change)
				assert.NotContains(t, seen, one, say)
				seen[one] = say
			}
			assert.NotContains(t, seen, printOf("b", nil), "another service")
		})
	}
	one, two := newFingerprinter(secret), newFingerprinter(newSecret())
	origin, record, observed := stored(t, "a", nil)
	assert.NotEqual(t, one.of(origin, record, observed), two.of(origin, record, observed), "nobody can reckon it out")
	assert.Equal(t, one.name(origin, record, observed), two.name(origin, record, observed))
}

// TestFingerprintsKeepLittle holds that a large record does not cost memory for ever.
func TestFingerprintsKeepLittle(t *testing.T) {
	f := newFingerprinter(newSecret())
	f.of(stored(t, "a", nil))
	f.forget()
	assert.NotZero(t, cap(f.text), "for the next")
	f.of(stored(t, "a", func(r plog.LogRecord) { r.Body().SetStr(strings.Repeat("x", maxKeptText)) }))
	f.forget()
	assert.Zero(t, cap(f.text))
}

// TestAnEventHasTheSameIDEverywhere: with a journal or without, in whatever process.
func TestAnEventHasTheSameIDEverywhere(t *testing.T) {
	ids := make(map[any]int)
	for _, config := range []string{"idle_timeout: 50ms", "idle_timeout: 50ms", withJournalIn(t)} {
		b := start(t, &keeper{}, "{"+config+"}")
		b.consume(t, rec{request: "1", uid: "u1"}, rec{request: "1", uid: "u2"})
		require.Eventually(t, func() bool { return len(b.next.records()) == 1 }, 10*time.Second, time.Millisecond)
		ids[b.next.records()[0].attr("fold.id")]++
		b.stop(t)
	}
	assert.Len(t, ids, 1)
	assert.NotContains(t, ids, nil)
}

func withJournalIn(t *testing.T) string {
	t.Helper()
	return "idle_timeout: 50ms, directory: " + filepath.Join(t.TempDir(), "journal")
}
