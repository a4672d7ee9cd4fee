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
func (s *sink) wait(tb testing.TB, n int) []record {
	tb.Helper()
	s.until(tb, fmt.Sprintf("%d records", n), func() bool { return len(s.records) >= n })
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(tb, s.records, n)
	return slices.Clone(s.records)
}

func (s *sink) waitCalls(tb testing.TB, n int) {
	tb.Helper()
	s.until(tb, fmt.Sprintf("%d calls", n), func() bool { return s.calls >= n })
}

// until waits for a condition, which is asked with mu held.
func (s *sink) until(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
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
		tb.Fatalf("waited in vain for %s: have %d records after %d calls", what, len(s.records), s.calls)
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

func parseConfig(tb testing.TB, text string) *Config {
	tb.Helper()
	var raw map[string]any
	require.NoError(tb, yaml.Unmarshal([]byte(text), &raw))
	cfg := createDefaultConfig().(*Config)
	require.NoError(tb, confmap.NewFromStringMap(raw).Unmarshal(cfg))
	require.NoError(tb, confmap.Validate(cfg))
	return cfg
}

// start runs a receiver with this configuration until the test ends.
func start(tb testing.TB, s *sink, config string, options ...rigOption) *rig {
	tb.Helper()
	set := rigSettings{host: componenttest.NewNopHost(), log: zap.NewNop()}
	for _, o := range options {
		o(&set)
	}
	tel := componenttest.NewTelemetry()
	settings := metadatatest.NewSettings(tel)
	settings.Logger = set.log
	r, err := newReceiver(settings, parseConfig(tb, config), s)
	require.NoError(tb, err)
	require.NoError(tb, r.Start(context.Background(), set.host))
	rg := &rig{logfmtReceiver: r, sink: s, tel: tel}
	tb.Cleanup(func() {
		rg.shutdown(tb)
		_ = tel.Shutdown(context.Background())
	})
	return rg
}

func (g *rig) shutdown(tb testing.TB) {
	tb.Helper()
	g.stop.Do(func() { require.NoError(tb, g.Shutdown(context.Background())) })
}

func (g *rig) addr(tb testing.TB, transport string) string {
	tb.Helper()
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
	tb.Fatalf("no %s listener", transport)
	return ""
}

func (g *rig) dial(tb testing.TB, network string) net.Conn {
	tb.Helper()
	addr := g.addr(tb, network)
	if network == "http" {
		network = "tcp"
	}
	conn, err := net.Dial(network, addr)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close() })
	return conn
}

func send(tb testing.TB, conn net.Conn, text string) {
	tb.Helper()
	_, err := conn.Write([]byte(text))
	require.NoError(tb, err)
}

// metric is the sum of a metric's points that carry the given attributes, written
// as key, value, key, value.
func (g *rig) metric(tb testing.TB, name string, attrs ...string) int64 {
	tb.Helper()
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
func (g *rig) requireConserved(tb testing.TB, transport string) {
	tb.Helper()
	at := []string{"transport", transport}
	in := g.metric(tb, "records_received", at...)
	accepted := g.metric(tb, "records_accepted", at...)
	refused := g.metric(tb, "records_refused", at...)
	repeated := g.metric(tb, "records_repeated", at...)
	dropped := g.metric(tb, "records_dropped", at...)
	require.Equal(tb, in, accepted+refused+repeated+dropped,
		"%s: received %d, accepted %d, refused %d, repeated %d, dropped %d", transport, in, accepted, refused, repeated, dropped)
}

var nopHost = componenttest.NewNopHost()

func nopSettings() receiver.Settings { return receivertest.NewNopSettings(metadata.Type) }

func dialTCP(addr string) (net.Conn, error) { return net.Dial("tcp", addr) }
