package inventory

import (
	"context"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/heartwood-otel/heartwood/examples/shop/internal/web"
)

// logger writes lines in the habits of Heroku's applications: logfmt on stdout,
// app= and at= first, at= saying what happened (start, finish, error), fn= where,
// measure.* how much, a bare word as a tag.
type logger struct {
	mu sync.Mutex
	// mu guards the following: a line is written whole.
	out  io.Writer
	line []byte
}

// pair is a key with its value; a pair made by tag has no value.
type pair struct {
	key, value string
	bare       bool
}

func str(key, value string) pair { return pair{key: key, value: value} }
func num(key string, n int) pair { return pair{key: key, value: strconv.Itoa(n)} }
func tag(word string) pair       { return pair{key: word, bare: true} }
func elapsed(d time.Duration) pair {
	return pair{key: "measure.elapsed", value: strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', -1, 64)}
}

// print writes one line about the request in ctx, if there is one.
func (l *logger) print(ctx context.Context, at, fn string, pairs ...pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.line[:0]
	b = append(b, "ts="...)
	b = time.Now().UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = appendPair(b, str("app", "inventory"))
	b = appendPair(b, str("at", at))
	if fn != "" {
		b = appendPair(b, str("fn", fn))
	}
	for _, p := range pairs {
		b = appendPair(b, p)
	}
	if id := web.RequestID(ctx); id != "" {
		b = appendPair(b, str("request_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		b = appendPair(b, str("trace_id", span.TraceID().String()))
		b = appendPair(b, str("span_id", span.SpanID().String()))
	}
	b = append(b, '\n')
	l.line = b
	_, _ = l.out.Write(l.line) // a program that cannot write to its stdout has nowhere to say so
}

// raw writes text as it is, as the runtime and careless libraries do.
func (l *logger) raw(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = io.WriteString(l.out, text)
}

// Write lets net/http complain through this logger.
func (l *logger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

func appendPair(b []byte, p pair) []byte {
	b = append(b, ' ')
	b = append(b, p.key...)
	if p.bare {
		return b
	}
	b = append(b, '=')
	if strings.ContainsFunc(p.value, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || r == '\\' || r == 0x7f }) {
		return strconv.AppendQuote(b, p.value)
	}
	return append(b, p.value...)
}
