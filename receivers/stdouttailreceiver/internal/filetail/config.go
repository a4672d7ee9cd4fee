package filetail

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/bmatcuk/doublestar/v4"
)

// StartAt says where a file is begun that no checkpoint is known of.
type StartAt string

const (
	// Beginning reads everything.
	Beginning StartAt = "beginning"
	// End leaves out what the files hold at the very first start. It counts only
	// until a checkpoint has been stored: files that appear later are read whole, also
	// those that appeared while nothing ran.
	End StartAt = "end"
)

// Compressed says what is done with files in gzip or zstd form.
type Compressed string

const (
	// Skip leaves them alone.
	Skip Compressed = "skip"
	// Read reads what they hold, but for what was read before it was compressed.
	Read Compressed = "read"
)

// Config is for New. Zero values mean the defaults.
type Config struct {
	// Include and Exclude are patterns as github.com/bmatcuk/doublestar has them: ** is
	// any number of directories.
	Include, Exclude []string
	// StartAt is Beginning by default.
	StartAt StartAt
	// PollInterval is how often files that have changed lately are looked at, and the
	// shortest time between two searches for files; where searching is slow it is done
	// less often, up to MaxScanInterval. Default 250ms.
	PollInterval time.Duration
	// MaxScanInterval is the longest time between two searches for files, and between
	// two looks at an idle file, where the file system tells nothing by itself. Default
	// 10s.
	MaxScanInterval time.Duration
	// DisableNotify does without the file system's notifications, which make reading
	// prompt. They are not relied upon.
	DisableNotify bool
	// FingerprintSize is how many bytes at the beginning of a file are used to
	// recognise it. Default 1024, at least 64.
	FingerprintSize int
	// MaxOpenFiles bounds the open files. Default 1024.
	MaxOpenFiles int
	// MaxLine is how long a line may be, in bytes, without being cut into pieces.
	// Default 1 MiB, at least 16.
	MaxLine int
	// FlushAfter is how long a last line without an end is waited for. Default 5s.
	FlushAfter time.Duration
	// RotateWait is how long a file that was deleted, or renamed to something that no
	// pattern matches, must have been quiet to be over. Default 10s.
	RotateWait time.Duration
	// ForgetAfter is how long the checkpoint of a file that can't be found is kept.
	// Default 24h.
	ForgetAfter time.Duration
	// BatchWait is the longest time that a batch is collected. Default 200ms.
	BatchWait time.Duration
	// Workers read at the same time. Default: as many as processors, up to 4.
	Workers int
	// Compressed is Skip by default.
	Compressed Compressed
	// ReadBufferSize is the size of a worker's buffer, in bytes; it grows while a line
	// is longer. Default 256 KiB, at least 1 KiB.
	ReadBufferSize int
	// TurnSize is how many bytes of one file are read before it is another's turn.
	// Default 4 MiB.
	TurnSize int
	// ShutdownWait is how long Shutdown tries to deliver the last batches. Default 5s.
	ShutdownWait time.Duration
	// Volatile says that the store forgets everything when the process ends. Shutdown
	// then delivers also what streams hold back.
	Volatile bool

	// settle is how long a file must be unchanged for its size to be believed: a copy
	// is being made of a file, or a compressed one written. Default 3s.
	settle time.Duration
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (c Config) withDefaults() Config {
	setDefault(&c.StartAt, Beginning)
	setDefault(&c.PollInterval, 250*time.Millisecond)
	setDefault(&c.MaxScanInterval, max(10*time.Second, c.PollInterval))
	setDefault(&c.FingerprintSize, 1024)
	setDefault(&c.MaxOpenFiles, 1024)
	setDefault(&c.MaxLine, 1<<20)
	setDefault(&c.FlushAfter, 5*time.Second)
	setDefault(&c.RotateWait, 10*time.Second)
	setDefault(&c.ForgetAfter, 24*time.Hour)
	setDefault(&c.BatchWait, 200*time.Millisecond)
	setDefault(&c.Workers, max(1, min(4, runtime.GOMAXPROCS(0), c.MaxOpenFiles)))
	setDefault(&c.Compressed, Skip)
	setDefault(&c.ReadBufferSize, 256<<10)
	setDefault(&c.TurnSize, 4<<20)
	setDefault(&c.settle, 3*time.Second)
	setDefault(&c.ShutdownWait, 5*time.Second)
	return c
}

// Validate names the first field that can't be used.
func (c Config) Validate() error {
	if len(c.Include) == 0 {
		return errors.New("include: no pattern given; name at least one, such as /var/log/app/*.log")
	}
	for _, list := range []struct {
		name     string
		patterns []string
	}{{"include", c.Include}, {"exclude", c.Exclude}} {
		for _, p := range list.patterns {
			if !doublestar.ValidatePathPattern(p) || p == "" {
				return fmt.Errorf("%s: %q is not a pattern", list.name, p)
			}
		}
	}
	c = c.withDefaults()
	if c.StartAt != Beginning && c.StartAt != End {
		return fmt.Errorf("start_at: %q is neither beginning nor end", c.StartAt)
	}
	if c.Compressed != Skip && c.Compressed != Read {
		return fmt.Errorf("compressed: %q is neither skip nor read", c.Compressed)
	}
	for _, n := range []struct {
		name     string
		value    int
		smallest int
	}{
		{"fingerprint_size", c.FingerprintSize, 64},
		{"max_open_files", c.MaxOpenFiles, c.Workers},
		{"max_line", c.MaxLine, 16},
		{"workers", c.Workers, 1},
		{"read_buffer_size", c.ReadBufferSize, 1 << 10},
		{"turn_size", c.TurnSize, 1},
	} {
		if n.value < n.smallest {
			return fmt.Errorf("%s: %d is too small; at least %d", n.name, n.value, n.smallest)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"poll_interval", c.PollInterval},
		{"max_scan_interval", c.MaxScanInterval},
		{"flush_after", c.FlushAfter},
		{"rotate_wait", c.RotateWait},
		{"forget_after", c.ForgetAfter},
		{"batch_wait", c.BatchWait},
		{"shutdown_wait", c.ShutdownWait},
	} {
		if d.value < 0 {
			return fmt.Errorf("%s: %v is negative", d.name, d.value)
		}
	}
	return nil
}
