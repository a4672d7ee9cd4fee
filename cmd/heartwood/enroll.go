package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/enrolment"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
)

var enrollCommand = command{
	name:    "enroll",
	summary: "say who may write to an archive",
	usage: `s3://BUCKET[/PREFIX] --root-key FILE --writer PUB [--from TIME] [--to TIME] [flags]
       heartwood enroll s3://BUCKET[/PREFIX] --list [--root-key FILE]

Enters a writer's public key, PUB, into the archive, signed by the root key. Where the
writer has a key already that has no end, that one ends when the new one begins: so keys
are changed. Times are RFC 3339 or days in UTC; without --from it is now, by S3's clock.

--list shows who may write. With --root-key, which may be the root key's public half,
signatures are looked at.`,
	run: runEnroll,
}

var retireCommand = command{
	name:    "retire",
	summary: "say that a writer of an archive was shut down",
	usage: `s3://BUCKET[/PREFIX] --root-key FILE --writer NAME [--at TIME] [flags]

Enters into the archive, signed by the root key, that the writer was shut down in order: it
is right that it is silent from then on. Shut it down first, so that its last checkpoint is
there. A writer that is silent without this counts as cut off. It can't be undone.`,
	run: runRetire,
}

// enrolFlags are those of both commands.
type enrolFlags struct {
	placeFlags
	rootKey *string
	lock    lockFlags
}

func newEnrolFlags(flags *flag.FlagSet) enrolFlags {
	return enrolFlags{
		placeFlags: newPlaceFlags(flags),
		rootKey:    flags.String("root-key", "", "the `file` of the root key"),
		lock: lockFlags{
			mode:   flags.String("mode", string(objectstore.Governance), "`mode` of the lock on what is written: GOVERNANCE or COMPLIANCE"),
			period: flags.String("period", "7y", "`period` of the lock on what is written: the longest that any rule of the archive has"),
		},
	}
}

// enrolling is an archive whose writers are changed.
type enrolling struct {
	store  *s3store.Store
	layout archive.Layout
	root   *enrolment.Root
	last   *archive.Writers
	sum    archive.Digest
	now    time.Time // by S3's clock, whole seconds
}

// open reads the root key and who may write so far.
func (f enrolFlags) open(ctx context.Context, p *program, address string) (*enrolling, error) {
	if *f.rootKey == "" {
		return nil, usageError{errors.New("--root-key is missing")}
	}
	text, err := os.ReadFile(*f.rootKey)
	if err != nil {
		return nil, err // names the file
	}
	e := &enrolling{}
	if e.root, err = enrolment.NewRoot(string(text)); err != nil {
		return nil, fmt.Errorf("--root-key %s: %w", *f.rootKey, err)
	}
	if info, err := os.Stat(*f.rootKey); err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		fmt.Fprintf(p.stderr, "heartwood: %s can be read by others on this machine: chmod 600 it\n", *f.rootKey)
	}
	store, where, err := f.openBucket(ctx, address)
	if err != nil {
		return nil, err
	}
	e.store, e.layout = store, archive.Layout{Prefix: where.Prefix}
	if err := archive.CheckPrefix(where.Prefix); err != nil {
		store.Close()
		return nil, usageError{err}
	}
	if e.last, e.sum, err = enrolment.Latest(ctx, store, e.layout, e.root.Verifier()); err == nil && e.last != nil && e.last.Origin != e.root.Origin() {
		err = fmt.Errorf("the archive is that of %s, and the root key that of %s", e.last.Origin, e.root.Origin())
	}
	now, ok := store.Now()
	if err == nil && !ok {
		err = errors.New("S3 does not say what time it is: its answers have no Date")
	}
	if err != nil {
		store.Close()
		return nil, err
	}
	e.now = now.UTC().Truncate(time.Second)
	return e, nil
}

// put signs and puts a file, and says so.
func (f enrolFlags) put(ctx context.Context, p *program, e *enrolling, next *archive.Writers) error {
	mode, length, err := f.lock.read("")
	if err != nil {
		return err
	}
	bucket, err := e.store.Bucket(ctx)
	if err != nil {
		return err
	}
	var lock objectstore.Lock
	switch {
	case mode != objectstore.Unlocked && bucket.ObjectLock:
		lock = objectstore.Lock{Mode: mode, RetainUntil: length.Until(e.now)}
	case mode != objectstore.Unlocked:
		fmt.Fprintf(p.stderr, "heartwood: bucket %s has no Object Lock: what is written there can be deleted\n", e.store.Name())
	}
	key, err := enrolment.Put(ctx, e.store, e.layout, e.root, next, lock)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Written: s3://%s/%s", e.store.Name(), key)
	if lock.Mode != objectstore.Unlocked {
		fmt.Fprintf(p.stdout, ", locked until %s (%s)", lock.RetainUntil.Format(time.RFC3339), lock.Mode)
	}
	fmt.Fprintln(p.stdout)
	return nil
}

func runEnroll(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	common := newEnrolFlags(flags)
	writer := flags.String("writer", "", "the writer's public `key`, or the file it is in")
	from := flags.String("from", "", "the `time` from which the key counts")
	to := flags.String("to", "", "the `time` at which it ends")
	list := flags.Bool("list", false, "show who may write, and change nothing")
	output := flags.String("output", "text", "with --list: `form` of the list, text or json")
	rest, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) != 1:
		return usageError{fmt.Errorf("it takes one archive, s3://BUCKET/PREFIX, and has %d", len(rest))}
	case *output != "text" && *output != "json":
		return usageError{fmt.Errorf("--output is %q, want text or json", *output)}
	case *list && *writer != "":
		return usageError{errors.New("--list changes nothing: leave --writer out")}
	case *list:
		return listWriters(ctx, p, common, rest[0], *output)
	case *writer == "":
		return usageError{errors.New("--writer is missing")}
	}
	if _, _, err := common.lock.read(""); err != nil {
		return err
	}
	verifying, verifier, err := readKey("writer", *writer)
	if err != nil {
		return err
	}
	begin, err := readSecond("from", *from)
	if err != nil {
		return err
	}
	end, err := readSecond("to", *to)
	if err != nil {
		return err
	}
	e, err := common.open(ctx, p, rest[0])
	if err != nil {
		return err
	}
	defer e.store.Close()
	name, ok := strings.CutPrefix(verifier.Name(), archive.WriterOrigin(e.root.Origin(), ""))
	if !ok {
		return fmt.Errorf("--writer: the key is named %q, and this archive's writers are named %s", verifier.Name(), archive.WriterOrigin(e.root.Origin(), "NAME"))
	}
	if begin.IsZero() {
		begin = e.now
	}
	next, err := enrolment.AddKey(e.root.Origin(), e.last, e.sum, archive.WriterKey{Writer: name, VKey: verifying, From: begin, To: end})
	if err != nil {
		return err
	}
	return common.put(ctx, p, e, next)
}

func runRetire(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	common := newEnrolFlags(flags)
	writer := flags.String("writer", "", "the writer's `name`")
	at := flags.String("at", "", "the `time` at which it had been shut down; now, by S3's clock")
	rest, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) != 1:
		return usageError{fmt.Errorf("it takes one archive, s3://BUCKET/PREFIX, and has %d", len(rest))}
	case *writer == "":
		return usageError{errors.New("--writer is missing")}
	}
	if _, _, err := common.lock.read(""); err != nil {
		return err
	}
	when, err := readSecond("at", *at)
	if err != nil {
		return err
	}
	e, err := common.open(ctx, p, rest[0])
	if err != nil {
		return err
	}
	defer e.store.Close()
	if when.IsZero() {
		when = e.now
	}
	next, err := enrolment.Retire(e.last, e.sum, *writer, when)
	if err != nil {
		return err
	}
	return common.put(ctx, p, e, next)
}

// listedKey is a line of the list.
type listedKey struct {
	Writer  string     `json:"writer"`
	Key     string     `json:"key"`
	From    time.Time  `json:"from"`
	To      *time.Time `json:"to,omitempty"`
	Retired *time.Time `json:"retired,omitempty"`
}

func listWriters(ctx context.Context, p *program, f enrolFlags, address, output string) error {
	var root note.Verifier
	if *f.rootKey != "" {
		text, err := os.ReadFile(*f.rootKey)
		if err != nil {
			return err // names the file
		}
		if strings.HasPrefix(string(text), "PRIVATE+KEY+") {
			secret, err := enrolment.NewRoot(string(text))
			if err != nil {
				return fmt.Errorf("--root-key %s: %w", *f.rootKey, err)
			}
			root = secret.Verifier()
		} else if root, err = archive.NewVerifier(strings.TrimSpace(string(text))); err != nil {
			return fmt.Errorf("--root-key %s: %w", *f.rootKey, err)
		}
	}
	store, where, err := f.openBucket(ctx, address)
	if err != nil {
		return err
	}
	defer store.Close()
	last, _, err := enrolment.Latest(ctx, store, archive.Layout{Prefix: where.Prefix}, root)
	if err != nil {
		return err
	}
	keys := []listedKey{}
	if last != nil {
		for _, name := range last.Names() {
			for _, k := range last.KeysFor(name) {
				one := listedKey{Writer: name, Key: k.VKey, From: k.From}
				if !k.To.IsZero() {
					one.To = &k.To
				}
				if at, ok := last.Retired[name]; ok {
					one.Retired = &at
				}
				keys = append(keys, one)
			}
		}
	}
	if output == "json" {
		text, err := json.MarshalIndent(map[string]any{"keys": keys, "signature_checked": root != nil}, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "%s\n", text)
		return nil
	}
	if len(keys) == 0 {
		fmt.Fprintln(p.stdout, "No one may write: no writer is enrolled.")
		return nil
	}
	fmt.Fprintf(p.stdout, "%s, writers file %d\n", last.Origin, last.Number)
	for _, k := range keys {
		to := "-"
		if k.To != nil {
			to = k.To.Format(time.RFC3339)
		}
		fmt.Fprintf(p.stdout, "%s  from %s to %s  %s", k.Writer, k.From.Format(time.RFC3339), to, k.Key)
		if k.Retired != nil {
			fmt.Fprintf(p.stdout, "  retired %s", k.Retired.Format(time.RFC3339))
		}
		fmt.Fprintln(p.stdout)
	}
	if root == nil {
		fmt.Fprintln(p.stdout, "Signatures were not looked at: for that, give --root-key.")
	}
	return nil
}
