package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// sampled is how many records there are for each one that is looked at in full.
const sampled = 256

// What stands in a wanted record for a text that is not known beforehand.
const (
	// anyUID is any text of a UUID's length.
	anyUID = "00000000-0000-0000-0000-000000000000"
	// anyFile is what begins the uids of a file's records.
	anyFile = "000000000000000000000"
	// anyPath is the path of the file that is read.
	anyPath = "lines.log, wherever it is"
)

// record is what a line must become, and what it has become.
type record struct {
	time         time.Time
	severity     plog.SeverityNumber
	severityText string
	body         string
	eventName    string
	resource     map[string]any
	attributes   map[string]any
}

func recordOf(resource pcommon.Resource, r plog.LogRecord) record {
	got := record{
		severity: r.SeverityNumber(), severityText: r.SeverityText(),
		body: r.Body().AsString(), eventName: r.EventName(), attributes: r.Attributes().AsRaw(),
	}
	if r.Timestamp() != 0 {
		got.time = r.Timestamp().AsTime()
	}
	if resource.Attributes().Len() > 0 {
		got.resource = resource.Attributes().AsRaw()
	}
	return got
}

// number is which line the record is of.
func (r record) number() (int, error) {
	var n int
	switch value := r.attributes["n"].(type) {
	case int64:
		n = int(value)
	case float64:
		n = int(value)
	case string:
		n, _ = strconv.Atoi(value)
	case nil: // not parsed
		if _, err := fmt.Sscanf(r.body[max(0, indexN(r.body)):], "n=%d", &n); err != nil {
			return 0, fmt.Errorf("a record without a number: %v", r)
		}
	}
	if n < firstNumber {
		return 0, fmt.Errorf("a record with the number %v: %v", r.attributes["n"], r)
	}
	return n - firstNumber, nil
}

func indexN(body string) int {
	const key = " n="
	for i := 0; i+len(key) <= len(body); i++ {
		if body[i:i+len(key)] == key {
			return i + 1
		}
	}
	return -1
}

// check compares a record with what its line should have become.
func (r record) check(want func(i int) record) error {
	i, err := r.number()
	if err != nil {
		return err
	}
	expected := want(i)
	if wanted, ok := expected.attributes["log.record.uid"].(string); ok {
		uid, _ := r.attributes["log.record.uid"].(string)
		known := strings.TrimPrefix(strings.TrimPrefix(wanted, anyUID), anyFile)
		if len(uid) != len(wanted) || !strings.HasSuffix(uid, known) {
			return fmt.Errorf("line %d has the uid %q, want one like %q", i, uid, wanted)
		}
		expected.attributes["log.record.uid"] = uid
	}
	if !reflect.DeepEqual(r, expected) {
		return fmt.Errorf("line %d has become\n  %v\nbut should be\n  %v", i, r, expected)
	}
	return nil
}

// readFrom puts the file's path where the record has anyPath.
func readFrom(path string, want func(i int) record) func(i int) record {
	return func(i int) record {
		r := want(i)
		if r.attributes["log.file.path"] == anyPath {
			r.attributes["log.file.path"] = path
		}
		return r
	}
}

// sum of a record is cheap to build and differs when an attribute is missing,
// has another type, another number, or a text of another length.
func (r record) sum() uint64 {
	sum := uint64(len(r.body))
	for key, value := range r.attributes {
		switch value := value.(type) {
		case string:
			sum += sumOf(key, pcommon.ValueTypeStr, uint64(len(value)))
		case int64:
			sum += sumOf(key, pcommon.ValueTypeInt, uint64(value))
		case float64:
			sum += sumOf(key, pcommon.ValueTypeDouble, uint64(value*1000+0.5))
		case bool:
			sum += sumOf(key, pcommon.ValueTypeBool, boolNumber(value))
		}
	}
	return sum
}

func sumOf(key string, kind pcommon.ValueType, value uint64) uint64 {
	return (uint64(len(key))<<8 + uint64(kind)) * 1_000_003 * (value + 1)
}

func boolNumber(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// counter is the next consumer: it counts, sums up and looks at samples.
type counter struct {
	want    func(i int) record
	vary    func(e event) uint64
	records int
	total   uint64
	err     error // of the first sample that was wrong
}

func (c *counter) add(logs plog.Logs) {
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			records := sl.LogRecords()
			for i := range records.Len() {
				r := records.At(i)
				c.total += sumRecord(r)
				if c.records%sampled == 0 && c.err == nil {
					c.err = recordOf(rl.Resource(), r).check(c.want)
				}
				c.records++
			}
		}
	}
}

func sumRecord(r plog.LogRecord) uint64 {
	sum := uint64(len(r.Body().Str()))
	for key, value := range r.Attributes().All() {
		var number uint64
		switch value.Type() {
		case pcommon.ValueTypeStr:
			number = uint64(len(value.Str()))
		case pcommon.ValueTypeInt:
			number = uint64(value.Int())
		case pcommon.ValueTypeDouble:
			number = uint64(value.Double()*1000 + 0.5)
		case pcommon.ValueTypeBool:
			number = boolNumber(value.Bool())
		}
		sum += sumOf(key, value.Type(), number)
	}
	return sum
}

// result says whether all lines were there, as they should be.
func (c *counter) result(lines int) error {
	if c.err != nil {
		return c.err
	}
	if c.records != lines {
		return fmt.Errorf("%d records came of %d lines", c.records, lines)
	}
	if want := wantTotal(c.want, c.vary, lines); c.total != want {
		return fmt.Errorf("the attributes of %d records add up to %d, want %d", lines, c.total, want)
	}
	return nil
}

// wantTotal is the sum of the records of all lines. Of a line's sum, vary is
// the part that isn't the same for all of them; so it needs no record for each.
func wantTotal(want func(i int) record, vary func(e event) uint64, lines int) uint64 {
	constant := want(0).sum() - vary(eventOf(0))
	total := constant * uint64(lines)
	for i := range lines {
		total += vary(eventOf(i))
	}
	return total
}

func varyNothing(event) uint64 { return 0 }

func varyText(e event) uint64 {
	return sumOf("cached", pcommon.ValueTypeStr, uint64(len(strconv.FormatBool(e.cached)))) +
		sumOf("bytes", pcommon.ValueTypeStr, uint64(len(strconv.FormatInt(e.bytes, 10))))
}

func varyTyped(e event) uint64 {
	return sumOf("n", pcommon.ValueTypeInt, uint64(e.n)) +
		sumOf("account", pcommon.ValueTypeInt, uint64(e.account)) +
		sumOf("elapsed", pcommon.ValueTypeDouble, uint64(e.elapsedMillis()*1000+0.5)) +
		sumOf("cached", pcommon.ValueTypeBool, boolNumber(e.cached)) +
		sumOf("status", pcommon.ValueTypeInt, uint64(e.status)) +
		sumOf("bytes", pcommon.ValueTypeInt, uint64(e.bytes))
}

func (r record) String() string {
	return fmt.Sprintf("%s %v(%s) body %q event %q resource %v %#v",
		r.time.Format(time.RFC3339Nano), r.severity, r.severityText, r.body, r.eventName, r.resource, r.attributes)
}
