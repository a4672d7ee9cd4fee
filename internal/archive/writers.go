package archive

import (
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Writers is who may write.
type Writers struct {
	Origin string
	Number int64
	// Previous is the SHA-256 of the file before. Number 0 has none.
	Previous Digest
	Keys     []WriterKey
	// Retired are the writers that were shut down in order, and when.
	Retired map[string]time.Time
}

// WriterKey says that a key signs for a writer.
type WriterKey struct {
	Writer string
	VKey   string // <name>+<hash>+<base64>
	// From is the first moment, To the first that is not. A zero To is open. In UTC,
	// whole seconds.
	From, To time.Time
}

// Sign checks the file and gives its bytes.
func (w *Writers) Sign(root note.Signer) ([]byte, error) { return nil, errNotYet }

// ParseWriters reads a file that the root key has signed.
func ParseWriters(data []byte, root note.Verifier) (*Writers, error) { return nil, errNotYet }

// ParseWritersUnverified reads a file without looking at its signature.
func ParseWritersUnverified(data []byte) (*Writers, error) { return nil, errNotYet }

// Validate says what in the file does not fit together.
func (w *Writers) Validate() error { return errNotYet }

// Names are the writers, in order.
func (w *Writers) Names() []string { return nil }

// KeysFor are a writer's keys, by time.
func (w *Writers) KeysFor(writer string) []WriterKey { return nil }

// KeyAt is the key that signs for a writer at a time.
func (w *Writers) KeyAt(writer string, at time.Time) (WriterKey, bool) { return WriterKey{}, false }

// Verifiers are all keys of a writer, whatever the time.
func (w *Writers) Verifiers(writer string) (note.Verifiers, error) { return nil, errNotYet }

// CheckFollows says what does not fit between a file and the one before, of which sum is
// the SHA-256.
func (w *Writers) CheckFollows(before *Writers, sum Digest) error { return errNotYet }
