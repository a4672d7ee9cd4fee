package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/place"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
)

// Exit statuses of the commands that check an archive.
const (
	exitTampered  = 1
	exitUnchecked = 2 // could not be checked, or was not understood
)

// placeFlags are the flags of all commands that reach an archive.
type placeFlags struct {
	region, endpoint, role, external, owner *string
	pathStyle                               *bool
}

func newPlaceFlags(flags *flag.FlagSet) placeFlags {
	return placeFlags{
		region:    flags.String("region", "", "the bucket's `region`; from the environment otherwise"),
		endpoint:  flags.String("endpoint", "", "`URL` of another server that speaks S3"),
		role:      flags.String("role-arn", "", "`ARN` of a role to be assumed"),
		external:  flags.String("external-id", "", "`text` that the role's owner asks for"),
		owner:     flags.String("expected-bucket-owner", "", "`account` that the bucket must be of"),
		pathStyle: flags.Bool("path-style", false, "the bucket in the path instead of the host's name; so it is with --endpoint"),
	}
}

func (f placeFlags) settings() s3store.Settings {
	return s3store.Settings{
		Region: *f.region, Endpoint: *f.endpoint, PathStyle: *f.pathStyle || *f.endpoint != "",
		RoleARN: *f.role, ExternalID: *f.external, ExpectedOwner: *f.owner, UserAgent: "heartwood/" + version,
	}
}

// openBucket opens the bucket at an address, to be written to: folders can't be.
func (f placeFlags) openBucket(ctx context.Context, address string) (*s3store.Store, place.Place, error) {
	where, err := place.Parse(address)
	switch {
	case err != nil:
		return nil, where, usageError{err}
	case where.Bucket == "":
		return nil, where, usageError{fmt.Errorf("%q is no bucket; write s3://bucket/prefix", address)}
	}
	set := f.settings()
	set.Bucket = where.Bucket
	store, err := s3store.New(ctx, set)
	return store, where, err
}

// archivePlace is where an archive is.
type archivePlace struct {
	objectstore.Reader
	prefix string
	close  func()
}

// open opens an archive by its URL: s3://bucket/prefix, or a folder.
func (f placeFlags) open(ctx context.Context, address string) (*archivePlace, error) {
	where, err := place.Parse(address)
	if err != nil {
		return nil, usageError{err}
	}
	if err := archive.CheckPrefix(where.Prefix); err != nil {
		return nil, usageError{err}
	}
	reader, done, err := where.Open(ctx, f.settings())
	if err != nil {
		return nil, fmt.Errorf("open the archive: %w", err)
	}
	return &archivePlace{Reader: reader, prefix: where.Prefix, close: done}, nil
}

// now is the time by the server's clock, which is known from its first answer on, or by
// the machine's.
func (p *archivePlace) now() time.Time {
	if store, ok := p.Reader.(objectstore.Store); ok {
		if at, ok := store.Now(); ok {
			return at
		}
	}
	return time.Now()
}

// readKey reads a verifying key: the key itself, or a file of it. It gives its text, too.
func readKey(flag, value string) (string, note.Verifier, error) {
	if value == "" {
		return "", nil, usageError{fmt.Errorf("--%s is not set", flag)}
	}
	text := value
	if data, err := os.ReadFile(value); err == nil {
		text = string(data)
	} else if !strings.Contains(value, "+") {
		return "", nil, fmt.Errorf("--%s: %w", flag, err)
	}
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "PRIVATE+KEY+") {
		return "", nil, fmt.Errorf("--%s: this is a private key; give the file that ends with .pub, and let no one else see this one", flag)
	}
	key, err := archive.NewVerifier(text)
	if err != nil {
		return "", nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return text, key, nil
}

// readerFlags are those of the commands that read an archive without verifying it.
type readerFlags struct{ rootKey *string }

func newReaderFlags(flags *flag.FlagSet) readerFlags {
	return readerFlags{flags.String("root-key", "", "the public root key, a `file` or the key itself: of the keys that sign for a writer, take those that it enrolled")}
}

// root is the root key, nil where none is given.
func (f readerFlags) root() (note.Verifier, error) {
	if *f.rootKey == "" {
		return nil, nil //nolint:nilnil // there need not be one
	}
	_, key, err := readKey("root-key", *f.rootKey)
	return key, err
}

// noted says on standard error what was passed over, each once.
func noted(p *program, name string) func(text string) {
	told := make(map[string]bool)
	return func(text string) {
		if !told[text] {
			told[text] = true
			fmt.Fprintf(p.stderr, "heartwood %s: note: %s\n", name, text)
		}
	}
}

// readTime reads a bound of time: RFC 3339, or a day in UTC.
func readTime(name, value string) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, value); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, usageError{fmt.Errorf("--%s is %q, want 2026-01-31 or 2026-01-31T12:00:00Z", name, value)}
}

// readSecond is readTime of whole seconds, which is what the archive has of keys.
func readSecond(name, value string) (time.Time, error) {
	at, err := readTime(name, value)
	if err == nil && at.Nanosecond() != 0 {
		err = usageError{fmt.Errorf("--%s is %q, want 2026-01-31 or 2026-01-31T12:00:00Z, in whole seconds", name, value)}
	}
	return at, err
}

// timeFlags are --from and --to.
type timeFlags struct{ from, to *string }

func newTimeFlags(flags *flag.FlagSet, of string) timeFlags {
	return timeFlags{
		from: flags.String("from", "", of+" from this `time` on: 2026-01-31, or 2026-01-31T12:00:00Z"),
		to:   flags.String("to", "", of+" before this `time`"),
	}
}

func (f timeFlags) read() (from, to time.Time, err error) {
	from, err = readTime("from", *f.from)
	if err != nil {
		return from, to, err
	}
	if to, err = readTime("to", *f.to); err != nil {
		return from, to, err
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		return from, to, usageError{errors.New("--from is not before --to")}
	}
	return from, to, nil
}

// unchecked makes an error end the program with the status of what could not be checked.
func unchecked(p *program, name string, err error) error {
	if err == nil || errors.As(err, new(usageError)) || errors.As(err, new(exitStatus)) || errors.Is(err, flag.ErrHelp) {
		return err
	}
	fmt.Fprintf(p.stderr, "heartwood %s: %v\n", name, err)
	return exitStatus(exitUnchecked)
}
