package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/archiveaudit"
)

var proveCommand = command{
	name:    "prove",
	summary: "prove that single lines are in an archive",
	usage: `ARCHIVE --request-id ID | --trace-id ID | --object KEY --line N [flags]

Writes each line to a file, and beside it a proof that it is in its writer's log: a
.tlog-proof, which anybody checks without the archive by 'heartwood check-proof' and the
writer's public key, which the archive's writers file names.`,
	run: runProve,
}

func runProve(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	return unchecked(p, flags.Name(), prove(ctx, p, flags, args))
}

func prove(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	where := newPlaceFlags(flags)
	reader := newReaderFlags(flags)
	times := newTimeFlags(flags, "records")
	request := flags.String("request-id", "", "the lines of this `request`")
	trace := flags.String("trace-id", "", "the lines of this `trace`")
	object := flags.String("object", "", "a line of the object with this `key`")
	line := flags.Int64("line", 1, "its `number` in the object, from 1")
	out := flags.String("out", ".", "the `directory` for lines and proofs")
	against := flags.String("checkpoint", "first", "`first` or latest: the checkpoint that has the line first, or the writer's last one")
	arguments, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(arguments) != 1 {
		return usageError{errors.New("name one archive: s3://bucket/prefix, or a folder")}
	}
	if *against != "first" && *against != "latest" {
		return usageError{fmt.Errorf("--checkpoint is %q, want first or latest", *against)}
	}
	q := archiveaudit.Query{Notes: noted(p, flags.Name())}
	if q.Root, err = reader.root(); err != nil {
		return err
	}
	if q.From, q.To, err = times.read(); err != nil {
		return err
	}
	if q.ID, err = readID(*request, *trace); err != nil {
		return err
	}
	if (q.ID == "") == (*object == "") {
		return usageError{errors.New("name the lines by one of --request-id, --trace-id, and --object with --line")}
	}
	at, err := where.open(ctx, arguments[0])
	if err != nil {
		return err
	}
	defer at.close()
	q.Prefix = at.prefix
	lines := map[string][]int64{*object: {*line}}
	order := []string{*object}
	if q.ID != "" {
		lines, order = map[string][]int64{}, nil
		if _, err := archiveaudit.Search(ctx, at, q, func(h archiveaudit.Hit) error {
			if lines[h.Object] == nil {
				order = append(order, h.Object)
			}
			lines[h.Object] = append(lines[h.Object], h.Line)
			return nil
		}); err != nil {
			return err
		}
		if len(order) == 0 {
			return fmt.Errorf("no line of %s was found", q.ID)
		}
	}
	if err := os.MkdirAll(*out, 0o750); err != nil {
		return fmt.Errorf("make the directory for the proofs: %w", err)
	}
	prover := &archiveaudit.Prover{Reader: at, Prefix: at.prefix, Latest: *against == "latest", Root: q.Root, Notes: q.Notes}
	for _, key := range order {
		proved, err := prover.Prove(ctx, key, lines[key]...)
		if err != nil {
			return err
		}
		for _, x := range proved {
			base := filepath.Join(*out, fmt.Sprintf("%s-%d", x.Writer, x.Leaf))
			if err := errors.Join(os.WriteFile(base+".line", x.Data, 0o600), os.WriteFile(base+".tlog-proof", x.Proof, 0o600)); err != nil {
				return fmt.Errorf("write the proof: %w", err)
			}
			fmt.Fprintf(p.stdout, "%s.tlog-proof: line %d of %s is leaf %d of the log of %s at checkpoint %d, of %s\n",
				base, x.Line, x.Object, x.Leaf, x.Writer, x.Checkpoint, x.Manifest.To.Format("2006-01-02 15:04:05Z"))
		}
	}
	return nil
}

// readID reads which of both ids is looked for.
func readID(request, trace string) (string, error) {
	switch {
	case request != "" && trace != "":
		return "", usageError{errors.New("give --request-id or --trace-id, not both")}
	case trace == "":
		return request, nil
	}
	trace = strings.ToLower(trace)
	if len(trace) != 32 || strings.Trim(trace, "0123456789abcdef") != "" {
		return "", usageError{fmt.Errorf("--trace-id is %q, want 32 hex digits", trace)}
	}
	return trace, nil
}

var checkProofCommand = command{
	name:    "check-proof",
	summary: "check a proof that a line is in an archive, without the archive",
	usage: `PROOF --line FILE --key KEY [flags]

Checks a .tlog-proof: that the line in FILE is in the log whose checkpoint KEY has signed.
KEY is the writer's public key, or a file of it. A line feed at the end of FILE is not the
line's. It needs no network.

It ends with status 0 when the proof is good, 1 when it is not, and 2 when it could not be
checked.`,
	run: func(_ context.Context, p *program, flags *flag.FlagSet, args []string) error {
		return unchecked(p, flags.Name(), checkProof(p, flags, args))
	},
}

// maxProofFile is the size of the largest proof, or line, that is read, in bytes.
const maxProofFile = 1 << 30

func checkProof(p *program, flags *flag.FlagSet, args []string) error {
	line := flags.String("line", "", "a `file` with the line; - is standard input")
	var keys repeated
	flags.Var(&keys, "key", "the writer's public `key`, or a file of it; may be given again")
	arguments, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(arguments) != 1 || *line == "" || len(keys) == 0 {
		return usageError{errors.New("name one proof, and give --line and --key")}
	}
	var verifiers []note.Verifier
	for _, text := range keys {
		_, key, err := readKey("key", text)
		if err != nil {
			return err
		}
		verifiers = append(verifiers, key)
	}
	data, err := os.ReadFile(arguments[0]) //nolint:gosec // the user names it
	if err != nil {
		return fmt.Errorf("read the proof: %w", err)
	}
	var text []byte
	if *line == "-" {
		text, err = io.ReadAll(io.LimitReader(p.stdin, maxProofFile))
	} else {
		text, err = os.ReadFile(*line)
	}
	if err != nil {
		return fmt.Errorf("read the line: %w", err)
	}
	proof, err := archive.ParseProof(data)
	if err != nil {
		fmt.Fprintf(p.stdout, "NOT PROVED: %s is no proof: %v\n", arguments[0], err)
		return exitStatus(exitTampered)
	}
	known := note.VerifierList(verifiers...)
	checkpoint, err := proof.Check(archive.LeafHash(text), known)
	if err != nil && bytes.HasSuffix(text, []byte("\n")) {
		if without, again := proof.Check(archive.LeafHash(text[:len(text)-1]), known); again == nil {
			checkpoint, err = without, nil
		}
	}
	if err != nil {
		fmt.Fprintf(p.stdout, "NOT PROVED: %v\n", err)
		return exitStatus(exitTampered)
	}
	signer := slices.IndexFunc(verifiers, func(v note.Verifier) bool { return v.KeyHash() == checkpoint.KeyHash })
	fmt.Fprintf(p.stdout, "PROVED: the line is leaf %d of the log %s, when it had %d leaves; signed by %s+%08x\n",
		proof.Index, checkpoint.Origin, checkpoint.Size, verifiers[max(signer, 0)].Name(), checkpoint.KeyHash)
	return nil
}
