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
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "kinesis:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	flags := flag.NewFlagSet("kinesis", flag.ContinueOnError)
	count := flags.Int("count", 5, "rounds; medians are shown")
	records := flags.Int("records", 200_000, "records for the slowest exporters; the faster ones get a multiple")
	few := flags.Int("refused-records", 20_000, "records where some are refused")
	share := flags.Float64("refused", 0.3, "the share of them that is refused")
	only := flags.String("only", "", "contenders, separated by commas; default: all")
	asJSON := flags.Bool("json", false, "print JSON")
	profile := flags.String("profile", "", "write a CPU profile of each contender's last round to this folder, as <name>.pprof")
	child := flags.String("child", "", "run this exporter (used by the program itself)")
	endpoint := flags.String("endpoint", "", "where the stream is (used by the program itself)")
	dir := flags.String("dir", "", "a folder to write to (used by the program itself)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case *count < 1 || *records < batchRecords || *few < batchRecords:
		return fmt.Errorf("-count is %d, -records %d, -refused-records %d; at least 1 and %d are needed", *count, *records, *few, batchRecords)
	case *child != "":
		return runChild(ctx, *child, *endpoint, *dir, *records, *profile, out)
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
	rows := make([]row, len(chosen))
	for round := range *count {
		for turn := range chosen {
			// Another begins each round, so that none has the machine in the same state
			// every time.
			i := (turn + round) % len(chosen)
			c := chosen[i]
			m, err := measure(ctx, c, *records*c.weight, 0, *profile)
			if err != nil {
				return err
			}
			rows[i].Rounds = append(rows[i].Rounds, m)
			fmt.Fprintf(progress, "round %d/%d  %-20s %8.0f records per CPU-second\n", round+1, *count, c.name, m.perCPU())
		}
	}
	for i, c := range chosen {
		m, err := measure(ctx, c, *few, *share, "")
		if err != nil {
			return err
		}
		rows[i].Name, rows[i].Title, rows[i].Refused = c.name, c.title, m
		fmt.Fprintf(progress, "%.0f %% refused  %-20s %d of %d lost\n", 100**share, c.name, m.Lost, m.Records)
	}
	if *asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(rows)
	}
	return table(out, rows, *share)
}

// row is what is known of a contender.
type row struct {
	Name    string        `json:"name"`
	Title   string        `json:"-"`
	Rounds  []measurement `json:"rounds"`
	Refused measurement   `json:"refused"`
}

func (m measurement) perCPU() float64   { return float64(m.Records) / m.CPU }
func (m measurement) perWall() float64  { return float64(m.Records) / m.Wall }
func (m measurement) perUnits() float64 { return 1000 * float64(m.Units) / float64(m.Records) }
func (m measurement) perCall() float64  { return float64(m.Records) / float64(m.Calls) }

// spread is the median, the least and the most of the rounds.
func (r row) spread(of func(measurement) float64) (median, least, most float64) {
	var values []float64
	for _, m := range r.Rounds {
		values = append(values, of(m))
	}
	slices.Sort(values)
	return values[len(values)/2], values[0], values[len(values)-1]
}

// table is written in Markdown.
func table(out io.Writer, rows []row, share float64) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintf(w, "|\t| records per CPU-second\t| \t| records/s\t| records per call\t| PUT payload units per 1,000 records\t| lost with %.0f %% refused\t|\n", 100*share)
	fmt.Fprintln(w, "| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t| ---\t|")
	base, _, _ := rows[0].spread(measurement.perCPU)
	for _, r := range rows {
		cpu, least, most := r.spread(measurement.perCPU)
		wall, _, _ := r.spread(measurement.perWall)
		calls, _, _ := r.spread(measurement.perCall)
		units, _, _ := r.spread(measurement.perUnits)
		fmt.Fprintf(w, "| %s\t| %.0f (%.0f to %.0f)\t| %.1f x\t| %.0f\t| %.0f\t| %.1f\t| %d of %d\t|\n",
			r.Title, cpu, least, most, cpu/base, wall, calls, units, r.Refused.Lost, r.Refused.Records)
	}
	return w.Flush()
}
