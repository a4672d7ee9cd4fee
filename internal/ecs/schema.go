package ecs

// Type is the type of a field in the schema.
type Type uint8

// The types that the schema has.
const (
	Keyword Type = iota + 1
	ConstantKeyword
	Wildcard
	MatchOnlyText
	Long
	Integer
	Float
	Double
	ScaledFloat
	Boolean
	Date
	IP
	GeoPoint
	Object
	Flattened
	Nested
)

// Field is a field of the schema.
type Field struct {
	Name string
	Type Type
	List bool // its value is a list in any case

	index int
}

// Index is the field's place in Fields.
func (f *Field) Index() int { return f.index }

// Relation is what the alignment says of a field and of something in OpenTelemetry.
type Relation uint8

// The relations of the alignment, in Elastic's words.
const (
	Match         Relation = iota + 1 // the same name, the same meaning
	Equivalent                        // another name
	Related                           // something like it
	Conflict                          // the same name, another meaning
	OTLP                              // a field of the record or span itself
	Metric                            // a metric, no attribute
	NotApplicable                     // nothing in OpenTelemetry
)

// Alignment is a row of the alignment. Of its last three one is set, or none.
type Alignment struct {
	Field     *Field
	Relation  Relation
	Attribute string
	OTLP      string
	Metric    string
}

// Alignments are all rows of the alignment, by the name of the field.
func Alignments() []Alignment { return alignments[:] }

// Fields are all fields of the schema. Those of one object stand together.
func Fields() []Field { return fields[:] }

// Lookup gives the field of this name, nil where the schema has none.
func Lookup(name string) *Field { return byName[name] }

// IsObject reports whether fields lie below the name.
func IsObject(name string) bool { return objects[name] }

// Allowed gives the values that the field of this name takes, nil where it takes any.
func Allowed(name string) []string { return allowed[name] }

var byName, objects = index()

func index() (map[string]*Field, map[string]bool) {
	names, above := make(map[string]*Field, len(fields)), make(map[string]bool)
	for i := range fields {
		fields[i].index = i
		name := fields[i].Name
		names[name] = &fields[i]
		for at := len(name) - 1; at > 0; at-- {
			if name[at] == '.' {
				above[name[:at]] = true
			}
		}
	}
	return names, above
}
