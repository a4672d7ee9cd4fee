package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/integration/harness"
)

// fields are those of a JSON document by their names with points, however they are
// nested in it. Lists and empty objects are values; numbers are as they are written.
type fields map[string]any

func fieldsOf(document string) (fields, error) {
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	var top map[string]any
	if err := decoder.Decode(&top); err != nil {
		return nil, fmt.Errorf("%q: %w", document, err)
	}
	all := fields{}
	return all, all.add("", top)
}

func (f fields) add(prefix string, object map[string]any) error {
	for name, value := range object {
		name = prefix + name
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 {
			if err := f.add(name+".", inner); err != nil {
				return err
			}
			continue
		}
		if _, ok := f[name]; ok {
			return fmt.Errorf("%s is there twice", name)
		}
		f[name] = value
	}
	return nil
}

func (f fields) text(name string) string {
	text, _ := f[name].(string)
	return text
}

// absent is the value of a field that a document does not have.
type absent struct{}

// difference is a field that two documents do not have alike.
type difference struct {
	field   string
	was, is any
}

func (d difference) added() bool   { return d.was == absent{} }
func (d difference) missing() bool { return d.is == absent{} }

func (d difference) String() string {
	was, _ := json.Marshal(d.was)
	is, _ := json.Marshal(d.is)
	switch {
	case d.added():
		return fmt.Sprintf("%s: %s is new", d.field, is)
	case d.missing():
		return fmt.Sprintf("%s: %s is gone", d.field, was)
	}
	return fmt.Sprintf("%s: %s became %s", d.field, was, is)
}

// differences are in the order of the fields' names.
func differences(was, is fields) (all []difference) {
	names := maps.Clone(was)
	maps.Copy(names, is)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d := difference{name, absent{}, absent{}}
		if value, ok := was[name]; ok {
			d.was = value
		}
		if value, ok := is[name]; ok {
			d.is = value
		}
		if !reflect.DeepEqual(d.was, d.is) {
			all = append(all, d)
		}
	}
	return all
}

// roundTripRule is a difference that docs/format/ecs.md names, in the section that
// roundTripSection is the heading of.
type roundTripRule struct {
	name   string
	allows func(d difference, was, is fields) bool
}

const roundTripSection = "## Round trip of the ECS loggers"

// comparison holds documents that came back to those that were written, and notes
// which rules were needed.
type comparison struct {
	rules []roundTripRule
	used  map[string]int
}

func newComparison(rules []roundTripRule) *comparison {
	return &comparison{rules: rules, used: map[string]int{}}
}

// compare gives the differences that no rule allows.
func (c *comparison) compare(was, is fields) (left []difference) {
	for _, d := range differences(was, is) {
		i := slices.IndexFunc(c.rules, func(r roundTripRule) bool { return r.allows(d, was, is) })
		if i < 0 {
			left = append(left, d)
			continue
		}
		c.used[c.rules[i].name]++
	}
	return left
}

// unused are the rules that nothing needed: what docs/format/ecs.md says of them is no
// longer so.
func (c *comparison) unused() (names []string) {
	for _, r := range c.rules {
		if c.used[r.name] == 0 {
			names = append(names, r.name)
		}
	}
	return names
}

// sameTime reports whether two texts are one point in time.
func sameTime(a, b any) bool {
	was, err := time.Parse(time.RFC3339Nano, fmt.Sprint(a))
	if err != nil {
		return false
	}
	is, err := time.Parse(time.RFC3339Nano, fmt.Sprint(b))
	return err == nil && was.Equal(is)
}

// documented gives the first column of the table in a section of docs/format/ecs.md.
func documented(t *testing.T, section string) (names []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "format", "ecs.md"))
	require.NoError(t, err)
	_, text, ok := strings.Cut(string(page), "\n"+section+"\n")
	require.True(t, ok, "the section %q", section)
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || strings.Contains(cells[1], "---") {
			continue
		}
		names = append(names, strings.TrimSpace(cells[1]))
	}
	require.NotEmpty(t, names, "the table of %q", section)
	return names[1:] // but for the heading
}

func TestFieldsOfADocument(t *testing.T) {
	got, err := fieldsOf(`{"a.b":1,"a":{"c":{"d":[1.50,{"e":null}]},"f":{}},"g":null}`)
	require.NoError(t, err)
	assert.Equal(t, fields{
		"a.b": json.Number("1"), "a.c.d": []any{json.Number("1.50"), map[string]any{"e": nil}}, "a.f": map[string]any{}, "g": nil,
	}, got)
	_, err = fieldsOf(`{"a.b":1,"a":{"b":1}}`)
	require.ErrorContains(t, err, "a.b is there twice")
	_, err = fieldsOf(`{"a"`)
	require.Error(t, err)
}

func TestDifferences(t *testing.T) {
	f := func(was, is string, want ...string) {
		t.Helper()
		before, err := fieldsOf(was)
		require.NoError(t, err)
		after, err := fieldsOf(is)
		require.NoError(t, err)
		var said []string
		for _, d := range differences(before, after) {
			said = append(said, d.String())
		}
		assert.Equal(t, want, said)
	}
	f(`{"a":{"b":1},"c":[1,{"d":null}]}`, `{"c":[1,{"d":null}],"a.b":1}`)
	f(`{"a":1}`, `{"a":1.0}`, `a: 1 became 1.0`)
	f(`{"a":1}`, `{"a":"1"}`, `a: 1 became "1"`)
	f(`{"a":null}`, `{}`, `a: null is gone`)
	f(`{}`, `{"a":null}`, `a: null is new`)
	f(`{"a":["x"]}`, `{"a":"x"}`, `a: ["x"] became "x"`)
	f(`{"a":{}}`, `{"b":true}`, `a: {} is gone`, `b: true is new`)
}

func TestSameTime(t *testing.T) {
	assert.True(t, sameTime("2026-02-03T04:05:06.7Z", "2026-02-03T05:05:06.700000000+01:00"))
	assert.False(t, sameTime("2026-02-03T04:05:06.7Z", "2026-02-03T04:05:06.700000001Z"))
	assert.False(t, sameTime("x", "x"))
}

func TestComparisonNotesWhatItNeeds(t *testing.T) {
	c := newComparison([]roundTripRule{
		{"a may go", func(d difference, _, _ fields) bool { return d.field == "a" && d.missing() }},
		{"never", func(difference, fields, fields) bool { return false }},
	})
	assert.Equal(t, []string{"a may go", "never"}, c.unused())
	left := c.compare(fields{"a": "x", "b": "y"}, fields{"c": "z"})
	assert.Equal(t, []difference{{"b", "y", absent{}}, {"c", absent{}, "z"}}, left)
	assert.Equal(t, []string{"never"}, c.unused())
	assert.Len(t, c.compare(fields{}, fields{"a": "x"}), 1)
}
