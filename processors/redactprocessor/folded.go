package redactprocessor

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/heartwood-otel/heartwood/internal/secretscan"
)

// The members of a document of event_fold, docs/format/folded-event.md, that hold what
// was said.
const (
	partsMember   = "parts"
	messageMember = "message"
)

// spreading is what a secret begins with that may be in several lines, each a record of
// its own before they were folded.
const spreading = "-----BEGIN "

// joined looks through what the parts of a folded event say, one behind the other, for
// what only all of them together show: a private key of which each line is a part.
func (x *pass) joined(body pcommon.Value, depth int) {
	if body.Type() != pcommon.ValueTypeMap || depth > x.cfg.Limits.MaxDepth {
		return
	}
	parts, ok := body.Map().Get(partsMember)
	if !ok || parts.Type() != pcommon.ValueTypeSlice {
		return
	}
	var lines []pcommon.Value
	size := 0
	for _, part := range parts.Slice().All() {
		if part.Type() != pcommon.ValueTypeMap {
			continue
		}
		message, ok := part.Map().Get(messageMember)
		switch {
		case !ok:
		case message.Type() == pcommon.ValueTypeMap: // a document of the stage before
			x.joined(message, depth+2)
		case message.Type() == pcommon.ValueTypeStr && (len(lines) > 0 || strings.Contains(message.Str(), spreading)):
			if size += len(message.Str()) + 1; size > int(x.cfg.Limits.MaxSize) {
				x.cannot(tooLarge, message)
				continue
			}
			lines = append(lines, message)
		}
	}
	if len(lines) > 1 {
		x.across(lines)
	}
}

// across replaces what reaches over several lines, in each of them.
func (x *pass) across(lines []pcommon.Value) {
	var text strings.Builder
	starts := make([]int, len(lines)+1)
	for i, line := range lines {
		text.WriteString(line.Str())
		text.WriteByte('\n')
		starts[i+1] = text.Len()
	}
	findings, read := scan(x.scanner, nil, secretscan.Key{}, text.String())
	if !read {
		for _, line := range lines {
			x.cannot(scanFailed, line)
		}
		return
	}
	for _, f := range slices.Backward(findings) { // so that the places before stay
		first, _ := slices.BinarySearch(starts, f.Start+1)
		last, _ := slices.BinarySearch(starts, f.End)
		first, last = first-1, last-1
		if first == last {
			continue // which is found where the line is looked at by itself
		}
		a := &x.actions[f.Detector]
		x.note(a)
		if x.cfg.DryRun || a.Type == actionTag {
			continue
		}
		for i := first; i <= last; i++ {
			line := lines[i].Str()
			from, to := max(f.Start-starts[i], 0), min(f.End-starts[i], len(line))
			x.text = append(x.text[:0], line[:from]...)
			x.text = x.appendReplacement(x.text, a, text.String()[f.Start:f.End])
			lines[i].SetStr(string(append(x.text, line[to:]...)))
		}
	}
}
