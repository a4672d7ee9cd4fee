package otlpdepth

// kind is a message of OTLP in which a value can be; none is any other field.
type kind uint8

const (
	none kind = iota
	anyValue
	arrayValue
	keyValueList
	keyValue
	resource
	scope
	exemplar

	logsRequest
	resourceLogs
	scopeLogs
	logRecord

	metricsRequest
	resourceMetrics
	scopeMetrics
	metric
	gaugeOrSum
	numberPoint
	histogram
	histogramPoint
	exponential
	exponentialPoint
	summary
	summaryPoint

	tracesRequest
	resourceSpans
	scopeSpans
	span
	spanEvent
	spanLink

	profilesRequest
	resourceProfiles
	scopeProfiles
	dictionary
	keyValueAndUnit

	kinds
)

var requests = [...]kind{Logs: logsRequest, Metrics: metricsRequest, Traces: tracesRequest, Profiles: profilesRequest}

// deprecatedScopes is the field of the scopes in requests of OTLP before 0.15, which pdata
// still reads.
const deprecatedScopes = 1000

type edge struct {
	field uint64
	kind  kind
}

// fields of each message that lead to a value. A test compares them with pdata's decoder.
var fields = [kinds][]edge{
	anyValue:     {{5, arrayValue}, {6, keyValueList}},
	arrayValue:   {{1, anyValue}},
	keyValueList: {{1, keyValue}},
	keyValue:     {{2, anyValue}},
	resource:     {{1, keyValue}},
	scope:        {{3, keyValue}},
	exemplar:     {{7, keyValue}},

	logsRequest:  {{1, resourceLogs}},
	resourceLogs: {{1, resource}, {2, scopeLogs}, {deprecatedScopes, scopeLogs}},
	scopeLogs:    {{1, scope}, {2, logRecord}},
	logRecord:    {{5, anyValue}, {6, keyValue}},

	metricsRequest:   {{1, resourceMetrics}},
	resourceMetrics:  {{1, resource}, {2, scopeMetrics}, {deprecatedScopes, scopeMetrics}},
	scopeMetrics:     {{1, scope}, {2, metric}},
	metric:           {{5, gaugeOrSum}, {7, gaugeOrSum}, {9, histogram}, {10, exponential}, {11, summary}, {12, keyValue}},
	gaugeOrSum:       {{1, numberPoint}},
	numberPoint:      {{5, exemplar}, {7, keyValue}},
	histogram:        {{1, histogramPoint}},
	histogramPoint:   {{8, exemplar}, {9, keyValue}},
	exponential:      {{1, exponentialPoint}},
	exponentialPoint: {{1, keyValue}, {11, exemplar}},
	summary:          {{1, summaryPoint}},
	summaryPoint:     {{7, keyValue}},

	tracesRequest: {{1, resourceSpans}},
	resourceSpans: {{1, resource}, {2, scopeSpans}, {deprecatedScopes, scopeSpans}},
	scopeSpans:    {{1, scope}, {2, span}},
	span:          {{9, keyValue}, {11, spanEvent}, {13, spanLink}},
	spanEvent:     {{3, keyValue}},
	spanLink:      {{4, keyValue}},

	profilesRequest:  {{1, resourceProfiles}, {2, dictionary}},
	resourceProfiles: {{1, resource}, {2, scopeProfiles}},
	scopeProfiles:    {{1, scope}},
	dictionary:       {{6, keyValueAndUnit}},
	keyValueAndUnit:  {{2, anyValue}},
}

func (k kind) field(number uint64) kind {
	for _, e := range fields[k] {
		if e.field == number {
			return e.kind
		}
	}
	return none
}
