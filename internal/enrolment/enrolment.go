// Package enrolment keeps an archive's writers files: who may write, signed by the root
// key. docs/format/archive.md describes them; package archive reads and writes them.
package enrolment

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// maxFile is more than a writers file ever has: some 100,000 keys.
const maxFile = 16 << 20

// Root is the root key's private half.
type Root struct {
	signer   note.Signer
	verifier note.Verifier
}

// NewRoot reads a root key. Its errors don't say what is in it.
func NewRoot(text string) (*Root, error) {
	text = strings.TrimSpace(text)
	signer, err := archive.NewSigner(text)
	if err != nil {
		return nil, err
	}
	if _, ok := strings.CutSuffix(signer.Name(), archive.RootName("")); !ok {
		return nil, fmt.Errorf("the key's name is %q, and a root key's ends with %q: give the one that `heartwood keygen --root` made", signer.Name(), archive.RootName(""))
	}
	// PRIVATE+KEY+<name>+<hash>+<base64 of 0x01 and the seed>, which archive.NewSigner has
	// seen to.
	fields := strings.SplitN(text, "+", 5)
	key, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(key) != 1+ed25519.SeedSize {
		return nil, errors.New("the root key is damaged: is all of its line there?")
	}
	public, ok := ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("the root key has no public half")
	}
	verifying, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return nil, fmt.Errorf("make the root key's public half: %w", err)
	}
	verifier, err := archive.NewVerifier(verifying)
	if err != nil {
		return nil, err
	}
	return &Root{signer: signer, verifier: verifier}, nil
}

// Origin is the archive's that the key is for.
func (r *Root) Origin() string { return strings.TrimSuffix(r.signer.Name(), archive.RootName("")) }

// Verifier is its public half.
func (r *Root) Verifier() note.Verifier { return r.verifier }

// Latest reads all writers files, and gives the last with its SHA-256. Nil where there is
// none. Each must be signed by the root key and follow the one before; without a key,
// signatures are not looked at. Other versions and delete markers are an error: someone
// has been there.
func Latest(ctx context.Context, from objectstore.Reader, layout archive.Layout, root note.Verifier) (*archive.Writers, archive.Digest, error) {
	keys, err := files(ctx, from, layout.WritersPrefix())
	if err != nil {
		return nil, archive.Digest{}, fmt.Errorf("list the writers files: %w", err)
	}
	var last *archive.Writers
	var sum archive.Digest
	for i, file := range keys {
		if number, err := layout.ParseWriters(file.Key); err != nil || number != int64(i) {
			return nil, sum, fmt.Errorf("%q stands where writers file %d is expected: run `heartwood verify`", file.Key, i)
		}
		data, err := get(ctx, from, file)
		if err != nil {
			return nil, sum, err
		}
		var w *archive.Writers
		if root == nil {
			w, err = archive.ParseWritersUnverified(data)
		} else {
			w, err = archive.ParseWriters(data, root)
		}
		if err != nil {
			return nil, sum, fmt.Errorf("%q: %w", file.Key, err)
		}
		if w.Number != int64(i) {
			return nil, sum, fmt.Errorf("%q says that it is number %d: run `heartwood verify`", file.Key, w.Number)
		}
		if last != nil {
			if err := w.CheckFollows(last, sum); err != nil {
				return nil, sum, fmt.Errorf("%q: %w", file.Key, err)
			}
		}
		last, sum = w, archive.Digest(sha256.Sum256(data))
	}
	return last, sum, nil
}

// files are the writers files, each of which has one version.
func files(ctx context.Context, from objectstore.Reader, prefix string) ([]objectstore.Info, error) {
	var all []objectstore.Info
	for info, err := range from.Versions(ctx, prefix) {
		switch {
		case errors.Is(err, objectstore.ErrUnsupported):
			for info, err := range from.List(ctx, prefix, "") {
				if err != nil {
					return nil, err
				}
				all = append(all, info)
			}
			return all, nil
		case err != nil:
			return nil, err
		case info.DeleteMarker:
			return nil, fmt.Errorf("%q has been deleted: a delete marker is on it (version %s); run `heartwood verify`, and remove the marker", info.Key, info.VersionID)
		case len(all) > 0 && all[len(all)-1].Key == info.Key:
			return nil, fmt.Errorf("%q has several versions, of which %s is the newest; run `heartwood verify`", info.Key, all[len(all)-1].VersionID)
		}
		all = append(all, info)
	}
	return all, nil
}

func get(ctx context.Context, from objectstore.Reader, file objectstore.Info) ([]byte, error) {
	body, _, err := from.Get(ctx, file.Key, file.VersionID, 0, -1)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(body, maxFile+1))
	if err = errors.Join(err, body.Close()); err != nil {
		return nil, fmt.Errorf("read %q: %w", file.Key, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%q is larger than a writers file can be, which is %d bytes", file.Key, maxFile)
	}
	return data, nil
}

// ErrEnrolled says that the key is enrolled already.
var ErrEnrolled = errors.New("this key is enrolled already")

// AddKey makes the file that has one key more. A key of the same writer which has no end,
// or a later one, ends where the new one begins. last is nil when there is no file yet.
func AddKey(origin string, last *archive.Writers, sum archive.Digest, key archive.WriterKey) (*archive.Writers, error) {
	next := following(origin, last, sum)
	if at, retired := next.Retired[key.Writer]; retired {
		return nil, fmt.Errorf("writer %s was retired at %s, and what comes behind that would look as if it had been forged: choose another name", key.Writer, at.Format(time.RFC3339))
	}
	for i := range next.Keys {
		k := &next.Keys[i]
		switch {
		case k.VKey == key.VKey:
			return nil, fmt.Errorf("writer %s: %w, from %s", k.Writer, ErrEnrolled, k.From.Format(time.RFC3339))
		case k.Writer != key.Writer || !k.To.IsZero():
		case !k.From.Before(key.From):
			return nil, fmt.Errorf("writer %s has a key from %s on; the new one must begin later than that, and not at %s", k.Writer, k.From.Format(time.RFC3339), key.From.Format(time.RFC3339))
		default:
			k.To = key.From
		}
	}
	next.Keys = append(next.Keys, key)
	return next, next.Validate()
}

// Retire makes the file in which a writer is retired; its open key ends then.
func Retire(last *archive.Writers, sum archive.Digest, writer string, at time.Time) (*archive.Writers, error) {
	if last == nil || len(last.KeysFor(writer)) == 0 {
		var names []string
		if last != nil {
			names = last.Names()
		}
		return nil, fmt.Errorf("there is no writer %q; there are: %s", writer, cmp.Or(strings.Join(names, ", "), "none"))
	}
	if before, ok := last.Retired[writer]; ok {
		return nil, fmt.Errorf("writer %s is retired already, at %s", writer, before.Format(time.RFC3339))
	}
	next := following(last.Origin, last, sum)
	for i := range next.Keys {
		k := &next.Keys[i]
		switch {
		case k.Writer != writer:
		case k.To.IsZero() && !k.From.Before(at):
			return nil, fmt.Errorf("writer %s has a key from %s on, which is not before %s", writer, k.From.Format(time.RFC3339), at.Format(time.RFC3339))
		case k.To.IsZero():
			k.To = at
		}
	}
	next.Retired[writer] = at
	return next, next.Validate()
}

func following(origin string, last *archive.Writers, sum archive.Digest) *archive.Writers {
	next := &archive.Writers{Origin: origin, Retired: map[string]time.Time{}}
	if last != nil {
		next.Number, next.Previous, next.Keys = last.Number+1, sum, slices.Clone(last.Keys)
		maps.Copy(next.Retired, last.Retired)
	}
	return next
}

// Put signs a file and puts it. ErrExists says that someone else has put one meanwhile.
func Put(ctx context.Context, to objectstore.Store, layout archive.Layout, root *Root, w *archive.Writers, lock objectstore.Lock) (key string, err error) {
	data, err := w.Sign(root.signer)
	if err != nil {
		return "", err
	}
	key = layout.Writers(w.Number)
	_, err = to.Put(ctx, objectstore.Object{
		Key: key, Body: bytes.NewReader(data), Size: int64(len(data)), SHA256: sha256.Sum256(data), Lock: lock,
		ContentType: "text/plain; charset=utf-8",
	})
	if errors.Is(err, objectstore.ErrExists) {
		return "", fmt.Errorf("someone else has changed who may write at the same time; look at `heartwood enroll --list`, and try again: %w", err)
	}
	return key, err
}
