package journal

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config says what to read.
type Config struct {
	// Journalctl is the program. Default journalctl, looked for in PATH.
	Journalctl string
	// Directory holds the journal. "" is the system's.
	Directory string
	// Units are names or patterns, as for journalctl --unit; Identifiers as for
	// --identifier. Matches are FIELD=value, and + between alternatives.
	Units, Identifiers, Matches []string
	// Priority is a name or a number, emerg or 0 to debug or 7: it and what is more
	// urgent; or two of them with .. between. "" is all.
	Priority string
	// FromEnd begins with what is written from now on where there is no cursor;
	// otherwise with the oldest entry.
	FromEnd bool
	// MaxLine is the largest entry, as JSON, in bytes. Binary messages are three to
	// four times as long there. What is longer comes as an entry with a Problem and
	// the beginning of its line. Default 16 MiB.
	MaxLine int
	// Initial and Max are the wait before journalctl is started again, doubled each
	// time; a run that brought an entry begins anew. Defaults 1 s and 1 min.
	Initial, Max time.Duration
	// Log gets what journalctl writes to stderr, a line at a time, and what the
	// Reader has to say. It is called by several goroutines, one at a time.
	Log func(message string)
}

const (
	defaultMaxLine = 16 << 20
	minMaxLine     = 4096
)

func (c *Config) setDefaults() {
	if c.Journalctl == "" {
		c.Journalctl = "journalctl"
	}
	if c.MaxLine == 0 {
		c.MaxLine = defaultMaxLine
	}
	if c.Initial == 0 {
		c.Initial = time.Second
	}
	if c.Max == 0 {
		c.Max = max(time.Minute, c.Initial)
	}
	if c.Log == nil {
		c.Log = func(string) {}
	}
}

// Validate names each field that is wrong, its value and the remedy.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for name, list := range map[string][]string{"units": c.Units, "identifiers": c.Identifiers} {
		for i, s := range list {
			if s == "" || strings.ContainsRune(s, 0) {
				bad("%s[%d]: %q is no name", name, i, s)
			}
		}
	}
	for i, m := range c.Matches {
		name, _, ok := strings.Cut(m, "=")
		if m == "+" && i > 0 && i < len(c.Matches)-1 {
			continue
		}
		if !ok || name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || strings.ContainsRune(m, 0) {
			bad("matches[%d]: %.80q is not FIELD=value, the name in upper case, nor a + between two of them", i, m)
		}
	}
	from, to, two := strings.Cut(c.Priority, "..")
	if c.Priority != "" && (!isPriority(from) || two && !isPriority(to)) {
		bad("priority: %q is none of %s, a number from 0 to 7, or two of them with .. between", c.Priority, strings.Join(words[:], ", "))
	}
	if strings.ContainsRune(c.Directory, 0) || strings.ContainsRune(c.Journalctl, 0) {
		bad("directory or journalctl holds a NUL byte")
	}
	if c.MaxLine != 0 && c.MaxLine < minMaxLine {
		bad("max line: %d bytes is less than %d", c.MaxLine, minMaxLine)
	}
	if c.Initial < 0 || c.Max < 0 || c.Max != 0 && c.Max < c.Initial {
		bad("initial %s and max %s: neither may be negative, and max not less than initial", c.Initial, c.Max)
	}
	return errors.Join(errs...)
}

func isPriority(s string) bool {
	n, err := strconv.Atoi(s)
	return slices.Contains(words[:], s) || err == nil && n >= 0 && n < len(words) && len(s) == 1
}

// step is what a run of journalctl is for.
type step uint8

const (
	findEnd step = iota // the newest entry
	catchUp             // all that is there
	follow              // all that comes
)

// arguments are those of journalctl.
func (c *Config) arguments(s step, cursor string, merge bool) []string {
	args := []string{"--output=json", "--all", "--no-pager", "--quiet"}
	if c.Directory != "" {
		args = append(args, "--directory="+c.Directory)
	}
	if s == findEnd {
		return append(args, "--lines=1") // of all entries, whatever the filters
	}
	if s == follow {
		args = append(args, "--follow", "--no-tail")
		if merge {
			args = append(args, "--merge")
		}
	}
	if cursor != "" {
		args = append(args, "--cursor="+cursor)
	}
	for _, u := range c.Units {
		args = append(args, "--unit="+u)
	}
	for _, i := range c.Identifiers {
		args = append(args, "--identifier="+i)
	}
	if c.Priority != "" {
		args = append(args, "--priority="+c.Priority)
	}
	return append(args, c.Matches...)
}
