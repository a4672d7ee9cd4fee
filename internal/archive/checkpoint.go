package archive

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// Checkpoint is a signed tree head (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string // <archive's origin>/<writer>
	Size   int64
	Root   Hash
	// KeyHash is that of the key that signed it.
	KeyHash uint32
	// Raw is all of it.
	Raw []byte
}

// MaxCheckpoint is the size of the largest checkpoint in bytes.
const MaxCheckpoint = 2048

// maxOrigin is the longest name of a key in bytes: with it checkpoints are shorter than
// MaxCheckpoint.
const maxOrigin = 512

// SignCheckpoint makes a checkpoint. The signer's name is the origin.
func SignCheckpoint(origin string, size int64, root Hash, signer note.Signer) ([]byte, error) {
	if err := checkKeyName(origin); err != nil {
		return nil, fmt.Errorf("origin: %w", err)
	}
	if size < 1 {
		return nil, fmt.Errorf("a checkpoint of %d leaves", size)
	}
	if signer.Name() != origin {
		return nil, fmt.Errorf("the key of %q can't sign checkpoints of %q: its name has to be the log's", signer.Name(), origin)
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
	data, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		return nil, fmt.Errorf("signing the checkpoint of %d leaves: %w", size, err)
	}
	if len(data) >= MaxCheckpoint {
		return nil, fmt.Errorf("the checkpoint of %d leaves has %d bytes, not less than %d", size, len(data), MaxCheckpoint)
	}
	return data, nil
}

// OpenCheckpoint reads a checkpoint that one of the verifiers' keys has signed, under the
// name of its origin.
func OpenCheckpoint(data []byte, known note.Verifiers) (Checkpoint, error) {
	c, err := ParseCheckpoint(data)
	if err != nil {
		return Checkpoint{}, err
	}
	if _, err := note.Open(data, known); err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint of %d leaves of %s: %w", c.Size, c.Origin, explain(err))
	}
	return c, nil
}

// explain says what x/mod's errors mean here.
func explain(err error) error {
	if _, unverified := errors.AsType[*note.UnverifiedNoteError](err); unverified {
		return fmt.Errorf("no key that is known has signed it: %w", err)
	}
	return err
}

// ParseCheckpoint reads a checkpoint without looking at its signature.
func ParseCheckpoint(data []byte) (Checkpoint, error) {
	c, err := parseCheckpoint(data)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("no checkpoint: %w", err)
	}
	return c, nil
}

func parseCheckpoint(data []byte) (c Checkpoint, err error) {
	if len(data) >= MaxCheckpoint {
		return c, fmt.Errorf("it has %d bytes, not less than %d", len(data), MaxCheckpoint)
	}
	text, name, hash, err := splitNote(data)
	if err != nil {
		return c, err
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != 3 {
		return c, fmt.Errorf("it has %d lines, not origin, size and root", len(lines))
	}
	c = Checkpoint{Origin: lines[0], KeyHash: hash, Raw: bytes.Clone(data)}
	if err := checkKeyName(c.Origin); err != nil {
		return c, fmt.Errorf("origin: %w", err)
	}
	if name != c.Origin {
		return c, fmt.Errorf("%q has signed it, not %q", name, c.Origin)
	}
	if c.Size, err = parseDecimal(lines[1]); err != nil || c.Size < 1 {
		return c, fmt.Errorf("%q is no size of a tree with leaves", lines[1])
	}
	if c.Root, err = parseHash(lines[2]); err != nil {
		return c, fmt.Errorf("root: %w", err)
	}
	return c, nil
}

// splitNote takes a note (C2SP signed-note) with one signature apart, without looking at
// it. It has the only form in which such a note can be written: base64 that decodes to the
// same bytes is refused.
func splitNote(data []byte) (text, name string, hash uint32, err error) {
	at := bytes.LastIndex(data, []byte("\n\n"))
	if at < 0 {
		return "", "", 0, errors.New("no signature behind an empty line")
	}
	text = string(data[:at+1])
	if !utf8.ValidString(text) {
		return "", "", 0, errors.New("not UTF-8")
	}
	line, ok := strings.CutPrefix(string(data[at+2:]), "— ")
	line, ends := strings.CutSuffix(line, "\n")
	name, encoded, two := strings.Cut(line, " ")
	if !ok || !ends || !two || strings.Contains(line, "\n") {
		return "", "", 0, errors.New("not one signature behind an empty line")
	}
	if err := checkKeyName(name); err != nil {
		return "", "", 0, fmt.Errorf("signature: %w", err)
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(signature) < 5 || base64.StdEncoding.EncodeToString(signature) != encoded {
		return "", "", 0, errors.New("signature: no base64")
	}
	return text, name, binary.BigEndian.Uint32(signature), nil
}

// parseDecimal reads a number that is not negative, without zeros before it.
func parseDecimal(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, fmt.Errorf("no number: %q", text)
	}
	return n, nil
}

// parseHash reads a hash in base64.
func parseHash(text string) (h Hash, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != HashSize || base64.StdEncoding.EncodeToString(b) != text {
		return h, fmt.Errorf("no hash of %d bytes in base64: %q", HashSize, text)
	}
	return Hash(b), nil
}

// GenerateKey makes an Ed25519 key pair: what signs, which is secret, and what verifies.
func GenerateKey(name string) (signer, verifier string, err error) {
	if err := checkKeyName(name); err != nil {
		return "", "", err
	}
	return note.GenerateKey(rand.Reader, name)
}

// NewSigner reads a signing key: PRIVATE+KEY+<name>+<hash>+<base64>. Its errors don't say
// what is in it.
func NewSigner(text string) (note.Signer, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil, errors.New("the signing key is empty")
	case !strings.HasPrefix(text, "PRIVATE+KEY+"):
		if _, err := note.NewVerifier(text); err == nil {
			return nil, errors.New("this is the public half of a key: give the one that begins with PRIVATE+KEY+")
		}
		return nil, errors.New("this is no signing key: one begins with PRIVATE+KEY+")
	}
	s, err := note.NewSigner(text)
	if err != nil {
		return nil, errors.New("the signing key is damaged: is all of its line there?")
	}
	if err := checkKeyName(s.Name()); err != nil {
		return nil, err
	}
	return s, nil
}

// NewVerifier reads a verifying key: <name>+<hash>+<base64>.
func NewVerifier(text string) (note.Verifier, error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "PRIVATE+KEY+") {
		return nil, errors.New("this is the secret half of a key, which stays where it is: give the public one")
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, fmt.Errorf("no verifying key, which is <name>+<hash>+<base64>: %q", text)
	}
	if err := checkKeyName(v.Name()); err != nil {
		return nil, err
	}
	return v, nil
}

// CheckOrigin says what is wrong with an archive's origin.
func CheckOrigin(origin string) error {
	if err := checkKeyName(origin); err != nil {
		return err
	}
	if n := len(origin) + 1 + maxWriter; n > maxOrigin {
		return fmt.Errorf("the origin has %d bytes: %d are the most", len(origin), maxOrigin-1-maxWriter)
	}
	return nil
}

// checkKeyName says what is wrong with a key's name, or a log's.
func checkKeyName(name string) error {
	switch {
	case name == "":
		return errors.New("a name of a key or log that is empty")
	case len(name) > maxOrigin:
		return fmt.Errorf("a name of a key or log of %d bytes: %d are the most", len(name), maxOrigin)
	case !utf8.ValidString(name) || strings.Contains(name, "+") || strings.ContainsFunc(name, unfit):
		return fmt.Errorf("%q is no name of a key or log: it has no spaces, control characters or +", name)
	}
	return nil
}

func unfit(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }

// WriterOrigin is the name of a writer's log and of its keys.
func WriterOrigin(origin, writer string) string { return origin + "/" + writer }

// RootName is the name of an archive's root key. No writer is called root, so that a
// writer's key is not taken for it.
func RootName(origin string) string { return origin + "/" + rootKey }

const rootKey = "root"
