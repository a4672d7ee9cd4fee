package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/heartwood-otel/heartwood/internal/archive"
)

var keygenCommand = command{
	name:    "keygen",
	summary: "make a key for an archive, or for one of its writers",
	usage: `--root ORIGIN [--out DIR]
       heartwood keygen --writer ORIGIN/NAME [--out DIR]

Makes a pair of Ed25519 keys as two files, of which the one ending with .key is secret
and the other is for everyone. ORIGIN is the archive's name, such as example.com/logs.

--root makes root.key and root.pub. Who has root.key says who may write: keep it away from
every machine that a collector runs on, and use it only to enroll and to retire.
--writer makes NAME.key, for signing_key_file of the exporter whose writer is NAME, and
NAME.pub, which 'heartwood enroll' enters into the archive.

Files that are there are not overwritten.`,
	run: runKeygen,
}

func runKeygen(_ context.Context, p *program, flags *flag.FlagSet, args []string) error {
	root := flags.String("root", "", "make the root key of the archive named `origin`")
	writer := flags.String("writer", "", "make the key of a writer, named `origin/name`")
	out := flags.String("out", ".", "the `folder` that the files are made in")
	rest, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usageError{fmt.Errorf("unexpected argument %q", rest[0])}
	case (*root == "") == (*writer == ""):
		return usageError{errors.New("say --root ORIGIN or --writer ORIGIN/NAME")}
	}
	name, file := archive.RootName(*root), "root"
	if *writer != "" {
		origin, short, err := splitWriter(*writer)
		if err != nil {
			return usageError{fmt.Errorf("--writer: %w", err)}
		}
		name, file = archive.WriterOrigin(origin, short), short
	} else if err := archive.CheckOrigin(*root); err != nil {
		return usageError{fmt.Errorf("--root: %w", err)}
	}
	signer, verifier, err := archive.GenerateKey(name)
	if err != nil {
		return fmt.Errorf("make a key named %s: %w", name, err)
	}
	secret, public := filepath.Join(*out, file+".key"), filepath.Join(*out, file+".pub")
	if _, err := os.Lstat(public); err == nil {
		return fmt.Errorf("%s is there already: move it away, or choose another folder with --out", public)
	}
	if err := writeKey(secret, signer); err != nil {
		return err
	}
	if err := writeKey(public, verifier); err != nil {
		return errors.Join(err, os.Remove(secret))
	}
	fmt.Fprintf(p.stdout, "%s  secret: keep it\n%s  %s\n", secret, public, verifier)
	return nil
}

// splitWriter takes origin/name apart.
func splitWriter(text string) (origin, name string, err error) {
	i := strings.LastIndexByte(text, '/')
	if i < 0 {
		return "", "", fmt.Errorf("%q has no origin: write ORIGIN/NAME, such as example.com/logs/gateway-1", text)
	}
	origin, name = text[:i], text[i+1:]
	return origin, name, errors.Join(archive.CheckOrigin(origin), archive.CheckWriter(name))
}

// writeKey makes a file that only its owner can read, where there is none.
func writeKey(path, key string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already: move it away, or choose another folder with --out", path)
	}
	if err != nil {
		return err // names the file
	}
	_, err = file.WriteString(key + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(path))
	}
	return nil
}
