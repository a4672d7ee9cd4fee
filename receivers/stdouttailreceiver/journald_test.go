//go:build unix

package stdouttailreceiver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver/internal/journal"
)

// pretendJournalctl is a shell script that shows the entries of a file behind a
// cursor, and waits when it is to follow.
func pretendJournalctl(t *testing.T, entries ...string) (program, journal string) {
	t.Helper()
	dir := t.TempDir()
	journal = filepath.Join(dir, "journal")
	require.NoError(t, os.WriteFile(journal, []byte(strings.Join(entries, "")), 0o600))
	program = filepath.Join(dir, "journalctl")
	require.NoError(t, os.WriteFile(program, fmt.Appendf(nil, `#!/bin/sh
cursor= follow=
for a in "$@"; do
	case $a in --after-cursor=*) cursor=${a#--after-cursor=} ;; --cursor=*) cursor=${a#--cursor=} ;; --follow) follow=1 ;; esac
done
echo "$cursor" >> %[1]s.asked
n=${cursor##*i=}; n=${n%%%%;*}
awk -v n="${n:-0}" '{ if (NR > n + 0) print }' %[1]s
[ -z "$follow" ] || exec sleep 60
`, journal), 0o700))
	return program, journal
}

func journalEntry(number int, stream, message string) string {
	return fmt.Sprintf(`{"__CURSOR":"s=abc;i=%d;b=1;m=1;t=1;x=1","__REALTIME_TIMESTAMP":"1795250499783986","_STREAM_ID":%q,"_PID":"42","_HOSTNAME":"web-1",`+
		`"_SYSTEMD_UNIT":"shop.service","SYSLOG_IDENTIFIER":"shop","PRIORITY":"4","MESSAGE":%q}`+"\n", number, stream, message)
}

func TestJournalMakesRecords(t *testing.T) {
	program, _ := pretendJournalctl(t,
		journalEntry(1, "a", `{"level":"info","msg":"json"}`),
		journalEntry(2, "a", "Traceback (most recent call last):"),
		journalEntry(3, "b", "another process"),
		journalEntry(4, "a", "  File \"x.py\", line 1, in f"),
		journalEntry(5, "a", "KeyError: 1"))
	next := &keeper{}
	start(t, newHost(), fmt.Sprintf(`{journald: {journalctl: %s, start_at: beginning}, resource: {team: blue}}`, program), next)
	records := next.wait(t, 3)
	byBody := map[string]record{}
	for _, r := range records {
		first, _, _ := strings.Cut(r.Body().Str(), "\n")
		byBody[first] = r
		assert.Equal(t, "web-1", r.of("host.name"))
		assert.Equal(t, "shop", r.of("service.name"))
		assert.Equal(t, "blue", r.of("team"))
		assert.Equal(t, time.UnixMicro(1795250499783986).UTC(), r.Timestamp().AsTime())
	}
	assert.Equal(t, plog.SeverityNumberInfo, byBody["json"].SeverityNumber())
	assert.Equal(t, plog.SeverityNumberWarn, byBody["another process"].SeverityNumber())
	assert.Equal(t, "KeyError", byBody["Traceback (most recent call last):"].attr("exception.type"))
	assert.Equal(t, "abc-2", byBody["Traceback (most recent call last):"].attr("log.record.uid"))
}

// TestJournalsCursorStaysBeforeWhatIsHeld: a record that is held back is read again
// after a crash.
func TestJournalsCursorStaysBeforeWhatIsHeld(t *testing.T) {
	program, _ := pretendJournalctl(t,
		journalEntry(1, "a", `{"msg":"one"}`),
		journalEntry(2, "a", "held back"),
		journalEntry(3, "b", `{"msg":"three"}`))
	store := &memoryStorage{}
	next := &keeper{}
	config := fmt.Sprintf(`{storage: memory_storage, journald: {journalctl: %s, start_at: beginning}, join: {timeout: 1m}}`, program)
	r := start(t, newHost().withStorage(store), config, next)
	next.wait(t, 2)
	client, err := store.GetClient(t.Context(), component.KindReceiver, r.set.ID, "journald")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		cursor, err := client.Get(t.Context(), cursorKey)
		return err == nil && strings.Contains(string(cursor), ";i=1;")
	}, patience, time.Millisecond)
	require.NoError(t, r.Shutdown(t.Context()))
	assert.Equal(t, []string{"one", "three", "held back"}, next.bodies())
	cursor, err := client.Get(t.Context(), cursorKey)
	require.NoError(t, err)
	assert.Contains(t, string(cursor), ";i=3;")
}

func TestJournalGoesOnBehindItsCursor(t *testing.T) {
	program, journal := pretendJournalctl(t, journalEntry(1, "a", `{"msg":"one"}`))
	store := &memoryStorage{}
	config := fmt.Sprintf(`{storage: memory_storage, journald: {journalctl: %s, start_at: beginning}}`, program)
	first := &keeper{}
	r := start(t, newHost().withStorage(store), config, first)
	first.wait(t, 1)
	require.NoError(t, r.Shutdown(t.Context()))
	appendTo(t, journal, journalEntry(2, "a", `{"msg":"two"}`))
	second := &keeper{}
	start(t, newHost().withStorage(store), config, second)
	second.wait(t, 1)
	assert.Equal(t, []string{"two"}, second.bodies())
}

func TestJournalctlThatIsMissing(t *testing.T) {
	r, err := newReceiver(settings(), parseConfig(t, `{journald: {journalctl: /no/such/journalctl}}`), &keeper{})
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(t.Context(), newHost()), "/no/such/journalctl")
}

// pretendEntries has the writer take entries without a journalctl.
func pretendEntries(t *testing.T, r *stdoutTailReceiver, store *memoryStorage, entries ...string) {
	t.Helper()
	in, err := newIntake(r, fromJournald)
	require.NoError(t, err)
	c := &journalCapture{in: in, cfg: r.cfg.Journald.Get(), client: memoryClient{store, ""}}
	w := c.newWriter()
	go func() {
		for _, e := range entries {
			w.entries <- journal.Parse([]byte(strings.TrimSpace(e)))
		}
		close(w.entries)
	}()
	w.run()
}

func TestCursorDoesNotPassWhatWasRefused(t *testing.T) {
	next := &keeper{before: func(_ context.Context, call int, _ plog.Logs) error {
		if call == 1 {
			return errRefused
		}
		return nil
	}}
	r, err := newReceiver(settings(), parseConfig(t, `{journald: , batch: {max_records: 1}}`), next)
	require.NoError(t, err)
	r.stopWork() // the deadline of a shutdown is over while entries are queued
	store := &memoryStorage{}
	pretendEntries(t, r, store, journalEntry(1, "a", `{"msg":"1"}`), journalEntry(2, "a", `{"msg":"2"}`))
	assert.Empty(t, store.data)
}

func TestJournalEntriesWithoutMessage(t *testing.T) {
	next := &keeper{}
	r, err := newReceiver(settings(), parseConfig(t, `{journald: }`), next)
	require.NoError(t, err)
	pretendEntries(t, r, &memoryStorage{},
		`{"__CURSOR":"s=a;i=1","PRIORITY":"2","SHOP_ORDER":"o-1","_PID":"42"}`, `{"__CURSOR":"s=a;i=2","SHOP_ORDER":"o-1","MESSAGE":""}`)
	records := next.wait(t, 2)
	assert.Equal(t, "o-1", records[0].attr("systemd.journal.SHOP_ORDER"))
	assert.Equal(t, int64(42), records[0].of("process.pid"))
}

func TestLongMessageOfTheJournalComesInPieces(t *testing.T) {
	next := &keeper{}
	r, err := newReceiver(settings(), parseConfig(t, `{journald: , max_line_size: 1KiB}`), next)
	require.NoError(t, err)
	text := strings.Repeat("日本", 2000)
	pretendEntries(t, r, &memoryStorage{}, journalEntry(1, "a", text))
	uids := map[any]bool{}
	for _, r := range next.records() {
		uids[r.attr("log.record.uid")] = true
	}
	assert.Len(t, uids, 12)
	assert.Equal(t, text, strings.Join(next.bodies(), ""))
}
