package logrecord

import "github.com/heartwood-otel/heartwood/internal/severity"

// targetAttributes is the target whose objects are no attribute of their own: their
// members are. All of its keys count, not the first alone.
const targetAttributes = "attributes"

// targetNanos is the target of a count of nanoseconds that belongs to a time in
// seconds or milliseconds beside it.
const targetNanos = "timestamp.nanos"

// targetEcho is the target of a text that says the body again: it is left out then.
const targetEcho = "log.original"

// Attributes that JSON loggers tell.
const (
	attrExceptionType  = "exception.type"
	attrExceptionStack = "exception.stacktrace"
	attrLogger         = "log.logger"
	attrThreadName     = "thread.name"
)

// DefaultJSONFields is what Settings.Fields is without settings for lines that are
// JSON. A key with points in it is one key of that name, or the way through nested
// objects.
func DefaultJSONFields() map[string][]string {
	return map[string][]string{
		targetTimestamp: {
			"@timestamp", "timestamp", "time", "ts", "asctime", "@t", "datetime", "record.time.repr", "logged_at",
			"instant", "timestampSeconds", "timeMillis", "Timestamp", "created", "date", "t",
		},
		targetNanos: {"nanoseconds", "timestampNanos"},
		targetSeverity: {
			"log.level", "level", "levelname", "severity", "lvl", "record.level.name", "level_name", "@l", "severity_text",
			"severityText", "LogLevel", "Level", "loglevel", "log_level", "levelno", "level_number", "level_value",
			"severity_number", "severityNumber", "status",
		},
		targetBody: {
			"message", "msg", "@m", "short_message", "fields.message", "record.message", "RenderedMessage", "Message",
			"@mt", "MessageTemplate",
		},
		targetEventName: {"event"},
		targetAttributes: {
			"extra", "fields", "record.extra", "mdc", "contextMap", "Properties", "named_tags", "kvpList", "payload",
			"context",
		},
		targetTraceID: {
			"trace_id", "traceId", "trace.id", "traceID", "traceid", "trace-id", "otelTraceID", "@tr", "TraceId",
			"dd.trace_id", "logging.googleapis.com/trace", "span.trace_id", "spans.trace_id", "_trace_id",
		},
		targetSpanID: {
			"span_id", "spanId", "span.id", "spanID", "spanid", "span-id", "otelSpanID", "@sp", "SpanId",
			"logging.googleapis.com/spanId", "span.span_id", "spans.span_id", "_span_id", "transaction.id",
		},
		targetTraceFlags: {
			"trace_flags", "traceFlags", "trace.flags", "traceflags", "otelTraceSampled",
			"logging.googleapis.com/trace_sampled", "_trace_flags",
		},
		targetTraceparent: {"traceparent"},
		attrException: {
			"error.message", "err.message", "error", "err", "thrown.message", "throwable.message",
			"exception.exception_message", "record.exception.value", "exception_message",
		},
		attrExceptionType: {
			"error.type", "err.type", "err.name", "error.name", "error.kind", "thrown.name", "throwable.className",
			"exception.exception_class", "exception.class", "exception.name", "record.exception.type", "exception_class",
		},
		attrExceptionStack: {
			"error.stack_trace", "error.stack", "err.stack", "exception.stack_trace", "exception.stack", "exc_info",
			"stack_trace", "stacktrace", "stack", "exception", "@x", "Exception", "exc_text", "thrown.extendedStackTrace", "thrown", "throwable",
			"errorVerbose", "full_message", "text",
		},
		targetLocation: {"caller", "source"},
		attrFunction: {
			"fn", "log.origin.function", "funcName", "func_name", "func", "source.function", "record.function",
			"caller_method_name", "logging.googleapis.com/sourceLocation.function", "function",
		},
		attrFilePath: {
			"log.origin.file.name", "pathname", "file_path", "source.file", "record.file.path", "caller_file_name",
			"logging.googleapis.com/sourceLocation.file", "filename", "file",
		},
		attrLineNumber: {
			"log.origin.file.line", "lineno", "line_number", "source.line", "record.line", "caller_line_number",
			"logging.googleapis.com/sourceLocation.line", "line",
		},
		attrLogger: {
			"logger", "logger_name", "loggerName", "record.name", "Properties.SourceContext", "_logger", "name", "target",
			"channel", "Category",
		},
		attrThreadName:  {"process.thread.name", "thread_name", "threadName", "record.thread.name", "_thread", "thread"},
		attrServiceName: {"app", "service", "service_name", "serviceName", "dd.service", "otelServiceName", "resource.service.name", "serviceContext.service", "application"},
		"service.version": {
			"service_version", "dd.version", "serviceContext.version", "version",
		},
		"deployment.environment.name": {"service.environment", "dd.env", "environment"},
		attrHostName:                  {"host.hostname", "hostname", "fqdn", "source_host", "host"},
		"host.id":                     {"machine_id"},
		"container.id":                {"container_id"},
		"cloud.region":                {"region"},
		attrProcessPID:                {"pid", "process", "process_id", "record.process.id"},
		attrUserID:                    {"user_id"},
		attrUID:                       {},
		"request_id":                  {"span.request_id", "spans.request_id", "_request_id"},
		targetEcho:                    {"log.original"},
	}
}

// style is a set of marks: keys by which a line shows what wrote it.
type style uint32

const (
	stylePython   style = 1 << iota // logging, structlog
	stylePID                        // with styleHostname: pino, bunyan
	styleHostname                   //
	styleGELF                       //
	styleSemantic                   // Ruby's semantic_logger
	styleLogstash                   //
	styleRust                       // tracing-subscriber
	styleMonolog                    //
	styleDotNet                     // Microsoft.Extensions.Logging
	styleDatadog                    //
	styleSerilog                    // compact
	styleLoguru
	styleGoogle
	styleCaddy  // its access log
	styleSource // a source file was found

	styleNot // of a need: not in this style
)

// jsonMarks are keys that show a style, at the top of a line.
var jsonMarks = map[string]style{
	"levelname": stylePython, "levelno": stylePython, "level_number": stylePython, "funcName": stylePython,
	"func_name": stylePython, "lineno": stylePython, "pathname": stylePython, "asctime": stylePython,
	"pid": stylePID, "hostname": styleHostname,
	"short_message": styleGELF,
	"level_index":   styleSemantic,
	"@version":      styleLogstash,
	"fields":        styleRust, "span": styleRust, "spans": styleRust, "threadId": styleRust, "line_number": styleRust,
	"level_name": styleMonolog,
	"LogLevel":   styleDotNet,
	"ddsource":   styleDatadog, "ddtags": styleDatadog, "dd": styleDatadog, "dd.trace_id": styleDatadog,
	"dd.service": styleDatadog, "dd.env": styleDatadog,
	"@t":                           styleSerilog,
	"record":                       styleLoguru,
	"resp_headers":                 styleCaddy,
	"logging.googleapis.com/trace": styleGoogle, "logging.googleapis.com/labels": styleGoogle,
	"logging.googleapis.com/sourceLocation": styleGoogle, "logging.googleapis.com/insertId": styleGoogle,
	"logging.googleapis.com/spanId": styleGoogle, "serviceContext": styleGoogle, "httpRequest": styleGoogle,
}

// jsonNeeds are the keys of DefaultJSONFields that are words for many things, and
// fill their target only in a style: the first of the list that a line has decides.
var jsonNeeds = map[string][]style{
	"created":     {stylePython},
	"status":      {styleDatadog},
	"date":        {styleDatadog},
	"payload":     {styleSemantic},
	"context":     {styleMonolog},
	"name":        {stylePython, stylePID | styleHostname, styleSemantic},
	"target":      {styleRust},
	"channel":     {styleMonolog},
	"Category":    {styleDotNet},
	"application": {styleSemantic},
	"environment": {styleSemantic},
	"host":        {styleGELF, styleSemantic, styleLogstash},
	"text":        {styleLoguru},
	"function":    {styleSource},
	"line":        {styleSource},
	"version":     {styleGELF | styleNot, 0},
}

// jsonKept are the keys that say more than the target that they fill: they stay
// attributes beside it. A span's id does not say that the span is a transaction.
var jsonKept = map[string]bool{"transaction.id": true}

// jsonSchemes are the keys whose numbers are those of one logger.
var jsonSchemes = map[string]severity.Scheme{
	"levelno": severity.Python, "level_number": severity.Python,
	"level_value":     severity.Log4j,
	"severity_number": severity.OTel, "severityNumber": severity.OTel,
}
