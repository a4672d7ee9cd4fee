package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// banner prints what listens where and how to send something. Its commands work
// when they are pasted into a shell.
func (q *quickstart) banner() {
	at := func(variable string) string { return localhost(q.port(variable)) }
	var b strings.Builder
	fmt.Fprintf(&b, "\nUp after %.1f s. Look at it:\n\n  %s\n\nWhat listens where:\n\n", time.Since(q.begun).Seconds(), q.pageURL())
	for _, p := range q.ports {
		address := localhost(p.number)
		switch p.variable {
		case "HEARTWOOD_OTLP_GRPC_PORT", "HEARTWOOD_LOGFMT_TCP_PORT":
		case "HEARTWOOD_PROMETHEUS_PORT", "HEARTWOOD_TELEMETRY_PORT":
			address = "http://" + address + "/metrics"
		default:
			address = "http://" + address
		}
		fmt.Fprintf(&b, "  %-23s %s\n", p.use, address)
	}
	fmt.Fprintf(&b, "  %-23s %s\n", "records, as OTLP JSON", filepath.Join(q.runDir, "records"))
	fmt.Fprintf(&b, "  %-23s %s\n", "the processes' own logs", filepath.Join(q.runDir, "log"))

	b.WriteString("\nSend something yourself, from another terminal:\n\n")
	for _, command := range q.examples(at) {
		fmt.Fprintf(&b, "  %s\n\n", command)
	}
	b.WriteString("See each request as one story, from another terminal:\n\n  " + q.storiesExample() + "\n\n")
	b.WriteString("Ctrl-C stops everything. The records, as they come:\n\n")
	_, _ = q.stdout.Write([]byte(b.String()))
}

// pageURL is what a person opens.
func (q *quickstart) pageURL() string {
	return pageURL(q.port("HEARTWOOD_VIEWER_PORT"), q.viewerToken)
}

func pageURL(port int, token string) string {
	return fmt.Sprintf("http://localhost:%d/?token=%s", port, url.QueryEscape(token))
}

func (q *quickstart) examples(at func(string) string) []string {
	send := shellQuote(shortest(os.Args[0])) + ` send 'level=info msg=hi'`
	if http := at("HEARTWOOD_LOGFMT_HTTP_PORT"); http != localhost(5644) {
		send += " --endpoint http://" + http
	}
	return []string{
		send,
		`curl -H 'Content-Type: text/plain' --data-binary 'level=warn app=me msg="hello from curl" answer=42' http://` + at("HEARTWOOD_LOGFMT_HTTP_PORT"),
		`curl -H 'Content-Type: application/json' -d '{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"me"}}]},` +
			`"scopeLogs":[{"logRecords":[{"timeUnixNano":"'"$(date +%s)"'000000000","severityNumber":9,"severityText":"INFO","body":{"stringValue":"hello from OTLP"}}]}]}]}' http://` +
			at("HEARTWOOD_OTLP_HTTP_PORT") + `/v1/logs`,
	}
}

// storiesExample is the command that shows the stories of this run.
func (q *quickstart) storiesExample() string {
	show := shellQuote(shortest(os.Args[0])) + " stories"
	if q.runDir != filepath.Join(homeDir(), ".run") {
		show += " -run-dir " + shellQuote(q.runDir)
	}
	return show
}

// shortest gives the path of a program as one would type it here.
func shortest(program string) string {
	absolute, err := filepath.Abs(program)
	if err != nil || !strings.ContainsRune(program, filepath.Separator) {
		return program // found by the PATH, and will be again
	}
	here, err := os.Getwd()
	if err != nil {
		return absolute
	}
	relative, err := filepath.Rel(here, absolute)
	if err != nil || strings.HasPrefix(relative, "..") {
		return absolute
	}
	if !strings.ContainsRune(relative, filepath.Separator) {
		relative = "." + string(filepath.Separator) + relative
	}
	return relative
}

// shellQuote quotes for a POSIX shell what needs it.
func shellQuote(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@,"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
