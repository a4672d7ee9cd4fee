package archive

import (
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Proof is a C2SP tlog-proof: a leaf's index, the hashes from it to the root, and a
// checkpoint.
type Proof struct {
	Index      int64
	Hashes     tlog.RecordProof
	Checkpoint []byte
	// Extra is anything; nil is none.
	Extra []byte
}

// Marshal gives the proof's bytes.
func (p Proof) Marshal() ([]byte, error) { return nil, errNotYet }

// ParseProof reads a proof. It refuses all that Marshal does not write.
func ParseProof(data []byte) (Proof, error) { return Proof{}, errNotYet }

// Check says whether it proves that the leaf is in the log of a checkpoint that one of
// the keys has signed, and gives that checkpoint.
func (p Proof) Check(leaf Hash, known note.Verifiers) (Checkpoint, error) {
	return Checkpoint{}, errNotYet
}
