package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/record"
	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

// The journal has the records of the head, so that a crash takes only those since the last flush. It
// is emptied when a block has them. A part of it: magic, the size and the CRC-32C of what follows,
// little-endian, and then records in binary form, compressed.
const (
	journalName     = "journal"
	journalMagic    = "HWVJ"
	journalHeadSize = 12
	// maxJournalPart bounds what is read at once; a part has what came within a flush, and the head is
	// bounded.
	maxJournalPart = 64 << 20
)

type journal struct {
	fs   diskfs.FS
	path string
	file diskfs.File
	size int64
	raw  []byte
	part []byte
}

// openJournal opens the journal, or makes one, and gives the records that it has.
func openJournal(fs diskfs.FS, dir string, decoder *zstd.Decoder, damage func(place, why string)) (j *journal, records []record.Record, err error) {
	j = &journal{fs: fs, path: filepath.Join(dir, journalName)}
	if j.file, err = fs.Open(j.path); err != nil {
		made, err := fs.Create(j.path)
		if err != nil {
			return nil, nil, err
		}
		if err := made.Close(); err != nil {
			return nil, nil, err
		}
		if j.file, err = fs.Open(j.path); err != nil {
			return nil, nil, err
		}
	}
	if j.size, err = j.file.Size(); err != nil {
		_ = j.file.Close()
		return nil, nil, err
	}
	// It holds one head, and parts of it no more than that.
	data := make([]byte, min(j.size, 4*maxJournalPart))
	if _, err := j.file.ReadAt(data, 0); err != nil && len(data) > 0 {
		_ = j.file.Close()
		return nil, nil, fmt.Errorf("read the journal: %w", err)
	}
	for at := 0; at < len(data); {
		found, size, why := readJournalPart(data[at:], decoder)
		if why == nil {
			records = append(records, found...)
			at += size
			continue
		}
		next := len(data)
		if i := strings.Index(string(data[at+1:]), journalMagic); i >= 0 {
			next = at + 1 + i
		}
		damage(fmt.Sprintf("%s, bytes %d to %d", journalName, at, next), why.Error())
		at = next
	}
	return j, records, nil
}

func readJournalPart(data []byte, decoder *zstd.Decoder) (records []record.Record, size int, err error) {
	if len(data) < journalHeadSize || string(data[:4]) != journalMagic {
		return nil, 0, errors.New("no part begins here")
	}
	n := binary.LittleEndian.Uint32(data[4:])
	if n > maxJournalPart || int(n) > len(data)-journalHeadSize {
		return nil, 0, errors.New("the part is cut off")
	}
	stored := data[journalHeadSize : journalHeadSize+int(n)]
	if crc32.Checksum(stored, castagnoli) != binary.LittleEndian.Uint32(data[8:]) {
		return nil, 0, errChecksum
	}
	raw, err := decoder.DecodeAll(stored, nil)
	if err != nil {
		return nil, 0, err
	}
	for rest := string(raw); rest != ""; {
		var r record.Record
		if r, rest, err = record.DecodeBinary(rest); err != nil {
			return nil, 0, err
		}
		records = append(records, r)
	}
	return records, journalHeadSize + int(n), nil
}

// append writes records behind those that are there.
func (j *journal) append(records []record.Record, encoder *zstd.Encoder) error {
	j.raw = j.raw[:0]
	for i := range records {
		j.raw = records[i].AppendBinary(j.raw)
	}
	j.part = append(append(j.part[:0], journalMagic...), make([]byte, journalHeadSize-len(journalMagic))...)
	j.part = encoder.EncodeAll(j.raw, j.part)
	stored := j.part[journalHeadSize:]
	binary.LittleEndian.PutUint32(j.part[4:], uint32(len(stored)))
	binary.LittleEndian.PutUint32(j.part[8:], crc32.Checksum(stored, castagnoli))
	if cap(j.raw) > 2*maxBlockBytes {
		j.raw = nil
	}
	n, err := j.file.Write(j.part)
	if err != nil {
		if n > 0 {
			_ = j.file.Truncate(j.size)
		}
		return fmt.Errorf("write the journal: %w", err)
	}
	j.size += int64(n)
	return nil
}

// empty forgets all.
func (j *journal) empty() error {
	if err := j.file.Truncate(0); err != nil {
		return fmt.Errorf("empty the journal: %w", err)
	}
	j.size = 0
	return nil
}
