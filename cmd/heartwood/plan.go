package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/archiveplan"
	"github.com/heartwood-otel/heartwood/internal/bytesize"
	"github.com/heartwood-otel/heartwood/internal/configlint"
)

var planCommand = command{
	name:    "plan",
	summary: "say what an archive will lock, until when, at what cost",
	usage: `--config FILE [--config FILE ...] --volume 50GB/day [flags]

Reads the worm_s3 exporters of a configuration, and shows for each rule the mode, the
period, the date until which the first byte would be locked if it were written now, and
what S3 asks for it: before anything is locked. It calls no one. Several files are merged
and ${env:NAME:-default} and ${file:PATH} are expanded as the collector does it.

--volume is what comes in, as JSON that is not compressed. It is spread evenly over the
rules, but for those with a --share. Rows are by rule; _log/ is the signed log: manifests,
filters, checkpoints and tiles, which have the longest period, by COMPLIANCE when one of
the rules is. The first year is the one in which the archive begins, a steady year one in
which as much leaves it as comes.
What has reached its date leaves the archive when the bucket has a lifecycle rule for it.

The exit status is 0, 1 when the configuration's rules do not fit together, 2 when it or
the command line can't be read.`,
	run: runPlan,
}

func runPlan(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	var configs, shares, prices listFlag
	flags.Var(&configs, "config", "the `file` to read, may be given more than once")
	volume := flags.String("volume", "", "what comes in, as `size/time`: 50GB/day, 2MiB/s")
	flags.Var(&shares, "share", "the part of it that falls under a rule, as `rule=5%`; may be given more than once")
	ratio := flags.Float64("ratio", 8, "how many `times` smaller compression makes it")
	line := flags.String("line", "500B", "the `size` of a record, as JSON")
	writers := flags.Int("writers", 1, "`number` of collectors among which it is spread")
	flags.Var(&prices, "price", "another price in US dollars, as `class.what=price`: STANDARD.storage=0.0245 (a GiB for a month), STANDARD.put=0.0054, STANDARD.get=0.00043 (1,000 requests); may be given more than once")
	output := flags.String("output", "text", "`form` of the plan: text or json")
	rest, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usageError{fmt.Errorf("unexpected argument %q; files are named with --config", rest[0])}
	case len(configs) == 0:
		return usageError{errors.New("--config is missing")}
	case *volume == "":
		return usageError{errors.New("--volume is missing; write it as 50GB/day")}
	case !(*ratio >= 1 && *ratio <= 1000):
		return usageError{fmt.Errorf("--ratio is %v, want 1 to 1000", *ratio)}
	case *writers < 1 || *writers > 100_000:
		return usageError{fmt.Errorf("--writers is %d, want 1 to 100000", *writers)}
	case *output != "text" && *output != "json":
		return usageError{fmt.Errorf("--output is %q, want text or json", *output)}
	}
	load := archiveplan.Load{Ratio: *ratio, Writers: *writers}
	if load.Volume, err = archiveplan.ParseVolume(*volume); err != nil {
		return usageError{fmt.Errorf("--volume: %w", err)}
	}
	size, err := bytesize.Parse(*line)
	if err != nil || size < 1 {
		return usageError{errors.Join(fmt.Errorf("--line is %q, want the size of a record, such as 500B", *line), err)}
	}
	load.Line = float64(size)
	for _, share := range shares {
		if err := load.ParseShare(share); err != nil {
			return usageError{err}
		}
	}
	table := archiveplan.DefaultPrices.Clone()
	for _, price := range prices {
		if err := table.Set(price); err != nil {
			return usageError{err}
		}
	}
	conf, err := configlint.Resolve(ctx, configs)
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(p.stderr, "heartwood plan: %s\n", strings.TrimSuffix(line, "\n"))
		}
		return exitStatus(exitUsage)
	}
	exporters, err := archiveplan.Read(conf)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	plans, err := archiveplan.Make(exporters, load, table, now)
	if err != nil {
		return err
	}
	if *output == "json" {
		text, err := json.MarshalIndent(map[string]any{
			"plans": plans, "prices": table.AsOf, "volume_bytes_per_day": load.Volume, "ratio": load.Ratio, "line_bytes": load.Line, "writers": load.Writers, "now": now.Truncate(time.Second),
		}, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "%s\n", text)
		return nil
	}
	for i, plan := range plans {
		if i > 0 {
			fmt.Fprintln(p.stdout)
		}
		writePlan(p, plan)
	}
	fmt.Fprintf(p.stdout, "\nIf the first byte were written now: %s by this machine's clock; the exporter goes by S3's.\n", now.Format(time.RFC3339))
	fmt.Fprintf(p.stdout, "For %s of JSON in records of %s, %g times smaller when compressed, from %d collector(s).\n", *volume, *line, load.Ratio, load.Writers)
	fmt.Fprintf(p.stdout, "Prices: %s. Without reading, and what leaves AWS's network.\n", table.AsOf)
	return nil
}

func writePlan(p *program, plan archiveplan.Plan) {
	limit := "not set"
	if plan.MaxRetention != "" {
		limit = plan.MaxRetention
	}
	fmt.Fprintf(p.stdout, "%s, bucket %s, max_retention %s\n", plan.Exporter, plan.Bucket, limit)
	t := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "RULE\tMODE\tPERIOD\tLOCKED UNTIL\tCLASS\tSHARE\tSTORED/DAY\tPUTS/DAY\tLISTS/DAY\tHEADS/DAY\tFIRST YEAR\tSTEADY YEAR")
	for _, r := range plan.Rows {
		share := "-"
		if r.Share > 0 {
			share = fmt.Sprintf("%.4g%%", r.Share*100)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t$%.2f\t$%.2f\n", r.Rule, r.Mode, r.Period, r.LockedUntil.Format("2006-01-02 15:04Z"),
			r.StorageClass, share, amount(r.StoredPerDay), r.PutsPerDay, r.ListsPerDay, r.HeadsPerDay, r.FirstYear, r.SteadyYear)
	}
	fmt.Fprintf(t, "all\t\t\t\t\t\t\t\t\t\t$%.2f\t$%.2f\n", plan.FirstYear, plan.SteadyYear)
	_ = t.Flush() // into p.stdout
	for _, r := range plan.Rows {
		if r.Mode == "COMPLIANCE" {
			fmt.Fprintf(p.stdout, "%s: COMPLIANCE. No one can delete it before %s, not the account's owner, not AWS.\n", r.Rule, r.LockedUntil.Format(time.DateOnly))
		}
	}
}

// amount writes bytes for people.
func amount(n float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if n >= u.size {
			return fmt.Sprintf("%.3g %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%.0f B", n)
}
