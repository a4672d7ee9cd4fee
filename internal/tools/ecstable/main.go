// Command ecstable makes internal/ecs's table of the Elastic Common Schema, its types
// and its alignment with OpenTelemetry, out of two files that Elastic generates for each
// version (generated/ecs/ecs_flat.yml and generated/csv/fields.csv in elastic/ecs):
//
//	go -C internal/tools run ./ecstable -flat ecs_flat.yml -csv fields.csv -newer ../ecs/newer.txt -version 9.4.0 -out ../ecs/table_generated.go
package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"go/format"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

func main() {
	var s source
	flag.StringVar(&s.flat, "flat", "", "Elastic's ecs_flat.yml")
	flag.StringVar(&s.csv, "csv", "", "Elastic's fields.csv of the same version")
	flag.StringVar(&s.newer, "newer", "", "a list of fields that are to be left out, being newer than -version")
	flag.StringVar(&s.version, "version", "", "the released version that the table is of")
	out := flag.String("out", "", "the Go file to be written")
	flag.Parse()
	if err := run(s, *out, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ecstable:", err)
		os.Exit(1)
	}
}

// source is what a table is made of: paths, and a version.
type source struct{ flat, csv, newer, version string }

// definition is what ecs_flat.yml says of one field, as far as it is used.
type definition struct {
	Type      string      `yaml:"type"`
	Normalize []string    `yaml:"normalize"`
	Alignment []alignment `yaml:"otel"`
	Allowed   []struct {
		Name string `yaml:"name"`
	} `yaml:"allowed_values"`
}

type alignment struct {
	Relation  string `yaml:"relation"`
	Attribute string `yaml:"attribute"`
	OTLPField string `yaml:"otlp_field"`
	Metric    string `yaml:"metric"`
}

// types are ECS's types of fields, and their names in Go.
var types = map[string]string{
	"keyword": "Keyword", "constant_keyword": "ConstantKeyword", "wildcard": "Wildcard", "match_only_text": "MatchOnlyText",
	"long": "Long", "integer": "Integer", "float": "Float", "double": "Double", "scaled_float": "ScaledFloat",
	"boolean": "Boolean", "date": "Date", "ip": "IP", "geo_point": "GeoPoint",
	"object": "Object", "flattened": "Flattened", "nested": "Nested",
}

// relations are those of the alignment, and their names in Go.
var relations = map[string]string{
	"match": "Match", "equivalent": "Equivalent", "related": "Related", "conflict": "Conflict", "otlp": "OTLP", "metric": "Metric", "na": "NotApplicable",
}

// enumerations are the fields whose allowed values the mapping holds to.
var enumerations = []string{"event.kind", "event.category", "event.type", "event.outcome"}

func run(s source, out string, summary io.Writer) error {
	fields, err := readFlat(s.flat)
	if err != nil {
		return err
	}
	if err := compareTypes(fields, s.csv); err != nil {
		return err
	}
	if err := leaveOut(fields, s.newer); err != nil {
		return err
	}
	code, counts, err := write(fields, s.version)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, code, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(summary, "%d fields\n", len(fields))
	for _, relation := range slices.Sorted(keys(counts)) {
		fmt.Fprintf(summary, "%6d %s\n", counts[relation], relation)
	}
	return nil
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func readFlat(path string) (map[string]definition, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var fields map[string]definition
	if err := yaml.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for name, f := range fields {
		if types[f.Type] == "" {
			return nil, fmt.Errorf("%s: %s has the type %q, which this program does not know: add it to its list and to internal/ecs", path, name, f.Type)
		}
		for _, a := range f.Alignment {
			if relations[a.Relation] == "" {
				return nil, fmt.Errorf("%s: %s has the relation %q, which this program does not know: add it to its list and to internal/ecs", path, name, a.Relation)
			}
		}
	}
	return fields, nil
}

// compareTypes fails where the two files do not say the same of a field.
func compareTypes(fields map[string]definition, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) == 0 {
		return fmt.Errorf("%s is empty", path)
	}
	nameAt, typeAt := slices.Index(rows[0], "Field"), slices.Index(rows[0], "Type")
	if nameAt < 0 || typeAt < 0 {
		return fmt.Errorf("%s has no columns Field and Type", path)
	}
	inCSV := make(map[string]string, len(rows))
	for _, row := range rows[1:] {
		inCSV[row[nameAt]] = row[typeAt]
	}
	var wrong []error
	for name, f := range fields {
		if inCSV[name] != f.Type {
			wrong = append(wrong, fmt.Errorf("%s: %q in one file, %q in the other", name, f.Type, inCSV[name]))
		}
	}
	return errors.Join(wrong...)
}

// leaveOut takes out what the list names, each of which must be there.
func leaveOut(fields map[string]definition, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		before := len(fields)
		for name := range fields {
			if prefix, all := strings.CutSuffix(line, "*"); name == line || all && strings.HasPrefix(name, prefix) {
				delete(fields, name)
			}
		}
		if len(fields) == before {
			return fmt.Errorf("%s names %s, which the schema does not have", path, line)
		}
	}
	return nil
}

// bySegment is the order in which the fields of one object stand together.
func bySegment(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), cmp.Compare[string])
}

func write(fields map[string]definition, version string) (code []byte, counts map[string]int, err error) {
	names := slices.SortedFunc(keys(fields), bySegment)
	counts = make(map[string]int)
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated by ecstable from Elastic's ecs_flat.yml and fields.csv. DO NOT EDIT.\n\npackage ecs\n\n")
	fmt.Fprintf(&b, "// Version is the version of the schema: what ecs.version says.\nconst Version = %q\n\n", version)
	fmt.Fprintf(&b, "// fields are in the order in which those of one object stand together.\nvar fields = [...]Field{\n")
	at := make(map[string]int, len(names))
	for i, name := range names {
		at[name] = i
		list := ""
		if slices.Contains(fields[name].Normalize, "array") {
			list = ", List: true"
		}
		fmt.Fprintf(&b, "{Name: %q, Type: %s%s},\n", name, types[fields[name].Type], list)
	}
	fmt.Fprintf(&b, "}\n\n// alignments are the rows of Elastic's alignment with OpenTelemetry, by field.\nvar alignments = [...]Alignment{\n")
	for _, name := range names {
		for _, a := range fields[name].Alignment {
			counts[a.Relation]++
			fmt.Fprintf(&b, "{Field: &fields[%d], Relation: %s", at[name], relations[a.Relation])
			attribute := a.Attribute
			if a.Relation == "match" && attribute == "" {
				attribute = name
			}
			for _, part := range [][2]string{{"Attribute", attribute}, {"OTLP", a.OTLPField}, {"Metric", a.Metric}} {
				if part[1] != "" {
					fmt.Fprintf(&b, ", %s: %q", part[0], part[1])
				}
			}
			fmt.Fprintf(&b, "}, // %s\n", name)
		}
	}
	fmt.Fprintf(&b, "}\n\n// allowed are the values of the fields that take no others.\nvar allowed = map[string][]string{\n")
	for _, name := range enumerations {
		fmt.Fprintf(&b, "%q: {", name)
		for _, value := range fields[name].Allowed {
			fmt.Fprintf(&b, "%q, ", value.Name)
		}
		fmt.Fprintf(&b, "},\n")
	}
	fmt.Fprintf(&b, "}\n")
	code, err = format.Source(b.Bytes())
	return code, counts, err
}
