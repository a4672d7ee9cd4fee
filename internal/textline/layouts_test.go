package textline

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heartwood-otel/heartwood/internal/severity"
	"github.com/heartwood-otel/heartwood/internal/timestamp"
)

const (
	at123    = 1_775_729_730_123_000_000 // 2026-04-09T10:15:30.123Z
	at123456 = 1_775_729_730_123_456_000
	at       = 1_775_729_730_000_000_000
)

func exact(n uint64) timestamp.Time   { return timestamp.Time{UnixNano: n} }
func guessed(n uint64) timestamp.Time { return timestamp.Time{UnixNano: n, Guessed: true} }

// TestLayouts has a line of each layout of README.md, taken apart by a detector that
// has seen nothing before.
func TestLayouts(t *testing.T) {
	f := func(line string, want Line) {
		t.Helper()
		var d Detector
		var got Line
		require.True(t, d.Parse(line, noon, &got), line)
		want.HasTime = want.Time != timestamp.Time{}
		assert.Equal(t, want, got, line)
	}
	info := func(l Line) Line {
		l.Severity, l.Message = severity.Info, "msg"
		if l.SeverityText == "" {
			l.SeverityText = "INFO"
		}
		return l
	}
	bad := func(l Line) Line {
		l.Severity, l.Message = severity.Error, "msg"
		if l.SeverityText == "" {
			l.SeverityText = "ERROR"
		}
		return l
	}

	// Python.
	f("2026-04-09 10:15:30,123 INFO shop.orders msg", info(Line{Time: guessed(at123), Logger: "shop.orders"}))
	f("2026-04-09 10:15:30,123 INFO     shop.orders msg", info(Line{Time: guessed(at123), Logger: "shop.orders"}))
	f("2026-04-09 10:15:30,123 shop.orders INFO msg", info(Line{Time: guessed(at123), Logger: "shop.orders"}))
	f("2026-04-09 10:15:30,123 - shop - INFO - msg", info(Line{Time: guessed(at123), Logger: "shop"}))
	f("2026-04-09 10:15:30,123 - INFO - msg", info(Line{Time: guessed(at123)}))
	f("2026-04-09 10:15:30,123 - shop - INFO - [orders.py:42] - msg", info(Line{Time: guessed(at123), Logger: "shop", File: "orders.py", LineNumber: 42}))
	f("INFO:shop.orders:msg", info(Line{Logger: "shop.orders"}))
	f("2026-04-09 10:15:30,123:INFO:shop:msg", info(Line{Time: guessed(at123), Logger: "shop"}))
	f("INFO:root:msg", info(Line{Logger: "root"}))
	f("INFO:     msg", info(Line{})) // uvicorn
	f("2026-04-09 10:15:30 | INFO | shop:pay:42 | msg", info(Line{Time: guessed(at), Logger: "shop", Function: "pay", LineNumber: 42}))
	f("2026-04-09 10:15:30 | INFO     | [orders.py:42] | msg", info(Line{Time: guessed(at), File: "orders.py", LineNumber: 42}))
	f("2026-04-09 10:15:30.123 | INFO     | shop.orders:<module>:42 - msg", info(Line{Time: guessed(at123), Logger: "shop.orders", Function: "<module>", LineNumber: 42}))
	f("2026-04-09 10:15:30 [info     ] msg", info(Line{Time: guessed(at), SeverityText: "info"}))                 // structlog
	f("[2026-04-09 10:15:30,123: INFO/MainProcess] msg", info(Line{Time: guessed(at123), Thread: "MainProcess"})) // Celery
	f("[2026-04-09 10:15:30 +0000] [1234] [INFO] msg", info(Line{Time: exact(at), PID: 1234}))                    // gunicorn
	f("[2026-04-09T10:15:30.123+0000] {orders.py:42} INFO - msg", info(Line{Time: exact(at123), File: "orders.py", LineNumber: 42}))
	f("[2026-04-09, 10:15:30 UTC] {orders.py:42} INFO - msg", info(Line{Time: exact(at), File: "orders.py", LineNumber: 42}))
	f("[I 260409 10:15:30 web:2271] msg", info(Line{Time: guessed(at), SeverityText: "I", Logger: "web", LineNumber: 2271})) // tornado
	f("[I 2026-04-09 10:15:30.123 ServerApp] msg", info(Line{Time: guessed(at123), SeverityText: "I", Logger: "ServerApp"})) // Jupyter
	f("INFO 2026-04-09 10:15:30,123 msg", info(Line{Time: guessed(at123)}))                                                  // Django's verbose
	f("2026-04-09 10:15:30,123 1234 INFO shop_db odoo.http: msg", Line{Time: guessed(at123), PID: 1234, Severity: severity.Info, SeverityText: "INFO", Logger: "shop_db", Message: "odoo.http: msg"})
	f("2026-04-09 10:15:30,123 [MainThread] INFO shop.orders - msg", info(Line{Time: guessed(at123), Thread: "MainThread", Logger: "shop.orders"}))

	// Java.
	f("2026-04-09 10:15:30,123 [main] INFO  c.e.Orders - msg", info(Line{Time: guessed(at123), Thread: "main", Logger: "c.e.Orders"}))
	f("10:15:30.123 [main] INFO  c.e.Orders - msg", info(Line{Time: guessed(at123), Thread: "main", Logger: "c.e.Orders"}))
	f("10:15:30.123 [main] INFO  Orders -- msg", info(Line{Time: guessed(at123), Thread: "main", Logger: "Orders"}))
	f(`10:15:30.123 [main] INFO c.e.Orders -order="17" user="a b"- msg`, info(Line{Time: guessed(at123), Thread: "main", Logger: "c.e.Orders", Fields: []Field{{"order", "17"}, {"user", "a b"}}}))
	f("2026-04-09T10:15:30.123+02:00  INFO 1234 --- [app] [           main] c.e.Orders    : msg",
		info(Line{Time: exact(at123 - 7200e9), PID: 1234, Thread: "main", Logger: "c.e.Orders", Fields: []Field{{"spring.application.name", "app"}}}))
	f("2026-04-09 10:15:30.123  INFO 1234 --- [main] c.e.Orders    : msg", info(Line{Time: guessed(at123), PID: 1234, Thread: "main", Logger: "c.e.Orders"}))
	f("2026-04-09T10:15:30.123Z  INFO 1 --- [app] [main] [17-ab] c.e.Orders : msg", info(Line{
		Time: exact(at123), PID: 1, Thread: "main", Logger: "c.e.Orders",
		Fields: []Field{{"spring.application.name", "app"}, {"context", "17-ab"}},
	}))
	f("2026-04-09 10:15:30,123 [main] [req-17] INFO c.e.Orders - msg", info(Line{Time: guessed(at123), Thread: "main", Logger: "c.e.Orders", Fields: []Field{{"context", "req-17"}}}))
	f("[2026-04-09T10:15:30,123][INFO ][o.e.n.Node               ] [node-1] msg", Line{Time: guessed(at123), Severity: severity.Info, SeverityText: "INFO", Logger: "o.e.n.Node", Message: "[node-1] msg"})
	f("09-Apr-2026 10:15:30.123 INFO [main] org.apache.catalina.startup.Catalina.start msg", info(Line{Time: guessed(at123), Thread: "main", Logger: "org.apache.catalina.startup.Catalina.start"}))
	f("[2026-04-09 10:15:30,123] INFO msg (kafka.server.KafkaServer)", info(Line{Time: guessed(at123), Logger: "kafka.server.KafkaServer"}))
	f("[main] INFO com.example.Orders - msg", info(Line{Thread: "main", Logger: "com.example.Orders"})) // slf4j-simple
	f("2026-04-09 10:15:30,123 INFO  [c.e.Orders] msg", info(Line{Time: guessed(at123), Logger: "c.e.Orders"}))
	f("2026-04-09 10:15:30,123 INFO  [c.e.Orders] (main) msg", Line{Time: guessed(at123), Severity: severity.Info, SeverityText: "INFO", Logger: "c.e.Orders", Message: "(main) msg"})
	f("[INFO] msg", info(Line{})) // Maven
	f(" INFO [main] c.e.Orders - msg", Line{Severity: severity.Info, SeverityText: "INFO", Thread: "main", Logger: "c.e.Orders", Message: "msg"})
	f("Apr 09, 2026 10:15:30 AM com.example.Orders pay", Line{Time: guessed(at), Logger: "com.example.Orders", Function: "pay", Head: true})
	f("Apr 9, 2026, 10:15:30\u202fAM com.example.Orders pay", Line{Time: guessed(at), Logger: "com.example.Orders", Function: "pay", Head: true})
	f("Apr 09, 2026 10:15:30 AM com.example.Orders pay\nINFO: msg", info(Line{Time: guessed(at), Logger: "com.example.Orders", Function: "pay"}))
	f("Apr 09, 2026 10:15:30 AM com.example.Orders pay\r\nCONFIG: msg\nmore", Line{Time: guessed(at), Logger: "com.example.Orders", Function: "pay", Severity: severity.Debug3, SeverityText: "CONFIG", Message: "msg\nmore"})

	// Go.
	f("2026/04/09 10:15:30 msg", Line{Time: guessed(at), Message: "msg"})
	f("2026/04/09 10:15:30.123456 orders.go:42: msg", Line{Time: guessed(at123456), File: "orders.go", LineNumber: 42, Message: "msg"})
	f("2026/04/09 10:15:30 /app/orders.go:42: msg", Line{Time: guessed(at), File: "/app/orders.go", LineNumber: 42, Message: "msg"})
	f("2026/04/09 10:15:30 [ERROR] msg", bad(Line{Time: guessed(at)}))
	f("shop: 2026/04/09 10:15:30 msg", Line{Time: guessed(at), Logger: "shop", Message: "msg"})
	f("2026/04/09 10:15:30 INFO+2 msg", Line{Time: guessed(at), Severity: severity.Info3, SeverityText: "INFO+2", Message: "msg"})
	f("I0409 10:15:30.123456    1234 orders.go:42] msg", info(Line{Time: guessed(at123456), SeverityText: "I", PID: 1234, File: "orders.go", LineNumber: 42}))
	f("E20260409 10:15:30.123456 1234 orders.cc:42] msg", bad(Line{Time: guessed(at123456), SeverityText: "E", PID: 1234, File: "orders.cc", LineNumber: 42}))
	f("I260409 10:15:30.123456 1234 sql/orders.go:42 ⋮ msg", Line{Time: guessed(at123456), Severity: severity.Info, SeverityText: "I", PID: 1234, File: "sql/orders.go", LineNumber: 42, Message: "⋮ msg"})
	f("2026-04-09T10:15:30.123Z\tINFO\tshop\torders/pay.go:42\tmsg\t{\"order\": 17}", info(Line{Time: exact(at123), Logger: "shop", File: "orders/pay.go", LineNumber: 42, Fields: []Field{{"fields", `{"order": 17}`}}}))
	f("2026-04-09T10:15:30.123Z\tINFO\tmsg", info(Line{Time: exact(at123)}))
	f("10:15AM INF msg", info(Line{Time: guessed(at - 30e9), SeverityText: "INF"})) // zerolog
	f("INFO[0012] msg", info(Line{}))                                               // logrus

	// Rust.
	f("[2026-04-09T10:15:30Z INFO  shop::orders] msg", info(Line{Time: exact(at), Logger: "shop::orders"}))
	f("2026-04-09T10:15:30.123456Z  INFO shop: msg", info(Line{Time: exact(at123456), Logger: "shop"}))
	f("2026-04-09T10:15:30.123456Z ERROR shop::orders: src/orders.rs:42: msg", bad(Line{Time: exact(at123456), Logger: "shop::orders", File: "src/orders.rs", LineNumber: 42}))
	f(`2026-04-09T10:15:30.123456Z  INFO request{id="1: 2"}:pay{n=1}: shop::orders: msg`, info(Line{Time: exact(at123456), Logger: "shop::orders", Fields: []Field{{"spans", `request{id="1: 2"}:pay{n=1}`}}}))
	f("  2026-04-09T10:15:30.123456Z  INFO shop: msg", info(Line{Time: exact(at123456), Logger: "shop"}))

	// Ruby.
	f("I, [2026-04-09T10:15:30.123456 #1234]  INFO -- shop: msg", info(Line{Time: guessed(at123456), PID: 1234, Logger: "shop"}))
	f("I, [2026-04-09T10:15:30.123456 #1234]  INFO -- : msg", info(Line{Time: guessed(at123456), PID: 1234}))
	f("A, [2026-04-09T10:15:30.123456 #1234]   ANY -- : msg", Line{Time: guessed(at123456), PID: 1234, SeverityText: "ANY", Message: "msg"})
	f("I, [2026-04-09T10:15:30.123456 #1234]  INFO -- : [8601b555-6a83-4c12-8269-97c8e32cdb22] msg", info(Line{Time: guessed(at123456), PID: 1234, Fields: []Field{{"request.id", "8601b555-6a83-4c12-8269-97c8e32cdb22"}}}))

	// Node.
	f("info: msg", info(Line{SeverityText: "info"}))
	f("2026-04-09T10:15:30.123Z info: msg", info(Line{Time: exact(at123), SeverityText: "info"}))
	f("2026-04-09T10:15:30.123Z [info]: msg", info(Line{Time: exact(at123), SeverityText: "info"}))
	f("2026-04-09T10:15:30.123Z http: msg", Line{Time: exact(at123), Severity: severity.Debug3, SeverityText: "http", Message: "msg"})
	f("[2026-04-09T10:15:30.123] [INFO] default - msg", Line{Time: guessed(at123), Severity: severity.Info, SeverityText: "INFO", Message: "default - msg"})
	f("[10:15:30.123] INFO (1234): msg", info(Line{Time: guessed(at123), PID: 1234}))                      // pino-pretty
	f("[10:15:30.123] INFO (shop/1234): msg", info(Line{Time: guessed(at123), PID: 1234, Logger: "shop"})) // pino-pretty

	// .NET.
	f("info: Shop.Orders[17]", Line{Severity: severity.Info, SeverityText: "info", Logger: "Shop.Orders", Fields: []Field{{"event.id", "17"}}, Head: true})
	f("fail: Shop.Orders[0]\n      msg", bad(Line{SeverityText: "fail", Logger: "Shop.Orders"}))
	f("[10:15:30 INF] msg", info(Line{Time: guessed(at), SeverityText: "INF"})) // Serilog
	f("2026-04-09 10:15:30.1230|INFO|Shop.Orders|msg", info(Line{Time: guessed(at123), Logger: "Shop.Orders"}))

	// PHP.
	f("[09-Apr-2026 10:15:30 UTC] PHP Fatal error:  msg", Line{Time: exact(at), Severity: severity.Fatal, SeverityText: "Fatal error", Message: "msg"})
	f("PHP Warning:  msg", Line{Severity: severity.Warn, SeverityText: "Warning", Message: "msg"})
	f("[2026-04-09T10:15:30.123456+00:00] app.ERROR: msg", bad(Line{Time: exact(at123456), Logger: "app"})) // Monolog
	f("[2026-04-09 10:15:30] local.INFO: msg", info(Line{Time: guessed(at), Logger: "local"}))              // Laravel

	// Servers.
	f(`2026/04/09 10:15:30 [error] 1234#5678: *90 msg, client: 10.0.0.1, server: _, request: "GET /a, b HTTP/1.1", upstream: "http://10.0.0.2/", host: "x"`,
		bad(Line{Time: guessed(at), SeverityText: "error", PID: 1234, Thread: "5678", Fields: []Field{
			{"nginx.connection", "90"},
			{"client.address", "10.0.0.1"},
			{"nginx.server", "_"},
			{"nginx.request", "GET /a, b HTTP/1.1"},
			{"nginx.upstream", "http://10.0.0.2/"},
			{"nginx.host", "x"},
		}}))
	f("2026/04/09 10:15:30 [notice] 1#1: msg", Line{Time: guessed(at), Severity: severity.Info2, SeverityText: "notice", PID: 1, Thread: "1", Message: "msg"})
	f("[Thu Apr 09 10:15:30.123456 2026] [core:error] [pid 1234:tid 5678] [client 10.0.0.1:80] AH00126: msg",
		Line{Time: guessed(at123456), Severity: severity.Error, SeverityText: "error", Logger: "core", PID: 1234, Thread: "5678", Message: "[client 10.0.0.1:80] AH00126: msg"})
	f("2026-04-09 10:15:30.123 UTC [1234] shop@orders ERROR:  msg", bad(Line{Time: exact(at123), PID: 1234, Fields: []Field{{"postgresql.user", "shop"}, {"db.namespace", "orders"}}}))
	f("2026-04-09 10:15:30.123 UTC [1234] LOG:  msg", info(Line{Time: exact(at123), SeverityText: "LOG", PID: 1234}))
	f("2026-04-09 10:15:30.123 CEST [1234-1] DETAIL:  msg", Line{Time: guessed(at123), SeverityText: "DETAIL", PID: 1234, Message: "msg"})
	f("1234:M 09 Apr 2026 10:15:30.123 * msg", Line{Time: guessed(at123), Severity: severity.Info2, SeverityText: "*", PID: 1234, Fields: []Field{{"redis.role", "M"}}, Message: "msg"})
	f("2026-04-09T10:15:30.123456Z 0 [System] [MY-010116] [Server] msg", info(Line{Time: exact(at123456), SeverityText: "System", Thread: "0", Fields: []Field{{"mysql.error_code", "MY-010116"}, {"mysql.subsystem", "Server"}}}))
	f("Apr  9 10:15:30 web1 sshd[1234]: msg", Line{Time: guessed(at), Logger: "sshd", PID: 1234, Fields: []Field{{"host.name", "web1"}}, Message: "msg"})
	f("Thu Apr  9 10:15:30 2026 msg", Line{Time: guessed(at), Message: "msg"})

	// Whatever else has a time or a severity.
	f("10:15:30 myService something happened", Line{Time: guessed(at), Message: "myService something happened"})
	f("[10:15:30] msg", Line{Time: guessed(at), Message: "msg"})
	f("ERROR msg", bad(Line{}))
	f("[error] msg", bad(Line{SeverityText: "error"}))
	f("ERROR: msg", bad(Line{}))
	f("1775729730.123 msg", Line{Time: exact(at123), Message: "msg"})
	f("[09/Apr/2026 10:15:30] \"GET / HTTP/1.1\" 200 17", Line{Time: guessed(at), Message: `"GET / HTTP/1.1" 200 17`})

	// Colours.
	f("\x1b[2m2026-04-09T10:15:30.123456Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2mshop\x1b[0m\x1b[2m:\x1b[0m msg", info(Line{Time: exact(at123456), Logger: "shop"}))
	f("2026-04-09 10:15:30 [\x1b[32m\x1b[1minfo     \x1b[0m] \x1b[1mmsg\x1b[0m", info(Line{Time: guessed(at), SeverityText: "info"}))
	f("2026-04-09 10:15:30 INFO \x1b[Kmsg \x1b", Line{Time: guessed(at), Severity: severity.Info, SeverityText: "INFO", Message: "\x1b[Kmsg \x1b"})

	// Several lines.
	f("2026-04-09 10:15:30,123 INFO shop.orders one\n  two (a.b.C)\n", Line{Time: guessed(at123), Severity: severity.Info, SeverityText: "INFO", Logger: "shop.orders", Message: "one\n  two (a.b.C)\n"})
	f("2026-04-09 10:15:30,123 - shop - INFO - one\n - two", Line{Time: guessed(at123), Severity: severity.Info, SeverityText: "INFO", Logger: "shop", Message: "one\n - two"})
}

// TestNoSeverity has lines that only talk of errors.
func TestNoSeverity(t *testing.T) {
	for line, message := range map[string]string{
		"2026-04-09 10:15:30 Error handling finished":            "Error handling finished",
		"2026-04-09 10:15:30 no ERROR found":                     "no ERROR found",
		"2026-04-09 10:15:30 Handling of ERROR cases":            "Handling of ERROR cases",
		"2026-04-09 10:15:30 - got an ERROR - again":             "got an ERROR - again",
		"2026-04-09 10:15:30 | the ERROR | again":                " the ERROR | again",
		"10:15:30 retry after ERROR":                             "retry after ERROR",
		"2026/04/09 10:15:30 request [1] failed with ERROR":      "request [1] failed with ERROR",
		"2026/04/09 10:15:30 http: panic serving 127.0.0.1: bad": "http: panic serving 127.0.0.1: bad",
		"2026-04-09 10:15:30 ERRORS: 17":                         "ERRORS: 17",
		"2026-04-09 10:15:30 LOG of the day":                     "LOG of the day",
	} {
		var d Detector
		var got Line
		require.True(t, d.Parse(line, noon, &got), line)
		assert.Empty(t, got.SeverityText, line)
		assert.Zero(t, got.Severity, line)
		if message[0] == ' ' {
			message = message[1:]
		}
		assert.Equal(t, message, got.Message, line)
	}
}

// TestMessageKeepsWords has messages that begin like a part of the head.
func TestMessageKeepsWords(t *testing.T) {
	for line, message := range map[string]string{
		"2026-04-09 10:15:30,123 INFO Processing order 17":             "Processing order 17",
		"2026-04-09 10:15:30,123 INFO example.com is down":             "example.com is down",
		"2026-04-09 10:15:30,123 INFO main.py loaded":                  "main.py loaded",
		"2026-04-09 10:15:30,123 INFO spawned: 'x' with pid 1":         "spawned: 'x' with pid 1",
		"2026-04-09 10:15:30,123 INFO [132, 0.0006s] auth":             "[132, 0.0006s] auth",
		"2026-04-09 10:15:30,123 INFO 10.0.0.1 connected":              "10.0.0.1 connected",
		"2026-04-09 10:15:30,123 INFO e.g. this":                       "e.g. this",
		"2026-04-09 10:15:30,123 INFO done. Next":                      "done. Next",
		"2026-04-09 10:15:30,123 - INFO - request - done":              "request - done",
		"2026-04-09 10:15:30,123 INFO (see below) x":                   "(see below) x",
		"2026-04-09 10:15:30,123 INFO message (with an aside)":         "message (with an aside)",
		"2026-04-09 10:15:30,123 INFO 17 orders":                       "17 orders",
		"[INFO] [core] x":                                              "[core] x",
		"2026/04/09 10:15:30 [error] 1#2: x, client: 1, odd: 2":        "x, client: 1, odd: 2",
		"2026/04/09 10:15:30 [error] 1#2: x, client: 1, host: \"a":     "x, client: 1, host: \"a",
		"2026-04-09 10:15:30 INFO ERROR in the message":                "ERROR in the message",
		"I, [2026-04-09T10:15:30.123456 #1]  INFO -- : [not-a-uuid] x": "[not-a-uuid] x",
	} {
		var d Detector
		var got Line
		require.True(t, d.Parse(line, noon, &got), line)
		assert.Equal(t, message, got.Message, line)
		assert.Empty(t, got.Logger, line)
	}
}

func TestRefuses(t *testing.T) {
	for _, line := range []string{
		"", " ", "\n", "a", "plain text", "Error: boom", "Error handling finished", "Exception in thread \"main\" a.B: c", "panic: boom",
		"thread 'main' panicked at src/main.rs:1:2:", "Traceback (most recent call last):", "\tat a.B.c(B.java:1)", "    2026-04-09 10:15:30 x", "INFO", "INFORMATION for you",
		"Information: x", "http: panic serving", "note: run with `RUST_BACKTRACE=1`", "goroutine 1 [running]:", "2026-04-09", "2026-13-09 10:15:30 x", "10:15", "25:15:30 x",
		"[", "[]", "[x]", "[x] y", "[1/3] Building", "[main]", "[main] hello there", "E, [x", "I0409", "I0409 10:15:30.123456", "Apr 31 10:15:30 x", "Apr  9", "March 9 10:15:30 x",
		"SUCCESS rate is 90%", "NOTICE the change", "12 monkeys", "127.0.0.1 - - x", "== Info", "{}", "{\"a\":1}", "a=1 b=2", "level=info msg=x", "\x1b[0m", "\x1b[31mred\x1b[0m",
		"1234:M x", "12:M 09 Apr 2026 10:15:30.123 ? x", "#1 x", "  File \"x\", line 1", "ValueError: bad", "Caused by: a.B: c", "\xff\xfe\x00",
		"PHP is fun", "debug:x", "error:", "error: ", "10:15:30am x", "2026-04-09T10:15:30Zulu",
	} {
		var d Detector
		var got Line
		assert.False(t, d.Parse(line, noon, &got), "%q: %+v", line, got)
		assert.Equal(t, Line{}, got, line)
	}
}

// TestNameFirst: a plain word before ERROR is a logger's name only in a stream that
// has had one before INFO or the like.
func TestNameFirst(t *testing.T) {
	var d Detector
	var got Line
	require.True(t, d.Parse("10:15:30 shop ERROR msg", noon, &got))
	assert.Equal(t, "shop ERROR msg", got.Message)
	require.True(t, d.Parse("10:15:30 shop INFO msg", noon, &got))
	assert.Equal(t, "shop", got.Logger)
	require.True(t, d.Parse("10:15:30 shop ERROR msg", noon, &got))
	assert.Equal(t, "shop", got.Logger)
	assert.Equal(t, severity.Error, got.Severity)
}

// TestNearest has times without a date or a year, read at several moments.
func TestNearest(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	require.NoError(t, err)
	f := func(line, observed string, loc *time.Location, want string) {
		t.Helper()
		d := Detector{Location: loc}
		now, err := time.Parse(time.RFC3339, observed)
		require.NoError(t, err)
		var got Line
		require.True(t, d.Parse(line, now, &got), line)
		assert.Equal(t, want, time.Unix(0, int64(got.Time.UnixNano)).UTC().Format(time.RFC3339Nano), line)
		assert.True(t, got.Time.Guessed)
	}
	f("10:15:30.5 msg", "2026-04-09T12:00:00Z", nil, "2026-04-09T10:15:30.5Z")
	f("23:59:59 msg", "2026-04-09T00:00:01Z", nil, "2026-04-08T23:59:59Z")
	f("00:00:01 msg", "2026-04-08T23:59:59Z", nil, "2026-04-09T00:00:01Z")
	f("23:59:59 msg", "2026-04-09T04:30:00Z", newYork, "2026-04-09T03:59:59Z")
	f("00:30:00 msg", "2026-04-09T04:30:00Z", newYork, "2026-04-09T04:30:00Z")
	f("01:30:00 msg", "2026-03-08T07:30:00Z", newYork, "2026-03-08T06:30:00Z") // before clocks were put forward
	f("03:30:00 msg", "2026-03-08T06:30:00Z", newYork, "2026-03-08T07:30:00Z")
	f("Dec 31 23:59:59 msg", "2026-01-01T00:00:01Z", nil, "2025-12-31T23:59:59Z")
	f("Jan  1 00:00:01 msg", "2025-12-31T23:59:59Z", nil, "2026-01-01T00:00:01Z")
	f("Feb 29 10:00:00 msg", "2025-01-01T00:00:00Z", nil, "2024-02-29T10:00:00Z")
	f("I1231 23:59:59.5 1 a.go:1] msg", "2026-01-01T00:00:01Z", nil, "2025-12-31T23:59:59.5Z")
	f("12:15AM INF msg", "2026-04-09T12:00:00Z", nil, "2026-04-09T00:15:00Z")
	f("2026-04-09 10:15:30 msg", "2026-04-09T12:00:00Z", newYork, "2026-04-09T14:15:30Z")
	f("[09/Apr/2026 10:15:30] msg", "2026-04-09T12:00:00Z", newYork, "2026-04-09T14:15:30Z")
}

// TestZoneNames: the abbreviation of a zone is certain only when it is Location's.
func TestZoneNames(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	f := func(line string, loc *time.Location, want timestamp.Time) {
		t.Helper()
		d := Detector{Location: loc}
		var got Line
		require.True(t, d.Parse(line, noon, &got), line)
		assert.Equal(t, want, got.Time, line)
		assert.Equal(t, "msg", got.Message, line)
	}
	f("2026-04-09 12:15:30.123 CEST [1] LOG:  msg", berlin, exact(at123))
	f("2026-04-09 12:15:30.123 CET [1] LOG:  msg", berlin, guessed(at123))
	f("2026-04-09 10:15:30.123 CEST [1] LOG:  msg", nil, guessed(at123))
	f("[09-Apr-2026 12:15:30 CEST] PHP Notice:  msg", berlin, exact(at))
}

// TestMaxFields: pairs beyond the limit stay in the message.
func TestMaxFields(t *testing.T) {
	for _, c := range []struct {
		before, pair, after string
	}{
		{"10:15:30.1 [main] INFO a.B -", `a="b" `, `z="b"- msg`},
		{"2026/04/09 10:15:30 [error] 1#2: x", ", client: a", ""},
	} {
		for _, n := range []int{maxFields - 1, maxFields + 1} {
			var d Detector
			var got Line
			require.True(t, d.Parse(c.before+strings.Repeat(c.pair, n)+c.after, noon, &got))
			if n < maxFields {
				assert.NotEmpty(t, got.Fields)
				assert.NotContains(t, got.Message, c.pair)
			} else {
				assert.Empty(t, got.Fields)
				assert.Contains(t, got.Message, strings.Repeat(c.pair, n))
			}
		}
	}
}
