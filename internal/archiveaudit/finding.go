package archiveaudit

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// Severity is what a finding means for the archive as a whole.
type Severity string

const (
	// Note is what an auditor should know, and what is no sign of tampering.
	Note Severity = "note"
	// Unchecked is what could not be checked: the archive may be good.
	Unchecked Severity = "could-not-check"
	// Tampered is what an honest writer and an untouched bucket never look like.
	Tampered Severity = "tampered"
)

// Kind says what was found. Scripts may rely on the words.
type Kind string

// The kinds of findings.
const (
	KindMissing      Kind = "missing"         // an object or a version that the log names is not there
	KindChanged      Kind = "changed"         // other bytes than the log says
	KindForm         Kind = "malformed"       // not of the archive's format
	KindLine         Kind = "line-changed"    // a line is another than the log's
	KindLineCount    Kind = "lines-differ"    // lines were put in or taken out
	KindTrailing     Kind = "trailing-bytes"  // behind the end of an object
	KindMoved        Kind = "moved"           // an object under another key than its content's
	KindNewer        Kind = "newer-version"   // a version on top of the log's
	KindVersion      Kind = "another-version" // a version that the log does not name
	KindDeleteMarker Kind = "delete-marker"   //
	KindUnlisted     Kind = "in-no-manifest"  // an object that no manifest names
	KindForeign      Kind = "unknown-writer"  // a writer who was never enrolled
	KindLock         Kind = "lock-shortened"  // a weaker lock than the manifest says
	KindUnlocked     Kind = "unlocked"        // no lock at all, as the manifest says
	KindLate         Kind = "written-later"   // dates of the bucket contradict the log's
	KindSignature    Kind = "bad-signature"   // a checkpoint or writers file that its key did not sign
	KindKey          Kind = "key-not-valid"   // signed by a key that was not valid at the time
	KindRetired      Kind = "written-when-retired"
	KindNumber       Kind = "number-missing"     // a hole in the numbers of checkpoints
	KindLink         Kind = "broken-link"        // a manifest that does not name the one before
	KindLeaves       Kind = "leaves-misnumbered" // leaf numbers with gaps or overlaps
	KindRoot         Kind = "another-root"       // the tree over the lines is not the signed one
	KindEdge         Kind = "another-edge"       // a manifest's edge is not the tree's
	KindTile         Kind = "tile-changed"       // a stored tile is not the tree's
	KindFilter       Kind = "filter-wrong"       // a filter that denies what its object has
	KindInstance     Kind = "two-instances"      // another disk without a word of recovery
	KindFork         Kind = "forked"             // two different ones of one number, or another root elsewhere
	KindTruncated    Kind = "truncated"          // the end was cut off
	KindGap          Kind = "gap"                // nothing was written for a time
	KindInFlight     Kind = "in-flight"          // not yet in a manifest
	KindExpired      Kind = "expired"            // gone after its lock had ended
	KindRecovered    Kind = "recovered"          // went on behind a lost disk
	KindWriters      Kind = "writers-file"       // a writers file that does not follow from the one before
	KindNotAnArchive Kind = "no-archive"         // nothing to verify
	KindNoLocks      Kind = "no-locks"           // a place without versions and locks
	KindRead         Kind = "unreadable"         // the place did not give what was asked for
	KindOtherFiles   Kind = "other-objects"      // objects that are no part of an archive
	KindNothing      Kind = "nothing-written"    // an enrolled writer without a log
)

// Finding is one thing that an auditor must know.
type Finding struct {
	Severity Severity `json:"severity"`
	Kind     Kind     `json:"kind"`
	Writer   string   `json:"writer,omitempty"`
	Object   string   `json:"object,omitempty"`  // its key
	Version  string   `json:"version,omitempty"` // its version id
	Line     int64    `json:"line,omitempty"`    // in the object, from 1
	Leaf     *int64   `json:"leaf,omitempty"`    // in the log, from 0
	Text     string   `json:"text"`              // a sentence
}

func (f Finding) String() string {
	where := f.Object
	if where == "" {
		where = f.Writer
	}
	if f.Line > 0 {
		where = fmt.Sprintf("%s, line %d", where, f.Line)
	}
	if f.Leaf != nil {
		where = fmt.Sprintf("%s (leaf %d)", where, *f.Leaf)
	}
	if where == "" {
		return fmt.Sprintf("%s: %s", f.Kind, f.Text)
	}
	return fmt.Sprintf("%s: %s: %s", f.Kind, where, f.Text)
}

// maxFindings bounds what is kept of each kind and severity: a bucket that was emptied has
// as many as there were objects. The rest is counted.
const maxFindings = 1000

// findings collects. It may be shared between goroutines.
type findings struct {
	mu sync.Mutex
	// mu guards the following.
	list    []Finding
	counts  map[severityKind]int
	tainted map[string]bool // objects that have a finding of tampering
}

type severityKind struct {
	severity Severity
	kind     Kind
}

func newFindings() *findings {
	return &findings{counts: make(map[severityKind]int), tainted: make(map[string]bool)}
}

func (f *findings) add(finding Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := severityKind{finding.Severity, finding.Kind}
	f.counts[key]++
	if f.counts[key] <= maxFindings {
		f.list = append(f.list, finding)
		if finding.Severity == Tampered && finding.Object != "" {
			f.tainted[finding.Object] = true
		}
	}
}

// count gives how many findings there are of a severity.
func (f *findings) count(s Severity) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, count := range f.counts {
		if key.severity == s {
			n += count
		}
	}
	return n
}

var ranks = map[Severity]int{Tampered: 0, Unchecked: 1, Note: 2}

// sorted gives what was found, the worst first.
func (f *findings) sorted() []Finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.Clone(f.list)
	slices.SortStableFunc(list, func(a, b Finding) int {
		leaf := func(f Finding) int64 {
			if f.Leaf == nil {
				return -1
			}
			return *f.Leaf
		}
		return cmp.Or(cmp.Compare(ranks[a.Severity], ranks[b.Severity]), cmp.Compare(a.Writer, b.Writer),
			cmp.Compare(leaf(a), leaf(b)), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Text, b.Text))
	})
	return list
}
