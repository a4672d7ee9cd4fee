package archive

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Proof is a C2SP tlog-proof: a leaf's index, the hashes from it to the root, and a
// checkpoint. In the form of c2sp.org/tlog-proof@v1.
type Proof struct {
	Index      int64
	Hashes     tlog.RecordProof
	Checkpoint []byte
	// Extra is anything, which nobody has signed; empty is none.
	Extra []byte
}

const (
	proofForm = "c2sp.org/tlog-proof@v1"
	// maxProofHashes are those of a tree of 2^63 leaves.
	maxProofHashes = 63
	maxProofExtra  = 64 << 10
)

// Marshal gives the proof's bytes.
func (p Proof) Marshal() ([]byte, error) {
	if p.Index < 0 || len(p.Hashes) > maxProofHashes || len(p.Extra) > maxProofExtra {
		return nil, fmt.Errorf("a proof of leaf %d with %d hashes and %d bytes more", p.Index, len(p.Hashes), len(p.Extra))
	}
	if _, err := ParseCheckpoint(p.Checkpoint); err != nil {
		return nil, err
	}
	b := []byte(proofForm + "\n")
	if len(p.Extra) > 0 {
		b = base64.StdEncoding.AppendEncode(append(b, "extra "...), p.Extra)
		b = append(b, '\n')
	}
	b = fmt.Appendf(b, "index %d\n", p.Index)
	for _, h := range p.Hashes {
		b = base64.StdEncoding.AppendEncode(b, h[:])
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(b, p.Checkpoint...), nil
}

// ParseProof reads a proof. It refuses all that Marshal does not write.
func ParseProof(data []byte) (Proof, error) {
	p, err := parseProof(data)
	if err != nil {
		return Proof{}, fmt.Errorf("no proof: %w", err)
	}
	return p, nil
}

func parseProof(data []byte) (p Proof, err error) {
	head, checkpoint, ok := bytes.Cut(data, []byte("\n\n"))
	if !ok {
		return p, errors.New("no checkpoint behind an empty line")
	}
	if _, err := parseCheckpoint(checkpoint); err != nil {
		return p, fmt.Errorf("its checkpoint: %w", err)
	}
	p.Checkpoint = bytes.Clone(checkpoint)
	if len(head) > 2*maxProofExtra {
		return p, fmt.Errorf("it has %d bytes before its checkpoint", len(head))
	}
	lines := strings.Split(string(head), "\n")
	if lines[0] != proofForm {
		return p, fmt.Errorf("it does not begin with %q", proofForm)
	}
	lines = lines[1:]
	if len(lines) > 0 {
		if text, ok := strings.CutPrefix(lines[0], "extra "); ok {
			p.Extra, err = base64.StdEncoding.Strict().DecodeString(text)
			if err != nil || len(p.Extra) == 0 || len(p.Extra) > maxProofExtra || base64.StdEncoding.EncodeToString(p.Extra) != text {
				return p, errors.New("extra: no base64")
			}
			lines = lines[1:]
		}
	}
	if len(lines) == 0 {
		return p, errors.New("it has no index")
	}
	text, ok := strings.CutPrefix(lines[0], "index ")
	if !ok {
		return p, fmt.Errorf("no index, but %q", lines[0])
	}
	if p.Index, err = parseDecimal(text); err != nil {
		return p, fmt.Errorf("index: %w", err)
	}
	if len(lines)-1 > maxProofHashes {
		return p, fmt.Errorf("it has %d hashes, more than a tree has levels", len(lines)-1)
	}
	for _, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return p, err
		}
		p.Hashes = append(p.Hashes, h)
	}
	return p, nil
}

// Check says whether it proves that the leaf is in the log of a checkpoint that one of
// the keys has signed, and gives that checkpoint.
func (p Proof) Check(leaf Hash, known note.Verifiers) (Checkpoint, error) {
	c, err := OpenCheckpoint(p.Checkpoint, known)
	if err != nil {
		return Checkpoint{}, err
	}
	if p.Index >= c.Size {
		return Checkpoint{}, fmt.Errorf("the proof is of leaf %d, and its checkpoint of %d leaves", p.Index, c.Size)
	}
	if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, p.Index, leaf); err != nil {
		return Checkpoint{}, fmt.Errorf("this is not leaf %d of %s: its hashes do not lead to the root of the checkpoint of %d leaves", p.Index, c.Origin, c.Size)
	}
	return c, nil
}
