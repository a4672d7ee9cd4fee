package ecs

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// own says what a record has or gives besides its attributes.
type own int

const (
	ownTime own = iota
	ownObserved
	ownCreated
	ownLevel
	ownNumber
	ownMessage
	ownTrace
	ownSpan
	ownAction
	ownLogger
	ownScopeVersion
	ownSpanTime
	ownStart
	ownEnd
	ownDuration
	ownStatus
	ownBody
	ownParts
	ownShared
	ownOrigins
	ownVersion
	ownKind
	ownOutcome
	ownHTTPStatus
	ownCategory
	ownType
	ownDataset
	ownAddress // of the ends
	ownIP      = ownAddress + 4
	ownDomain  = ownIP + 4
	ownCount   = ownDomain + 4
)

// ownNames are the names of labels, and the fields. What loses its field is the label.
var ownNames = [ownCount][2]string{
	ownTime:         {"time_unix_nano", "@timestamp"},
	ownObserved:     {"observed_time_unix_nano", "@timestamp"},
	ownCreated:      {"observed_time_unix_nano", "event.created"},
	ownLevel:        {"severity_text", "log.level"},
	ownNumber:       {"severity_number", ""},
	ownMessage:      {"body", "message"},
	ownTrace:        {"trace_id", "trace.id"},
	ownSpan:         {"span_id", "span.id"},
	ownAction:       {"event_name", "event.action"},
	ownLogger:       {"otel_scope_name", "log.logger"},
	ownScopeVersion: {"otel_scope_version", ""},
	ownSpanTime:     {"start_time_unix_nano", "@timestamp"},
	ownStart:        {"start_time_unix_nano", "event.start"},
	ownEnd:          {"end_time_unix_nano", "event.end"},
	ownDuration:     {"duration", "event.duration"},
	ownStatus:       {"status_message", "error.message"},
	ownBody:         {"body", "heartwood.body"},
	ownParts:        {"parts", "heartwood.parts"},
	ownShared:       {"shared", "heartwood.shared"},
	ownOrigins:      {"origins", "heartwood.origins"},
	ownVersion:      {"ecs_version", "ecs.version"},
	ownKind:         {"event_kind", "event.kind"},
	ownOutcome:      {"event_outcome", "event.outcome"},
	ownHTTPStatus:   {"http_response_status_code", "http.response.status_code"},
	ownCategory:     {"event_category", "event.category"},
	ownType:         {"event_type", "event.type"},
	ownDataset:      {"event_dataset", "event.dataset"},
}

func init() {
	for i, end := range ends {
		ownNames[int(ownAddress)+i] = [2]string{end + "_address", end + ".address"}
		ownNames[int(ownIP)+i] = [2]string{end + "_ip", end + ".ip"}
		ownNames[int(ownDomain)+i] = [2]string{end + "_domain", end + ".domain"}
	}
}

// ownAttributes are the attributes of all that is own, as if they had been written.
type ownAttributes [ownCount]attribute

func (o *ownAttributes) init(m *Mapper) {
	for i := range o {
		a := &o[i]
		a.key = ownNames[i][0]
		switch field := Lookup(ownNames[i][1]); {
		case field != nil:
			a.slot, a.rule = m.fieldSlot(field), ruleField
		case ownNames[i][1] != "":
			a.slot, a.rule = m.customSlot(ownNames[i][1]), ruleCustom
		default:
			a.slot, a.rule = m.labelSlot(a.key), ruleLabel
		}
	}
	o[ownCategory].from, o[ownType].from = o[ownDataset].slot, o[ownDataset].slot
	for i := range len(ends) {
		address := o[int(ownAddress)+i].slot
		o[int(ownIP)+i].from, o[int(ownDomain)+i].from = address, address
	}
}

// keep has the Mapper know the slots still, when it forgets names.
func (o *ownAttributes) keep(m *Mapper) {
	for i := range o {
		o[i].label = nil
		m.slots[o[i].slot.name] = o[i].slot
	}
}

func (m *Mapper) ownText(o own, text string, rank uint8) {
	a := &m.own[o]
	c := m.next()
	c.item.kind, c.item.text = KindText, text
	c.item.list = a.slot.field != nil && a.slot.field.List
	m.want(c, a.slot, a, rank)
}

func (m *Mapper) ownInt(o own, n int64, rank uint8) {
	a := &m.own[o]
	c := m.next()
	c.item.kind, c.item.bits = KindInt, uint64(n)
	m.want(c, a.slot, a, rank)
}

func (m *Mapper) ownMoment(o own, t pcommon.Timestamp, rank uint8) {
	a := &m.own[o]
	c := m.next()
	if t > math.MaxInt64 {
		c.item.kind, c.item.text = KindText, strconv.FormatUint(uint64(t), 10)
		m.counts.Type++
		m.want(c, m.labelOf(a), a, rank)
		return
	}
	c.item.kind, c.item.bits = KindTime, uint64(t)
	m.want(c, a.slot, a, rank)
}

func (m *Mapper) ownValue(o own, v pcommon.Value) {
	a := &m.own[o]
	c := m.next()
	m.natural(&c.item, v)
	c.keep(v)
	m.want(c, a.slot, a, rankOwn)
}

// has reports whether the record has a value for the name.
func (m *Mapper) has(o own) bool { return m.own[o].slot.record == m.record }

// isTime reports whether the attributes say this time already: then it stands for the
// record's, as it did when they were made.
func (m *Mapper) isTime(at pcommon.Timestamp) bool {
	said := &m.candidates[m.own[ownTime].slot.at].item
	return said.kind == KindTime && said.bits == uint64(at)
}

// ownOfLog adds the record's own fields.
func (m *Mapper) ownOfLog(r plog.LogRecord) {
	at, observed := r.Timestamp(), r.ObservedTimestamp()
	switch {
	case at != 0:
		m.ownMoment(ownTime, at, rankOwn)
		if observed != 0 {
			m.ownMoment(ownCreated, observed, rankOwn)
		}
	case observed != 0 && m.has(ownTime) && !m.isTime(observed):
		m.ownMoment(ownCreated, observed, rankOwn)
	case observed != 0:
		m.ownMoment(ownObserved, observed, rankOwn)
	}
	if text := r.SeverityText(); text != "" {
		m.ownText(ownLevel, text, rankOwn)
	} else if n := r.SeverityNumber(); n > 0 && int(n) < len(severityNames) {
		m.ownText(ownLevel, severityNames[n], rankOwn)
	} else if n != 0 {
		m.ownInt(ownNumber, int64(n), rankOwn)
	}
	m.ids(r.TraceID(), r.SpanID())
	if name := r.EventName(); name != "" {
		m.ownText(ownAction, name, rankOwn)
	}
	m.body(r.Body())
}

// severityNames are OpenTelemetry's short names of the numbers.
var severityNames = [...]string{
	"", "TRACE", "TRACE2", "TRACE3", "TRACE4", "DEBUG", "DEBUG2", "DEBUG3", "DEBUG4", "INFO", "INFO2", "INFO3", "INFO4",
	"WARN", "WARN2", "WARN3", "WARN4", "ERROR", "ERROR2", "ERROR3", "ERROR4", "FATAL", "FATAL2", "FATAL3", "FATAL4",
}

func (m *Mapper) ids(trace pcommon.TraceID, span pcommon.SpanID) {
	if !trace.IsEmpty() {
		a := &m.own[ownTrace]
		c := m.next()
		c.item.kind, m.traceID = KindTraceID, trace
		m.want(c, a.slot, a, rankOwn)
	}
	if !span.IsEmpty() {
		a := &m.own[ownSpan]
		c := m.next()
		c.item.kind, m.spanID = KindSpanID, span
		m.want(c, a.slot, a, rankOwn)
	}
}

func (m *Mapper) body(body pcommon.Value) {
	switch body.Type() {
	case pcommon.ValueTypeEmpty:
	case pcommon.ValueTypeMap:
		// What stands for the body already says that it is folded, where fold.id is a label.
		if (m.seen.foldID || m.has(ownParts)) && m.folded(body.Map()) {
			return
		}
		m.ownValue(ownBody, body)
		m.ownText(ownMessage, m.messageIn(body), rankDerived)
	case pcommon.ValueTypeSlice:
		m.ownText(ownMessage, m.jsonText(body), rankOwn)
	default:
		m.ownText(ownMessage, m.own[ownMessage].text(body), rankOwn)
	}
}

func (m *Mapper) messageIn(body pcommon.Value) string {
	for _, name := range [...]string{"message", "msg"} {
		if v, ok := body.Map().Get(name); ok && v.Type() == pcommon.ValueTypeStr {
			return v.Str()
		}
	}
	return m.jsonText(body)
}

// folded adds a folded document; false says that the body is something else.
func (m *Mapper) folded(body pcommon.Map) bool {
	var members [3]pcommon.Value
	var has [3]bool
	for name, v := range body.All() {
		i := slices.Index(foldedMembers[:], name)
		if i < 0 || has[i] || v.Type() != pcommon.ValueTypeSlice {
			return false
		}
		members[i], has[i] = v, true
	}
	if !has[0] {
		return false
	}
	for i := range members {
		if has[i] {
			m.ownValue(ownParts+own(i), members[i])
		}
	}
	parts := members[0].Slice()
	if parts.Len() == 0 {
		return true
	}
	if last := parts.At(parts.Len() - 1); last.Type() == pcommon.ValueTypeMap {
		if message, ok := last.Map().Get("message"); ok && message.Type() != pcommon.ValueTypeEmpty {
			text := scalarText(message)
			if t := message.Type(); t == pcommon.ValueTypeMap || t == pcommon.ValueTypeSlice {
				text = m.jsonText(message)
			}
			m.ownText(ownMessage, text, rankDerived)
		}
	}
	return true
}

var foldedMembers = [...]string{"parts", "shared", "origins"}

func (m *Mapper) ownOfScope(scope pcommon.InstrumentationScope) {
	if name := scope.Name(); name != "" {
		m.ownText(ownLogger, name, rankOwn)
	}
	if version := scope.Version(); version != "" {
		m.ownText(ownScopeVersion, version, rankSame)
	}
}

func (m *Mapper) ownOfSpan(s ptrace.Span) {
	start, end := s.StartTimestamp(), s.EndTimestamp()
	if start != 0 {
		m.ownMoment(ownStart, start, rankOwn)
		if start <= math.MaxInt64 {
			m.ownMoment(ownSpanTime, start, rankDerived)
		}
	}
	if end != 0 {
		m.ownMoment(ownEnd, end, rankOwn)
	}
	if start != 0 && end >= start && end <= math.MaxInt64 {
		m.ownInt(ownDuration, int64(end-start), rankDerived)
	}
	m.ids(s.TraceID(), s.SpanID())
	if s.Status().Code() == ptrace.StatusCodeError && s.Status().Message() != "" {
		m.ownText(ownStatus, s.Status().Message(), rankOwn)
	}
}

// noticeField notes what is derived from a field.
func (m *Mapper) noticeField(a *attribute, item *said) {
	switch a.notice {
	case noticeException:
		m.seen.exception = m.seen.exception || item.kind == KindText
	case noticeProtocol:
		m.seen.protocol = item.kind == KindText
		m.seen.http = item.kind == KindText && strings.EqualFold(item.text, "http")
	case noticeMethod:
		m.seen.method = true
	default:
		if i := a.notice - noticeAddress; i < notice(len(ends)) {
			m.seen.addresses |= 1 << i
		}
	}
}

// noticeUnknown notes what is derived from an attribute that has no field.
func (m *Mapper) noticeUnknown(a *attribute, v pcommon.Value) {
	switch a.notice {
	case noticeGRPC:
		var n said
		if fitWhole(&n, v, math.MinInt64, math.MaxInt64) {
			m.seen.grpc, m.seen.hasGRPC = int64(n.bits), true
		}
	case noticeFoldID:
		m.seen.foldID = true
	case noticeFoldOutcome:
		if outcome := v.Str(); slices.Contains(m.own[ownOutcome].slot.allowed, outcome) {
			m.seen.foldOutcome = outcome
		}
	}
}

// finishWalk maps what needs two attributes, when all were seen.
func (m *Mapper) finishWalk() {
	if a := m.seen.version; a != nil {
		m.addVersion(a, m.seen.versionValue)
	}
	if m.seen.addresses != 0 {
		for i := range ends {
			if m.seen.addresses&(1<<i) != 0 {
				m.deriveAddress(own(i))
			}
		}
	}
	if category := m.seen.category; category != "" {
		if category == "access" {
			m.ownText(ownCategory, "web", rankDerived)
			m.ownText(ownType, "access", rankDerived)
		} else if slices.Contains(m.own[ownCategory].slot.allowed, category) {
			m.ownText(ownCategory, category, rankDerived)
		}
	}
}

// addVersion maps the version of a protocol: the name of it may be left out for HTTP.
func (m *Mapper) addVersion(a *attribute, v pcommon.Value) {
	if _, ok := m.httpStatus(); !m.seen.http && (m.seen.protocol || !m.seen.method && !ok) {
		m.addUnknown(a, v, rankOurs)
		return
	}
	c := m.next()
	if !m.fit(&c.item, a, a.slot, v) {
		m.withdraw()
		m.misfit(a, v)
		return
	}
	c.keep(v)
	m.want(c, a.slot, a, a.rank+m.seen.versionBelow)
}

// deriveAddress says whether an address is one of IP, or a name.
func (m *Mapper) deriveAddress(end own) {
	s := m.own[ownAddress+end].slot
	if s.record != m.record || m.candidates[s.at].item.kind != KindText {
		return
	}
	switch text := m.candidates[s.at].item.text; {
	case isIP(text):
		m.ownText(ownIP+end, text, rankDerived)
	case isDomain(text):
		m.ownText(ownDomain+end, text, rankDerived)
	}
}

// derive fills a field that the document has not.
func (m *Mapper) derive(o own, text string) {
	if !m.has(o) {
		m.ownText(o, text, rankDerived)
	}
}

func (m *Mapper) deriveLog(r plog.LogRecord) {
	if r.EventName() != "" || m.seen.foldID {
		m.derive(ownKind, "event")
	}
	m.deriveOutcome(500, r.SeverityNumber() >= plog.SeverityNumberError)
	m.derive(ownVersion, Version)
}

func (m *Mapper) deriveSpan(s ptrace.Span) {
	if m.seen.foldID {
		m.derive(ownKind, "event")
	}
	switch s.Status().Code() {
	case ptrace.StatusCodeOk:
		m.derive(ownOutcome, "success")
	case ptrace.StatusCodeError:
		m.derive(ownOutcome, "failure")
	default:
		failure := int64(500)
		if s.Kind() == ptrace.SpanKindClient {
			failure = 400
		}
		m.deriveOutcome(failure, false)
	}
	m.derive(ownVersion, Version)
}

// deriveOutcome takes the first that says something; HTTP's status is a failure from
// the given one on.
func (m *Mapper) deriveOutcome(failure int64, severe bool) {
	failed := true
	status, ok := m.httpStatus()
	switch seen := &m.seen; {
	case seen.foldOutcome != "":
		m.derive(ownOutcome, seen.foldOutcome)
		return
	case ok:
		failed = status >= failure
	case seen.hasGRPC:
		failed = seen.grpc != 0
	case !seen.exception && !severe:
		return
	}
	outcome := "success"
	if failed {
		outcome = "failure"
	}
	m.derive(ownOutcome, outcome)
}

// httpStatus is the status that has the field: a record can say two.
func (m *Mapper) httpStatus() (status int64, ok bool) {
	s := m.own[ownHTTPStatus].slot
	if s.record != m.record || m.candidates[s.at].item.kind != KindInt {
		return 0, false
	}
	return int64(m.candidates[s.at].item.bits), true
}

// isUpperCase reports whether http.request.method only says in upper case what the
// original says, which has its field, or that it is none of the known ones.
func (m *Mapper) isUpperCase(original, c *candidate) bool {
	return c.attribute.notice == noticeMethod && original.attribute.rank == rankFirst && original.item.kind == KindText &&
		(c.item.text == "_OTHER" || strings.EqualFold(c.item.text, original.item.text)) && !strings.ContainsAny(c.item.text, "abcdefghijklmnopqrstuvwxyz")
}
