package harness

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Ledger makes logfmt lines that can be told apart, and accounts for every one
// of them when they have come out at the other end. It may be used from several
// goroutines.
//
// A line carries its writer's name and a number that counts from 1 for each
// writer, as the attributes writer and n.
type Ledger struct {
	mu      sync.Mutex
	writers map[string]*writerLines
}

// writerLines holds the state of each line of one writer, number 1 first.
type writerLines struct {
	confirmed []bool
}

// Lines are consecutive lines of one writer.
type Lines struct {
	ledger       *Ledger
	writer       string
	first, count int
}

// NewLedger gives an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{writers: make(map[string]*writerLines)}
}

// Make makes the writer's next count lines. They aren't owed until confirmed.
func (l *Ledger) Make(writer string, count int) Lines {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.writers[writer]
	if !ok {
		w = &writerLines{}
		l.writers[writer] = w
	}
	first := len(w.confirmed) + 1
	w.confirmed = append(w.confirmed, make([]bool, count)...)
	return Lines{ledger: l, writer: writer, first: first, count: count}
}

// Text is the lines, each with a newline at its end.
func (b Lines) Text() string {
	var out strings.Builder
	for n := b.first; n < b.first+b.count; n++ {
		out.WriteString(LineText(b.writer, n))
		out.WriteByte('\n')
	}
	return out.String()
}

// LineText is a writer's line of that number, without a newline.
func LineText(writer string, n int) string {
	return fmt.Sprintf("ts=2026-11-21T08:00:00.%06dZ level=info app=%s at=line msg=\"line %d of %s\" writer=%s n=%d ok=true elapsed=1.5",
		n%1_000_000, writer, n, writer, writer, n)
}

// Count is the number of lines.
func (b Lines) Count() int { return b.count }

// Confirm says that the lines have been accepted: from here on, each of them
// must be found.
func (b Lines) Confirm() {
	b.ledger.mu.Lock()
	defer b.ledger.mu.Unlock()
	confirmed := b.ledger.writers[b.writer].confirmed
	for n := b.first; n < b.first+b.count; n++ {
		confirmed[n-1] = true
	}
}

// Made is the number of lines made, of all writers.
func (l *Ledger) Made() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	made := 0
	for _, w := range l.writers {
		made += len(w.confirmed)
	}
	return made
}

// Confirmed is the number of lines confirmed, of all writers.
func (l *Ledger) Confirmed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	confirmed := 0
	for _, w := range l.writers {
		for _, c := range w.confirmed {
			if c {
				confirmed++
			}
		}
	}
	return confirmed
}

// Account is what became of a ledger's lines.
type Account struct {
	Found       int      // different lines found
	Unconfirmed int      // of these, lines that were never confirmed, which is no mistake
	Missing     []string // confirmed and not found
	Again       int      // records that repeat a line with the uid it had before
	Repeated    []string // found more than once, with another uid
	Unknown     []string // found, but never made
	UIDs        []string // without log.record.uid, or with one that another record has
}

// Account compares records with the lines made.
func (l *Ledger) Account(records []LogRecord) Account {
	l.mu.Lock()
	defer l.mu.Unlock()
	var a Account
	found := make(map[string][]int, len(l.writers))
	for name, w := range l.writers {
		found[name] = make([]int, len(w.confirmed))
	}
	owners := make(map[string]string, len(records)) // of uids
	for _, r := range records {
		writer, _ := r.Attributes["writer"].(string)
		n, _ := r.Attributes["n"].(int64)
		counts := found[writer]
		if n < 1 || n > int64(len(counts)) || r.Text() != fmt.Sprintf("line %d of %s", n, writer) {
			a.Unknown = append(a.Unknown, r.String())
			continue
		}
		uid, this := r.UID(), line(writer, int(n))
		owner, known := owners[uid]
		switch {
		case known && owner == this && uid != "":
			a.Again++
			continue
		case known || uid == "":
			a.UIDs = append(a.UIDs, fmt.Sprintf("%s: uid %q", this, uid))
		}
		owners[uid] = this
		counts[n-1]++
	}
	for name, counts := range found {
		confirmed := l.writers[name].confirmed
		for i, count := range counts {
			switch {
			case count == 0 && confirmed[i]:
				a.Missing = append(a.Missing, line(name, i+1))
			case count > 1:
				a.Repeated = append(a.Repeated, line(name, i+1))
			}
			if count > 0 {
				a.Found++
				if !confirmed[i] {
					a.Unconfirmed++
				}
			}
		}
	}
	slices.Sort(a.Missing)
	slices.Sort(a.Repeated)
	return a
}

func line(writer string, n int) string {
	return fmt.Sprintf("%s/%08d", writer, n)
}

// Await waits until the sink has as many log records as lines are confirmed. If
// that doesn't come to pass in a minute, the test goes on all the same: one of
// the following then says which are missing.
func (l *Ledger) Await(sink *Sink) {
	want := l.Confirmed()
	sink.wait(waitTimeout, func() bool { return sink.LogCount() >= want })
}

// RequireExactlyOnce ends the test unless every confirmed line is found once,
// no line twice, nothing else is there, and every record has a uid of its own.
func (l *Ledger) RequireExactlyOnce(tb testing.TB, records []LogRecord) {
	tb.Helper()
	a := l.Account(records)
	if len(a.Missing)+a.Again+len(a.Repeated)+len(a.Unknown)+len(a.UIDs) > 0 {
		tb.Fatalf("the lines aren't there exactly once: %v", a)
	}
}

// RequireOncePerUID is RequireExactlyOnce, but for repeats that the next one
// can recognise by their uid: what "at least once" means within the collector.
func (l *Ledger) RequireOncePerUID(tb testing.TB, records []LogRecord) {
	tb.Helper()
	a := l.Account(records)
	if len(a.Missing)+len(a.Repeated)+len(a.Unknown)+len(a.UIDs) > 0 {
		tb.Fatalf("the lines aren't there once for each uid: %v", a)
	}
}

// RequireNoGaps ends the test unless of every writer the first so many lines
// are found, in whatever order, and none after the first that is missing: what
// must hold for a connection that was cut off.
func (l *Ledger) RequireNoGaps(tb testing.TB, records []LogRecord) {
	tb.Helper()
	last, count := make(map[string]int64), make(map[string]int64)
	seen := make(map[string]bool, len(records))
	for _, r := range records {
		writer, _ := r.Attributes["writer"].(string)
		n, _ := r.Attributes["n"].(int64)
		if id := line(writer, int(n)); !seen[id] {
			seen[id] = true
			count[writer]++
			last[writer] = max(last[writer], n)
		}
	}
	for writer, n := range last {
		if count[writer] != n {
			tb.Fatalf("line %d of %s is there, but only %d of the lines up to it", n, writer, count[writer])
		}
	}
}

// RequireNothingLost ends the test unless every confirmed line is found,
// however often, and nothing else is there.
func (l *Ledger) RequireNothingLost(tb testing.TB, records []LogRecord) {
	tb.Helper()
	a := l.Account(records)
	if len(a.Missing)+len(a.Unknown) > 0 {
		tb.Fatalf("lines were lost: %v", a)
	}
}

func (a Account) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d different lines found, %d of them never confirmed, %d repeats with the same uid", a.Found, a.Unconfirmed, a.Again)
	list := func(what string, lines []string) {
		const shown = 10
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(&out, "; %d %s: %s", len(lines), what, strings.Join(lines[:min(shown, len(lines))], ", "))
		if len(lines) > shown {
			out.WriteString(", ...")
		}
	}
	list("missing", a.Missing)
	list("more than once with other uids", a.Repeated)
	list("never made", a.Unknown)
	list("without a uid of their own", a.UIDs)
	return out.String()
}
