package worms3exporter

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
)

// A key has less than 300 bytes: its name, a hash, and 33 bytes in base64.
const maxKeyFile = 4 << 10

// loadKey reads the writer's private key. openToOthers says that its file may be read by
// others than its owner. Errors don't say what is in it.
func (c *Config) loadKey() (key string, openToOthers bool, err error) {
	if c.SigningKeyFile == "" {
		key = strings.TrimSpace(string(c.SigningKey))
		if _, err := c.parseKey(key); err != nil {
			return "", false, fmt.Errorf("signing_key: %w", err)
		}
		return key, false, nil
	}
	fail := func(err error) (string, bool, error) {
		return "", false, fmt.Errorf("signing_key_file is %q; name the file that heartwood keygen --writer %s has written, and let the collector read it: %w",
			c.SigningKeyFile, archive.WriterOrigin(c.Origin, c.Writer), err)
	}
	text, openToOthers, err := readKeyFile(c.SigningKeyFile)
	if err != nil {
		return fail(err)
	}
	key = strings.TrimSpace(string(text))
	if _, err := c.parseKey(key); err != nil {
		return fail(err)
	}
	return key, openToOthers, nil
}

func readKeyFile(name string) (text []byte, openToOthers bool, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, false, err
	}
	info, err := file.Stat()
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, false, err
	}
	if len(text) > maxKeyFile {
		return nil, false, fmt.Errorf("it has more than %d bytes, which no key has", maxKeyFile)
	}
	return text, info.Mode().Perm()&0o077 != 0, nil
}

// parseKey reads a private key, which must be this writer's.
func (c *Config) parseKey(text string) (note.Signer, error) {
	signer, err := archive.NewSigner(text)
	if err != nil {
		return nil, fmt.Errorf("it is no private key of a writer: %w", err)
	}
	if want := archive.WriterOrigin(c.Origin, c.Writer); signer.Name() != want {
		return nil, fmt.Errorf("it is the key of %q, and origin and writer make %q; take that one's key, or correct origin or writer", signer.Name(), want)
	}
	return signer, nil
}

// loadKeys gives the pair.
func (c *core) loadKeys() (note.Signer, note.Verifier, error) {
	text, openToOthers, err := c.cfg.loadKey()
	if err != nil {
		return nil, nil, err
	}
	if openToOthers {
		c.logger().Warn("The signing key may be read by others than the collector: set its mode to 0600", zap.String("file", c.cfg.SigningKeyFile))
	}
	signer, err := c.cfg.parseKey(text)
	if err != nil {
		return nil, nil, err
	}
	verifier, err := verifierOf(text)
	if err != nil {
		return nil, nil, err
	}
	return signer, verifier, nil
}

// loadRoot gives the public half of the archive's root key; nil where none is configured.
func (c *Config) loadRoot() (note.Verifier, error) {
	if c.RootKeyFile == "" {
		return nil, nil
	}
	fail := func(err error) (note.Verifier, error) {
		return nil, fmt.Errorf("root_key_file is %q; name the file root.pub that heartwood keygen --root %s has written, and let the collector read it: %w",
			c.RootKeyFile, c.Origin, err)
	}
	text, _, err := readKeyFile(c.RootKeyFile)
	if err != nil {
		return fail(err)
	}
	root, err := archive.NewVerifier(string(text))
	if err != nil {
		return fail(err)
	}
	if want := archive.RootName(c.Origin); root.Name() != want {
		return fail(fmt.Errorf("it is the key of %q, and that of this archive is %q", root.Name(), want))
	}
	return root, nil
}

var errNoPublicHalf = errors.New("its public half can't be told: it is no Ed25519 key")

// verifierOf gives the public half of a private key, which is its seed behind one byte:
// https://pkg.go.dev/golang.org/x/mod/sumdb/note#GenerateKey
func verifierOf(text string) (note.Verifier, error) {
	parts := strings.SplitN(text, "+", 5) // PRIVATE, KEY, name, hash, base64
	if len(parts) != 5 {
		return nil, errNoPublicHalf
	}
	key, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(key) != 1+ed25519.SeedSize {
		return nil, errNoPublicHalf
	}
	public := ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey)
	encoded, err := note.NewEd25519VerifierKey(parts[2], public)
	if err != nil {
		return nil, errNoPublicHalf
	}
	return archive.NewVerifier(encoded)
}
