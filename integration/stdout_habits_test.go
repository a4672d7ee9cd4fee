package integration

import (
	"maps"
	"slices"

	"go.opentelemetry.io/collector/pdata/plog"
)

// What integration/stdout's programs log must become these records: by the
// record contract, and by what a reader of the line would say it means.

// A habit is how one library, in one format, writes the scenario.
type habit struct {
	program string // "<library> <format>"

	levels []level
	clock  clock
	logger string // "": the line has none
	code   code   // "": the line has no place in the code
	pid    bool   // the line has a process id
	order  map[string]any
	// orderBody is the body of that record where it isn't the message.
	orderBody string
	request   request
	failure   failure
	// resource is what the lines say of their sender.
	resource map[string]any

	// text: a message of several lines is several lines of output.
	text bool
	// fieldsInBody: the text goes on behind the message, with fields that nobody can
	// tell from it.
	fieldsInBody bool
	// without are steps that the program leaves out, or writes in a form of its own.
	without []string
	// logfmt: keys are the writer's own, the logger's too.
	logfmt bool
	// stacks: lines that are no exceptions have a stack as well.
	stacks bool
}

// level is a step of the scenario.
type level struct {
	message, word string
	number        plog.SeverityNumber
}

type clock int

const (
	zoned   clock = iota // the line says when, and in which zone
	guessed              // it says when, but no zone, or no date, or no year
	unsaid               // it says nothing
)

type code struct {
	file     string // how code.file.path ends
	function string // how code.function.name ends
}

// request is what the record of a request has beside the request id.
type request struct {
	id, trace bool
	flags     uint32
}

// failure is what becomes of the exception; what is empty is not asked for.
type failure struct {
	body          string // other than "payment failed"
	goesOn        bool   // this is how the body begins
	kind, message string
	stack         []string // parts of it
}

const (
	stepOrder   = "order placed"
	stepUnicode = "grüße äöü 日本語 🚀"
	stepLines   = "first line\nsecond \"quoted\" line\n\tthird \\ line"
	stepRequest = "request handled"
	stepFailure = "payment failed"
	stepEnd     = "the end"

	requestID   = "req-7f3a91"
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	spanID      = "00f067aa0ba902b7"
	loggerName  = "shop.checkout"
	gatewayText = "gateway timeout: 30 s"
)

// steps make levels of a list: message, word, number, message, ...
func steps(list ...any) []level {
	var all []level
	for each := range slices.Chunk(list, 3) {
		message, _ := each[0].(string)
		word, _ := each[1].(string)
		number, _ := each[2].(int)
		all = append(all, level{message: message, word: word, number: plog.SeverityNumber(number)})
	}
	return all
}

var (
	pythonLevels = steps(
		"a debug message", "DEBUG", 5, "an info message", "INFO", 9, "a success message", "SUCCESS", 12,
		"a warning message", "WARNING", 13, "an error message", "ERROR", 17, "a critical message", "CRITICAL", 21)
	pythonLowerLevels = steps(
		"a debug message", "debug", 5, "an info message", "info", 9, "a success message", "success", 12,
		"a warning message", "warning", 13, "an error message", "error", 17, "a critical message", "critical", 21)
	structlogLevels = steps(
		"a debug message", "debug", 5, "an info message", "info", 9,
		"a warning message", "warning", 13, "an error message", "error", 17, "a critical message", "critical", 21)
	loguruLevels    = append(steps("a trace message", "TRACE", 1), pythonLevels...)
	aiologgerLevels = slices.DeleteFunc(slices.Clone(pythonLevels), func(l level) bool { return l.word == "SUCCESS" })

	pinoNumbers = steps(
		"a trace message", "10", 1, "a debug message", "20", 5, "an info message", "30", 9,
		"a warning message", "40", 13, "an error message", "50", 17, "a fatal message", "60", 21)
	pinoLevels = steps(
		"a trace message", "trace", 1, "a debug message", "debug", 5, "an info message", "info", 9,
		"a warning message", "warn", 13, "an error message", "error", 17, "a fatal message", "fatal", 21)
	winstonLevels = steps(
		"a silly message", "silly", 1, "a debug message", "debug", 5, "a verbose message", "verbose", 5,
		"an http message", "http", 7, "an info message", "info", 9, "a warning message", "warn", 13,
		"an error message", "error", 17)

	slogLevels = steps(
		"a trace message", "DEBUG-4", 1, "a debug message", "DEBUG", 5, "an info message", "INFO", 9,
		"a notice message", "INFO+2", 11, "a warning message", "WARN", 13, "an error message", "ERROR", 17,
		"a fatal message", "ERROR+4", 21)
	zapLowerLevels = steps(
		"a debug message", "debug", 5, "an info message", "info", 9, "a warning message", "warn", 13,
		"an error message", "error", 17, "a dpanic message", "dpanic", 18, "a fatal message", "fatal", 21)
	zapLevels = steps(
		"a debug message", "DEBUG", 5, "an info message", "INFO", 9, "a warning message", "WARN", 13,
		"an error message", "ERROR", 17, "a dpanic message", "DPANIC", 18, "a fatal message", "FATAL", 21)
	zerologLevels = steps(
		"a trace message", "trace", 1, "a debug message", "debug", 5, "an info message", "info", 9,
		"a warning message", "warn", 13, "an error message", "error", 17, "a fatal message", "fatal", 21,
		"a panic message", "panic", 22, "a message without level", "", 0)
	zerologShortLevels = steps(
		"a trace message", "TRC", 1, "a debug message", "DBG", 5, "an info message", "INF", 9,
		"a warning message", "WRN", 13, "an error message", "ERR", 17, "a fatal message", "FTL", 21,
		"a panic message", "PNC", 22)
	logrusLevels = steps(
		"a trace message", "trace", 1, "a debug message", "debug", 5, "an info message", "info", 9,
		"a warning message", "warning", 13, "an error message", "error", 17, "a fatal message", "fatal", 21)
	klogLevels = steps("an info message", "I", 9, "a warning message", "W", 13, "an error message", "E", 17)

	log4jLevels = steps(
		"a trace message", "TRACE", 1, "a debug message", "DEBUG", 5, "an info message", "INFO", 9,
		"a notice message", "NOTICE", 10, "a warning message", "WARN", 13, "an error message", "ERROR", 17,
		"a fatal message", "FATAL", 21)
	gelfLevels = steps(
		"a trace message", "7", 5, "a debug message", "7", 5, "an info message", "6", 9,
		"a notice message", "4", 13, "a warning message", "4", 13, "an error message", "3", 17,
		"a fatal message", "1", 19)
	logbackLevels = steps(
		"a trace message", "TRACE", 1, "a debug message", "DEBUG", 5, "an info message", "INFO", 9,
		"a warning message", "WARN", 13, "an error message", "ERROR", 17)
	rubyLevels = steps(
		"a debug message", "DEBUG", 5, "an info message", "INFO", 9, "a warning message", "WARN", 13,
		"an error message", "ERROR", 17, "a fatal message", "FATAL", 21)
	noLevels = steps("an info message", "", 0)
)

// orderFields are the fields of stepOrder, with the types that JSON gives them.
func orderFields(without ...string) map[string]any {
	fields := map[string]any{
		"order_id": "A-17",
		"items":    int64(3),
		"price":    99.99,
		"paid":     true,
		"coupon":   nil,
		"tags":     []any{"new", "gift"},
		"customer": map[string]any{"id": int64(7), "address": map[string]any{"city": "Zürich"}},
	}
	for _, name := range without {
		delete(fields, name)
	}
	return fields
}

func with(fields map[string]any, name string, value any) map[string]any {
	fields[name] = value
	return fields
}

var (
	fullRequest = request{id: true, trace: true, flags: 1}
	spanRequest = request{id: true, trace: true}

	pythonChain    = []string{"Traceback (most recent call last):", "ConnectionError: " + gatewayText, "direct cause", "shop.PaymentError: card declined"}
	pythonFailure  = failure{kind: "shop.PaymentError", message: "card declined", stack: pythonChain}
	nodeFailure    = failure{kind: "PaymentError", message: "card declined", stack: []string{"PaymentError: card declined", "    at pay ("}}
	pinoFailure    = failure{kind: "PaymentError", message: "card declined: " + gatewayText, stack: []string{"    at pay (", "caused by: Error: " + gatewayText}}
	goFailure      = failure{message: "card declined: " + gatewayText}
	javaChain      = []string{"shop.Scenario$PaymentException: card declined", "Suppressed: java.lang.IllegalArgumentException", "Caused by: java.lang.IllegalStateException: " + gatewayText}
	javaFailure    = failure{kind: "shop.Scenario$PaymentException", message: "card declined", stack: javaChain}
	javaDotFailure = failure{kind: "shop.Scenario.PaymentException", message: "card declined", stack: javaChain}
)

// logfmtOrder is orderFields as a logfmt writer spells them.
func logfmtOrder(more map[string]any) map[string]any {
	fields := map[string]any{
		"order_id": "A-17", "items": int64(3), "price": 99.99, "paid": true, "coupon": "<nil>", "tags": "[new gift]",
	}
	maps.Copy(fields, more)
	return fields
}

var pythonHabits = []habit{
	{program: "logging basic", text: true, clock: unsaid, levels: pythonLevels, logger: loggerName, failure: pythonFailure},
	{program: "logging default", text: true, clock: guessed, levels: pythonLevels, logger: loggerName, failure: pythonFailure},
	{program: "logging levels", text: true, clock: guessed, levels: pythonLevels, logger: loggerName, failure: pythonFailure},
	{program: "logging pipe", text: true, clock: guessed, levels: pythonLevels, code: code{file: "with_logging.py"}, failure: pythonFailure},
	{
		program: "python-json-logger json", clock: guessed, levels: pythonLevels, logger: loggerName,
		order: orderFields(), request: spanRequest, failure: pythonFailure,
	},
	{
		program: "python-json-logger renamed", levels: pythonLevels, logger: loggerName, pid: true,
		code:  code{file: "/with_logging.py", function: "log"},
		order: orderFields(), request: request{id: true}, failure: pythonFailure,
	},
	{
		// It leaves out what is null, and the cause.
		program: "ecs-logging json", levels: pythonLowerLevels, logger: loggerName, pid: true,
		code:  code{file: "with_logging.py", function: "log"},
		order: orderFields("coupon"), request: spanRequest,
		failure: failure{kind: "PaymentError", message: "card declined", stack: []string{"in pay"}},
	},
	{
		program: "structlog json", levels: structlogLevels, logger: loggerName,
		order: orderFields(), request: spanRequest,
		failure: failure{kind: "PaymentError", message: "card declined", stack: []string{"with_structlog.py", "ConnectionError", gatewayText}},
	},
	{
		program: "structlog ecs", levels: structlogLevels,
		order: orderFields(), request: request{id: true}, failure: pythonFailure,
	},
	{
		program: "structlog stdlib", levels: pythonLowerLevels, logger: loggerName,
		code:  code{file: "/with_structlog.py", function: "log"},
		order: orderFields(), request: spanRequest, failure: pythonFailure,
	},
	{program: "structlog console", text: true, fieldsInBody: true, clock: guessed, levels: structlogLevels, failure: pythonFailure},
	{
		program: "loguru json", levels: loguruLevels, logger: "with_loguru", pid: true,
		code:  code{file: "/with_loguru.py", function: "log"},
		order: orderFields(), request: spanRequest,
		failure: failure{kind: "PaymentError", message: "card declined", stack: []string{"ConnectionError: " + gatewayText, "shop.PaymentError: card declined"}},
	},
	{
		program: "loguru text", text: true, clock: guessed, levels: loguruLevels, logger: "with_loguru",
		code: code{function: "log"}, failure: pythonFailure,
	},
	{
		program: "aiologger json", levels: aiologgerLevels, code: code{file: "/with_aiologger.py", function: "log"},
		order: orderFields(), without: []string{stepRequest},
		// It writes the exception's repr.
		failure: failure{kind: "shop.PaymentError", message: "PaymentError('card declined')", stack: []string{"in pay"}},
	},
	{
		program: "aiologger text", text: true, clock: guessed, levels: aiologgerLevels, logger: loggerName,
		without: []string{stepRequest}, failure: pythonFailure,
	},
	{program: "none crash", failure: pythonFailure},
}

var nodeHabits = []habit{
	{
		program: "pino json", levels: pinoNumbers, logger: loggerName, pid: true,
		order: orderFields(), request: fullRequest, failure: pinoFailure,
	},
	{
		program: "pino named", levels: pinoLevels, logger: loggerName, pid: true,
		order: orderFields(), request: fullRequest, failure: pinoFailure,
	},
	{
		program: "pino ecs", levels: pinoLevels, logger: loggerName, pid: true,
		order: orderFields(), request: fullRequest, failure: nodeFailure,
	},
	{
		// It puts the error's message behind the line's.
		program: "winston json", levels: winstonLevels, logger: loggerName,
		order: orderFields(), request: fullRequest,
		failure: failure{body: "payment failed card declined", kind: "PaymentError", message: "card declined", stack: nodeFailure.stack},
	},
	{
		// "http: an http message" may be anybody's sentence.
		program: "winston simple", text: true, fieldsInBody: true, clock: unsaid,
		levels:  slices.DeleteFunc(slices.Clone(winstonLevels), func(l level) bool { return l.word == "http" }),
		failure: failure{body: "payment failed card declined"},
	},
	{
		program: "winston printf", text: true, levels: winstonLevels,
		// The message is the trace.
		failure: failure{body: "PaymentError: card declined", goesOn: true, kind: "PaymentError", message: "card declined", stack: []string{"    at pay ("}},
	},
	{
		program: "bunyan json", levels: pinoNumbers, logger: loggerName, pid: true,
		order: orderFields(), request: fullRequest, failure: nodeFailure,
	},
	{
		// An object is printed over several lines.
		program: "console text", orderBody: "order placed {\n  order_id: 'A-17',\n  items: 3,\n  price: 99.99,\n  paid: true,\n  coupon: null,\n" +
			"  tags: [ 'new', 'gift' ],\n  customer: { id: 7, address: { city: 'Zürich' } }\n}", text: true, fieldsInBody: true, clock: unsaid, levels: noLevels, without: []string{stepRequest},
		failure: failure{stack: []string{"    at pay (", "[cause]: Error: " + gatewayText}},
	},
	{program: "none crash", failure: failure{kind: "PaymentError", message: "card declined", stack: []string{"    at pay (", "[cause]: Error: " + gatewayText}}},
}

var (
	zapOrder = orderFields()
	goInSlog = code{file: "/slog.go", function: "main.runSlog"}
	goInLog  = code{file: "/logrus.go", function: "main.logrusRun"}
	goHabits = []habit{
		{program: "slog json", levels: slogLevels, logger: loggerName, order: orderFields(), request: spanRequest, failure: goFailure},
		{program: "slog source", levels: slogLevels, logger: loggerName, code: goInSlog, order: orderFields(), request: spanRequest, failure: goFailure},
		{
			program: "slog text", levels: slogLevels, logger: loggerName, logfmt: true, request: spanRequest, failure: goFailure,
			order: logfmtOrder(map[string]any{"customer.id": int64(7), "customer.address.city": "Zürich"}),
		},
		{
			// The default handler has no debug, and no context.
			program: "slog default", text: true, fieldsInBody: true, clock: guessed, levels: slogLevels[2:],
		},
		{
			program: "zap json", levels: zapLowerLevels, logger: loggerName, code: code{file: "go/zap.go"}, stacks: true,
			order: zapOrder, request: spanRequest,
			failure: failure{message: goFailure.message, stack: []string{"main.zapRun"}},
		},
		{
			program: "zap sugared", levels: zapLevels, logger: loggerName, order: orderFields(), request: spanRequest, failure: goFailure,
			resource: map[string]any{"service.name": "shop"},
		},
		{
			program: "zap console", text: true, fieldsInBody: true, levels: zapLevels, logger: loggerName, code: code{file: "go/zap.go"}, stacks: true,
			failure: failure{stack: []string{"main.zapRun"}},
		},
		{program: "zerolog json", levels: zerologLevels, logger: loggerName, code: code{file: "/zerolog.go"}, order: orderFields(), request: spanRequest, failure: goFailure},
		{program: "zerolog unix", levels: zerologLevels, logger: loggerName, order: orderFields(), request: spanRequest, failure: goFailure},
		{program: "zerolog console", text: true, fieldsInBody: true, levels: zerologShortLevels},
		{program: "logrus json", levels: logrusLevels, logger: loggerName, code: goInLog, order: orderFields(), request: spanRequest, failure: goFailure},
		{
			program: "logrus text", levels: logrusLevels, logger: loggerName, logfmt: true, request: spanRequest, failure: goFailure,
			order: logfmtOrder(map[string]any{"customer": "{7 {Zürich}}"}),
		},
		{program: "klog text", text: true, fieldsInBody: true, clock: guessed, levels: klogLevels, pid: true, code: code{file: "klog.go"}},
		{program: "log standard", text: true, clock: guessed, levels: noLevels, without: []string{stepOrder, stepRequest, stepFailure}},
		{program: "log short", text: true, clock: guessed, levels: noLevels, logger: "shop", code: code{file: "log.go"}, without: []string{stepOrder, stepRequest, stepFailure}},
		{program: "none crash", failure: failure{
			message: "payment failed: " + goFailure.message,
			stack:   []string{"goroutine 1 [running]:", "panic: payment failed: card declined"},
		}},
	}
)

var (
	inLog4j   = code{file: "WithLog4j.java", function: "run"}
	inLogback = code{file: "WithLogback.java", function: "run"}
	ofShop    = map[string]any{"service.name": "shop"}
)

// mapMessage is how log4j writes the fields into the message.
const mapMessage = `coupon="null" customer="{address={city=Zürich}, id=7}" items="3" message="order placed" order_id="A-17" paid="true" price="99.99" tags="[new, gift]"`

var javaHabits = []habit{
	// JsonTemplateLayout writes the fields of a MapMessage into its message.
	{program: "log4j2 ecs", levels: log4jLevels, logger: loggerName, request: fullRequest, failure: javaDotFailure, orderBody: mapMessage},
	{program: "log4j2 logstash", levels: log4jLevels, logger: loggerName, request: fullRequest, failure: javaDotFailure, orderBody: mapMessage},
	{program: "log4j2 gelf", levels: gelfLevels, logger: loggerName, request: fullRequest, failure: javaFailure, orderBody: mapMessage},
	{
		program: "log4j2 json", levels: log4jLevels, logger: loggerName, request: fullRequest, orderBody: mapMessage,
		failure: failure{kind: javaDotFailure.kind, message: javaDotFailure.message, stack: []string{"shop.Scenario", "Scenario.java"}},
	},
	{
		// The same, and the fields beside it.
		program: "log4j2 fields", levels: log4jLevels, logger: loggerName, request: fullRequest, failure: javaDotFailure,
		order: orderFields(), orderBody: mapMessage,
	},
	{
		program: "log4j2 ecslogging", levels: log4jLevels, logger: loggerName, code: inLog4j, resource: ofShop,
		order: orderFields(), request: fullRequest, failure: javaFailure,
	},
	{program: "log4j2 pattern", text: true, clock: guessed, levels: log4jLevels, logger: loggerName, failure: javaFailure, orderBody: mapMessage},
	{
		program: "logback logstash", levels: logbackLevels, logger: loggerName, code: inLogback,
		order: orderFields(), request: fullRequest, failure: javaFailure,
	},
	{
		program: "logback json", levels: logbackLevels, logger: loggerName, request: fullRequest,
		failure: failure{kind: javaFailure.kind, message: javaFailure.message, stack: []string{"Scenario.java", gatewayText}},
	},
	{
		// It leaves out key-value pairs.
		program: "logback ecslogging", levels: logbackLevels, logger: loggerName, code: inLogback, resource: ofShop,
		request: fullRequest, failure: javaFailure,
	},
	{program: "logback pattern", text: true, clock: guessed, levels: logbackLevels, logger: loggerName, failure: javaFailure, without: []string{stepOrder}},
	{program: "logback spring", text: true, levels: logbackLevels, logger: loggerName, pid: true, failure: javaFailure},
	{program: "none crash", failure: javaFailure},
}

const rustTarget = "shop::checkout"

var (
	// A value of Rust's Debug is text, and None is left out.
	rustOrder = with(with(with(orderFields("coupon", "customer"),
		"tags", `["new", "gift"]`), "customer.id", int64(7)), "customer.address.city", "Zürich")
	rustFailure = failure{message: "card declined"}
	rustHabits  = []habit{
		{program: "tracing json", levels: logbackLevels, logger: rustTarget, order: rustOrder, request: spanRequest, failure: rustFailure},
		{
			program: "tracing flattened", levels: logbackLevels, logger: rustTarget, code: code{file: "src/with_tracing.rs"},
			order: rustOrder, request: spanRequest, failure: rustFailure,
		},
		{program: "tracing full", text: true, fieldsInBody: true, levels: logbackLevels, logger: rustTarget},
		{program: "tracing default", text: true, fieldsInBody: true, levels: logbackLevels, logger: rustTarget},
		{program: "tracing pretty", text: true, fieldsInBody: true, levels: logbackLevels, logger: rustTarget},
		{program: "env_logger text", text: true, fieldsInBody: true, levels: logbackLevels, logger: rustTarget},
		{program: "none crash", failure: failure{stack: []string{"panicked at", "stack backtrace:"}}},
	}
)

var rubyHabits = []habit{
	{
		program: "logger text", text: true, clock: guessed, levels: rubyLevels, logger: loggerName, pid: true,
		without: []string{stepOrder, stepRequest},
		failure: failure{
			body: "card declined (Scenario::PaymentError)", kind: "Scenario::PaymentError", message: "card declined",
			stack: []string{"main.rb"},
		},
	},
	{program: "none crash", failure: failure{kind: "Scenario::PaymentError", message: "card declined", stack: []string{gatewayText}}},
}
