package ecscheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// LoggingRule is a rule of the ECS logging specification that a document breaks.
type LoggingRule string

// The rules, in the specification's order.
const (
	RuleOrder    LoggingRule = "order"    // @timestamp, log.level and message come first, in this order
	RuleRequired LoggingRule = "required" // a field that each document has
	RuleType     LoggingRule = "type"
	RuleNesting  LoggingRule = "nesting" // log.level stands at the top, with its point
	RuleLabel    LoggingRule = "label"   // a label's name has no '.', '*', '\'
	RuleLine     LoggingRule = "line"    // a document is one JSON object in one line
)

// Breach is a rule that a document breaks, and where.
type Breach struct {
	Rule  LoggingRule
	Field string
}

func (b Breach) Error() string { return fmt.Sprintf("%s: breaks the rule %q", b.Field, b.Rule) }

// loggingFields are the fields that the ECS logging specification speaks of.
//
// Source: https://github.com/elastic/ecs-logging/tree/main/spec, spec.json and README.md,
// version 1.0.
var loggingFields = []struct {
	name     string
	isType   func(json.RawMessage) bool
	required bool
	index    int // where it must stand; -1 for anywhere
	nests    bool
}{
	{"@timestamp", isTime, true, 0, true},
	{"log.level", isText, true, 1, false},
	{"message", isText, true, 2, true},
	{"ecs.version", isText, true, -1, true},
	{"labels", isObject, false, -1, true},
	{"trace.id", isText, false, -1, true},
	{"transaction.id", isText, false, -1, true},
	{"service.name", isText, false, -1, true},
	{"event.dataset", isText, false, -1, true},
}

// Logging gives the rules of the ECS logging specification that a document breaks, none
// for a good one.
func Logging(document []byte) []Breach {
	document = bytes.TrimSuffix(document, []byte("\n"))
	top, err := membersOf(document)
	if err != nil || bytes.ContainsAny(document, "\n\r") {
		return []Breach{{RuleLine, "the document"}}
	}
	var breaches []Breach
	for _, field := range loggingFields {
		place := slices.IndexFunc(top, func(m rawMember) bool { return m.name == field.name })
		value, nested := find(top, field.name)
		switch {
		case value == nil:
			if field.required {
				breaches = append(breaches, Breach{RuleRequired, field.name})
			}
			continue
		case nested && !field.nests:
			breaches = append(breaches, Breach{RuleNesting, field.name})
		case field.index >= 0 && place != field.index:
			breaches = append(breaches, Breach{RuleOrder, field.name})
		}
		if !field.isType(value) {
			breaches = append(breaches, Breach{RuleType, field.name})
		}
	}
	for _, name := range labels(top) {
		if strings.ContainsAny(name, `.*\`) {
			breaches = append(breaches, Breach{RuleLabel, "labels." + name})
		}
	}
	return breaches
}

// rawMember is one of a JSON object, in its order.
type rawMember struct {
	name  string
	value json.RawMessage
}

var errNoObject = errors.New("no JSON object")

// membersOf gives the members of a JSON object in their order.
func membersOf(text []byte) ([]rawMember, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return nil, errNoObject
	}
	var members []rawMember
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		m := rawMember{name: name.(string)} // of an object, a Token before a value is a name
		if err := decoder.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNoObject
	}
	return members, nil
}

// find gives the value of a field, however its name is nested, and whether it is.
func find(members []rawMember, name string) (value json.RawMessage, nested bool) {
	for _, m := range members {
		if m.name == name {
			return m.value, false
		}
	}
	for _, m := range members {
		if rest, ok := strings.CutPrefix(name, m.name+"."); ok {
			if inner, err := membersOf(m.value); err == nil {
				if value, _ := find(inner, rest); value != nil {
					return value, true
				}
			}
		}
	}
	return nil, false
}

// labels are the names of a document's labels, in the object and with points.
func labels(top []rawMember) (names []string) {
	for _, m := range top {
		if name, ok := strings.CutPrefix(m.name, "labels."); ok {
			names = append(names, name)
		} else if m.name == "labels" {
			inner, _ := membersOf(m.value)
			for _, label := range inner {
				names = append(names, label.name)
			}
		}
	}
	return names
}

func isText(value json.RawMessage) bool { return value[0] == '"' }

func isObject(value json.RawMessage) bool { return value[0] == '{' }

func isTime(value json.RawMessage) bool {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return false
	}
	_, err := time.Parse(time.RFC3339Nano, text)
	return err == nil
}
