package logfmt

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What real writers of logfmt made of the values in testdata/writers/cases.json,
// read again. A value comes back as it was given, with its type, unless the
// writer changed it: these are in unfaithful, each with what the line says
// instead, so that nothing differs unseen. testdata/writers/README.md says how
// the lines came to be.
func TestWriters(t *testing.T) {
	var cases []struct {
		Name  string
		Value json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(readTestdata(t, "writers/cases.json")), &cases))
	names := map[string]string{}
	kinds := map[string]Kind{}
	for _, c := range cases {
		text := string(c.Value)
		switch text[0] {
		case '"':
			require.NoError(t, json.Unmarshal(c.Value, &text))
			kinds[c.Name] = String
		case 't', 'f':
			kinds[c.Name] = Bool
		case 'n':
			kinds[c.Name] = String
		default:
			kinds[c.Name] = Int
			if strings.Contains(text, ".") {
				kinds[c.Name] = Float
			}
		}
		names[c.Name] = text
	}
	// Writers leave these without quotes, so that they come back typed.
	loose := map[string]Kind{"int_text": Int, "true_text": Bool}

	files, err := filepath.Glob("testdata/writers/*.log")
	require.NoError(t, err)
	require.Len(t, files, 17)
	p := NewParser(Options{})
	var unfaithful, all []string
	for _, file := range files {
		writer := strings.TrimSuffix(filepath.Base(file), ".log")
		seen := map[string]bool{}
		for line := range strings.Lines(readTestdata(t, "writers/"+writer+".log")) {
			line = strings.TrimSuffix(line, "\n")
			pairs, err := p.AppendPairs(nil, line)
			parsed := dump(line, pairs, err)
			all = append(all, parsed...)
			var name string
			value := Pair{Kind: pending}
			for _, pair := range pairs {
				switch pair.Key {
				case "case":
					name = pair.Value
				case "v":
					value = pair
				}
			}
			want, known := names[name]
			seen[name] = true
			faithful := known && err == nil && value.Value == want && !value.Bare() &&
				(value.Kind == kinds[name] || value.Kind == loose[name] && loose[name] != 0)
			if !faithful {
				unfaithful = append(append(unfaithful, writer+" "+name), parsed...)
			}
		}
		for name := range names {
			assert.Containsf(t, seen, name, "%s has no line", writer)
		}
	}
	golden(t, "writers/unfaithful.want", unfaithful)
	golden(t, "writers/all.want", all)
}
