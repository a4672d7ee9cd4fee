// Package ecscheck checks documents against the table of ECS, for tests: it knows
// nothing of how they are made, and reads them with encoding/json.
package ecscheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// Document checks one document, nested or with points in its names, without or with the
// line end behind it. The error names all that is wrong.
func Document(document []byte) error { return check(document, false) }

// Keeping is Document for one that was made with unknown: keep: fields that ECS does not
// know may stand outside of labels.
func Keeping(document []byte) error { return check(document, true) }

func check(document []byte, keep bool) error {
	c := checker{keep: keep, leaves: make(map[string]bool)}
	document = bytes.TrimSuffix(document, []byte("\n"))
	c.line(document)
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	root, err := c.read(d, "")
	if err != nil {
		return errors.Join(append(c.wrong, fmt.Errorf("not JSON: %w", err))...)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		c.failf("", "something stands behind the document")
	}
	members, ok := root.(object)
	if !ok {
		c.failf("", "no object")
		return errors.Join(c.wrong...)
	}
	c.head(members)
	c.root(members)
	c.collisions()
	return errors.Join(c.wrong...)
}

type checker struct {
	keep   bool
	leaves map[string]bool // names that have a value
	wrong  []error
}

// object is a JSON object in the order in which it is written. Other values are what
// encoding/json makes of them: string, json.Number, bool, nil; and []any.
type object []member

type member struct {
	name  string
	value any
}

func (c *checker) failf(name, format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Errorf("%q: %s", name, fmt.Sprintf(format, args...)))
}

// line checks what makes a document one line for every reader.
func (c *checker) line(document []byte) {
	if !utf8.Valid(document) {
		c.failf("", "no UTF-8")
	}
	if bytes.ContainsAny(document, "\n\r\u2028\u2029\u0085") {
		c.failf("", "more than one line")
	}
}

func (c *checker) read(d *json.Decoder, at string) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		members := object{}
		names := make(map[string]bool)
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			key, _ := name.(string)
			value, err := c.read(d, join(at, key))
			if err != nil {
				return nil, err
			}
			if names[key] {
				c.failf(join(at, key), "twice in one object")
				continue
			}
			names[key] = true
			members = append(members, member{key, value})
		}
		_, err := d.Token()
		return members, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			value, err := c.read(d, at)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := d.Token()
		return list, err
	default:
		return token, nil
	}
}

func join(above, name string) string {
	if above == "" {
		return name
	}
	return above + "." + name
}

// head checks what the ECS logging specification demands of the first members.
func (c *checker) head(members object) {
	for i, name := range [...]string{"@timestamp", "log.level", "message", "ecs.version"} {
		if i >= len(members) || members[i].name != name {
			c.failf(name, "not member %d of the document", i+1)
			continue
		}
		if _, ok := members[i].value.(string); !ok {
			c.failf(name, "no text")
		}
	}
}

func (c *checker) root(members object) {
	for i, m := range members {
		switch {
		case m.name == "labels":
			if i != len(members)-1 {
				c.failf(m.name, "not the last member")
			}
			c.labels(m.value)
		case strings.HasPrefix(m.name, "labels."):
			c.failf(m.name, "not in an object labels")
		default:
			c.field(m.name, m.value)
		}
	}
}

func (c *checker) labels(value any) {
	members, ok := value.(object)
	if !ok {
		c.failf("labels", "no object")
		return
	}
	for _, m := range members {
		name := join("labels", m.name)
		if m.name == "" || strings.ContainsAny(m.name, `.*\`) {
			c.failf(name, `empty, or with '.', '*' or '\'`)
		}
		if list, ok := m.value.([]any); ok {
			for _, element := range list {
				if !isScalar(element) {
					c.failf(name, "a list with a list or an object in it")
				}
			}
		} else if !isScalar(m.value) {
			c.failf(name, "an object")
		}
	}
}

func isScalar(value any) bool {
	switch value.(type) {
	case object, []any:
		return false
	default:
		return true
	}
}

// field checks a member that has this name in full.
func (c *checker) field(name string, value any) {
	if slices.Contains(strings.Split(name, "."), "") {
		c.failf(name, "a part of the name is empty")
		return
	}
	members, isObject := value.(object)
	f := ecs.Lookup(name)
	switch {
	case f != nil && isObject && ecs.IsObject(name):
		c.members(name, members) // of a list of objects, too: it may be the names with points, nested
	case f != nil:
		c.leaf(name)
		c.value(f, value)
	case isObject && (ecs.IsObject(name) || name == "heartwood"):
		c.members(name, members)
	case ecs.IsObject(name):
		c.failf(name, "an object in ECS, and none here")
	case strings.HasPrefix(name, "heartwood."):
		c.leaf(name)
	default:
		c.unknown(name, value)
	}
}

func (c *checker) members(name string, members object) {
	if len(members) == 0 {
		c.failf(name, "an empty object")
	}
	for _, m := range members {
		c.field(join(name, m.name), m.value)
	}
}

func (c *checker) leaf(name string) {
	if c.leaves[name] {
		c.failf(name, "twice, with points and nested")
	}
	c.leaves[name] = true
}

// unknown checks what is no field: ECS leaves to the writer what lies below an object
// without fields.
func (c *checker) unknown(name string, value any) {
	for at := range len(name) {
		if name[at] != '.' {
			continue
		}
		f := ecs.Lookup(name[:at])
		if f == nil || f.Type == ecs.Object && ecs.IsObject(f.Name) {
			continue
		}
		if (f.Type == ecs.Object || f.Type == ecs.Flattened) && !f.List {
			c.leaf(name)
		} else {
			c.failf(name, "below %s, which has no members in ECS", f.Name)
		}
		return
	}
	if !c.keep {
		c.failf(name, "not in ECS")
		return
	}
	c.kept(name, value)
}

// kept finds the values of what is kept, whatever it is.
func (c *checker) kept(name string, value any) {
	members, ok := value.(object)
	if !ok || len(members) == 0 {
		c.leaf(name)
		return
	}
	for _, m := range members {
		c.kept(join(name, m.name), m.value)
	}
}

// collisions finds names that have a value, and others below them.
func (c *checker) collisions() {
	for name := range c.leaves {
		for at := range len(name) {
			if name[at] == '.' && c.leaves[name[:at]] {
				c.failf(name, "below %s, which has a value", name[:at])
			}
		}
	}
}

func (c *checker) value(f *ecs.Field, value any) {
	if value == nil {
		return
	}
	list, isList := value.([]any)
	objects := f.Type == ecs.Object || f.Type == ecs.Flattened || f.Type == ecs.Nested
	switch {
	case f.List && !isList:
		c.failf(f.Name, "no list")
	case isList && !f.List && !objects:
		c.failf(f.Name, "a list")
	case isList:
		for _, element := range list {
			if element != nil {
				c.one(f, element)
			}
		}
	default:
		c.one(f, value)
	}
}

func (c *checker) one(f *ecs.Field, value any) {
	if problem := problemOf(f, value); problem != "" {
		c.failf(f.Name, "%s: %v", problem, value)
	}
}

// problemOf says why a value is none of the field's type, "" if it is one.
func problemOf(f *ecs.Field, value any) string {
	text, isText := value.(string)
	switch f.Type {
	case ecs.Keyword, ecs.ConstantKeyword, ecs.Wildcard, ecs.MatchOnlyText:
		if !isText {
			return "no text"
		}
		if allowed := ecs.Allowed(f.Name); allowed != nil && !slices.Contains(allowed, text) {
			return "not allowed"
		}
	case ecs.Long:
		return whole(value, 64)
	case ecs.Integer:
		return whole(value, 32)
	case ecs.Float:
		return number(value, math.MaxFloat32)
	case ecs.Double, ecs.ScaledFloat:
		return number(value, math.MaxFloat64)
	case ecs.Boolean:
		if _, ok := value.(bool); !ok {
			return "neither true nor false"
		}
	case ecs.Date:
		const layout = "2006-01-02T15:04:05.000000000Z"
		if t, err := time.Parse(layout, text); !isText || err != nil || t.Format(layout) != text {
			return "no time with nine digits in UTC"
		}
	case ecs.IP:
		if address, err := netip.ParseAddr(text); !isText || err != nil || address.Zone() != "" {
			return "no IP address"
		}
	case ecs.GeoPoint:
		return point(value)
	case ecs.Object, ecs.Flattened, ecs.Nested:
		if _, ok := value.(object); !ok {
			return "no object"
		}
	}
	return ""
}

func whole(value any, bits int) string {
	n, ok := value.(json.Number)
	if !ok {
		return "no number"
	}
	if _, err := strconv.ParseInt(n.String(), 10, bits); err != nil {
		return "not a whole number of " + strconv.Itoa(bits) + " bits"
	}
	return ""
}

func number(value any, highest float64) string {
	n, ok := value.(json.Number)
	if !ok {
		return "no number"
	}
	if d, err := n.Float64(); err != nil || math.Abs(d) > highest {
		return "too large a number"
	}
	return ""
}

func point(value any) string {
	switch v := value.(type) {
	case string:
		lat, lon, ok := strings.Cut(v, ",")
		lon = strings.TrimPrefix(lon, " ")
		if !ok || degree(json.Number(lat), 90) != "" || degree(json.Number(lon), 180) != "" {
			return "no latitude and longitude"
		}
		return ""
	case object:
		if len(v) != 2 || v[0].name == v[1].name {
			return "not of lat and lon"
		}
		for _, m := range v {
			limit := map[string]float64{"lat": 90, "lon": 180}[m.name]
			if limit == 0 {
				return "not of lat and lon"
			}
			if problem := degree(m.value, limit); problem != "" {
				return problem
			}
		}
		return ""
	default:
		return "no point"
	}
}

func degree(value any, limit float64) string { return number(value, limit) }
