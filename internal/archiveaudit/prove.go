package archiveaudit

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// Prover proves that lines are in an archive. It is not for several goroutines.
type Prover struct {
	Reader objectstore.Reader
	Prefix string
	// Latest proves against the last checkpoint of the writer, not against the first that
	// has the line.
	Latest bool
	// Root and Notes are as those of a [Query].
	Root  note.Verifier
	Notes func(note string)

	reader *archiveReader
	heads  map[string]*head // by writer and number
	hashes map[*head]*archive.TileHashes
	ends   map[string]int64 // number of the last checkpoint, by writer
}

// Proved is a line with its proof.
type Proved struct {
	Writer     string
	Object     string
	Line       int64 // from 1
	Leaf       int64
	Checkpoint int64 // its number
	Manifest   *archive.Manifest
	Data       []byte // the line, without its end
	Proof      []byte // a C2SP tlog-proof
}

// Prove proves lines of an object, numbered from 1.
func (p *Prover) Prove(ctx context.Context, key string, lines ...int64) ([]Proved, error) {
	layout := archive.Layout{Prefix: p.Prefix}
	parts, err := layout.ParseData(key)
	if err != nil {
		return nil, fmt.Errorf("%q is no key of a data object: %w", key, err)
	}
	if p.reader == nil {
		p.reader = newArchiveReader(p.Reader, p.Prefix, p.Root, p.Notes)
	}
	l := &writerLog{p.reader, parts.Writer}
	last, err := p.last(ctx, l)
	if err != nil {
		return nil, err
	}
	at := func(ctx context.Context, number int64) (*head, error) { return p.head(ctx, l, number) }
	h, err := l.covering(ctx, parts.FirstLeaf, last, at)
	if err != nil {
		return nil, err
	}
	o, ok := h.objectOf(parts.FirstLeaf)
	if !ok || o.Key != key {
		return nil, fmt.Errorf("the log of %s does not name the object %s: `heartwood verify` tells more", l.name, key)
	}
	for _, line := range lines {
		if line < 1 || line > o.Leaves {
			return nil, fmt.Errorf("there is no line %d: the object has %d", line, o.Leaves)
		}
	}
	against := h
	if p.Latest {
		if against, err = p.head(ctx, l, last); err != nil {
			return nil, err
		}
	}
	texts := make(map[int64][]byte, len(lines))
	for _, line := range lines {
		texts[line] = nil
	}
	if err := l.lines(ctx, o, func(n int64, data []byte) error {
		if _, wanted := texts[n]; wanted {
			texts[n] = bytes.Clone(data)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	var proved []Proved
	for _, line := range lines {
		proof, err := p.prove(ctx, l, against, o.FirstLeaf+line-1, texts[line], last)
		if err != nil {
			return nil, err
		}
		proved = append(proved, Proved{
			Writer: l.name, Object: key, Line: line, Leaf: o.FirstLeaf + line - 1, Checkpoint: against.number, Manifest: against.manifest,
			Data: texts[line], Proof: proof,
		})
	}
	return proved, nil
}

func (p *Prover) last(ctx context.Context, l *writerLog) (int64, error) {
	if n, ok := p.ends[l.name]; ok {
		return n, nil
	}
	n, err := l.last(ctx)
	if err != nil {
		return 0, err
	}
	if p.ends == nil {
		p.ends = make(map[string]int64)
	}
	p.ends[l.name] = n
	return n, nil
}

func (p *Prover) head(ctx context.Context, l *writerLog, number int64) (*head, error) {
	name := fmt.Sprintf("%s/%d", l.name, number)
	if h := p.heads[name]; h != nil {
		return h, nil
	}
	h, err := l.at(ctx, number)
	if err != nil {
		return nil, err
	}
	if p.heads == nil {
		p.heads = make(map[string]*head)
	}
	p.heads[name] = h
	return h, nil
}

func (p *Prover) prove(ctx context.Context, l *writerLog, h *head, leaf int64, line []byte, last int64) ([]byte, error) {
	hashes := p.hashes[h]
	if hashes == nil {
		before, err := h.manifest.Tree()
		if err != nil {
			return nil, err
		}
		hashes = archive.NewTileHashes(ctx, before, h.leafHash[:], l.tile(last))
		if hashes.Root() != h.Root {
			return nil, errors.New("the manifest is not the checkpoint's")
		}
		if p.hashes == nil {
			p.hashes = make(map[*head]*archive.TileHashes)
		}
		p.hashes[h] = hashes
	}
	path, err := hashes.Prove(leaf)
	if err != nil {
		return nil, fmt.Errorf("prove leaf %d of %s: %w", leaf, l.name, err)
	}
	if err := tlog.CheckRecord(path, h.Size, h.Root, leaf, archive.LeafHash(line)); err != nil {
		return nil, fmt.Errorf("the line is not leaf %d of the log: it was changed, or the log's tiles were; `heartwood verify` tells more: %w", leaf, err)
	}
	return archive.Proof{Index: leaf, Hashes: path, Checkpoint: h.Raw}.Marshal()
}
