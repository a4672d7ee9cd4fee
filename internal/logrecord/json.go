package logrecord

import (
	"errors"
	"strconv"

	"github.com/heartwood-otel/heartwood/internal/jsonline"
	"github.com/heartwood-otel/heartwood/internal/linepair"
	"github.com/heartwood-otel/heartwood/internal/logfmt"
)

// jsonReader is what a batch needs for lines of JSON.
type jsonReader struct {
	parser *jsonline.Parser
	fields *fieldMap

	// Of the current line.
	style   style
	members int // of the line's object and of those in flat
	late    []hit
	flat    []int32  // objects whose members are attributes
	names   []string // that members of flat were given
	// taken has the places where names are first taken, in a line with so many that
	// it is worth it: -1 for the line's own members. It is nil in others.
	taken map[string]int
	stack string // the chosen stack trace
	trace int32  // index of a stack trace that is objects and arrays, plus 1
	file  location
}

// forget lets go of the last line.
func (j *jsonReader) forget() {
	clear(j.names[:cap(j.names)])
	j.stack, j.file = "", location{}
}

// AddJSON makes one record of one line that is a JSON object, as Add does of one
// that is logfmt. It reports false, and adds nothing, when the line is no object at
// all: when its first character, blanks aside, is no '{'.
//
// A line that begins like an object and is none is text, with what is wrong with it
// as heartwood.parse_error; the members that stand whole before the error still
// give time, severity, trace and resource. TryJSON leaves such lines to the caller.
func (b *Batch) AddJSON(line []byte, o *Origin) bool {
	if o.Piece.ID != "" || o.Problem != "" {
		b.Add(line, o)
		return true
	}
	if !jsonline.IsObject(line) {
		return false
	}
	_ = b.addJSON(line, o, true)
	return true
}

// TryJSON is AddJSON for a line that may be something else: it adds nothing but
// records of whole objects. Its error is a *jsonline.SyntaxError.
func (b *Batch) TryJSON(line []byte, o *Origin) error {
	if o.Piece.ID != "" || o.Problem != "" {
		b.Add(line, o)
		return nil
	}
	if !jsonline.IsObject(line) {
		return &jsonline.SyntaxError{Column: 1, Cause: jsonline.NotObject}
	}
	return b.addJSON(line, o, false)
}

func (b *Batch) addJSON(line []byte, o *Origin, broken bool) error {
	j := b.json
	if j == nil {
		j = &jsonReader{parser: jsonline.NewParser(jsonline.Options{
			MaxPairs:          maxPairs,
			FirstOfDuplicates: b.m.set.Duplicates == logfmt.First,
		})}
		b.json = j
		j.fields = b.m.json()
		b.best = make([]choice, max(len(b.best), len(j.fields.targets)))
	}
	text, now := b.start(line, o)
	clear(b.best)
	b.f = j.fields
	b.hits = b.hits[:0]
	pairs, err := j.parser.AppendPairs(b.pairs[:0], text)
	b.pairs = pairs
	if err != nil && !broken {
		b.end()
		return err
	}
	if syntax, ok := errors.AsType[*jsonline.SyntaxError](err); ok && syntax.Cause == jsonline.InvalidUTF8 {
		// What stands before the bytes is good.
		b.pairs, _ = j.parser.AppendPairs(b.pairs[:0], text[:syntax.Column-1])
	}
	b.chooseJSON()
	problem := ""
	switch {
	case err != nil:
		problem = err.Error()
	case j.members > maxAttributes:
		problem = tooManyMembers
	}
	b.finishJSON()
	if problem == "" {
		b.readException()
	}
	b.finish(o)
	r := b.newRecord(len(line), now, o)
	if problem == "" {
		b.setJSON(r, o, text)
	} else {
		b.problems++
		b.setText(r, o, text, problem)
	}
	b.end()
	return nil
}

var tooManyMembers = "json: more than " + strconv.Itoa(maxAttributes) + " members"

// attributesJSON counts what setJSON will set, or a few more.
func (b *Batch) attributesJSON() int {
	n := b.json.members + len(b.extras)
	for _, h := range b.hits {
		if c := b.best[h.use]; c.pair != h.pair+1 || c.kept {
			continue
		}
		switch k := b.f.targets[h.use].kind; {
		case k == kindLocation || k == kindFile:
			n += 2
		case k < kindLocation || k == kindResource:
			if !h.nested {
				n--
			}
		case h.nested:
			n++
		}
	}
	return n
}

// members counts those of the object at i.
func members(pairs []linepair.Pair, i int) int {
	n := 0
	end := i + 1 + pairs[i].Size()
	for i++; i < end; i += 1 + pairs[i].Size() {
		n++
	}
	return n
}
