package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/fault"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/inventory"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/load"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/ordering"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/purchasing"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/webtest"
)

func TestUsageErrorsNameTheRemedy(t *testing.T) {
	for line, want := range map[string]string{
		"sales":                                "no part of the shop; `shop help` lists them",
		"load --rate 0":                        "--rate is 0, want more than 0",
		"load --rate NaN":                      "--rate is NaN",
		"load --rate=fast":                     "`shop help` lists the flags",
		"load extra":                           `["extra"] is too much`,
		"ordering --confirm-min 2m":            "--confirm-min is 2m0s and --confirm-max 1m30s",
		"inventory --restock 0s":               "--restock is 0s",
		"inventory --fault fire=1":             "no such fault",
		"load --purchasing-url localhost:8810": "want http://host:port",
		"load --actions -1":                    "--actions is -1",
	} {
		err := run(t.Context(), strings.Fields(line), new(bytes.Buffer), new(bytes.Buffer))
		require.ErrorContains(t, err, want, line)
		assert.ErrorAs(t, err, new(usageError), line)
	}
}

func TestHelpAndFaults(t *testing.T) {
	var out bytes.Buffer
	require.ErrorIs(t, run(t.Context(), []string{"help"}, &out, new(bytes.Buffer)), flag.ErrHelp)
	assert.Contains(t, out.String(), "-confirm-max")
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"faults"}, &out, new(bytes.Buffer)))
	for _, f := range fault.Known() {
		assert.Contains(t, out.String(), f.Name)
	}
}

func TestEnvironmentIsHonoured(t *testing.T) {
	assert.True(t, otlpInEnvironment([]string{"A=b", "OTEL_EXPORTER_OTLP_ENDPOINT=http://x"}))
	assert.True(t, otlpInEnvironment([]string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://x"}))
	assert.False(t, otlpInEnvironment([]string{"OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_EXPORTER_OTLP_TIMEOUT=5"}))
}

func TestComplaintsAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := complaints{out: &out}
		for range 5 {
			c.Handle(errors.New("away"))
		}
		time.Sleep(10 * time.Second)
		c.Handle(errors.New("still away"))
		assert.Equal(t, "purchasing: telemetry: away (0 more like it before)\npurchasing: telemetry: still away (4 more like it before)\n", out.String())
	})
}

// notes keeps what purchasing logs, one line each.
type notes struct {
	mu    sync.Mutex
	lines []string
}

func (n *notes) Export(_ context.Context, records []sdklog.Record) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range records {
		n.lines = append(n.lines, fmt.Sprint(r.Timestamp().UTC(), r.Severity(), r.Body(), r.TraceID(), r.SpanID()))
	}
	return nil
}
func (*notes) Shutdown(context.Context) error   { return nil }
func (*notes) ForceFlush(context.Context) error { return nil }

// addresses are what no seed decides: where things lie in memory, and which
// goroutine ran.
var addresses = regexp.MustCompile(`0x[0-9a-f]+|goroutine \d+|bubble \d+`)

// day runs the whole shop without a socket and gives all that it logged.
func day(t *testing.T, seed uint64) []string {
	t.Helper()
	var stock, orders bytes.Buffer
	var buyers notes
	synctest.Test(t, func(t *testing.T) {
		plan, err := fault.NewPlan(seed, []string{"all=0.1"})
		require.NoError(t, err)
		var network webtest.Network
		s := &shop{options: options{seed: seed}, faults: plan}
		client := &http.Client{Transport: web.Transport{Base: &network}}

		network.Add("inventory", inventory.New(inventory.Settings{IDs: s.ids(1), Faults: plan, Out: &stock, Restock: time.Hour}).Handler())
		supplier := ordering.New(ordering.Settings{
			IDs: s.ids(2), Faults: plan, Out: &orders, Client: client,
			InventoryURL: "http://inventory", PurchasingURL: "http://purchasing",
			ConfirmMin: 10 * time.Millisecond, ConfirmMax: 500 * time.Millisecond,
		})
		network.Add("ordering", supplier.Handler())
		ids := s.ids(3)
		spans := tracetest.NewInMemoryExporter()
		telemetry := purchasing.NewTelemetryOver(sdklog.NewSimpleProcessor(&buyers), sdktrace.NewSimpleSpanProcessor(spans), "1", ids)
		network.Add("purchasing", purchasing.New(purchasing.Settings{
			IDs: ids, Faults: plan, Telemetry: telemetry, Base: &network,
			InventoryURL: "http://inventory", OrderingURL: "http://ordering",
		}).Handler())

		// Each action has its four seconds, so that nothing runs beside another
		// and the ids are drawn in one order.
		require.NoError(t, load.New(load.Settings{
			PurchasingURL: "http://purchasing", Rate: 0.125, Seed: seed, Actions: 240, Client: client,
			Out: new(bytes.Buffer), Summary: time.Hour, Patience: time.Minute,
		}).Run(t.Context()))
		time.Sleep(time.Minute)
		supplier.Stop()
		require.NoError(t, telemetry.Shutdown(t.Context()))
	})
	lines := slices.Concat(
		strings.Split(addresses.ReplaceAllString(stock.String(), "?"), "\n"),
		strings.Split(addresses.ReplaceAllString(orders.String(), "?"), "\n"),
		buyers.lines)
	return lines
}

func TestSeedDecidesTheDay(t *testing.T) {
	first, again, other := day(t, 1), day(t, 1), day(t, 2)
	require.Greater(t, len(first), 1000)
	require.Len(t, again, len(first))
	for i, line := range first {
		require.Equal(t, line, again[i], "line %d", i)
	}
	assert.False(t, slices.Equal(first, other))
	all := strings.Join(first, "\n")
	for _, sign := range []string{"http: panic serving", `"stacktrace":`, "access_token=", "order confirmed", "order declined", "panic while serving"} {
		assert.Contains(t, all, sign)
	}
}

// TestAllRunsOverSockets runs the program as it is run.
func TestAllRunsOverSockets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ordering.jsonl")
	ports := freeAddresses(t, 3)
	var out, complaints bytes.Buffer
	sink := newSink(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := run(ctx, []string{
		"all", "--seed", "5", "--fault", "all=off", "--rate", "200", "--actions", "60", "--otlp-endpoint", sink.URL,
		"--confirm-min", "0s", "--confirm-max", "1ms", "--ordering-log", file,
		"--purchasing-listen", ports[0], "--inventory-listen", ports[1], "--ordering-listen", ports[2],
		"--purchasing-url", "http://" + ports[0], "--inventory-url", "http://" + ports[1], "--ordering-url", "http://" + ports[2],
	}, &out, &complaints)
	require.NoError(t, err)
	require.NoError(t, ctx.Err(), "it ends by itself when the load is done")
	assert.Contains(t, complaints.String(), "load: ")
	assert.NotContains(t, complaints.String(), "not delivered")
	assert.Contains(t, out.String(), "app=inventory at=finish fn=reserve")
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(written), `"msg":"order confirmed"`)
	assert.Positive(t, sink.logs.Load())
	assert.Positive(t, sink.traces.Load())
}

func TestPartThatFailsStopsTheOthers(t *testing.T) {
	ports := freeAddresses(t, 2)
	err := run(t.Context(), []string{
		"all", "--seed", "5", "--otlp-endpoint", newSink(t).URL,
		"--purchasing-listen", ports[0], "--inventory-listen", ports[1], "--ordering-listen", "300.0.0.1:1",
		"--purchasing-url", "http://" + ports[0],
	}, new(bytes.Buffer), new(bytes.Buffer))
	require.ErrorContains(t, err, "ordering: listen")
}
