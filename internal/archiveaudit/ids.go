package archiveaudit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"hash/maphash"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/archive"
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

// newIDScanner gives nil where the form is not known.
func newIDScanner(encoding string) *idScanner {
	f := formOf(encoding)
	if len(needles[f]) == 0 {
		return nil
	}
	return &idScanner{form: f, seed: maphash.MakeSeed()}
}

// denied appends the ids in a block of lines that the filter denies. before is how many
// lines came before.
func (s *idScanner) denied(dst []denied, f archive.Filter, block []byte, before int64) []denied {
	for _, needle := range needles[s.form] {
		for at := 0; ; {
			if at = needle.next(block, at); at < 0 {
				break
			}
			n := bytes.IndexByte(block[at:], '"')
			if n < 0 {
				break
			}
			id := block[at : at+n]
			if n == 0 || bytes.IndexByte(id, '\\') >= 0 || s.was(id) || f.May(id) {
				continue
			}
			// The name may be that of something else, deeper in the document.
			start := bytes.LastIndexByte(block[:at], '\n') + 1
			end := at + bytes.IndexByte(block[at:], '\n')
			for _, real := range lineIDs(s.form, block[start:end]) {
				if real == string(id) {
					dst = append(dst, denied{line: before + int64(bytes.Count(block[:at], []byte{'\n'})) + 1, id: real})
					break
				}
			}
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

// lineIDs gives the request and trace ids of a line, or of an object without lines: those
// that its filter was made of. It is exact, and slow.
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
		names := []string{"trace_id", "request.id"}
		if f != formFlat {
			names = append(names, "trace.id", "http.request.id")
		}
		for _, name := range names {
			if text, ok := member(document, name).(string); ok {
				add(text)
			}
		}
	case formOTLP:
		if bytes.Contains(line, []byte(`"resourceSpans"`)) {
			spans, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
			if err == nil {
				spanIDs(spans, add)
			}
			return ids
		}
		logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
		if err == nil {
			logIDs(logs, add)
		}
	case formProto:
		if logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(line); err == nil {
			logIDs(logs, add)
		}
	}
	return ids
}

func logIDs(logs plog.Logs, add func(string)) {
	for _, r := range logs.ResourceLogs().All() {
		for _, s := range r.ScopeLogs().All() {
			for _, record := range s.LogRecords().All() {
				if id := record.TraceID(); !id.IsEmpty() {
					add(hex.EncodeToString(id[:]))
				}
				if id, ok := record.Attributes().Get("request.id"); ok {
					add(id.AsString())
				}
			}
		}
	}
}

func spanIDs(traces ptrace.Traces, add func(string)) {
	for _, r := range traces.ResourceSpans().All() {
		for _, s := range r.ScopeSpans().All() {
			for _, span := range s.Spans().All() {
				if id := span.TraceID(); !id.IsEmpty() {
					add(hex.EncodeToString(id[:]))
				}
				if id, ok := span.Attributes().Get("request.id"); ok {
					add(id.AsString())
				}
			}
		}
	}
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
