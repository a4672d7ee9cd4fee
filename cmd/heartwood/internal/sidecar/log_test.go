package sidecar

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Lines as the collector writes them.
const (
	readyLine   = `{"level":"info","msg":"Everything is ready. Begin running and processing data."}`
	refusedLine = `{"level":"warn","msg":"The next consumer refuses log records; they are handed over again, and nothing is read until it takes them","source":"stdin","records":2,"error":"connection refused"}`
	rejectLine  = `{"level":"error","msg":"Exporting failed. Rejecting data. Try enabling sending_queue to survive temporary failures.","error":"connection refused","rejected_items":2}`
	goodLine    = `{"level":"error","msg":"Dropped log records","source":"stdin","reason":"refused_for_good","records":3,"error":"401"}`
	lateLine    = `{"level":"error","msg":"Dropped log records","source":"stdin","reason":"shutdown","records":4,"error":"context canceled"}`
	queueLine   = `{"level":"error","msg":"Exporting failed. Dropping data.","error":"no more retries left: 503","dropped_items":5}`
	endLine     = `{"level":"error","msg":"Asynchronous error received, terminating process","error":"stdin has ended"}`
	otherLine   = `{"level":"error","msg":"cannot rotate","error":"disk full"}`
)

func TestLogIsUnderstood(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		told  []Event
		lost  int64
		why   string
		words string
	}{
		"a good day": {lines: []string{readyLine, endLine}},
		"refused":    {lines: []string{rejectLine, refusedLine, refusedLine}, told: []Event{{Refused, "connection refused"}}, why: "connection refused"},
		"refused and given up": {
			lines: []string{refusedLine, lateLine}, told: []Event{{Refused, "connection refused"}}, lost: 4, why: "connection refused",
		},
		"given up": {lines: []string{lateLine}, lost: 4, why: "context canceled"},
		"for good": {lines: []string{goodLine, goodLine}, told: []Event{{Dropped, "401"}}, lost: 6, why: "401"},
		"a queue":  {lines: []string{queueLine, queueLine}, told: []Event{{Dropped, "no more retries left: 503"}}, lost: 10, why: "no more retries left: 503"},
		"others":   {lines: []string{otherLine, otherLine}, told: []Event{{Failed, "cannot rotate: disk full"}}, words: "cannot rotate: disk full"},
		"no JSON": {
			lines: []string{"usage: x", "", "Error: failed to get config:", "", "'endpoint' is wrong"},
			words: "Error: failed to get config:\n'endpoint' is wrong",
		},
		"not ours": {lines: []string{`{"a":1}`, "null", "\xff"}, words: "{\"a\":1}\nnull\n\uFFFD"},
	} {
		var l logState
		var told []Event
		for _, line := range c.lines {
			if event, ok := l.add([]byte(line)); ok {
				told = append(told, event)
			}
		}
		assert.Equal(t, c.told, told, name)
		assert.Equal(t, c.lost, l.lost, name)
		assert.Equal(t, c.why, l.why, name)
		assert.Equal(t, c.words, l.lastWords(), name)
		assert.Equal(t, name == "a good day", l.ready, name)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var l logState
	told := 0
	for i := range 1000 {
		l.add([]byte(strings.Repeat("x", 10_000)))
		if _, ok := l.add(fmt.Appendf(nil, `{"level":"error","msg":"no %d"}`, i)); ok {
			told++
		}
	}
	assert.Equal(t, toldErrors, told)
	assert.Len(t, l.plain, plainLines)
	assert.Len(t, l.plain[0], plainBytes)

	l = logState{}
	l.add([]byte("panic: no"))
	for range 1000 {
		l.add([]byte("goroutine 1"))
	}
	assert.True(t, strings.HasPrefix(l.lastWords(), "panic: no\n"), "its stack does not push it out")
}

func FuzzLog(f *testing.F) {
	for _, line := range []string{readyLine, refusedLine, goodLine, queueLine, "Error: x", ""} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var l logState
		event, ok := l.add(line)
		if !ok && event.Kind == Failed {
			t.Fatal("an error that is the first of its kind is told")
		}
		if len(l.lastWords()) > plainLines*plainBytes+len(line)*3 {
			t.Fatal("more words than were said")
		}
	})
}
