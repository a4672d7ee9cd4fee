package journal

import (
	"slices"
	"strconv"
	"strings"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/internal/severity"
)

// resourceFields are those that tell where an entry comes from, and the resource
// attributes they fill: by the semantic conventions, 1.41, where these have a name.
var resourceFields = map[string]string{
	"_HOSTNAME":              "host.name",
	"_MACHINE_ID":            "host.id",
	"_BOOT_ID":               "systemd.boot_id",
	"_UID":                   "process.user.id",
	"_COMM":                  "process.executable.name",
	"_EXE":                   "process.executable.path",
	"_CMDLINE":               "process.command_line",
	"_SYSTEMD_CGROUP":        "process.linux.cgroup",
	"_SYSTEMD_UNIT":          "systemd.unit",
	"_SYSTEMD_USER_UNIT":     "systemd.user_unit",
	"_SYSTEMD_SLICE":         "systemd.slice",
	"_SYSTEMD_INVOCATION_ID": "systemd.invocation_id",
	"CONTAINER_ID_FULL":      "container.id",
	"CONTAINER_NAME":         "container.name",
	"IMAGE_NAME":             "container.image.name",
}

// recordFields fill attributes of the record.
var recordFields = map[string]string{
	"_TRANSPORT":      "systemd.transport",
	"MESSAGE_ID":      "systemd.message_id",
	"CODE_FILE":       "code.file.path",
	"CODE_FUNC":       "code.function.name",
	"CODE_LINE":       "code.line.number",
	"SYSLOG_FACILITY": "syslog.facility.code",
	"TID":             "thread.id",
}

// names are those of fields that most entries have, so that they need no memory of
// their own.
var names = func() map[string]string {
	all := map[string]string{}
	for _, table := range []map[string]string{resourceFields, recordFields} {
		for name := range table {
			all[name] = name
		}
	}
	for _, name := range []string{
		"_PID", "__CURSOR", "__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP", "__SEQNUM", "__SEQNUM_ID", "MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "SYSLOG_PID",
		"SYSLOG_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP", "_SOURCE_MONOTONIC_TIMESTAMP", "_GID", "_CAP_EFFECTIVE", "_SELINUX_CONTEXT", "_STREAM_ID",
		"_RUNTIME_SCOPE", "_SYSTEMD_USER_SLICE", "_AUDIT_SESSION", "_AUDIT_LOGINUID", "_SYSTEMD_OWNER_UID", "_SYSTEMD_SESSION", "CONTAINER_ID", "CONTAINER_TAG",
	} {
		all[name] = name
	}
	return all
}()

// numeric are attributes that are numbers.
var numeric = map[string]bool{"code.line.number": true, "syslog.facility.code": true, "thread.id": true}

// fieldPrefix stands before the names of fields that no convention names.
const fieldPrefix = "systemd.journal."

// maxResources bounds the resources that a Mapper keeps: some hundred programs run
// on a machine, and each of their processes is a resource of its own.
const maxResources = 1024

// maxResourceKey bounds each of them, in bytes: a command line may be long.
const maxResourceKey = 4096

// words are those of journalctl --priority.
var words = [8]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// Mapper says what an entry tells of a record's origin. It is for one goroutine.
type Mapper struct {
	resources map[string]map[string]string
	pairs     []Field        // of one entry's resource
	key       []byte         // the same as one string
	seen      map[string]int // of the attributes of one entry
}

// NewMapper makes a Mapper.
func NewMapper() *Mapper {
	return &Mapper{resources: map[string]map[string]string{}, seen: map[string]int{}}
}

// Fill sets o to what e tells beside its message. Equal resources are one map,
// which must not be changed.
//
// service.name (App) is SYSLOG_IDENTIFIER, or the name of the unit, or that of the
// executable. Fields without a place are attributes of the record under
// systemd.journal. and their name, also those that come a second time and those of
// the resource that came a second time, with .1, .2 and so on behind it. A field
// that was left out for its size is named by systemd.journal.too_large.
// log.iostream stays unset: the journal does not say which stream it was.
func (m *Mapper) Fill(e *Entry, o *logrecord.Origin) {
	*o = logrecord.Origin{Attributes: o.Attributes[:0], Time: e.Time(), UID: e.UID(), Problem: e.Problem}
	clear(m.seen)
	m.pairs = m.pairs[:0]
	var unit, executable, shortID string
	for i := range e.Fields {
		f := &e.Fields[i]
		if resourceFields[f.Name] != "" {
			if m.seen[f.Name]++; m.seen[f.Name] > 1 {
				m.other(o, f.Name, string(f.Value))
				continue
			}
			m.pairs = append(m.pairs, *f)
			switch f.Name {
			case "_SYSTEMD_UNIT":
				unit = strings.TrimSuffix(string(f.Value), ".service")
			case "_COMM":
				executable = string(f.Value)
			}
			continue
		}
		value := string(f.Value)
		switch f.Name {
		case "_PID":
			if o.ProcID == "" && value != "" {
				o.ProcID = value // resource attribute process.pid, a number
				continue
			}
		case "PRIORITY":
			if n, err := strconv.Atoi(value); err == nil && n >= 0 && n < len(words) && o.SeverityText == "" {
				o.Severity, _ = severity.FromNumber(int64(n), severity.Syslog)
				o.SeverityText = words[n]
				continue
			}
		case "SYSLOG_IDENTIFIER":
			if o.App == "" && value != "" {
				o.App = value
				continue
			}
		case "CONTAINER_ID":
			if shortID == "" && strings.HasPrefix(e.Get("CONTAINER_ID_FULL"), value) {
				continue
			}
			if shortID == "" && e.Get("CONTAINER_ID_FULL") == "" {
				shortID = value
				continue
			}
		case "_SOURCE_REALTIME_TIMESTAMP":
			if value == strconv.FormatInt(o.Time.UnixMicro(), 10) {
				continue
			}
		case "CONTAINER_PARTIAL_MESSAGE", "CONTAINER_PARTIAL_ID", "CONTAINER_PARTIAL_ORDINAL", "CONTAINER_PARTIAL_LAST":
			if e.Piece().ID != "" {
				continue
			}
		}
		m.attribute(o, f.Name, value)
	}
	for _, name := range e.TooLarge {
		m.other(o, "too_large", name)
	}
	switch {
	case o.App != "":
	case unit != "":
		o.App = unit
	default:
		o.App = executable
	}
	if shortID != "" {
		m.pairs = append(m.pairs, Field{"CONTAINER_ID_FULL", []byte(shortID)})
	}
	o.Piece = e.Piece()
	o.Resource = m.resource()
}

func (m *Mapper) attribute(o *logrecord.Origin, name, value string) {
	key := recordFields[name]
	if key == "" || m.seen[name] > 0 {
		m.other(o, name, value)
		return
	}
	a := logrecord.Attribute{Key: key, Value: value}
	if numeric[key] {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			m.other(o, name, value)
			return
		}
		a = logrecord.Attribute{Key: key, Int: n, IsInt: true}
	}
	m.seen[name]++
	o.Attributes = append(o.Attributes, a)
}

// other adds a field under its own name.
func (m *Mapper) other(o *logrecord.Origin, name, value string) {
	key := fieldPrefix + name
	n := m.seen[key]
	m.seen[key]++
	if n > 0 {
		key += "." + strconv.Itoa(n)
	}
	o.Attributes = append(o.Attributes, logrecord.Attribute{Key: key, Value: value})
}

// resource is the map for pairs.
func (m *Mapper) resource() map[string]string {
	// journalctl gives the fields of each entry in another order.
	slices.SortFunc(m.pairs, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	m.key = m.key[:0]
	for _, f := range m.pairs {
		m.key = append(m.key, f.Name...)
		m.key = append(m.key, '=')
		m.key = strconv.AppendInt(m.key, int64(len(f.Value)), 10)
		m.key = append(m.key, '=')
		m.key = append(m.key, f.Value...)
	}
	if r, ok := m.resources[string(m.key)]; ok {
		return r
	}
	r := make(map[string]string, len(m.pairs))
	for _, f := range m.pairs {
		if len(f.Value) > 0 {
			r[resourceFields[f.Name]] = string(f.Value)
		}
	}
	if len(m.key) > maxResourceKey {
		return r
	}
	if len(m.resources) == maxResources {
		clear(m.resources)
	}
	m.resources[string(m.key)] = r
	return r
}

// Piece tells where the entry belongs, if Docker's journald driver cut it from a
// line of more than 16 KiB.
func (e *Entry) Piece() logrecord.Piece {
	id := e.Get("CONTAINER_PARTIAL_ID")
	ordinal, err := strconv.Atoi(e.Get("CONTAINER_PARTIAL_ORDINAL"))
	if id == "" || err != nil || ordinal < 1 {
		return logrecord.Piece{}
	}
	return logrecord.Piece{ID: id, Index: ordinal - 1, Last: e.Get("CONTAINER_PARTIAL_LAST") == "true"}
}

// Trace gives the fields TRACE_ID, SPAN_ID and TRACE_FLAGS, which some programs
// add; they are attributes of the record as well. Nothing is checked.
func (e *Entry) Trace() (traceID, spanID, flags string) {
	return e.Get("TRACE_ID"), e.Get("SPAN_ID"), e.Get("TRACE_FLAGS")
}
