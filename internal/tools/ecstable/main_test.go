package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const flat = `
'@timestamp':
  type: date
  otel:
  - relation: otlp
    otlp_field: time_unix_nano
event.category:
  type: keyword
  normalize: [array]
  allowed_values:
  - name: web
http.request.body.bytes:
  type: long
  otel:
  - relation: equivalent
    attribute: http.request.body.size
http.version:
  type: keyword
  otel:
  - relation: match
http-x:
  type: flattened
next.a:
  type: ip
next.b:
  type: geo_point
`

const rows = `ECS_Version,Indexed,Field_Set,Field,Type
9.5.0-dev,true,base,@timestamp,date
9.5.0-dev,true,event,event.category,keyword
9.5.0-dev,true,http,http.request.body.bytes,long
9.5.0-dev,true,http,http.version,keyword
9.5.0-dev,true,http,http-x,flattened
9.5.0-dev,true,next,next.a,ip
9.5.0-dev,true,next,next.b,geo_point
`

// generate runs the program on these files.
func generate(t *testing.T, flat, rows, newer string) (code, summary string, err error) {
	t.Helper()
	dir := t.TempDir()
	path := func(name, text string) string {
		p := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(p, []byte(text), 0o600))
		return p
	}
	out := filepath.Join(dir, "out.go")
	var b strings.Builder
	s := source{flat: path("flat.yml", flat), csv: path("fields.csv", rows), newer: path("newer.txt", newer), version: "9.4.0"}
	if err := run(s, out, &b); err != nil {
		assert.NoFileExists(t, out)
		return "", "", err
	}
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	return string(text), b.String(), nil
}

func TestTable(t *testing.T) {
	code, summary, err := generate(t, flat, rows, "# newer\n\nnext.*\n")
	require.NoError(t, err)
	assert.Equal(t, "5 fields\n     1 equivalent\n     1 match\n     1 otlp\n", summary)
	assert.Contains(t, code, `const Version = "9.4.0"`)
	var lines []string
	for line := range strings.Lines(code) {
		line, _, _ = strings.Cut(line, "//")
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "{") || strings.HasPrefix(line, `"event.cat`) {
			lines = append(lines, line)
		}
	}
	assert.Equal(t, []string{
		`{Name: "@timestamp", Type: Date},`,
		`{Name: "event.category", Type: Keyword, List: true},`,
		`{Name: "http.request.body.bytes", Type: Long},`,
		`{Name: "http.version", Type: Keyword},`,
		`{Name: "http-x", Type: Flattened},`,
		`{Field: &fields[0], Relation: OTLP, OTLP: "time_unix_nano"},`,
		`{Field: &fields[2], Relation: Equivalent, Attribute: "http.request.body.size"},`,
		`{Field: &fields[3], Relation: Match, Attribute: "http.version"},`,
		`"event.category": {"web"},`,
	}, lines)
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, flat, rows, newer, problem string }{
		{"unknown type", strings.Replace(flat, "type: ip", "type: version", 1), rows, "", `next.a has the type "version"`},
		{"unknown relation", strings.Replace(flat, "relation: otlp", "relation: kin", 1), rows, "", `@timestamp has the relation "kin"`},
		{"another type", flat, strings.Replace(rows, "next.a,ip", "next.a,keyword", 1), "", `next.a: "ip" in one file, "keyword" in the other`},
		{"absent in one", flat, strings.Replace(rows, "9.5.0-dev,true,next,next.a,ip\n", "", 1), "", `next.a: "ip" in one file, "" in the other`},
		{"newer of nothing", flat, rows, "next.a\nnext.c\n", `next.c, which the schema does not have`},
		{"newer of nothing below", flat, rows, "nexx.*\n", `nexx.*, which the schema does not have`},
		{"no yaml", "\t", rows, "", "flat.yml"},
		{"no columns", flat, "a,b\n", "", "no columns Field and Type"},
		{"empty", flat, "", "", "is empty"},
	} {
		_, _, err := generate(t, c.flat, c.rows, c.newer)
		require.ErrorContains(t, err, c.problem, c.name)
	}
}

func TestBySegment(t *testing.T) {
	names := []string{"http.x", "http-x", "http", "http.request.y", "@timestamp", "http.request", "http.requests", "http.request.x.a", "http.request.x"}
	slices.SortFunc(names, bySegment)
	assert.Equal(t, []string{"@timestamp", "http", "http.request", "http.request.x", "http.request.x.a", "http.request.y", "http.requests", "http.x", "http-x"}, names)
}
