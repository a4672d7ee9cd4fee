package kinesisexporter

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/heartwood-otel/heartwood/exporters/kinesisexporter/internal/metadatatest"
	"github.com/heartwood-otel/heartwood/internal/spool"
)

// numbered are records of keys, numbered for each key.
func numbered(keys, each int) []rec {
	var records []rec
	for n := range each {
		for k := range keys {
			records = append(records, rec{request: fmt.Sprint("k", k), uid: fmt.Sprint(k, "-", n), body: strconv.Itoa(n)})
		}
	}
	return records
}

// requireOrder says that each key has its records once, in their order.
func requireOrder(tb testing.TB, f *fake, keys, each int) {
	tb.Helper()
	byKey := f.byKey(tb)
	require.Len(tb, byKey, keys)
	var want []string
	for n := range each {
		want = append(want, strconv.Itoa(n))
	}
	for key, documents := range byKey {
		var got []string
		for _, text := range documents {
			var document map[string]any
			require.NoError(tb, json.Unmarshal([]byte(text), &document))
			got = append(got, document["body"].(string))
		}
		require.Equal(tb, want, got, key)
	}
}

func TestRecordsOfAKeyStayInOrderThroughRefusals(t *testing.T) {
	for _, aggregation := range []string{aggregationNone, aggregationKPL} {
		f := newFake(t)
		var n atomic.Int64
		f.refuse = func(fakeRecord) string {
			switch n.Add(1) % 10 {
			case 2, 5:
				return "ProvisionedThroughputExceededException"
			case 8:
				return "InternalFailure"
			}
			return ""
		}
		f.before = func(operation string, call int) (int, string, string) {
			if operation == "PutRecords" && call%7 == 3 {
				return 500, "InternalFailure", "the test's"
			}
			return 0, "", ""
		}
		b := startLogs(t, f, fmt.Sprintf(`{encoding: json, aggregation: %s, batch: {max_records: 7}, spool: {directory: %q}}`, aggregation, t.TempDir()))
		for _, r := range slices.Collect(slices.Chunk(numbered(20, 30), 37)) {
			b.consume(t, r...)
		}
		b.awaitValue(t, 600, "records_delivered", "")
		requireOrder(t, f, 20, 30)
		assert.Positive(t, b.value(t, "records_retried", ""))
		assert.Positive(t, b.value(t, "records_refused", "throttled"))
		assert.Positive(t, b.value(t, "calls_failed", "server"))
	}
}

// copyDirectory is what a killed process leaves.
func copyDirectory(tb testing.TB, from string) string {
	tb.Helper()
	to := tb.TempDir()
	require.NoError(tb, os.CopyFS(to, os.DirFS(from)))
	return to
}

func TestWhatIsAcceptedIsDeliveredAfterACrash(t *testing.T) {
	f, directory := newFake(t), t.TempDir()
	f.before = func(operation string, _ int) (int, string, string) {
		if operation == "PutRecords" {
			return 503, "ServiceUnavailable", "down"
		}
		return 0, "", ""
	}
	config := `{encoding: json, on_missing_stream: wait, spool: {directory: %q}}`
	b := startLogs(t, f, fmt.Sprintf(config, directory))
	b.consume(t, numbered(5, 10)...)
	assert.InDelta(t, 50, b.value(t, "records_accepted", ""), 0)
	left := copyDirectory(t, directory)
	require.NoError(t, b.logs.Shutdown(t.Context()))
	assert.Empty(t, f.users(t))

	whole := newFake(t)
	again := startLogs(t, whole, fmt.Sprintf(config, left))
	again.awaitValue(t, 50, "records_delivered", "")
	requireOrder(t, whole, 5, 10)
	again.consume(t, rec{request: "new", body: "0"})
	again.awaitValue(t, 51, "records_delivered", "")
	require.NoError(t, again.logs.Shutdown(t.Context()))

	third := newFake(t)
	b = startLogs(t, third, fmt.Sprintf(config, left))
	b.consume(t, rec{request: "k0", body: "0"})
	b.awaitValue(t, 1, "records_delivered", "")
	requireOrder(t, third, 1, 1) // what was delivered is not there any more
}

// TestACrashRepeatsOnlyWhatWasOnItsWay: what its shard has said it has is not sent again,
// though nothing was shut down.
func TestACrashRepeatsOnlyWhatWasOnItsWay(t *testing.T) {
	for _, aggregation := range []string{aggregationNone, aggregationKPL} {
		f, directory := newFake(t), t.TempDir()
		f.refuse = func(r fakeRecord) string {
			if r.PartitionKey == "stuck" {
				return "InternalFailure"
			}
			return ""
		}
		config := `{encoding: json, aggregation: %s, spool: {directory: %q}}`
		b := startLogs(t, f, fmt.Sprintf(config, aggregation, directory))
		b.consume(t, numbered(5, 10)...)
		b.awaitValue(t, 50, "records_delivered", "")
		require.Eventually(t, func() bool { return b.value(t, "oldest_record_age", "") == 0 }, 20*time.Second, time.Millisecond)
		b.consume(t, rec{request: "stuck", body: "0"})
		require.Eventually(t, func() bool { return b.value(t, "records_refused", "") > 0 }, 20*time.Second, time.Millisecond)
		left := copyDirectory(t, directory)

		after := newFake(t)
		again := startLogs(t, after, fmt.Sprintf(config, aggregation, left))
		again.awaitValue(t, 1, "records_delivered", "")
		require.NoError(t, again.logs.Shutdown(t.Context()))
		users := after.users(t)
		require.Len(t, users, 1, aggregation)
		assert.Equal(t, "stuck", users[0].PartitionKey)
	}
}

func TestADamagedSpoolIsNamed(t *testing.T) {
	directory := t.TempDir()
	config := fmt.Sprintf(`{spool: {directory: %q}}`, directory)
	b := startLogs(t, newFake(t), config)
	require.NoError(t, b.logs.Shutdown(t.Context()))
	foreign := filepath.Join(directory, "logs", "foreign")
	require.NoError(t, os.WriteFile(foreign, nil, 0o600))
	b = newBench(t, newFake(t), config)
	err := b.start(t, host{})
	var damage *spool.DamageError
	require.ErrorAs(t, err, &damage)
	require.ErrorContains(t, err, foreign)
	require.ErrorContains(t, err, "spool::directory")
	require.NoError(t, b.logs.Shutdown(t.Context()))

	// A start that failed holds nothing: the next one can have the directory.
	require.NoError(t, os.Remove(foreign))
	missing := newFake(t)
	missing.before = func(string, int) (int, string, string) { return 400, "ResourceNotFoundException", "" }
	b = newBench(t, missing, fmt.Sprintf(`{on_missing_stream: fail, spool: {directory: %q}}`, directory))
	require.ErrorContains(t, b.start(t, host{}), "on_missing_stream")
	require.NoError(t, b.logs.Shutdown(t.Context()))
	b = newBench(t, newFake(t), config)
	require.NoError(t, b.start(t, host{}))
	require.NoError(t, b.logs.Shutdown(t.Context()))
	assert.NoError(t, b.logs.Shutdown(t.Context()))
}

func TestAnEntryOfAnotherVersionIsNamed(t *testing.T) {
	directory := t.TempDir()
	s, err := spool.Open(spool.Settings{Directory: filepath.Join(directory, "logs")})
	require.NoError(t, err)
	_, err = s.Append(t.Context(), spool.Batch{Records: [][]byte{[]byte("\x02 from the future")}})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	b := startLogs(t, newFake(t), fmt.Sprintf(`{spool: {directory: %q}}`, directory))
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(b.messages(), func(m string) bool {
			return strings.Contains(m, "can't be read from the spool") && strings.Contains(m, "was written by another version")
		})
	}, 20*time.Second, time.Millisecond)
	assert.Zero(t, b.value(t, "calls_failed", ""), "no call of Kinesis was made")
}

func TestNoAgeIsNotTheSendersDefault(t *testing.T) {
	b := newBench(t, newFake(t), `{batch: {max_age: 0s}}`)
	x, err := newExporter(b.set, b.cfg, "logs")
	require.NoError(t, err)
	x.queue = newMemoryQueue(1)
	assert.Less(t, time.Duration(0), x.senderSettings().MaxAge)
	assert.Less(t, x.senderSettings().MaxAge, time.Millisecond, "it waits for nothing")
}

// tooLargeQueue has room, and can't put what it is given.
type tooLargeQueue struct{ queue }

func (tooLargeQueue) put(context.Context, []user, [][]byte) error {
	return fmt.Errorf("put: %w", spool.ErrTooLarge)
}

// TestACallTooLargeForTheSpoolsFormIsRefusedForGood: the spool is large enough, and one
// frame of it takes no more than 1 GiB.
func TestACallTooLargeForTheSpoolsFormIsRefusedForGood(t *testing.T) {
	b := newBench(t, newFake(t), `{}`)
	x, err := newExporter(b.set, b.cfg, "logs")
	require.NoError(t, err)
	x.queue = tooLargeQueue{newMemoryQueue(1000)}
	err = x.consume(t.Context(), func(in *intake) {
		in.open(partitionKey{"key", hashOf("key")}, 1)
		in.buf = append(in.buf, "data"...)
		_, err := in.close()
		require.NoError(t, err)
	})
	require.ErrorIs(t, err, spool.ErrTooLarge)
	assert.True(t, consumererror.IsPermanent(err))
	assert.ErrorContains(t, err, "whatever spool::max_size is")
}

// messages are those of the log, with their fields.
func (b *bench) messages() []string {
	var all []string
	for _, e := range b.log.All() {
		all = append(all, fmt.Sprint(e.Message, e.ContextMap()))
	}
	return all
}

func TestASpoolOfAnotherProcessIsNotTaken(t *testing.T) {
	config := fmt.Sprintf(`{spool: {directory: %q}}`, t.TempDir())
	startLogs(t, newFake(t), config)
	b := newBench(t, newFake(t), config)
	require.ErrorIs(t, b.start(t, host{}), spool.ErrInUse)
}

func TestShutdownWithoutStart(t *testing.T) {
	b := newBench(t, newFake(t), `{}`)
	logs, err := NewFactory().CreateLogs(t.Context(), b.set, b.cfg)
	require.NoError(t, err)
	require.NoError(t, logs.Shutdown(t.Context()))
}

func TestAMissingStream(t *testing.T) {
	missing := func(operation string, call int) (int, string, string) {
		if operation == "DescribeStreamSummary" && call <= 3 {
			return 400, "ResourceNotFoundException", "no stream orders"
		}
		return 0, "", ""
	}
	f := newFake(t)
	f.before = missing
	b := newBench(t, f, `{on_missing_stream: fail}`)
	err := b.start(t, host{})
	require.ErrorContains(t, err, `on_missing_stream is "fail", and the stream "orders" is not there`)

	f = newFake(t)
	f.before = missing
	b = startLogs(t, f, `{}`)
	b.consume(t, rec{body: "waits"})
	assert.Len(t, f.users(t), 1)
	assert.InDelta(t, 3, b.value(t, "calls_failed", "stream_missing"), 0)

	f = newFake(t)
	startLogs(t, f, `{on_missing_stream: fail}`)
}

func TestAStreamThatIsBeingMadeIsWaitedFor(t *testing.T) {
	f := newFake(t)
	f.setStatus("CREATING")
	b := startLogs(t, f, fmt.Sprintf(`{spool: {directory: %q}}`, t.TempDir()))
	b.consume(t, rec{body: "waits"})
	require.Eventually(t, func() bool { return f.count("DescribeStreamSummary") >= 3 }, 20*time.Second, time.Millisecond)
	assert.Zero(t, f.count("PutRecords"))
	f.setStatus("ACTIVE")
	f.await(t, 1)
}

func TestWithoutTheRightToDescribe(t *testing.T) {
	f := newFake(t)
	f.before = func(operation string, _ int) (int, string, string) {
		if operation == "DescribeStreamSummary" {
			return 400, "AccessDeniedException", "User: arn:aws:sts::123456789012:assumed-role/w/s is not authorized to perform: kinesis:DescribeStreamSummary on resource: x"
		}
		return 0, "", ""
	}
	b := startLogs(t, f, `{}`)
	b.consume(t, rec{body: "goes"})
	assert.Len(t, f.users(t), 1)
	assert.Contains(t, strings.Join(b.messages(), "\n"), "kinesis:DescribeStreamSummary")
	assert.InDelta(t, 1, b.value(t, "calls_failed", "access_denied"), 0)
}

func TestARecordThatIsTooLarge(t *testing.T) {
	large := strings.Repeat("x", 3000)
	for _, unit := range []string{unitRecord, unitBatch} {
		f, letters := newFake(t), t.TempDir()
		b := startLogs(t, f, fmt.Sprintf(`{encoding: json, unit: %s, max_record_size: 2KiB, spool: {directory: %q}, dead_letter: {directory: %q}}`, unit, t.TempDir(), letters))
		b.consume(t, rec{request: "r", uid: "u1", body: "before"}, rec{request: "r", uid: "u2", body: large}, rec{request: "r", uid: "u3", body: "behind"})
		b.awaitValue(t, 2, "records_delivered", "")
		text := fmt.Sprint(f.byKey(t)["r"])
		assert.Contains(t, text, "before")
		assert.Contains(t, text, "behind")
		assert.NotContains(t, text, large)
		assert.InDelta(t, 1, b.value(t, "dead_letters", "too_large"), 0)
		lines := letterLines(t, letters)
		require.Len(t, lines, 1)
		var l map[string]any
		require.NoError(t, json.Unmarshal([]byte(lines[0]), &l))
		assert.Equal(t, "too_large", l["reason"])
		assert.Equal(t, "orders", l["stream"])
		assert.Equal(t, "r", l["partition_key"])
		assert.Equal(t, "logs", l["signal"])
		assert.InDelta(t, 1, l["records"], 0)
		assert.Contains(t, l["data"], large)
		assert.InDelta(t, len(l["data"].(string)), l["size"], 0)
		assert.Regexp(t, `^partition key and data have 3\d\d\d bytes, the limit is 2048$`, l["message"])
	}
}

func TestTheKeyCountsForTheLimit(t *testing.T) {
	key := strings.Repeat("k", 200)
	f := newFake(t)
	b := startLogs(t, f, fmt.Sprintf(`{encoding: x, max_record_size: 2KiB, spool: {directory: %q}}`, t.TempDir()), host{component.MustNewID("x"): appender{}})
	fits := strings.Repeat("x", 2048-len(key)-len("append::"))
	b.consume(t, rec{request: key, body: fits}, rec{request: key, body: fits + "x"})
	b.awaitValue(t, 1, "records_delivered", "")
	b.awaitValue(t, 1, "dead_letters", "too_large")
}

func TestABatchThatIsTooLargeIsSplit(t *testing.T) {
	for _, encoding := range []string{encodingProto, encodingOTLP, encodingFlat} {
		f := newFake(t)
		b := startLogs(t, f, fmt.Sprintf(`{encoding: %s, unit: batch, max_record_size: 2KiB, spool: {directory: %q}}`, encoding, t.TempDir()))
		var records []rec
		for i := range 100 {
			records = append(records, rec{service: strconv.Itoa(i / 30), request: "r", uid: fmt.Sprint("u", i), body: fmt.Sprint("body-", i)})
		}
		b.consume(t, records...)
		b.awaitValue(t, 100, "records_delivered", "")
		users := f.users(t)
		assert.Greater(t, len(users), 2)
		assert.Less(t, len(users), 50)
		var bodies []string
		for _, u := range users {
			assert.LessOrEqual(t, len(u.Data)+len(u.PartitionKey), 2048)
			switch encoding {
			case encodingFlat:
				for line := range strings.Lines(string(u.Data)) {
					var document map[string]any
					require.NoError(t, json.Unmarshal([]byte(line), &document))
					bodies = append(bodies, document["body"].(string))
				}
			default:
				var unmarshaler plog.Unmarshaler = &plog.JSONUnmarshaler{}
				if encoding == encodingProto {
					unmarshaler = &plog.ProtoUnmarshaler{}
				}
				for _, rl := range decode(t, unmarshaler, u.Data).ResourceLogs().All() {
					for _, r := range rl.ScopeLogs().At(0).LogRecords().All() {
						bodies = append(bodies, r.Body().Str())
					}
				}
			}
		}
		require.Len(t, bodies, 100)
		for i, body := range bodies {
			require.Equal(t, fmt.Sprint("body-", i), body, "the parts stay in order")
		}
	}
}

func TestATruncatedRecordFitsAndIsMarked(t *testing.T) {
	for _, encoding := range []string{encodingProto, encodingOTLP, encodingFlat} {
		for _, body := range []string{strings.Repeat("x", 5000), strings.Repeat("ü\n\"", 3000), strings.Repeat("\x00", 40_000)} {
			f := newFake(t)
			b := startLogs(t, f, fmt.Sprintf(`{encoding: %s, max_record_size: 2KiB, on_too_large: truncate, spool: {directory: %q}}`, encoding, t.TempDir()))
			b.consume(t, rec{request: "r", body: "small"}, rec{request: "r", body: body})
			b.awaitValue(t, 2, "records_delivered", "")
			assert.InDelta(t, 1, b.value(t, "records_truncated", ""), 0)
			data := f.users(t)[1].Data
			assert.LessOrEqual(t, len(data)+1, 2048)
			assert.Greater(t, len(data), 1600, "no more was cut than had to be, by far")
			var cut string
			var mark any
			switch encoding {
			case encodingFlat:
				var document map[string]any
				require.NoError(t, json.Unmarshal(data, &document))
				cut, mark = document["body"].(string), document["heartwood.truncated"]
			default:
				var unmarshaler plog.Unmarshaler = &plog.JSONUnmarshaler{}
				if encoding == encodingProto {
					unmarshaler = &plog.ProtoUnmarshaler{}
				}
				r := decode(t, unmarshaler, data).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
				cut, mark = r.Body().Str(), r.Attributes().AsRaw()["heartwood.truncated"]
			}
			assert.True(t, strings.HasPrefix(body, cut))
			assert.EqualValues(t, len(body), mark)
		}
	}
	// Where it is not the body that is large, there is nothing to cut.
	f, letters := newFake(t), t.TempDir()
	b := startLogs(t, f, fmt.Sprintf(`{max_record_size: 2KiB, on_too_large: truncate, spool: {directory: %q}, dead_letter: {directory: %q}}`, t.TempDir(), letters))
	b.consume(t, rec{request: "r", body: "small", attrs: map[string]any{"large": strings.Repeat("x", 3000)}})
	b.awaitValue(t, 1, "dead_letters", "too_large")
	assert.Zero(t, b.value(t, "records_truncated", ""))
}

func TestTheStreamSaysHowLargeARecordMayBe(t *testing.T) {
	large := strings.Repeat("x", 3<<20)
	f := newFake(t)
	f.maxRecordKiB = 4096
	gate := make(chan struct{})
	f.before = func(operation string, _ int) (int, string, string) {
		if operation == "DescribeStreamSummary" {
			<-gate
		}
		return 0, "", ""
	}
	b := startLogs(t, f, fmt.Sprintf(`{encoding: json, accept_timeout: 300ms, spool: {directory: %q}}`, t.TempDir()))
	b.consume(t, rec{body: "small"})
	err := b.logs.ConsumeLogs(t.Context(), newLogs(rec{body: large}))
	require.ErrorIs(t, err, errLimit, "it is not known yet")
	assert.False(t, consumererror.IsPermanent(err))
	close(gate)
	b.awaitValue(t, 1, "records_delivered", "")
	b.consume(t, rec{body: large})
	b.awaitValue(t, 2, "records_delivered", "")
	b.consume(t, rec{body: large + large})
	b.awaitValue(t, 1, "dead_letters", "too_large")
}

func TestAFullSpool(t *testing.T) {
	down := func(string, int) (int, string, string) { return 503, "ServiceUnavailable", "down" }
	fill := func(t *testing.T, config string) (*bench, error) {
		t.Helper()
		f := newFake(t)
		f.before = down
		b := startLogs(t, f, config)
		for i := range 100 {
			if err := b.logs.ConsumeLogs(t.Context(), newLogs(rec{request: "r", body: strings.Repeat("x", 500_000)}, rec{request: "r", uid: fmt.Sprint("u", i)})); err != nil {
				return b, err
			}
			if b.value(t, "dead_letters", "no_room") > 0 {
				return b, nil
			}
		}
		return b, nil
	}
	t.Run("block", func(t *testing.T) {
		b, err := fill(t, fmt.Sprintf(`{accept_timeout: 50ms, spool: {directory: %q, max_size: 16MiB}}`, t.TempDir()))
		require.ErrorIs(t, err, spool.ErrFull)
		assert.False(t, consumererror.IsPermanent(err), "the sender is to come again")
		assert.Greater(t, b.value(t, "spool_size", ""), 14e6)
		assert.InDelta(t, 16<<20, b.value(t, "spool_limit", ""), 0)
		said := strings.Join(b.messages(), "\n")
		assert.Contains(t, said, "their senders are told to come again")
		assert.NotContains(t, said, "sending_queue", "exporterhelper's advice")
		assert.Positive(t, b.value(t, "oldest_record_age", ""))
	})
	t.Run("dead_letter", func(t *testing.T) {
		letters := t.TempDir()
		b, err := fill(t, fmt.Sprintf(`{on_full: dead_letter, dead_letter: {directory: %q}, spool: {directory: %q, max_size: 16MiB}}`, letters, t.TempDir()))
		require.NoError(t, err)
		assert.InDelta(t, 2, b.value(t, "dead_letters", "no_room"), 0)
		assert.Len(t, letterLines(t, letters), 2)
	})
	t.Run("too large for ever", func(t *testing.T) {
		b := startLogs(t, newFake(t), fmt.Sprintf(`{spool: {directory: %q, max_size: 16MiB}}`, t.TempDir()))
		var records []rec
		for range 40 {
			records = append(records, rec{body: strings.Repeat("x", 500_000)})
		}
		err := b.logs.ConsumeLogs(t.Context(), newLogs(records...))
		require.ErrorIs(t, err, spool.ErrTooLarge)
		assert.True(t, consumererror.IsPermanent(err))
		assert.ErrorContains(t, err, "spool::max_size is 16MiB")
	})
}

func TestWhatTheStreamRefusesForGoodIsADeadLetter(t *testing.T) {
	letters := t.TempDir()
	f := newFake(t)
	f.refuse = func(r fakeRecord) string {
		if strings.Contains(string(r.Data), "poison") {
			return "ValidationException"
		}
		return ""
	}
	config := fmt.Sprintf(`{encoding: json, spool: {directory: %q}, dead_letter: {directory: %q}}`, t.TempDir(), letters)
	b := startLogs(t, f, config)
	b.consume(t, rec{request: "r", body: "1"}, rec{request: "r", body: "poison"}, rec{request: "r", body: "3"})
	b.awaitValue(t, 2, "records_delivered", "")
	b.awaitValue(t, 1, "dead_letters", "refused")
	lines := letterLines(t, letters)
	require.Len(t, lines, 1)
	assert.Contains(t, lines[0], "ValidationException: refused by the test")
	assert.InDelta(t, 3, b.value(t, "records_accepted", ""), 0, "it was accepted")

	// It has left the spool.
	require.NoError(t, b.logs.Shutdown(t.Context()))
	b = startLogs(t, f, config)
	b.consume(t, rec{request: "r", body: "4"})
	b.awaitValue(t, 1, "records_delivered", "")
	assert.Len(t, letterLines(t, letters), 1)

	// Without a place for dead letters, its sender is told.
	b = startLogs(t, f, `{encoding: json}`)
	err := b.logs.ConsumeLogs(t.Context(), newLogs(rec{request: "r", body: "1"}, rec{request: "r", body: "poison"}))
	require.ErrorContains(t, err, "ValidationException: refused by the test")
	assert.True(t, consumererror.IsPermanent(err))
}

func TestWithoutASpoolASenderWaits(t *testing.T) {
	f := newFake(t)
	var down atomic.Bool
	down.Store(true)
	f.before = func(operation string, _ int) (int, string, string) {
		if operation == "PutRecords" && down.Load() {
			return 503, "ServiceUnavailable", "down"
		}
		return 0, "", ""
	}
	b := startLogs(t, f, `{encoding: json}`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := b.logs.ConsumeLogs(ctx, newLogs(rec{request: "gives up"}))
	require.ErrorIs(t, err, errLate)
	assert.False(t, consumererror.IsPermanent(err))

	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			assert.NoError(t, b.logs.ConsumeLogs(t.Context(), newLogs(rec{request: strconv.Itoa(i), body: "1"}, rec{request: strconv.Itoa(i), body: "2"})))
		})
	}
	time.Sleep(50 * time.Millisecond)
	down.Store(false)
	calls.Wait()
	for i := range 20 {
		assert.Len(t, f.byKey(t)[strconv.Itoa(i)], 2)
	}
}

func TestShutdownWithoutASpoolWaitsForSenders(t *testing.T) {
	f := newFake(t)
	gate := make(chan struct{})
	f.before = func(operation string, _ int) (int, string, string) {
		if operation == "PutRecords" {
			<-gate
		}
		return 0, "", ""
	}
	b := newBench(t, f, `{}`)
	require.NoError(t, b.start(t, host{}))
	answered := make(chan error, 1)
	go func() { answered <- b.logs.ConsumeLogs(context.Background(), newLogs(rec{body: "late"})) }()
	require.Eventually(t, func() bool { return f.count("PutRecords") > 0 }, 20*time.Second, time.Millisecond)
	time.AfterFunc(50*time.Millisecond, func() { close(gate) })
	require.NoError(t, b.logs.Shutdown(t.Context()))
	require.NoError(t, <-answered)
	assert.Len(t, f.users(t), 1)
}

func TestShutdownHonoursItsContext(t *testing.T) {
	f := newFake(t)
	f.before = func(operation string, _ int) (int, string, string) {
		if operation == "PutRecords" {
			return 500, "InternalFailure", ""
		}
		return 0, "", ""
	}
	b := newBench(t, f, `{}`)
	require.NoError(t, b.start(t, host{}))
	answered := make(chan error, 1)
	go func() { answered <- b.logs.ConsumeLogs(context.Background(), newLogs(rec{body: "never"})) }()
	require.Eventually(t, func() bool { return f.count("PutRecords") > 0 }, 20*time.Second, time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, b.logs.Shutdown(ctx), "1 records had not been delivered")
	require.ErrorIs(t, <-answered, errClosed)
}

func TestTheClientIsAsConfigured(t *testing.T) {
	const arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"
	f := newFake(t)
	f.shards = 5
	b := startLogs(t, f, fmt.Sprintf(`{stream: %q, user_agent: mine/7}`, arn))
	b.consume(t, rec{body: "1"})
	f.mu.Lock()
	defer f.mu.Unlock()
	assert.Equal(t, map[string]bool{arn: true}, f.names)
	assert.Equal(t, []string{"", "1", "2", "3", "4"}, f.tokens[:5], "all pages of shards")
	for agent := range f.agents {
		assert.Contains(t, agent, "mine/7")
	}
	for signer := range f.signers {
		assert.Contains(t, signer, "Credential=test/")
		assert.Contains(t, signer, "/eu-west-1/kinesis/")
	}
}

func TestTheUserAgentIsHeartwoods(t *testing.T) {
	f := newFake(t)
	b := startLogs(t, f, `{}`)
	b.consume(t, rec{body: "1"})
	f.mu.Lock()
	defer f.mu.Unlock()
	assert.Contains(t, strings.Join(slices.Collect(maps.Keys(f.agents)), "\n"), "heartwood/1.2.3")
}

func TestARoleIsAssumed(t *testing.T) {
	var asked sync.Map
	role := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked.Store("role", r.Form.Get("RoleArn"))
		asked.Store("external", r.Form.Get("ExternalId"))
		_, _ = fmt.Fprint(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>`+
			`<AccessKeyId>assumed</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>`+
			`</Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	}))
	defer role.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", role.URL)
	f := newFake(t)
	b := startLogs(t, f, `{role_arn: "arn:aws:iam::123456789012:role/writer", external_id: mine}`)
	b.consume(t, rec{body: "1"})
	got, _ := asked.Load("role")
	assert.Equal(t, "arn:aws:iam::123456789012:role/writer", got)
	got, _ = asked.Load("external")
	assert.Equal(t, "mine", got)
	f.mu.Lock()
	defer f.mu.Unlock()
	for signer := range f.signers {
		assert.Contains(t, signer, "Credential=assumed/")
	}
}

func TestFailedCallsAreClassed(t *testing.T) {
	for _, c := range []struct {
		status        int
		code, message string
		want          errorClass
		says          string
	}{
		{400, "ProvisionedThroughputExceededException", "", classThrottled, ""},
		{400, "LimitExceededException", "", classThrottled, ""},
		{429, "", "", classThrottled, ""},
		{400, "ExpiredTokenException", "The security token included in the request is expired", classCredentials, "renewed"},
		{400, "UnrecognizedClientException", "", classCredentials, "renewed"},
		{400, "InvalidSignatureException", "Signature expired: 20261126T000000Z is now earlier than 20261126T010000Z", classClock, "clock"},
		{400, "InvalidSignatureException", "The request signature we calculated does not match", classCredentials, "renewed"},
		{400, "RequestExpired", "", classClock, "clock"},
		{400, "AccessDeniedException", "User: x is not authorized to perform: kinesis:PutRecords on resource: y because", classAccessDenied, "action:kinesis:PutRecords"},
		{400, "AccessDeniedException", "", classAccessDenied, "action:kinesis:PutRecords"},
		{400, "KMSAccessDeniedException", "", classAccessDenied, "action:kms:GenerateDataKey"},
		{400, "ResourceNotFoundException", "", classMissing, "not there"},
		{400, "ResourceInUseException", "", classBusy, "being made"},
		{400, "KMSDisabledException", "", classKMS, "key"},
		{400, "SomethingNew", "", classOther, "SomethingNew"},
		{500, "InternalFailure", "", classServer, "Kinesis failed"},
		{503, "", "", classServer, "Kinesis failed"},
		{504, "Weird", "", classServer, "Kinesis failed"},
	} {
		t.Run(fmt.Sprint(c.status, c.code, c.want), func(t *testing.T) {
			f := newFake(t)
			f.before = func(operation string, call int) (int, string, string) {
				if operation == "PutRecords" && call <= 2 {
					return c.status, c.code, c.message
				}
				return 0, "", ""
			}
			b := startLogs(t, f, `{}`)
			b.consume(t, rec{body: "goes in the end"})
			assert.Len(t, f.users(t), 1)
			assert.GreaterOrEqual(t, b.value(t, "calls_failed", string(c.want)), 1.0)
			assert.Equal(t, b.value(t, "calls_failed", string(c.want)), b.value(t, "calls_failed", "")) //nolint:testifylint // whole numbers
			if c.says != "" {
				assert.Contains(t, strings.Join(b.messages(), "\n"), c.says)
			}
			assert.Contains(t, advice, c.want)
		})
	}
}

func TestWhatHasNoAnswerIsClassed(t *testing.T) {
	f := newFake(t)
	f.before = func(operation string, call int) (int, string, string) {
		if operation == "PutRecords" && call == 1 {
			time.Sleep(300 * time.Millisecond)
		}
		return 0, "", ""
	}
	b := startLogs(t, f, fmt.Sprintf(`{timeout: 100ms, spool: {directory: %q}}`, t.TempDir()))
	b.consume(t, rec{body: "1"})
	b.awaitValue(t, 1, "calls_failed", "timeout")

	gone := newFake(t)
	gone.Close()
	b = startLogs(t, gone, fmt.Sprintf(`{spool: {directory: %q}}`, t.TempDir()))
	require.Eventually(t, func() bool { return b.value(t, "calls_failed", "unreachable") > 2 }, 20*time.Second, time.Millisecond)
	assert.Equal(t, b.value(t, "calls_failed", "unreachable"), b.value(t, "calls_failed", "")) //nolint:testifylint // whole numbers

	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	b = startLogs(t, newFake(t), fmt.Sprintf(`{spool: {directory: %q}}`, t.TempDir()))
	require.Eventually(t, func() bool { return b.value(t, "calls_failed", "credentials") > 2 }, 20*time.Second, time.Millisecond)
}

func TestWithoutARegion(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	cfg := configured(t, `{stream: orders}`)
	_, err := newAWSStream(t.Context(), cfg, "h/1")
	require.ErrorContains(t, err, "region is not set, and neither is AWS_REGION")
	t.Setenv("AWS_REGION", "eu-north-1")
	s, err := newAWSStream(t.Context(), cfg, "h/1")
	require.NoError(t, err)
	assert.Equal(t, "eu-north-1", s.client.Options().Region)
	assert.Equal(t, "orders", *s.name)
	s.close()
}

func points(value int64) []metricdata.DataPoint[int64] {
	return []metricdata.DataPoint[int64]{{Value: value}}
}

func TestTheMetricsOfACall(t *testing.T) {
	f := newFake(t)
	b := startLogs(t, f, fmt.Sprintf(`{encoding: x, aggregation: kpl, spool: {directory: %q}}`, t.TempDir()), host{component.MustNewID("x"): marshaler{}})
	b.consume(t, rec{request: "key", body: "1"}, rec{request: "key", body: "22"})
	b.awaitValue(t, 2, "records_delivered", "")
	metadatatest.AssertEqualExporterKinesisRecordsAccepted(t, b.tel, points(2), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterKinesisBytesAccepted(t, b.tel, points(int64(len("key")+len("marshal:1\n")+len("key")+len("marshal:22\n"))), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterKinesisRecordsDelivered(t, b.tel, points(2), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterKinesisUserRecordsDelivered(t, b.tel, points(2), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterKinesisStreamRecordsDelivered(t, b.tel, points(1), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterKinesisCalls(t, b.tel, points(1), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	f.mu.Lock()
	size := len(f.records[0].Data) + len(f.records[0].PartitionKey)
	f.mu.Unlock()
	metadatatest.AssertEqualExporterKinesisBytesDelivered(t, b.tel, points(int64(size)), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterKinesisShards(t, b.tel, points(2), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterKinesisCallsInFlight(t, b.tel, points(0), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	metadatatest.AssertEqualExporterKinesisRecordsBuffered(t, b.tel, points(0), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
	assert.Positive(t, b.value(t, "spool_size", ""))
}

func TestAnExpressionThatFailsIsCounted(t *testing.T) {
	f := newFake(t)
	b := startLogs(t, f, `{partition_key_expression: 'ParseJSON(body)["id"]'}`)
	b.consume(t, rec{uid: "u1", body: "no json"}, rec{uid: "u2", body: `{"id":"from the body"}`})
	byKey := f.byKey(t)
	assert.Contains(t, byKey, "u1")
	assert.Contains(t, byKey, "from the body")
	assert.InDelta(t, 1, b.value(t, "expression_errors", ""), 0)
}

func TestThrottledTimeIsByShard(t *testing.T) {
	f := newFake(t)
	var n atomic.Int64
	f.refuse = func(fakeRecord) string {
		if n.Add(1) <= 3 {
			return "ProvisionedThroughputExceededException"
		}
		return ""
	}
	b := startLogs(t, f, `{}`)
	b.consume(t, rec{body: "1"})
	assert.Positive(t, b.value(t, "throttled_time", ""))
	m, err := b.tel.GetMetric("otelcol_exporter_kinesis_throttled_time")
	require.NoError(t, err)
	assert.Contains(t, fmt.Sprint(m.Data), "shardId-00000000000")
}

func TestHostileRecords(t *testing.T) {
	many := map[string]any{}
	for i := range 10_000 {
		many[fmt.Sprint("key-", i)] = i
	}
	deep := map[string]any{}
	for at, i := deep, 0; i < 500; i++ {
		next := map[string]any{}
		at["d"] = next
		at = next
	}
	for _, encoding := range []string{encodingProto, encodingOTLP, encodingFlat} {
		f := newFake(t)
		b := startLogs(t, f, fmt.Sprintf(`{encoding: %s, compression: zstd, aggregation: kpl, spool: {directory: %q}}`, encoding, t.TempDir()))
		records := []rec{
			{},
			{body: "\xff\xfe\x00 binary"},
			{request: "\x00\xff", body: "a key that is none"},
			{attrs: many},
			{attrs: map[string]any{"deep": deep, "": "no name", "\xff": "\xff", "bytes": []byte{0, 1, 255}}},
			{body: strings.Repeat("large ", 100_000)},
		}
		b.consume(t, records...)
		b.awaitValue(t, float64(len(records)), "records_delivered", "")
		for _, u := range f.users(t) {
			data := unpacked(t, compressionZstd, u.Data)
			assert.LessOrEqual(t, len(u.PartitionKey), 256)
			if encoding != encodingProto {
				assert.True(t, json.Valid(data))
			}
		}
		// Nothing of nothing.
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), plog.NewLogs()))
		empty := plog.NewLogs()
		empty.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
		require.NoError(t, b.logs.ConsumeLogs(t.Context(), empty))
	}
}

func TestManyKeysInOneCall(t *testing.T) {
	f := newFake(t)
	b := startLogs(t, f, fmt.Sprintf(`{encoding: json, unit: batch, aggregation: kpl, rate: {bytes: 100MB, records: 100000}, spool: {directory: %q}}`, t.TempDir()))
	b.consume(t, numbered(10_000, 2)...)
	b.awaitValue(t, 20_000, "records_delivered", "")
	byKey := f.byKey(t)
	require.Len(t, byKey, 10_000)
	for _, batches := range byKey {
		require.Len(t, batches, 1)
		require.Equal(t, 2, strings.Count(batches[0], "\n"))
	}
}

func TestManySendersAtATime(t *testing.T) {
	f := newFake(t)
	b := startLogs(t, f, fmt.Sprintf(`{encoding: json, compression: gzip, aggregation: kpl, spool: {directory: %q}}`, t.TempDir()))
	var senders sync.WaitGroup
	for s := range 8 {
		senders.Go(func() {
			for i := range 25 {
				assert.NoError(t, b.logs.ConsumeLogs(t.Context(), newLogs(rec{request: fmt.Sprint("s", s), body: strconv.Itoa(i)}, rec{body: "other"})))
			}
		})
	}
	senders.Wait()
	b.awaitValue(t, 400, "records_delivered", "")
	byKey := f.byKey(t)
	for s := range 8 {
		documents := byKey[fmt.Sprint("s", s)]
		require.Len(t, documents, 25)
		for i, d := range documents {
			require.Contains(t, string(unpacked(t, compressionGzip, []byte(d))), fmt.Sprintf(`"body":"%d"`, i))
		}
	}
}
