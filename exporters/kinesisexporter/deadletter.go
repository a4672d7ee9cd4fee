package kinesisexporter

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/heartwood-otel/heartwood/internal/spool"
)

// deadReason is why something became a dead letter. The list is that of metadata.yaml.
type deadReason string

const (
	reasonTooLarge     deadReason = "too_large"
	reasonNotEncodable deadReason = "not_encodable"
	reasonRefused      deadReason = "refused"
	reasonNoRoom       deadReason = "no_room"
)

// letter is a user record that can't be delivered.
type letter struct {
	reason  deadReason
	message string
	key     string
	data    []byte
	count   int
}

// line is a letter as it stands in a file: docs/format/kinesis.md.
type line struct {
	Time         time.Time `json:"time"`
	Reason       string    `json:"reason"`
	Message      string    `json:"message"`
	Stream       string    `json:"stream"`
	Signal       string    `json:"signal"`
	PartitionKey string    `json:"partition_key"`
	Size         int       `json:"size"`
	Records      int       `json:"records"`
	Data         *string   `json:"data,omitempty"`
	DataBase64   string    `json:"data_base64,omitempty"`
}

// deadLetters writes a file a day. It is safe for concurrent use. Others may write to the
// same files, as the exporters of other signals do, and take them away: so none is kept
// open.
type deadLetters struct {
	directory, stream, signal string

	// mu guards the following.
	mu  sync.Mutex
	buf []byte
}

// openDeadLetters makes the directory, so that a start tells whether it can be written. The
// spool's may be above it, and be made by that.
func openDeadLetters(directory, stream, signal string) (*deadLetters, error) {
	d := &deadLetters{directory: directory, stream: stream, signal: signal}
	if err := spool.MkdirAll(directory); err != nil {
		return nil, fmt.Errorf("make the directory of the dead letters: %w", err)
	}
	probe, err := os.CreateTemp(directory, ".probe-*")
	if err != nil {
		return nil, fmt.Errorf("write to the directory of the dead letters: %w", err)
	}
	return d, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// write writes the letters. When it returns nil they are on disk.
func (d *deadLetters) write(now time.Time, letters []letter) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.buf = d.buf[:0]
	for i := range letters {
		if err := d.appendLocked(now, &letters[i]); err != nil {
			return err
		}
	}
	err := d.writeLocked(now.UTC().Format(time.DateOnly) + ".jsonl")
	if err != nil {
		err = fmt.Errorf("write dead letters to %s: %w", d.directory, err)
	}
	if cap(d.buf) > maxKeptBuffer {
		d.buf = nil
	}
	return err
}

func (d *deadLetters) appendLocked(now time.Time, l *letter) error {
	out := line{
		Time: now.UTC(), Reason: string(l.reason), Message: l.message, Stream: d.stream, Signal: d.signal,
		PartitionKey: l.key, Size: len(l.data), Records: l.count,
	}
	if utf8.Valid(l.data) {
		text := string(l.data)
		out.Data = &text
	} else {
		out.DataBase64 = base64.StdEncoding.EncodeToString(l.data)
	}
	encoded, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("encode a dead letter: %w", err)
	}
	d.buf = append(append(d.buf, encoded...), '\n')
	return nil
}

func (d *deadLetters) writeLocked(name string) error {
	file, err := os.OpenFile(filepath.Join(d.directory, name), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	err = d.endLine(file)
	if err == nil {
		_, err = file.Write(d.buf)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// endLine ends what a crash or a full disk has left of a line.
func (d *deadLetters) endLine(file *os.File) error {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if end == 0 {
		return syncDirectory(d.directory)
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], end-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		_, err = file.Write([]byte{'\n'})
	}
	return err
}

// syncDirectory makes the name of a new file durable.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
