package eventfoldprocessor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/metadata"
)

// deadLetter is a line of a file of dead letters.
type deadLetter struct {
	Reason, Message, Processor string
	FoldID                     string `json:"fold.id"`
	Records                    int
	Data                       string
	Base64                     []byte `json:"data_base64"`
}

func readDeadLetters(t *testing.T, directory string) (letters []deadLetter) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(directory, "*.jsonl"))
	require.NoError(t, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range bytes.Lines(data) {
			var l deadLetter
			require.NoError(t, json.Unmarshal(line, &l))
			letters = append(letters, l)
		}
	}
	return letters
}

func refusing() *keeper {
	return &keeper{before: func(context.Context, int) error { return consumererror.NewPermanent(errRefused) }}
}

// TestWhatIsRefusedForGoodIsKept: in a folder, with the reason, before it goes from the
// journal.
func TestWhatIsRefusedForGoodIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	b := start(t, refusing(), withJournal(dir, ", max_records: 2"))
	b.consume(t, rec{service: "shop", request: "1", uid: "u1", body: "first"}, rec{service: "shop", request: "1", uid: "u2", body: "second"})
	b.awaitNothingHeld(t)
	assert.EqualValues(t, 2, b.sum(t, "records_dropped", "refused_for_good"))
	b.requireBalance(t, 2)
	b.stop(t)

	letters := readDeadLetters(t, dir+".dead_letter")
	require.Len(t, letters, 1)
	l := letters[0]
	assert.Equal(t, "refused_for_good", l.Reason)
	assert.Contains(t, l.Message, errRefused.Error())
	assert.Equal(t, "event_fold", l.Processor)
	assert.Equal(t, 2, l.Records)
	logs, err := new(plog.JSONUnmarshaler).UnmarshalLogs([]byte(l.Data))
	require.NoError(t, err)
	event := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	assert.Equal(t, "second", event.Body().Str())
	id, _ := event.Attributes().Get("fold.id")
	assert.Equal(t, l.FoldID, id.Str())
	service, _ := logs.ResourceLogs().At(0).Resource().Attributes().Get("service.name")
	assert.Equal(t, "shop", service.Str())

	b = start(t, &keeper{}, withJournal(dir, ""))
	assert.Zero(t, b.sum(t, "records_held", ""))
	b.stop(t)
	assert.Empty(t, b.next.records())
}

// TestDeadLettersThatCannotBeWritten: the event stays in the journal.
func TestDeadLettersThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	letters := filepath.Join(t.TempDir(), "letters")
	config := withJournal(dir, ", max_records: 2, dead_letter: {directory: "+letters+"}")
	core, told := observer.New(zap.ErrorLevel)
	tel := componenttest.NewTelemetry()
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	set.Logger = zap.New(core)
	b := startWith(t, refusing(), config, set, tel)
	require.NoError(t, os.Remove(letters))
	require.NoError(t, os.WriteFile(letters, nil, 0o600))
	b.consume(t, rec{request: "1", uid: "u1"}, rec{request: "1", uid: "u2"})
	require.Eventually(t, func() bool { return told.FilterMessageSnippet("dead letter").Len() > 0 }, 10*time.Second, time.Millisecond)
	assert.EqualValues(t, 2, b.sum(t, "records_held", ""))
	assert.Zero(t, b.sum(t, "records_dropped", ""))
	b.stop(t)

	cfg := configured(t, config)
	_, err := openDeadLetters(cfg.deadLetterDirectory(), b.set.ID)
	require.ErrorContains(t, err, "the directory of the dead letters", "at a start")
	require.NoError(t, os.Remove(letters))
	b = start(t, refusing(), config)
	b.awaitNothingHeld(t)
	b.stop(t)
	require.Len(t, readDeadLetters(t, letters), 1)
}

// TestLettersOfDamage: what can't be made an event is kept record by record.
func TestLettersOfDamage(t *testing.T) {
	parts := []foldtable.StoredPart{{Record: []byte("\x0a\xff")}, {Record: []byte("text")}}
	letters := lettersOf(&foldtable.Closed{}, parts, plog.NewLogs(), damaged, errors.New("torn"))
	require.Len(t, letters, 2)
	for i, l := range letters {
		assert.Equal(t, "damaged", l.Reason)
		assert.Equal(t, "torn", l.Message)
		assert.Equal(t, parts[i].Record, l.Data)
		assert.Equal(t, 1, l.Records)
	}
}

func TestDeadLetterDirectory(t *testing.T) {
	assert.Empty(t, configured(t, `{}`).deadLetterDirectory())
	assert.Equal(t, "/j.dead_letter", configured(t, `{directory: /j/}`).deadLetterDirectory())
	assert.Equal(t, "/d", configured(t, `{directory: /j, dead_letter: {directory: /d}}`).deadLetterDirectory())
	assert.Equal(t, "/d", configured(t, `{dead_letter: {directory: /d}}`).deadLetterDirectory())
	require.ErrorContains(t, configured(t, `{dead_letter: {directory: ./}}`).Validate(), `dead_letter::directory is "./", where the collector runs`)
}
