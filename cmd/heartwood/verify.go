package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"golang.org/x/term"

	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
)

var verifyCommand = command{
	name:    "verify",
	summary: "check that nothing in an archive was changed, taken out, put in or cut off",
	usage: `ARCHIVE --root-key FILE [flags]

Checks all of an archive, or what was written in a time, with nothing but the public half
of its root key: every line, signature, checkpoint, hash, count, version, lock and date.
ARCHIVE is s3://bucket/prefix, or a folder that was downloaded from it. A folder has its
content and nothing else: --integrity-only says that this is what is asked for.

  heartwood verify s3://example-archive --root-key root.pub
  heartwood verify s3://example-archive --root-key root.pub --from 2026-01-01 --to 2026-02-01
  heartwood verify s3://example-archive --root-key root.pub --checkpoints /mnt/elsewhere/checkpoints

It ends with status 0 when all is good, 1 when something was tampered with, and 2 when
something could not be checked.`,
	run: runVerify,
}

func runVerify(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	return unchecked(p, flags.Name(), verify(ctx, p, flags, args))
}

// repeated is a flag that may be given several times.
type repeated []string

func (r *repeated) String() string { return strings.Join(*r, ",") }

// Set adds a value.
func (r *repeated) Set(value string) error {
	*r = append(*r, value)
	return nil
}

func verify(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	where := newPlaceFlags(flags)
	times := newTimeFlags(flags, "what was written")
	rootKey := flags.String("root-key", "", "the public root key: a `file`, or the key itself")
	var copies repeated
	flags.Var(&copies, "checkpoints", "checkpoints that were kept in a second place: a `file`, a folder, or s3://bucket/prefix; may be given again")
	integrity := flags.Bool("integrity-only", false, "check the content alone: no locks, versions and dates")
	output := flags.String("output", "text", "`text` or json")
	parallel := flags.Int("parallel", 0, "how many objects are read at a time; 0 is one for each core")
	arguments, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(arguments) != 1 {
		return usageError{errors.New("name one archive: s3://bucket/prefix, or a folder")}
	}
	if *output != "text" && *output != "json" {
		return usageError{fmt.Errorf("--output is %q, want text or json", *output)}
	}
	if *parallel < 0 {
		return usageError{fmt.Errorf("--parallel is %d, want 0 or more", *parallel)}
	}
	set := archiveaudit.Settings{IntegrityOnly: *integrity, Parallel: *parallel}
	if _, set.Root, err = readKey("root-key", *rootKey); err != nil {
		return err
	}
	if set.From, set.To, err = times.read(); err != nil {
		return err
	}
	for _, from := range copies {
		more, err := readCopies(ctx, where, from)
		if err != nil {
			return err
		}
		set.Copies = append(set.Copies, more...)
	}
	at, err := where.open(ctx, arguments[0])
	if err != nil {
		return err
	}
	defer at.close()
	// One answer sets the server's clock.
	_, _ = at.Bucket(ctx) // Verify asks again, and says what is wrong
	set.Prefix, set.Now = at.prefix, at.now()
	bar := newBar(p)
	set.Progress = bar.progress
	started := time.Now()
	report, err := archiveaudit.Verify(ctx, at, set)
	bar.done()
	if err != nil {
		return err
	}
	if *output == "json" {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		_, err = p.stdout.Write(report.AppendText(nil, time.Since(started)))
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	switch report.Verdict {
	case archiveaudit.Bad:
		return exitStatus(exitTampered)
	case archiveaudit.CouldNotCheck:
		return exitStatus(exitUnchecked)
	case archiveaudit.Good:
	}
	return nil
}

// maxCopies is how much of a place with copies of checkpoints is read, in bytes.
const maxCopies = 1 << 30

// readCopies reads checkpoints out of a file, a folder or a bucket.
func readCopies(ctx context.Context, where placeFlags, from string) ([]archiveaudit.Copy, error) {
	if !strings.Contains(from, "://") {
		info, err := os.Stat(from)
		if err != nil {
			return nil, fmt.Errorf("read the checkpoints: %w", err)
		}
		if !info.IsDir() {
			data, err := os.ReadFile(from)
			if err != nil {
				return nil, fmt.Errorf("read the checkpoints: %w", err)
			}
			return splitCopies(from, data), nil
		}
	}
	at, err := where.open(ctx, from)
	if err != nil {
		return nil, err
	}
	defer at.close()
	var copies []archiveaudit.Copy
	read := int64(0)
	for info, err := range at.List(ctx, at.prefix, "") {
		if err != nil {
			return nil, fmt.Errorf("list the checkpoints in %s: %w", from, err)
		}
		if read += info.Size; read > maxCopies {
			return nil, fmt.Errorf("%s has more than %d bytes: name the folder of the checkpoints", from, maxCopies)
		}
		// Where a whole log is kept, its checkpoints are meant.
		if strings.Contains(info.Key, "_log/") && !strings.Contains(info.Key, "/checkpoint/") {
			continue
		}
		body, _, err := at.Get(ctx, info.Key, "", 0, -1)
		if err != nil {
			return nil, fmt.Errorf("read the checkpoint %s: %w", info.Key, err)
		}
		data, err := io.ReadAll(io.LimitReader(body, maxCopies))
		if err := errors.Join(err, body.Close()); err != nil {
			return nil, fmt.Errorf("read the checkpoint %s: %w", info.Key, err)
		}
		copies = append(copies, splitCopies(info.Key, data)...)
	}
	return copies, nil
}

// splitCopies takes a file of checkpoints apart: notes as they are, or OTLP in JSON lines.
func splitCopies(source string, data []byte) []archiveaudit.Copy {
	if bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return recordedCopies(source, data)
	}
	return splitNotes(source, data)
}

// checkpointEvent is the event name of a log record that has a checkpoint.
const checkpointEvent = "heartwood.checkpoint"

// recordedCopies takes checkpoints out of log records, a request in JSON on each line, as the
// file exporter writes them. Records of other events are passed over, and so is a last line
// that a crash cut off. Any other line that can't be read is given as it is: it is no
// checkpoint, and the report says so.
func recordedCopies(source string, data []byte) []archiveaudit.Copy {
	var copies []archiveaudit.Copy
	var decoder plog.JSONUnmarshaler
	line := 0
	for text := range bytes.Lines(data) {
		line++
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		at := fmt.Sprintf("%s, line %d", source, line)
		logs, err := decoder.UnmarshalLogs(text)
		if err != nil {
			if bytes.HasSuffix(text, []byte("\n")) {
				copies = append(copies, archiveaudit.Copy{Source: at, Data: text})
			}
			continue
		}
		for _, rl := range logs.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, r := range sl.LogRecords().All() {
					if r.EventName() == checkpointEvent {
						copies = append(copies, archiveaudit.Copy{Source: at, Data: []byte(r.Body().AsString())})
					}
				}
			}
		}
	}
	return copies
}

// splitNotes takes a file of checkpoints apart, which follow one another. One is three
// lines, an empty one, and lines that begin with a dash. What a crash of the exporter left
// of the one that it was writing is no checkpoint, and is left out: the next that it writes
// takes its place.
func splitNotes(source string, data []byte) []archiveaudit.Copy {
	var copies []archiveaudit.Copy
	var one []byte
	signed := false
	line := 0
	begun := 1
	flush := func() {
		if len(bytes.TrimSpace(one)) > 0 {
			copies = append(copies, archiveaudit.Copy{Source: fmt.Sprintf("%s, line %d", source, begun), Data: one})
		}
		one, signed = nil, false
	}
	for text := range bytes.Lines(data) {
		line++
		isSignature := bytes.HasPrefix(text, []byte("— "))
		if signed && !isSignature {
			flush()
		}
		if len(one) == 0 {
			if len(bytes.TrimSpace(text)) == 0 {
				continue
			}
			begun = line
		}
		one = append(one, text...)
		signed = signed || isSignature
	}
	if whole := signed && bytes.HasSuffix(one, []byte("\n")); whole || len(copies) == 0 {
		flush()
	}
	return copies
}

// bar shows on a terminal how far it is.
type bar struct {
	out    io.Writer
	shown  bool
	mu     sync.Mutex
	next   time.Time
	begun  time.Time
	before string // the writer of the last line
}

func newBar(p *program) *bar {
	b := &bar{out: p.stderr, begun: time.Now()}
	file, ok := p.stderr.(*os.File)
	b.shown = ok && term.IsTerminal(int(file.Fd())) && p.getenv("TERM") != "dumb"
	return b
}

const barInterval = 200 * time.Millisecond

func (b *bar) progress(s archiveaudit.Progress) {
	if !b.shown {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if now.Before(b.next) {
		return
	}
	b.next = now.Add(barInterval)
	const width = 30
	full := int(s.Done * width)
	rate := float64(s.Bytes) / max(now.Sub(b.begun).Seconds(), 0.001)
	fmt.Fprintf(b.out, "\r\x1b[K%s [%s%s] %3.0f %%  %d objects, %s (%s/s)", s.Writer,
		strings.Repeat("#", full), strings.Repeat(".", width-full), 100*s.Done, s.Objects, archiveaudit.Size(s.Bytes), archiveaudit.Size(int64(rate)))
}

func (b *bar) done() {
	if b.shown {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
