package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
	"github.com/heartwood-otel/heartwood/internal/period"
)

var bucketCommand = command{
	name:    "bucket",
	summary: "make a bucket for an archive, or say what is wrong with one",
	usage: `create s3://BUCKET [flags]
       heartwood bucket check s3://BUCKET[/PREFIX] [flags]

'create' makes a bucket with versioning and Object Lock. Where there is one of that name
already, it changes nothing, and says what is wrong with it, as 'check' does. Without
--default-period, objects that are put without a retention have none: those of the
worm_s3 exporter have one of their own.

Credentials are the default chain's of AWS's SDKs. The exit status is 0 when the bucket is
right, 1 when it is not, 2 when the command line can't be read.`,
	run: runBucket,
}

// lockFlags are the mode and the length of a lock.
type lockFlags struct{ mode, period *string }

// read gives the lock. None when no period is set.
func (f lockFlags) read(prefix string) (objectstore.Mode, period.Period, error) {
	mode := objectstore.Mode(strings.ToUpper(*f.mode))
	if mode != objectstore.Governance && mode != objectstore.Compliance {
		return "", period.Period{}, usageError{fmt.Errorf("--%smode is %q, want GOVERNANCE or COMPLIANCE", prefix, *f.mode)}
	}
	if *f.period == "" {
		return objectstore.Unlocked, period.Period{}, nil
	}
	p, err := period.Parse(*f.period)
	if err != nil {
		return "", p, usageError{fmt.Errorf("--%speriod: %w", prefix, err)}
	}
	return mode, p, nil
}

func runBucket(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	reach := newPlaceFlags(flags)
	lock := lockFlags{
		mode:   flags.String("default-mode", string(objectstore.Governance), "with --default-period: `mode`, GOVERNANCE or COMPLIANCE"),
		period: flags.String("default-period", "", "a new bucket's retention of objects that are put without one: a `period` such as 90d or 7y"),
	}
	limit := flags.String("max-retention", "", "the longest `period` that a bucket may lock for by default")
	rest, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) == 0 || rest[0] != "create" && rest[0] != "check":
		return usageError{errors.New("say `bucket create s3://BUCKET` or `bucket check s3://BUCKET`")}
	case len(rest) != 2:
		return usageError{fmt.Errorf("%s takes one bucket, s3://BUCKET, and has %d", rest[0], len(rest)-1)}
	}
	mode, length, err := lock.read("default-")
	if err != nil {
		return err
	}
	var longest period.Period
	if *limit != "" {
		if longest, err = period.Parse(*limit); err != nil {
			return usageError{fmt.Errorf("--max-retention: %w", err)}
		}
		if length.Compare(longest) > 0 {
			return usageError{fmt.Errorf("--default-period %s is longer than --max-retention %s", length, longest)}
		}
	}
	store, where, err := reach.openBucket(ctx, rest[1])
	if err != nil {
		return err
	}
	defer store.Close()
	if rest[0] == "create" {
		if mode == objectstore.Compliance && longest.IsZero() {
			return usageError{fmt.Errorf("--default-mode COMPLIANCE locks everything in the bucket for %s, whoever put it, and no one can undo it; set --max-retention as well, to show that it is meant", length)}
		}
		err := store.Create(ctx, s3store.Creation{Mode: mode, Period: length})
		switch {
		case errors.Is(err, s3store.ErrBucketExists):
			fmt.Fprintf(p.stdout, "Bucket %s is there already, and is left as it is.\n", where.Bucket)
		case err != nil:
			return err
		default:
			fmt.Fprintf(p.stdout, "Bucket %s has been made.\n", where.Bucket)
		}
	}
	problems, err := store.Check(ctx, s3store.Check{Max: longest, Prefix: where.Prefix})
	if err != nil {
		return err
	}
	bucket, err := store.Bucket(ctx)
	if err == nil {
		fmt.Fprintf(p.stdout, "Versioning: %s. Object Lock: %s. Default retention: %s.\n", onOff(bucket.Versioning), onOff(bucket.ObjectLock), defaultRetention(bucket))
	}
	for _, problem := range problems {
		fmt.Fprintf(p.stderr, "heartwood bucket: %s\n", problem.Text)
	}
	if len(problems) > 0 {
		return exitStatus(exitFailure)
	}
	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func defaultRetention(b objectstore.Bucket) string {
	if b.DefaultMode == objectstore.Unlocked {
		return "none"
	}
	days := int(b.DefaultPeriod.Hours() / 24)
	return fmt.Sprintf("%s for %d days", b.DefaultMode, days)
}
