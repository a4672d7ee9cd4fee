package logfmtreceiver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"gopkg.in/yaml.v3"

	"github.com/heartwood-otel/heartwood/receivers/logfmtreceiver/internal/metadata"
	"github.com/heartwood-otel/heartwood/receivers/logfmtreceiver/internal/metadatatest"
)

var errRefused = errors.New("refused by the test")

// sink is a next consumer that keeps what it accepts.
type sink struct {
	// before is asked first, with the number of the call, from 1; an error refuses.
	before func(ctx context.Context, call int, logs plog.Logs) error
	// mutates empties what was refused, as a consumer may that changes its data.
	mutates bool

	mu      sync.Mutex
	changed sync.Cond
	calls   int
	records []record
}

// record is one accepted log record with what it belongs to.
type record struct {
	plog.LogRecord
	resource pcommon.Map
}

func (r record) attr(key string) any {
	v, ok := r.Attributes().Get(key)
	if !ok {
		return nil
	}
	return v.AsRaw()
}

func newSink() *sink {
	s := &sink{}
	s.changed.L = &s.mu
	return s
}

func (s *sink) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: s.mutates}
}

func (s *sink) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	s.mu.Lock()
	s.calls++
	call := s.calls
	s.changed.Broadcast()
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(ctx, call, logs); err != nil {
			if s.mutates {
				logs.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
			}
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				s.records = append(s.records, record{r, rl.Resource().Attributes()})
			}
		}
	}
	s.changed.Broadcast()
	return nil
}

// wait returns the records once there are n, and fails the test after a while.
func (s *sink) wait(t testing.TB, n int) []record {
	t.Helper()
	s.until(t, fmt.Sprintf("%d records", n), func() bool { return len(s.records) >= n })
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(t, s.records, n)
	return slices.Clone(s.records)
}

func (s *sink) waitCalls(t testing.TB, n int) {
	t.Helper()
	s.until(t, fmt.Sprintf("%d calls", n), func() bool { return s.calls >= n })
}

// until waits for a condition, which is asked with mu held.
func (s *sink) until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	gaveUp := false
	timer := time.AfterFunc(30*time.Second, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		gaveUp = true
		s.changed.Broadcast()
	})
	defer timer.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !cond() && !gaveUp {
		s.changed.Wait()
	}
	if !cond() {
		t.Fatalf("waited in vain for %s: have %d records after %d calls", what, len(s.records), s.calls)
	}
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.records)
}

func texts(records []record) []string {
	out := []string{}
	for _, r := range records {
		out = append(out, r.Body().AsString())
	}
	return out
}

// rig is a started receiver, its next consumer and its telemetry.
type rig struct {
	*logfmtReceiver
	sink *sink
	tel  *componenttest.Telemetry
	stop sync.Once
}

type rigOption func(*rigSettings)

type rigSettings struct {
	host component.Host
	log  *zap.Logger
}

func withHost(h component.Host) rigOption { return func(s *rigSettings) { s.host = h } }

func parseConfig(t testing.TB, text string) *Config {
	t.Helper()
	var raw map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &raw))
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(raw).Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	return cfg
}

// start runs a receiver with this configuration until the test ends.
func start(t testing.TB, s *sink, config string, options ...rigOption) *rig {
	t.Helper()
	set := rigSettings{host: componenttest.NewNopHost(), log: zap.NewNop()}
	for _, o := range options {
		o(&set)
	}
	tel := componenttest.NewTelemetry()
	settings := metadatatest.NewSettings(tel)
	settings.Logger = set.log
	r, err := newReceiver(settings, parseConfig(t, config), s)
	require.NoError(t, err)
	require.NoError(t, r.Start(context.Background(), set.host))
	rg := &rig{logfmtReceiver: r, sink: s, tel: tel}
	t.Cleanup(func() {
		rg.shutdown(t)
		_ = tel.Shutdown(context.Background())
	})
	return rg
}

func (g *rig) shutdown(t testing.TB) {
	t.Helper()
	g.stop.Do(func() { require.NoError(t, g.Shutdown(context.Background())) })
}

func (g *rig) addr(t testing.TB, transport string) string {
	t.Helper()
	for _, s := range g.servers {
		switch s := s.(type) {
		case *tcpServer:
			if transport == "tcp" {
				return s.listener.Addr().String()
			}
		case *udpServer:
			if transport == "udp" {
				return s.conn.LocalAddr().String()
			}
		case *unixServer:
			if transport == "unix" {
				return s.cfg.Path
			}
		case *httpServer:
			if transport == "http" {
				return s.address
			}
		}
	}
	t.Fatalf("no %s listener", transport)
	return ""
}

func (g *rig) dial(t testing.TB, network string) net.Conn {
	t.Helper()
	addr := g.addr(t, network)
	if network == "http" {
		network = "tcp"
	}
	conn, err := net.Dial(network, addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(t testing.TB, conn net.Conn, text string) {
	t.Helper()
	_, err := conn.Write([]byte(text))
	require.NoError(t, err)
}

// metric is the sum of a metric's points that carry the given attributes, written
// as key, value, key, value.
func (g *rig) metric(t testing.TB, name string, attrs ...string) int64 {
	t.Helper()
	m, err := g.tel.GetMetric("otelcol_receiver_logfmt_" + name)
	if err != nil {
		return 0 // never counted
	}
	sum := int64(0)
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		matches := true
		for i := 0; i < len(attrs); i += 2 {
			v, ok := p.Attributes.Value(attribute.Key(attrs[i]))
			matches = matches && ok && v.AsString() == attrs[i+1]
		}
		if matches {
			sum += p.Value
		}
	}
	return sum
}

// requireConserved adds up: received = accepted + refused + repeated + dropped.
func (g *rig) requireConserved(t testing.TB, transport string) {
	t.Helper()
	at := []string{"transport", transport}
	in := g.metric(t, "records_received", at...)
	accepted := g.metric(t, "records_accepted", at...)
	refused := g.metric(t, "records_refused", at...)
	repeated := g.metric(t, "records_repeated", at...)
	dropped := g.metric(t, "records_dropped", at...)
	require.Equal(t, in, accepted+refused+repeated+dropped,
		"%s: received %d, accepted %d, refused %d, repeated %d, dropped %d", transport, in, accepted, refused, repeated, dropped)
}

var nopHost = componenttest.NewNopHost()

func nopSettings() receiver.Settings { return receivertest.NewNopSettings(metadata.Type) }
