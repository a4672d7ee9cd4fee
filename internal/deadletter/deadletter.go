// Package deadletter keeps what can't be delivered in files that a person reads: one a
// day, one JSON object a line, with the reason. docs/format/kinesis.md has the members.
package deadletter

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/heartwood-otel/heartwood/internal/diskfs"
)

// Letter is what can't be delivered.
type Letter struct {
	Reason  string
	Message string
	// Key stands under Settings.Key.
	Key  string
	Data []byte
	// Records is how many the data has.
	Records int
}

// Settings of a folder.
type Settings struct {
	Directory string
	// Members stand in each line behind the message: where the letter was to go.
	Members []Member
	// Key is the name of the member that has a letter's key.
	Key string
}

// Member is a name and a text.
type Member struct{ Name, Value string }

// Folder writes a file a day. It is safe for concurrent use. Others may write to the
// same files, as the exporters of other signals do, and take them away: so none is kept
// open.
type Folder struct {
	set     Settings
	members []byte // as they stand in a line, with a comma before each

	// mu guards the following.
	mu  sync.Mutex
	buf []byte
}

// Of the memory that is kept for the next call, in bytes.
const maxKeptBuffer = 16 << 20

// Open makes the directory, so that a start tells whether it can be written. The spool's
// may be above it, and be made by that.
func Open(set Settings) (*Folder, error) {
	f := &Folder{set: set}
	for _, m := range set.Members {
		f.members = appendMember(f.members, m.Name, m.Value)
	}
	if err := diskfs.MkdirAll(set.Directory); err != nil {
		return nil, fmt.Errorf("make the directory of the dead letters: %w", err)
	}
	probe, err := os.CreateTemp(set.Directory, ".probe-*")
	if err != nil {
		return nil, fmt.Errorf("write to the directory of the dead letters: %w", err)
	}
	return f, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// Write writes the letters. When it returns nil they are on disk.
func (f *Folder) Write(now time.Time, letters []Letter) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.buf = f.buf[:0]
	for i := range letters {
		f.buf = f.append(f.buf, now, &letters[i])
	}
	err := f.writeLocked(now.UTC().Format(time.DateOnly) + ".jsonl")
	if err != nil {
		err = fmt.Errorf("write dead letters to %s: %w", f.set.Directory, err)
	}
	if cap(f.buf) > maxKeptBuffer {
		f.buf = nil
	}
	return err
}

func (f *Folder) append(dst []byte, now time.Time, l *Letter) []byte {
	dst = append(dst, `{"time":"`...)
	dst = append(now.UTC().AppendFormat(dst, time.RFC3339Nano), '"')
	dst = appendMember(dst, "reason", l.Reason)
	dst = appendMember(dst, "message", l.Message)
	dst = append(dst, f.members...)
	dst = appendMember(dst, f.set.Key, l.Key)
	dst = strconv.AppendInt(append(dst, `,"size":`...), int64(len(l.Data)), 10)
	dst = strconv.AppendInt(append(dst, `,"records":`...), int64(l.Records), 10)
	if utf8.Valid(l.Data) {
		dst = appendMember(dst, "data", string(l.Data))
	} else {
		dst = append(dst, `,"data_base64":"`...)
		dst = append(base64.StdEncoding.AppendEncode(dst, l.Data), '"')
	}
	return append(dst, '}', '\n')
}

func appendMember(dst []byte, name, value string) []byte {
	dst = appendText(append(dst, ','), name)
	return appendText(append(dst, ':'), value)
}

func appendText(dst []byte, text string) []byte {
	encoded, _ := json.Marshal(text) // of a string, it can't fail
	return append(dst, encoded...)
}

func (f *Folder) writeLocked(name string) error {
	file, err := os.OpenFile(filepath.Join(f.set.Directory, name), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	err = f.endLine(file)
	if err == nil {
		_, err = file.Write(f.buf)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// endLine ends what a crash or a full disk has left of a line.
func (f *Folder) endLine(file *os.File) error {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if end == 0 {
		return syncDirectory(f.set.Directory)
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
