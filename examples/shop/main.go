// Shop is three small services and their buyers, as a source of telemetry that
// looks like real telemetry. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/fault"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/inventory"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/load"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/ordering"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/purchasing"
	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
	"github.com/heartwood-otel/heartwood/internal/rotatingfile"
)

// version is set by the linker.
var version = "dev"

// callTimeout bounds the calls between the services.
const callTimeout = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.As(err, new(usageError)):
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

type usageError struct{ error }

type options struct {
	seed                                      uint64
	faults, origins                           []string
	inventoryAt, orderingAt, purchasingAt     string
	inventoryURL, orderingURL, purchasingURL  string
	otlp, logFile                             string
	logFileLimit                              int64
	confirmMin, confirmMax, restock, patience time.Duration
	rate                                      float64
	actions                                   int
}

const usage = `shop: three services that log as real ones do, and their buyers

  shop inventory     the stock; logfmt on stdout
  shop ordering      takes orders, confirms them later; JSON lines
  shop purchasing    what the buyers talk to; OpenTelemetry SDK, OTLP over HTTP
  shop load          the buyers
  shop all           all four in one process
  shop faults        lists the ways in which the services fail
  shop version

Flags:
`

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var o options
	flags := flag.NewFlagSet("shop", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Uint64Var(&o.seed, "seed", 0, "decides ids, traffic, delays and failures; 0 takes the clock")
	flags.Func("fault", "`name=rate`, name=every:n or name=off; name may be all; may be repeated", func(s string) error {
		o.faults = append(o.faults, s)
		return nil
	})
	flags.StringVar(&o.inventoryAt, "inventory-listen", "127.0.0.1:8811", "address of inventory's interface and /metrics")
	flags.StringVar(&o.orderingAt, "ordering-listen", "127.0.0.1:8812", "address of ordering's interface and /metrics")
	flags.StringVar(&o.purchasingAt, "purchasing-listen", "127.0.0.1:8810", "address of purchasing's interface and /metrics")
	flags.StringVar(&o.inventoryURL, "inventory-url", "http://127.0.0.1:8811", "where the others find inventory")
	flags.StringVar(&o.orderingURL, "ordering-url", "http://127.0.0.1:8812", "where the others find ordering")
	flags.StringVar(&o.purchasingURL, "purchasing-url", "http://127.0.0.1:8810", "where the others find purchasing")
	flags.Func("purchasing-origin", "`origin` of a page that may talk to purchasing from a browser, such as http://localhost:3000; may be repeated", func(s string) error {
		o.origins = append(o.origins, s)
		return nil
	})
	flags.StringVar(&o.otlp, "otlp-endpoint", "", "where purchasing sends OTLP over HTTP; default: OTEL_EXPORTER_OTLP_ENDPOINT, else http://localhost:4318")
	flags.StringVar(&o.logFile, "ordering-log", "-", "file that ordering writes to; - is stdout")
	flags.Int64Var(&o.logFileLimit, "ordering-log-limit", 8<<20, "size in `bytes` at which that file is turned over")
	flags.DurationVar(&o.confirmMin, "confirm-min", 2*time.Second, "shortest time to an order's confirmation")
	flags.DurationVar(&o.confirmMax, "confirm-max", 90*time.Second, "longest time to an order's confirmation")
	flags.DurationVar(&o.restock, "restock", 30*time.Second, "time between two looks at the shelves")
	flags.Float64Var(&o.rate, "rate", 2, "what the buyers do in a second, on average")
	flags.IntVar(&o.actions, "actions", 0, "end the load after so many actions; 0: never")
	flags.DurationVar(&o.patience, "patience", 30*time.Second, "how long the load waits for purchasing to be there")

	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		_, _ = io.WriteString(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return flag.ErrHelp
	}
	if err := flags.Parse(args[1:]); err != nil {
		return usageError{fmt.Errorf("%w; `shop help` lists the flags", err)}
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Errorf("%q is too much; flags stand after the name of the service", flags.Args())}
	}
	if err := o.validate(); err != nil {
		return usageError{err}
	}
	faults, err := fault.NewPlan(o.seed, o.faults)
	if err != nil {
		return usageError{err}
	}
	s := &shop{options: o, faults: faults, stdout: stdout, stderr: stderr}
	switch args[0] {
	case "inventory":
		return s.inventory(ctx)
	case "ordering":
		return s.ordering(ctx)
	case "purchasing":
		return s.purchasing(ctx)
	case "load":
		return s.load(ctx)
	case "all":
		return s.all(ctx)
	case "faults":
		for _, f := range fault.Known() {
			_, _ = fmt.Fprintf(stdout, "%-21s %-6g %s\n", f.Name, f.Rate, f.Meaning)
		}
		return nil
	case "version":
		_, _ = fmt.Fprintln(stdout, "shop", version)
		return nil
	}
	return usageError{fmt.Errorf("%q is no part of the shop; `shop help` lists them", args[0])}
}

func (o *options) validate() error {
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())
	}
	switch {
	case math.IsNaN(o.rate) || o.rate <= 0 || o.rate > 10_000:
		return fmt.Errorf("--rate is %g, want more than 0 and at most 10000", o.rate)
	case o.confirmMin < 0 || o.confirmMax < o.confirmMin:
		return fmt.Errorf("--confirm-min is %v and --confirm-max %v, want 0 or more and the second no less than the first", o.confirmMin, o.confirmMax)
	case o.restock <= 0:
		return fmt.Errorf("--restock is %v, want more than 0", o.restock)
	case o.actions < 0:
		return fmt.Errorf("--actions is %d, want 0 or more", o.actions)
	}
	for name, url := range map[string]*string{"inventory-url": &o.inventoryURL, "ordering-url": &o.orderingURL, "purchasing-url": &o.purchasingURL, "otlp-endpoint": &o.otlp} {
		*url = strings.TrimSuffix(*url, "/")
		if *url != "" && !strings.HasPrefix(*url, "http://") && !strings.HasPrefix(*url, "https://") {
			return fmt.Errorf("--%s is %q, want http://host:port", name, *url)
		}
	}
	return nil
}

type shop struct {
	options
	faults         *fault.Plan
	stdout, stderr io.Writer
}

// ids gives each service another sequence of the same seed.
func (s *shop) ids(service uint64) *web.IDs { return web.NewIDs(s.seed + service) }

func (s *shop) inventory(ctx context.Context) error {
	service := inventory.New(inventory.Settings{IDs: s.ids(1), Faults: s.faults, Out: s.stdout, Restock: s.restock})
	return service.Run(ctx, s.inventoryAt)
}

func (s *shop) ordering(ctx context.Context) (err error) {
	out := s.stdout
	if s.logFile != "-" {
		file, err := rotatingfile.Open(s.logFile, s.logFileLimit)
		if err != nil {
			return fmt.Errorf("--ordering-log: %w", err)
		}
		defer func() { _ = file.Close() }()
		out = file
	}
	service := ordering.New(ordering.Settings{
		IDs: s.ids(2), Faults: s.faults, Out: out,
		Client:       &http.Client{Timeout: callTimeout, Transport: web.Transport{Base: newTransport()}},
		InventoryURL: s.inventoryURL, PurchasingURL: s.purchasingURL,
		ConfirmMin: s.confirmMin, ConfirmMax: s.confirmMax,
	})
	return service.Run(ctx, s.orderingAt)
}

func (s *shop) purchasing(ctx context.Context) error {
	otel.SetErrorHandler(&complaints{out: s.stderr})
	endpoint := s.otlp
	if endpoint == "" && !otlpInEnvironment(os.Environ()) {
		endpoint = "http://localhost:4318"
	}
	ids := s.ids(3)
	telemetry, err := purchasing.NewTelemetry(ctx, endpoint, version, ids)
	if err != nil {
		return err
	}
	service := purchasing.New(purchasing.Settings{
		IDs: ids, Faults: s.faults, Telemetry: telemetry, Base: newTransport(),
		InventoryURL: s.inventoryURL, OrderingURL: s.orderingURL, Origins: s.origins,
	})
	err = service.Run(ctx, s.purchasingAt)
	// ctx has ended; the last records are worth a moment all the same.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if lost := telemetry.Shutdown(last); lost != nil {
		_, _ = fmt.Fprintln(s.stderr, "purchasing: the last telemetry was not delivered:", lost)
	}
	return err
}

func (s *shop) load(ctx context.Context) error {
	return load.New(load.Settings{
		PurchasingURL: s.purchasingURL, Rate: s.rate, Seed: s.seed, Actions: s.actions,
		Client: &http.Client{Timeout: callTimeout, Transport: web.Transport{Base: newTransport()}},
		Out:    s.stderr, Summary: 10 * time.Second, Patience: s.patience,
	}).Run(ctx)
}

// all runs until ctx ends, the first part fails, or the load is done.
func (s *shop) all(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	var first sync.Once
	var failed error
	for name, part := range map[string]func(context.Context) error{
		"inventory": s.inventory, "ordering": s.ordering, "purchasing": s.purchasing, "load": s.load,
	} {
		parts.Go(func() {
			defer cancel()
			if err := part(ctx); err != nil {
				first.Do(func() { failed = fmt.Errorf("%s: %w", name, err) })
			}
		})
	}
	parts.Wait()
	return failed
}

// otlpInEnvironment tells whether the SDK will be told by the environment where to
// send. Without that it would try https, which no local collector speaks.
func otlpInEnvironment(environment []string) bool {
	return slices.ContainsFunc(environment, func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, "OTEL_EXPORTER_OTLP_") && strings.HasSuffix(name, "ENDPOINT") && value != ""
	})
}

// complaints prints what goes wrong in the SDK, at most once in ten seconds: a
// collector that is away would have it said several times a second.
type complaints struct {
	out io.Writer

	mu sync.Mutex
	// mu guards the following.
	last   time.Time
	untold int
}

// Handle implements otel.ErrorHandler.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.last) < 10*time.Second {
		c.untold++
		return
	}
	_, _ = fmt.Fprintf(c.out, "purchasing: telemetry: %v (%d more like it before)\n", err, c.untold)
	c.last, c.untold = time.Now(), 0
}

func newTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // the services talk to each other, not to the world
	transport.MaxIdleConnsPerHost = 64
	return transport
}
