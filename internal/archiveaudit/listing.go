package archiveaudit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// listing looks at everything that lies in the place, and finds what no log names.
func (a *auditor) listing(ctx context.Context) {
	others, inFlight := 0, map[string]int{}
	for info, err := range a.versionsOf(ctx, a.layout.Prefix) {
		if err != nil {
			a.found.add(Finding{Severity: Unchecked, Kind: KindRead, Text: fmt.Sprintf("not all that is there could be listed: %v", err)})
			break
		}
		if known, right := a.known.has(info.Key, info.VersionID); known {
			if (a.locks && !right) || info.DeleteMarker {
				a.wrongVersion(info)
			}
			continue
		}
		switch {
		case a.isProbe(info):
			others++
		case strings.HasPrefix(info.Key, a.layout.LogPrefix()):
			a.unknownLog(info, inFlight)
		case strings.HasPrefix(info.Key, a.layout.DataPrefix()):
			a.unknownObject(info, inFlight)
		default:
			others++
		}
	}
	for writer, n := range inFlight {
		a.found.add(Finding{Writer: writer}.note(KindInFlight, "%d objects lie behind the last checkpoint; the next one should name them", n))
	}
	if others > 0 {
		a.found.add(Finding{}.note(KindOtherFiles, "%d objects (or versions) under the prefix are no part of the archive", others))
	}
}

// wrongVersion is a version of a known key that is not the one that the log names.
func (a *auditor) wrongVersion(info objectstore.Info) {
	f := Finding{Object: info.Key, Version: info.VersionID}
	if key, err := a.layout.ParseData(info.Key); err == nil {
		f.Writer = key.Writer
	}
	switch {
	case info.DeleteMarker:
		f = f.tampered(KindDeleteMarker, "a delete marker of %s hides the object", date(info.Modified))
	case info.Latest:
		f = f.tampered(KindNewer, "a version of %s is on top of the one that the log names: whoever reads the object gets this one", date(info.Modified))
	default:
		f = f.tampered(KindVersion, "a version of %s that the log does not name", date(info.Modified))
	}
	a.found.add(f)
}

// isProbe says whether it is what a server stored of a writer's try at its start. Nobody
// reads what is under that key.
func (a *auditor) isProbe(info objectstore.Info) bool {
	writer, _, _ := strings.Cut(strings.TrimPrefix(info.Key, a.layout.LogPrefix()), "/")
	return info.Size == 0 && info.Key == a.layout.Probe(writer) && len(a.writers.KeysFor(writer)) > 0
}

// unknownLog is a key of a log's folder that the log's manifests do not name.
func (a *auditor) unknownLog(info objectstore.Info, inFlight map[string]int) {
	name, rest, inFolder := strings.Cut(strings.TrimPrefix(info.Key, a.layout.LogPrefix()), "/")
	f := Finding{Writer: name, Object: info.Key, Version: info.VersionID}
	switch {
	case !inFolder:
		a.found.add(f.tampered(KindUnlisted, "it is of no writer's log"))
		return
	case !a.enrolled(name):
		a.stranger(name)
		return
	}
	at := a.finished[name]
	number, isNumbered := a.numberOf(info.Key)
	_, tile, tileErr := a.layout.ParseTile(plainTileKey(info.Key))
	switch {
	case !isNumbered && tileErr != nil:
		a.unlisted(f.tampered(KindUnlisted, "%q is no name that a writer gives", rest))
	case at == nil:
		if a.From.IsZero() && a.To.IsZero() {
			a.unlisted(f.tampered(KindUnlisted, "the writer has no checkpoint that covers it"))
		}
	case isNumbered && at.left(number, 0, info.Modified, a.locks), tileErr == nil && at.left(-1, lastLeaf(tile.L, tile.N), info.Modified, a.locks):
		a.found.add(f.note(KindRecovered, "a lost disk left it: no manifest names it, and the log went on without it"))
	case isNumbered && number < at.firstNumber, isNumbered && number > at.endNumber && !at.open:
	case isNumbered && number > at.endNumber, tileErr == nil && lastLeaf(tile.L, tile.N) >= at.end:
		a.behind(info, f, at, inFlight)
	case tileErr == nil && lastLeaf(tile.L, tile.N) < at.first:
	case tileErr == nil && lastLeaf(tile.L, tile.N) == at.end-1:
		a.behind(info, f, at, inFlight) // the last manifest's own leaf made it full
	default:
		a.unlisted(f.tampered(KindUnlisted, "no manifest names it"))
	}
}

// plainTileKey is a key without the hash behind it that a tile has which was put beside
// another one.
func plainTileKey(key string) string {
	if at := strings.LastIndexByte(key, '-'); at >= 0 && new(archive.Digest).UnmarshalText([]byte(key[at+1:])) == nil {
		return key[:at]
	}
	return key
}

// unlisted adds that something is in no manifest, unless it may be in one that could not be read.
func (a *auditor) unlisted(f Finding) {
	if _, ok := a.unread.Load(f.Writer); ok {
		f.Severity = Unchecked
		f.Text = "whether the log names it is not known: not all of the log could be read"
	}
	a.found.add(f)
}

func (a *auditor) enrolled(name string) bool {
	_, ok := slices.BinarySearch(a.names, name)
	return ok
}

// lastLeaf is the last leaf below a full tile.
func lastLeaf(level int, n int64) int64 {
	const most = 1<<62 - 1
	shift := archive.TileHeight * (level + 1)
	if level > 6 || n >= most>>shift {
		return most
	}
	return (n+1)<<shift - 1
}

func (a *auditor) numberOf(key string) (int64, bool) {
	if _, n, err := a.layout.ParseCheckpoint(key); err == nil {
		return n, true
	}
	if _, n, _, err := a.layout.ParseManifest(key); err == nil {
		return n, true
	}
	_, n, _, err := a.layout.ParseFilters(key)
	return n, err == nil
}

// behind is something that lies behind the end of the log: the writer is about to name it,
// or has been cut off, or never wrote it.
func (a *auditor) behind(info objectstore.Info, f Finding, at *span, inFlight map[string]int) {
	switch {
	case !at.open:
	case a.locks && info.DeleteMarker:
		a.found.add(f.tampered(KindDeleteMarker, "a delete marker hides an object behind the last checkpoint"))
	case !a.overdue(info.Modified, at.interval):
		inFlight[f.Writer]++
	default:
		a.unlisted(f.tampered(KindUnlisted, "it lies behind the last checkpoint since %s, and no checkpoint came that names it: the log's end was cut off, or the object is not the writer's", date(info.Modified)))
	}
}

// unknownObject is a data object that no manifest names.
func (a *auditor) unknownObject(info objectstore.Info, inFlight map[string]int) {
	f := Finding{Object: info.Key, Version: info.VersionID}
	key, err := a.layout.ParseData(info.Key)
	if err != nil {
		a.unlisted(f.tampered(KindUnlisted, "it is in no manifest, and its key is none that a writer gives: %v", err))
		return
	}
	f.Writer = key.Writer
	if !a.enrolled(key.Writer) {
		a.found.add(f.tampered(KindForeign, "an object of the writer %q, whom no writers file enrols", key.Writer))
		return
	}
	at := a.finished[key.Writer]
	switch from, moved := a.known.from(key.SHA256); {
	case moved:
		a.found.add(f.tampered(KindMoved, "it was moved here from %s", from))
	case at == nil:
		if a.From.IsZero() && a.To.IsZero() {
			a.unlisted(f.tampered(KindUnlisted, "the writer has no checkpoint that covers it"))
		}
	case key.FirstLeaf < at.first:
	case key.FirstLeaf >= at.end:
		a.behind(info, f, at, inFlight)
	default:
		a.unlisted(f.tampered(KindUnlisted, "no manifest names it: the writer did not put it there"))
	}
}
