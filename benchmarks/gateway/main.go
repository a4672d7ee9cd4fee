package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if len(os.Args) == 3 && os.Args[1] == "-upstream" {
		stop() // a collector has its own
		ctx = context.Background()
	}
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	count := flags.Int("count", 3, "rounds; medians are shown")
	records := flags.Int("records", 400_000, "records in a round; upstream gets a quarter")
	size := flags.Int("size", 300, "bytes that a record says: 300 to 10000")
	cores := flags.Int("cores", 2, "GOMAXPROCS of the collector")
	senders := flags.Int("senders", 32, "requests on their way at a time")
	rate := flags.Float64("rate", 0, "records a second; 0: as fast as they are taken")
	overHTTP := flags.Bool("http", false, "send OTLP over HTTP, not gRPC")
	only := flags.String("only", "", "contenders, separated by commas; default: all")
	binary := flags.String("binary", "../bin/otelcol-heartwood", "the collector; several, separated by commas, take turns")
	dir := flags.String("dir", "", "a folder on the disk that spools are to be on")
	asJSON := flags.Bool("json", false, "print JSON")
	profiles := flags.String("profile", "", "write a CPU profile of 10 s and one of the heap of each contender's last round to this folder, as <name>.pprof and <name>.heap.pprof")
	upstream := flags.String("upstream", "", "run upstream's collector with this configuration (used by the program itself)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case *upstream != "":
		return runUpstream(ctx, *upstream)
	case *count < 1 || *records < 4*batchRecords || *size < 300 || *size > 10_000 || *cores < 1 || *senders < 1 || *rate < 0:
		return fmt.Errorf("-count, -cores and -senders must be at least 1, -records %d, -size from 300 to 10000", 4*batchRecords)
	}
	chosen := contenders
	if *only != "" {
		chosen = nil
		for name := range strings.SplitSeq(*only, ",") {
			c, err := contenderNamed(name)
			if err != nil {
				return err
			}
			chosen = append(chosen, c)
		}
	}
	var rows []*row
	for _, c := range chosen {
		for b := range strings.SplitSeq(*binary, ",") {
			path, err := filepath.Abs(b)
			if err != nil {
				return err
			}
			r := &row{contender: c, binary: path, Name: c.name, Title: c.title}
			if strings.Contains(*binary, ",") {
				r.Title += ", " + b
			}
			rows = append(rows, r)
		}
	}
	for round := range *count {
		for turn := range rows {
			// Another begins each round, so that none has the machine in the same state
			// every time.
			r := rows[(turn+round)%len(rows)]
			s := settings{
				binary: r.binary, size: *size, records: *records, senders: *senders, cores: *cores,
				rate: *rate, http: *overHTTP, dir: *dir,
			}
			if r.contender.upstream {
				s.records = max(*records/4, 4*batchRecords)
			}
			if *profiles != "" && round == *count-1 {
				s.profile = filepath.Join(*profiles, r.Name)
			}
			m, err := measure(ctx, r.contender, s)
			if err != nil {
				return err
			}
			r.Rounds = append(r.Rounds, m)
			fmt.Fprintf(progress, "round %d/%d  %-50s %7.0f records per CPU-second, %4.0f MiB, p99 %5.0f ms, %d refused, %d of %d left out of the page\n", round+1, *count, r.Title, m.perCPU(), m.PeakRSS, m.StreamP99, m.Refused, m.LeftOut, m.Records)
		}
	}
	if *asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(rows)
	}
	return table(out, rows)
}

// row is what is known of a contender.
type row struct {
	contender contender
	binary    string
	Name      string        `json:"name"`
	Title     string        `json:"title"`
	Rounds    []measurement `json:"rounds"`
}

// spread is the median, the least and the most of the rounds.
func (r *row) spread(of func(measurement) float64) (median, least, most float64) {
	var values []float64
	for _, m := range r.Rounds {
		values = append(values, of(m))
	}
	slices.Sort(values)
	return values[len(values)/2], values[0], values[len(values)-1]
}

func (r *row) median(of func(measurement) float64) float64 {
	median, _, _ := r.spread(of)
	return median
}

// table is written in Markdown.
func table(out io.Writer, rows []*row) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "|\t| records per CPU-second\t| of it in the kernel\t| records/s\t| answer p50, p99\t| in the stream p50, p99\t| RSS, peak\t| ready\t|")
	fmt.Fprintln(w, "| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t|")
	for _, r := range rows {
		cpu, least, most := r.spread(measurement.perCPU)
		fmt.Fprintf(w, "| %s\t| %.0f (%.0f to %.0f)\t| %.0f %%\t| %.0f\t| %.0f, %.0f ms\t| %.0f, %.0f ms\t| %.0f, %.0f MiB\t| %.0f ms\t|\n", r.Title, cpu, least, most,
			r.median(func(m measurement) float64 { return 100 * m.System / m.CPU }),
			r.median(func(m measurement) float64 { return float64(m.Records) / m.Wall }),
			r.median(func(m measurement) float64 { return m.AnswerP50 }), r.median(func(m measurement) float64 { return m.AnswerP99 }),
			r.median(func(m measurement) float64 { return m.StreamP50 }), r.median(func(m measurement) float64 { return m.StreamP99 }),
			r.median(func(m measurement) float64 { return m.RSS }), r.median(func(m measurement) float64 { return m.PeakRSS }),
			r.median(func(m measurement) float64 { return m.ReadyMS }))
	}
	return w.Flush()
}
