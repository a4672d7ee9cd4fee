package stdouttailreceiver

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"gopkg.in/yaml.v3"

	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver/internal/metadata"
)

var errRefused = errors.New("refused by the test")

// keeper is a next consumer that keeps what it accepts.
type keeper struct {
	// before is asked first, with the number of the call, from 1; an error refuses.
	before func(ctx context.Context, call int, logs plog.Logs) error
	// mutates empties what was refused, as a consumer may that changes its data.
	mutates bool

	mu    sync.Mutex
	calls int
	kept  []record
}

// record is one accepted log record with what it belongs to.
type record struct {
	plog.LogRecord
	resource pcommon.Map
}

func (r record) attr(key string) any { return value(r.Attributes(), key) }

func (r record) of(key string) any { return value(r.resource, key) }

func value(m pcommon.Map, key string) any {
	v, ok := m.Get(key)
	if !ok {
		return nil
	}
	return v.AsRaw()
}

func (k *keeper) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: k.mutates}
}

func (k *keeper) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	k.mu.Lock()
	k.calls++
	call := k.calls
	k.mu.Unlock()
	if k.before != nil {
		if err := k.before(ctx, call, logs); err != nil {
			if k.mutates {
				logs.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
			}
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				k.kept = append(k.kept, record{r, rl.Resource().Attributes()})
			}
		}
	}
	return nil
}

func (k *keeper) records() []record {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.kept)
}

func (k *keeper) bodies() []string {
	records := k.records()
	bodies := make([]string, len(records))
	for i, r := range records {
		bodies[i] = r.Body().AsString()
	}
	return bodies
}

// wait returns the records once there are n, and fails the test after a while.
func (k *keeper) wait(tb testing.TB, n int) []record {
	tb.Helper()
	require.Eventually(tb, func() bool { return len(k.records()) >= n }, patience, time.Millisecond, "%d records, not %q", n, k.bodies())
	records := k.records()
	require.Len(tb, records, n, "%q", k.bodies())
	return records
}

// patience is for things that take milliseconds on an idle machine.
const patience = 20 * time.Second

// testHost has a storage extension, and notes fatal errors.
type testHost struct {
	extensions map[component.ID]component.Component
	fatal      chan error
}

func newHost() *testHost { return &testHost{fatal: make(chan error, 8)} }

func (h *testHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

func (h *testHost) Report(event *componentstatus.Event) {
	if event.Status() == componentstatus.StatusFatalError {
		h.fatal <- event.Err()
	}
}

// memoryStorage is a storage extension that keeps all in memory, over restarts of a
// receiver.
type memoryStorage struct {
	component.StartFunc
	component.ShutdownFunc

	mu   sync.Mutex
	data map[string][]byte
}

var storageID = component.MustNewID("memory_storage")

func (h *testHost) withStorage(s *memoryStorage) *testHost {
	h.extensions = map[component.ID]component.Component{storageID: s}
	return h
}

func (s *memoryStorage) GetClient(_ context.Context, _ component.Kind, id component.ID, name string) (storage.Client, error) {
	return memoryClient{s, id.String() + "/" + name + "/"}, nil
}

type memoryClient struct {
	*memoryStorage
	prefix string
}

func (c memoryClient) Get(_ context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.data[c.prefix+key]), nil
}

func (c memoryClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c memoryClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c memoryClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.data == nil {
		c.data = map[string][]byte{}
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = slices.Clone(c.data[c.prefix+op.Key])
		case storage.Set:
			c.data[c.prefix+op.Key] = slices.Clone(op.Value)
		case storage.Delete:
			delete(c.data, c.prefix+op.Key)
		}
	}
	return nil
}

func (c memoryClient) Close(context.Context) error { return nil }

// parseConfig reads what a user would write.
func parseConfig(tb testing.TB, text string) *Config {
	tb.Helper()
	cfg, err := readConfig(text)
	require.NoError(tb, err)
	return cfg
}

func readConfig(text string) (*Config, error) {
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		return nil, err
	}
	cfg := createDefaultConfig().(*Config)
	if err := confmap.NewFromStringMap(raw).Unmarshal(cfg); err != nil {
		return nil, err
	}
	return cfg, confmap.Validate(cfg)
}

// settings name a receiver as a configuration does, the same each time.
func settings() receiver.Settings {
	set := receivertest.NewNopSettings(metadata.Type)
	set.ID = component.NewID(metadata.Type)
	return set
}

// start starts a receiver, and stops it at the end of the test.
func start(tb testing.TB, host component.Host, config string, next consumer.Logs) *stdoutTailReceiver {
	tb.Helper()
	r, err := newReceiver(settings(), parseConfig(tb, config), next)
	require.NoError(tb, err)
	require.NoError(tb, r.Start(tb.Context(), host))
	tb.Cleanup(func() { _ = r.Shutdown(context.Background()) })
	return r
}

// pretendStdin makes a pipe the collector's stdin, and gives the end to write to.
func pretendStdin(tb testing.TB) *os.File {
	tb.Helper()
	read, write, err := os.Pipe()
	require.NoError(tb, err)
	before := stdin
	stdin = func() *os.File { return read }
	tb.Cleanup(func() {
		stdin = before
		_ = write.Close()
		_ = read.Close()
	})
	return write
}

func (k *keeper) called() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls
}
