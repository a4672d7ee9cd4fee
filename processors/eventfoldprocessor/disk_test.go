package eventfoldprocessor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/metadata"
)

var errDisk = errors.New("the test's disk is broken")

// disk is a file system that syncs nothing while it is broken.
type disk struct {
	diskfs.FS

	mu sync.Mutex
	// broken is asked at each sync; nil: it works.
	broken func() error
}

func (d *disk) set(broken func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = broken
}

func (d *disk) sync() error {
	d.mu.Lock()
	broken := d.broken
	d.mu.Unlock()
	if broken == nil {
		return nil
	}
	return broken()
}

func (d *disk) Create(path string) (diskfs.File, error) {
	file, err := d.FS.Create(path)
	return diskFile{file, d}, err
}

func (d *disk) Open(path string) (diskfs.File, error) {
	file, err := d.FS.Open(path)
	return diskFile{file, d}, err
}

type diskFile struct {
	diskfs.File
	disk *disk
}

func (f diskFile) Sync() error {
	if err := f.disk.sync(); err != nil {
		return err
	}
	return f.File.Sync()
}

func startOn(tb testing.TB, d *disk, next *keeper, text string) *bench {
	tb.Helper()
	tel := componenttest.NewTelemetry()
	set := processortest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	p, err := newProcessor(tb.Context(), set, configured(tb, text), next)
	require.NoError(tb, err)
	p.fs = d
	require.NoError(tb, p.Start(tb.Context(), componenttest.NewNopHost()))
	return &bench{foldProcessor: p, next: next, tel: tel}
}

// requireOnDisk starts again from what a crash would leave now, and awaits so many records.
func requireOnDisk(tb testing.TB, dir string, records int64) {
	tb.Helper()
	copied := filepath.Join(tb.TempDir(), "copy")
	require.NoError(tb, os.CopyFS(copied, os.DirFS(dir)))
	b := start(tb, &keeper{}, withJournal(copied, ", idle_timeout: 50ms"))
	b.awaitNothingHeld(tb)
	sum := int64(0)
	for _, r := range b.next.records() {
		sum += r.attr("fold.count").(int64)
	}
	assert.Equal(tb, records, sum)
	b.stop(tb)
}

// TestWhatCouldNotBeWrittenMayComeAgain: a record that is sent again after the disk's
// error must get onto the disk before its sender hears of success, whatever has become of
// its event.
func TestWhatCouldNotBeWrittenMayComeAgain(t *testing.T) {
	for name, config := range map[string]string{"in an open event": "", "in one that has ended": ", max_records: 2"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "journal")
			d := &disk{FS: diskfs.OS()}
			b := startOn(t, d, &keeper{before: func(context.Context, int) error { return errRefused }}, withJournal(dir, config))
			batch := []rec{{request: "1", uid: "u1"}, {request: "1", uid: "u2"}}
			d.set(func() error { return errDisk })
			require.ErrorIs(t, b.ConsumeLogs(t.Context(), logs(batch...)), errDisk)
			require.ErrorIs(t, b.ConsumeLogs(t.Context(), logs(batch...)), errDisk)
			d.set(nil)
			b.consume(t, batch...)
			requireOnDisk(t, dir, 2)
			received := b.sum(t, "records_received", "")
			b.requireBalance(t, received)
			b.stop(t)
		})
	}
}

// failLate lets the next sync fail, once there is an answer for it.
func (d *disk) failLate() (syncing, answer chan struct{}) {
	syncing, answer = make(chan struct{}), make(chan struct{})
	d.set(func() error {
		d.set(nil)
		close(syncing)
		<-answer
		return errDisk
	})
	return syncing, answer
}

// TestASenderThatGaveUpMayComeAgain: what it sent fails when nobody waits for it.
func TestASenderThatGaveUpMayComeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	d := &disk{FS: diskfs.OS()}
	b := startOn(t, d, &keeper{}, withJournal(dir, ", idle_timeout: 1m"))
	syncing, answer := d.failLate()
	one := rec{request: "1", uid: "u1"}
	ctx, giveUp := context.WithCancel(t.Context())
	go func() {
		<-syncing
		giveUp()
	}()
	require.ErrorIs(t, b.ConsumeLogs(ctx, logs(one)), context.Canceled)
	b.requireBalance(t, 1)
	close(answer)
	require.Eventually(t, func() bool { return b.sum(t, "records_held", "") == 0 }, 10*time.Second, time.Millisecond)
	assert.EqualValues(t, 1, b.sum(t, "records_dropped", "not_written"))
	b.requireBalance(t, 1)
	b.consume(t, one)
	requireOnDisk(t, dir, 1)
	b.requireBalance(t, 2)
	b.stop(t)
}

// TestARepeatWaitsForTheFirst: who sends a record again while the first still waits for
// the disk must not hear of success when that fails.
func TestARepeatWaitsForTheFirst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	d := &disk{FS: diskfs.OS()}
	b := startOn(t, d, &keeper{}, withJournal(dir, ", idle_timeout: 1m"))
	syncing, answer := d.failLate()
	one := rec{request: "1", uid: "u1"}
	first := make(chan error, 1)
	go func() { first <- b.ConsumeLogs(context.Background(), logs(one)) }()
	<-syncing
	again := b.newIntake()
	repeat := logs(one)
	again.read(t.Context(), repeat)
	require.NoError(t, again.encode(repeat))
	for i, s := range b.shards {
		s.take(again, again.byShard[i])
	}
	require.Equal(t, 1, again.repeats)
	close(answer)
	require.ErrorIs(t, <-first, errDisk)
	_, err := again.settle(t.Context())
	require.ErrorIs(t, err, errDisk)
	assert.Zero(t, b.sum(t, "records_held", ""))
	b.consume(t, one)
	requireOnDisk(t, dir, 1)
	b.stop(t)
}

// TestASinglePartIsTakenOut: the rest of the event stays, with the fold.id that a restart
// would give it.
func TestASinglePartIsTakenOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	d := &disk{FS: diskfs.OS()}
	b := startOn(t, d, &keeper{}, withJournal(dir, ", idle_timeout: 300ms"))
	syncing, answer := d.failLate()
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- b.ConsumeLogs(context.Background(), logs(rec{request: "1", uid: "u1"})) }()
	<-syncing
	go func() { second <- b.ConsumeLogs(context.Background(), logs(rec{request: "1", uid: "u2"})) }()
	require.Eventually(t, func() bool { return b.sum(t, "records_held", "") == 2 }, 10*time.Second, time.Millisecond)
	close(answer)
	require.ErrorIs(t, <-first, errDisk)
	require.NoError(t, <-second)
	copied := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
	b.awaitNothingHeld(t)
	b.stop(t)
	again := start(t, &keeper{}, withJournal(copied, ", idle_timeout: 50ms"))
	again.awaitNothingHeld(t)
	require.Len(t, b.next.records(), 1)
	require.Len(t, again.next.records(), 1)
	assert.Equal(t, b.next.records()[0].attr("fold.id"), again.next.records()[0].attr("fold.id"))
	assert.EqualValues(t, 1, again.next.records()[0].attr("fold.count"))
	again.stop(t)
}
