package archive

import "golang.org/x/mod/sumdb/note"

// Checkpoint is a signed tree head.
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

// SignCheckpoint makes a checkpoint. The signer's name is the origin.
func SignCheckpoint(origin string, size int64, root Hash, signer note.Signer) ([]byte, error) {
	return nil, errNotYet
}

// OpenCheckpoint reads a checkpoint that one of the verifiers' keys has signed, under the
// name of its origin.
func OpenCheckpoint(data []byte, known note.Verifiers) (Checkpoint, error) {
	return Checkpoint{}, errNotYet
}

// ParseCheckpoint reads a checkpoint without looking at its signature.
func ParseCheckpoint(data []byte) (Checkpoint, error) { return Checkpoint{}, errNotYet }

// GenerateKey makes a key pair: what signs, which is secret, and what verifies.
func GenerateKey(name string) (signer, verifier string, err error) { return "", "", errNotYet }

// NewSigner reads a signing key: PRIVATE+KEY+<name>+<hash>+<base64>. Its errors don't say
// what is in it.
func NewSigner(text string) (note.Signer, error) { return nil, errNotYet }

// NewVerifier reads a verifying key: <name>+<hash>+<base64>.
func NewVerifier(text string) (note.Verifier, error) { return nil, errNotYet }

// CheckOrigin says what is wrong with an archive's origin.
func CheckOrigin(origin string) error { return errNotYet }

// WriterOrigin is the name of a writer's log and of its keys.
func WriterOrigin(origin, writer string) string { return origin + "/" + writer }

// RootName is the name of an archive's root key.
func RootName(origin string) string { return origin + "/root" }
