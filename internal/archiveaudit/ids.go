package archiveaudit

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/recordids"
)

// form is how the records of an encoding are written, as far as is known here.
type form int

const (
	formUnknown form = iota
	formFlat         // one flat document
	formECS          // one ECS document
	formOTLP         // OTLP in JSON
	formProto        // OTLP in protobuf
)

// formOf tells the form by the encoding's name, which is an extension's id.
func formOf(encoding string) form {
	switch {
	case encoding == archive.EncodingJSON:
		return formFlat
	case encoding == archive.EncodingOTLPJSON:
		return formOTLP
	case encoding == archive.EncodingOTLPProto:
		return formProto
	case encoding == "ecs_encoding", strings.HasPrefix(encoding, "ecs_encoding/"):
		return formECS
	}
	return formUnknown
}

// needle is what stands before an id. A quote within a text is escaped, so a needle that
// starts with one is the name of a member, at whatever depth.
type needle struct {
	text []byte
	// rare is where in it a byte is that lines have few of: bytes.Index would stop at each
	// quote.
	rare int
}

func needleOf(text string, rare byte) needle {
	return needle{[]byte(text), strings.IndexByte(text, rare)}
}

// next gives where behind the next needle in block, from at on, or -1.
func (n needle) next(block []byte, at int) int {
	for at += n.rare; at < len(block); at++ {
		i := bytes.IndexByte(block[at:], n.text[n.rare])
		if i < 0 {
			return -1
		}
		at += i
		if start := at - n.rare; bytes.HasPrefix(block[start:], n.text) {
			return start + len(n.text)
		}
	}
	return -1
}

var needles = map[form][]needle{
	formFlat: {needleOf(`"trace_id":"`, '_'), needleOf(`"request.id":"`, 'q')},
	formECS: {
		needleOf(`"trace":{"id":"`, '{'), needleOf(`"trace.id":"`, '.'),
		needleOf(`"http":{"request":{"id":"`, 'q'), needleOf(`"http.request.id":"`, 'q'),
	},
	formOTLP: {needleOf(`"traceId":"`, 'I'), needleOf(`"request.id","value":{"stringValue":"`, 'q')},
}

// idScanner finds the request and trace ids in lines. It is not for several goroutines.
type idScanner struct {
	form form
	seed maphash.Seed
	// asked are ids that the filter was asked for lately: those of one request are near
	// each other.
	asked [1 << 12]uint64
	line  []byte
}

// newIDScanner gives nil where what the filter was made of is not known of the form, or of
// the class: a data point may have attributes of any name.
func newIDScanner(class, encoding string) *idScanner {
	f := formOf(encoding)
	if len(needles[f]) == 0 || class == classMetrics {
		return nil
	}
	return &idScanner{form: f, seed: maphash.MakeSeed()}
}

const classMetrics = "metrics"

// denied appends the ids in a block of lines that the filter denies. before is how many
// lines came before. What is in the block, senders may have chosen: each line is parsed once
// for each needle at most.
func (s *idScanner) denied(dst []denied, f archive.Filter, block []byte, before int64) []denied {
	for _, needle := range needles[s.form] {
		var ids map[string]bool // of the line up to end, once parsed
		end, parsed := 0, false
		for at := 0; ; {
			if at = needle.next(block, at); at < 0 {
				break
			}
			n := bytes.IndexByte(block[at:], '"')
			if n < 0 {
				break
			}
			id := block[at : at+n]
			if n == 0 || n > recordids.MaxLength || bytes.IndexByte(id, '\\') >= 0 || s.was(id) || f.May(id) {
				continue
			}
			start := end
			if at >= end { // in another line
				start = end + bytes.LastIndexByte(block[end:at], '\n') + 1
				end, parsed = at+bytes.IndexByte(block[at:], '\n'), false
			}
			// The name may be that of something else, deeper in the document.
			if !parsed {
				ids, parsed = make(map[string]bool), true
				for _, one := range filteredIDs(s.form, block[start:end]) {
					ids[one] = true
				}
			}
			if !ids[string(id)] {
				continue
			}
			dst = append(dst, denied{line: before + int64(bytes.Count(block[:at], []byte{'\n'})) + 1, id: string(id)})
			if len(dst) >= maxDenied {
				return dst
			}
		}
	}
	return dst
}

func (s *idScanner) was(id []byte) bool {
	h := maphash.Bytes(s.seed, id) | 1
	slot := &s.asked[h>>52]
	if *slot == h {
		return true
	}
	*slot = h
	return false
}

// filteredIDs gives ids of a line that its object's filter was certainly made of: the trace
// id, and the request id that is one text. There are others.
func filteredIDs(f form, line []byte) (ids []string) {
	add := func(id string) {
		// Of a text that was not UTF-8 the document has something else.
		if id != "" && len(id) <= recordids.MaxLength && !strings.ContainsRune(id, utf8.RuneError) {
			ids = append(ids, id)
		}
	}
	switch f {
	case formFlat, formECS:
		var document map[string]any
		if json.Unmarshal(line, &document) != nil {
			return nil
		}
		// A flat document has the names of attributes as they are.
		names, find := []string{"trace_id", recordids.Request}, func(name string) any { return document[name] }
		if f == formECS {
			names, find = []string{"trace.id", "http.request.id"}, func(name string) any { return member(document, name) }
		}
		for _, name := range names {
			if text, ok := find(name).(string); ok {
				add(text)
			}
		}
	case formOTLP:
		recordsOf(f, line, func(logs plog.Logs) { recordids.AllLogs(logs, add) }, func(spans ptrace.Traces) { recordids.AllSpans(spans, add) })
	case formProto, formUnknown:
	}
	return ids
}

// recordsOf reads a line of OTLP, or an object of it.
func recordsOf(f form, line []byte, ofLogs func(plog.Logs), ofSpans func(ptrace.Traces)) {
	switch {
	case f == formProto:
		if logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(line); err == nil {
			ofLogs(logs)
		}
	case bytes.Contains(line, []byte(`"resourceSpans"`)):
		if spans, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line); err == nil {
			ofSpans(spans)
		}
	default:
		if logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line); err == nil {
			ofLogs(logs)
		}
	}
}

// idNames are the members of documents that have ids, in parts: a document has them as one
// name or as objects in each other. labels are ECS's names of what it does not know.
var idNames = []string{"trace_id", "trace.id", "request.id", "request.macro_id", "fold.trace_ids", "labels.request_macro_id"}

// lineIDs gives the ids of a line, or of an object without lines: those by which it can be
// found. It is exact, and slow.
func lineIDs(f form, line []byte) (ids []string) {
	add := func(id string) {
		if id != "" {
			ids = append(ids, id)
		}
	}
	switch f {
	case formFlat, formECS, formUnknown:
		var document map[string]any
		if json.Unmarshal(line, &document) != nil {
			return nil
		}
		documentIDs(document, add)
	case formOTLP, formProto:
		recordsOf(f, line, func(logs plog.Logs) { recordids.AllLogs(logs, add) }, func(spans ptrace.Traces) { recordids.AllSpans(spans, add) })
	}
	return ids
}

// documentIDs gives the ids of a document, and of the parts of a folded event in its body.
func documentIDs(document map[string]any, add func(id string)) {
	values := func(v any) {
		switch v := v.(type) {
		case string:
			add(v)
		case []any:
			for _, one := range v {
				if text, ok := one.(string); ok {
					add(text)
				}
			}
		}
	}
	for _, prefix := range []string{"", "http.", "heartwood."} {
		for _, name := range idNames {
			values(member(document, prefix+name))
		}
	}
	partIDs(document["body"], values, 0)
	partIDs(member(document, "heartwood.body"), values, 0)
}

// maxParts is how deep folded events are looked for within each other.
const maxParts = 8

func partIDs(body any, values func(any), depth int) {
	inner, ok := body.(map[string]any)
	if !ok || depth == maxParts {
		return
	}
	each := func(name string, do func(map[string]any)) {
		list, _ := inner[name].([]any)
		for _, one := range list {
			if m, ok := one.(map[string]any); ok {
				do(m)
			}
		}
	}
	ids := func(v any) {
		if m, ok := v.(map[string]any); ok {
			for _, name := range []string{recordids.Request, recordids.Macro, recordids.Traces} {
				values(m[name])
			}
		}
	}
	each("origins", func(origin map[string]any) { ids(origin["resource"]) })
	each("parts", func(part map[string]any) {
		values(part["trace_id"])
		ids(part["attributes"])
		partIDs(part["message"], values, depth+1)
	})
}

// member gives what a document has under a name: as one member of that name, or of
// objects in each other, or both mixed.
func member(document map[string]any, name string) any {
	if v, ok := document[name]; ok {
		return v
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if inner, ok := document[name[:i]].(map[string]any); ok {
			if v := member(inner, name[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}
