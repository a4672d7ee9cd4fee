package eventfoldprocessor

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/heartwood-otel/heartwood/internal/recordwire"
)

// fingerprinter makes what a record is known by when it comes again: of all that it says,
// its uid among it, but for when it was observed. What is dropped for a repeat must be
// equal to what is there, or a sender could keep another's record out by sending one of
// its uid first. So both of its hashes are hard to meet even for who tries. It is for one
// goroutine at a time.
type fingerprinter struct {
	hash   hash.Hash
	sum    []byte
	origin recordwire.Origin // the last one, and its hash
	from   [sha256.Size]byte

	secret cipher.AEAD // nil: fingerprints are names
	text   []byte
}

// newFingerprinter makes one of a secret, nil where fingerprints must outlive the process.
func newFingerprinter(secret cipher.AEAD) fingerprinter {
	return fingerprinter{hash: sha256.New(), secret: secret}
}

// newSecret makes a key that nobody knows. It is nil where GCM with nonces of one's own is
// not allowed (GODEBUG=fips140=only).
func newSecret() cipher.AEAD {
	var key [16]byte
	_, _ = rand.Read(key[:]) // it gives no error
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil
	}
	secret, err := cipher.NewGCM(block)
	if err != nil {
		return nil
	}
	return secret
}

// of is what tells records of this process apart.
//
// With a secret it is half of a GMAC (NIST SP 800-38D), which costs less than a SHA-256.
// The nonce is the origin's and comes again: nobody is shown a tag, so that the key stays
// unknown, and two records of n bytes meet with a chance of about n/16 in 2^64.
func (f *fingerprinter) of(origin recordwire.Origin, record []byte, observed uint64) uint64 {
	if f.secret == nil {
		return f.name(origin, record, observed)
	}
	f.setOrigin(origin)
	before, behind := recordwire.AroundObserved(record, observed)
	text := record
	if len(before) < len(record) {
		f.text = append(append(f.text[:0], before...), behind...)
		text = f.text
	}
	f.sum = f.secret.Seal(f.sum[:0], f.from[:f.secret.NonceSize()], nil, text)
	return binary.LittleEndian.Uint64(f.sum)
}

// name is what a fold.id is made of, half of a SHA-256: the same in each process that gets
// the record.
func (f *fingerprinter) name(origin recordwire.Origin, record []byte, observed uint64) uint64 {
	f.setOrigin(origin)
	before, behind := recordwire.AroundObserved(record, observed)
	f.hash.Reset()
	f.hash.Write(f.from[:])
	f.hash.Write(before)
	f.hash.Write(behind)
	f.sum = f.hash.Sum(f.sum[:0])
	return binary.LittleEndian.Uint64(f.sum)
}

func (f *fingerprinter) setOrigin(origin recordwire.Origin) {
	if f.origin == nil || !bytes.Equal(f.origin, origin) {
		f.origin, f.from = origin, sha256.Sum256(origin)
	}
}

// ofNew is that of a record with a uid that was made just now: the uid says enough.
func (f *fingerprinter) ofNew(uid string) uint64 {
	var buf [64]byte
	sum := sha256.Sum256(append(buf[:0], uid...))
	return binary.LittleEndian.Uint64(sum[:])
}

// maxKeptText is how many bytes of memory are kept for the next record.
const maxKeptText = 64 << 10

// forget lets go of the origin, and of memory that a large record took.
func (f *fingerprinter) forget() {
	f.origin = nil
	if cap(f.text) > maxKeptText {
		f.text = nil
	}
}
