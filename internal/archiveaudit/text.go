package archiveaudit

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// shownFindings is how many findings of a severity the text shows.
const shownFindings = 50

// AppendText appends the report as a person reads it. took is how long it took.
func (r *Report) AppendText(dst []byte, took time.Duration) []byte {
	say := func(format string, args ...any) { dst = fmt.Appendf(dst, format+"\n", args...) }
	if r.Origin != "" {
		say("Archive %s", safe(r.Origin))
	}
	if !r.From.IsZero() || !r.To.IsZero() {
		from, to := "the beginning", "now"
		if !r.From.IsZero() {
			from = date(r.From)
		}
		if !r.To.IsZero() {
			to = date(r.To)
		}
		say("Written from %s to %s", from, to)
	}
	var lines, stored, size int64
	for _, w := range r.Writers {
		lines, stored, size = lines+w.Lines, stored+w.Stored, size+w.Bytes
		if w.Checkpoints == 0 {
			say("\n%s: no log was read", safe(w.Name))
			continue
		}
		say("\n%s: %s to %s, checkpoints %d to %d", safe(w.Name), date(w.From), date(w.To), w.First, w.Last)
		say("  %d records on %d lines in %d objects; %s, %s as stored", w.Records, w.Lines, w.Objects, Size(w.Bytes), Size(w.Stored))
		say("  accepted %d, archived %d, repeated %d, dead-lettered %d, waiting %d; %d redactions", w.Ledger.Accepted, w.Ledger.Archived, w.Ledger.Repeated, w.Ledger.DeadLettered, w.Ledger.Waiting, w.Ledger.Redactions)
		switch {
		case !w.Retired.IsZero():
			say("  retired on %s", date(w.Retired))
		case w.Ended:
			say("  was shut down")
		}
	}
	for _, part := range []struct {
		severity Severity
		title    string
	}{{Tampered, "TAMPERED"}, {Unchecked, "Could not be checked"}, {Note, "Notes"}} {
		shown, all := 0, 0
		for _, f := range r.Findings {
			if f.Severity != part.severity {
				continue
			}
			if all++; all > shownFindings {
				continue
			}
			if shown++; shown == 1 {
				say("\n%s", part.title)
			}
			say("  %s", safe(f.String()))
		}
		if all > shown {
			say("  and %d more; --output json has them", all-shown)
		}
	}
	if r.More > 0 {
		say("\n%d more findings are like those above.", r.More)
	}
	say("")
	switch r.Verdict {
	case Good:
		what := "Every line is the one that was written, in its place; nothing is missing"
		if r.Locks {
			what += ", and every lock is as it was set"
		}
		say("GOOD. %s. %d lines, %s in %s.", what, lines, Size(size), took.Round(time.Millisecond))
		if !r.Locks {
			say("Locks, versions and dates were not looked at.")
		}
		if r.Copies == 0 {
			say("No checkpoints of a second place were given: that the end was cut off behind an orderly shutdown, or that the whole was written anew with the writer's key, would not always show.")
		}
	case Bad:
		say("TAMPERED. The archive is not what its writers wrote: see above.")
	case CouldNotCheck:
		say("COULD NOT CHECK everything. Nothing was found to be changed in what could be checked: %d lines.", lines)
	}
	return dst
}

// safe shows what came from an archive on a terminal.
func safe(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, text)
}

// Size shows a count of bytes.
func Size(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	f := float64(n)
	i := 0
	for ; f >= 1000 && i < len(units)-1; i++ {
		f /= 1000
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}
