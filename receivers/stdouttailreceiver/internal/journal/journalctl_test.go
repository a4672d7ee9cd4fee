//go:build linux

package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
)

// realJournal is a directory with a journal that systemd-journal-remote wrote, for
// the real journalctl. Where one of them is not installed the test is left out.
type realJournal struct {
	t      *testing.T
	dir    string
	remote string
	n      int
}

func newReal(t *testing.T) *realJournal {
	t.Helper()
	j := &realJournal{t: t, dir: t.TempDir()}
	if _, err := exec.LookPath("journalctl"); err != nil {
		t.Skip("needs journalctl (Debian: systemd)")
	}
	for _, path := range []string{"/usr/lib/systemd/systemd-journal-remote", "/lib/systemd/systemd-journal-remote"} {
		if _, err := os.Stat(path); err == nil {
			j.remote = path
			return j
		}
	}
	t.Skip("needs systemd-journal-remote (Debian: systemd-journal-remote)")
	return nil
}

const (
	bootA = "aaaa7ca48b4814802150d624c0e4df00"
	bootB = "bbbb7ca48b4814802150d624c0e4df00"
)

// write adds entries of one boot, a second apart.
func (j *realJournal) write(boot string, messages ...string) {
	j.t.Helper()
	var b bytes.Buffer
	for _, m := range messages {
		j.n++
		start := uint64(1790000000000000)
		if boot == bootB {
			start += 3600e6
		}
		fmt.Fprintf(&b, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n", start+uint64(j.n)*1e6, uint64(j.n)*1e6, boot)
		fmt.Fprintf(&b, "_HOSTNAME=node1\n_PID=%d\nPRIORITY=6\nSYSLOG_IDENTIFIER=test\n_SYSTEMD_UNIT=test.service\nCODE_FUNC=f\nCODE_FUNC=g\nMESSAGE\n", j.n)
		_ = binary.Write(&b, binary.LittleEndian, uint64(len(m)))
		b.WriteString(m + "\n\n")
	}
	in := filepath.Join(j.t.TempDir(), "in.export")
	require.NoError(j.t, os.WriteFile(in, b.Bytes(), 0o600))
	out, err := exec.Command(j.remote, "--output="+filepath.Join(j.dir, "x.journal"), in).CombinedOutput()
	require.NoError(j.t, err, string(out))
}

// read gives the messages after cursor until the nth, and the cursors.
func (j *realJournal) read(cfg Config, cursor string, n int) (messages, cursors []string) {
	j.t.Helper()
	cfg.Directory = j.dir
	var logs []string
	cfg.Log = func(m string) { logs = append(logs, m) }
	cfg.Initial = 10 * time.Millisecond
	r, err := New(cfg)
	require.NoError(j.t, err)
	ctx, cancel := context.WithTimeout(j.t.Context(), 20*time.Second)
	defer cancel()
	c := &keeper{n: n}
	err = r.Run(ctx, cursor, c)
	require.NoError(j.t, ctx.Err(), "%q %q", c.messages, logs)
	require.ErrorIs(j.t, err, errEnough)
	return c.messages, c.cursors
}

type keeper struct {
	n                 int
	messages, cursors []string
	begin             func(string)
	entries           []*Entry
}

func (k *keeper) Entry(_ context.Context, e *Entry) error {
	k.messages, k.cursors, k.entries = append(k.messages, string(e.Message)), append(k.cursors, e.Cursor), append(k.entries, e)
	return until(k.n)(k.messages)
}

func (k *keeper) Begin(_ context.Context, cursor string) error {
	if k.begin != nil {
		k.begin(cursor)
	}
	return nil
}

// A machine was started again while nobody read: with --follow and --after-cursor
// alone, what it wrote before is lost, and the first entry of the new start as well.
func TestRealReboot(t *testing.T) {
	j := newReal(t)
	j.write(bootA, "a1", "a2", "a3", "a4")
	j.write(bootB, "b1", "b2", "b3")
	all, cursors := j.read(Config{}, "", 7)
	require.Equal(t, []string{"a1", "a2", "a3", "a4", "b1", "b2", "b3"}, all)
	for i := range 6 {
		got, _ := j.read(Config{}, cursors[i], 6-i)
		assert.Equal(t, all[i+1:], got)
	}
}

// The entry of the cursor is not there any more.
func TestRealCursorGone(t *testing.T) {
	j := newReal(t)
	j.write(bootA, "a1", "a2", "a3", "a4", "a5")
	_, cursors := j.read(Config{}, "", 5)
	// A time between the second and the third, in a journal that is not there.
	parts := strings.Split(cursors[1], ";")
	for i, p := range parts {
		var n uint64
		switch p[0] {
		case 's':
			parts[i] = "s=" + strings.Repeat("0", 32)
		case 'm', 't':
			_, err := fmt.Sscanf(p[2:], "%x", &n)
			require.NoError(t, err)
			parts[i] = fmt.Sprintf("%c=%x", p[0], n+1000)
		}
	}
	got, _ := j.read(Config{}, strings.Join(parts, ";"), 3)
	assert.Equal(t, []string{"a3", "a4", "a5"}, got)
	got, _ = j.read(Config{}, "nonsense", 5)
	assert.Equal(t, []string{"a1", "a2", "a3", "a4", "a5"}, got)
}

// Values of each kind that journalctl writes come through byte by byte.
func TestRealValues(t *testing.T) {
	j := newReal(t)
	want := []string{"plain", "two\nlines \x1b[31mred", "\xff\xfe\x00binary", "größer \"q\" \\ 😀\t", strings.Repeat("x", 5000), strings.Repeat("y\n", 40000), ""}
	j.write(bootA, want...)
	got, _ := j.read(Config{}, "", len(want))
	assert.Equal(t, want, got)

	r, err := New(Config{Directory: j.dir})
	require.NoError(t, err)
	k := &keeper{n: 1}
	require.ErrorIs(t, r.Run(t.Context(), "", k), errEnough)
	var o logrecord.Origin
	NewMapper().Fill(k.entries[0], &o)
	assert.Equal(t, map[string]string{"host.name": "node1", "systemd.boot_id": bootA, "systemd.unit": "test.service"}, o.Resource)
	assert.Equal(t, "test", o.App)
	assert.Equal(t, "1", o.ProcID)
	assert.Equal(t, "info", o.SeverityText)
	assert.Equal(t, int64(1790000001000000), o.Time.UnixMicro())
	assert.Equal(t, []logrecord.Attribute{{Key: "code.function.name", Value: "f"}, {Key: "systemd.journal.CODE_FUNC", Value: "g"}}, o.Attributes)
}

// New entries come while the journal is followed, also those of the next boot.
func TestRealFollow(t *testing.T) {
	j := newReal(t)
	j.write(bootA, "a1", "a2")
	r, err := New(Config{Directory: j.dir, FromEnd: true})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	begun := make(chan struct{})
	k := &keeper{n: 4, begin: func(string) { close(begun) }}
	done := make(chan error)
	go func() { done <- r.Run(ctx, "", k) }()
	<-begun
	j.write(bootA, "a3", "a4")
	time.Sleep(500 * time.Millisecond) // so that it follows; it must come either way
	j.write(bootB, "b1", "b2")
	require.ErrorIs(t, <-done, errEnough)
	assert.Equal(t, []string{"a3", "a4", "b1", "b2"}, k.messages)
}

func TestRealFilters(t *testing.T) {
	j := newReal(t)
	j.write(bootA, "a1", "a2", "a3")
	_, cursors := j.read(Config{}, "", 3)
	got, _ := j.read(Config{Matches: []string{"_PID=1", "+", "_PID=3"}}, "", 2)
	assert.Equal(t, []string{"a1", "a3"}, got)
	// The cursor's entry does not fit the filter.
	got, _ = j.read(Config{Matches: []string{"_PID=3"}}, cursors[1], 1)
	assert.Equal(t, []string{"a3"}, got)
	got, _ = j.read(Config{Identifiers: []string{"test"}, Units: []string{"test.service"}, Priority: "info"}, cursors[0], 2)
	assert.Equal(t, []string{"a2", "a3"}, got)
}
