package sidecar

import (
	"encoding/json"
	"strings"
)

const (
	// plainLines and plainBytes of what the collector says without being asked, such
	// as an error in its configuration, are kept.
	plainLines = 20
	plainBytes = 500
	// toldErrors is how many different errors are told; a collector that has more
	// of them repeats itself.
	toldErrors = 10
)

// logState is what the collector's log comes to.
type logState struct {
	ready  bool
	lost   int64
	why    string
	plain  []string // lines that are no JSON: the last, or once pinned the first
	pinned bool     // plain begins with the error that ends the collector
	told   map[string]bool
	lastly string // the last error
}

// entry is a line of the collector's log. The names of the fields are those of zap's
// JSON, of exporterhelper and of the stdout_tail receiver.
type entry struct {
	Level   string `json:"level"`
	Message string `json:"msg"`
	Error   string `json:"error"`
	Reason  string `json:"reason"`
	Records int64  `json:"records"`
	Dropped int64  `json:"dropped_items"`
}

const (
	readyMessage    = "Everything is ready"
	droppedMessage  = "Dropped log records"
	refusedMessage  = "The next consumer refuses"
	exporterDropped = "Dropping data"
	endMessage      = "Asynchronous error received" // how on_eof: shutdown ends a collector
	// The exporter without a queue says the same as the receiver behind it, each time.
	rejectedMessage = "Rejecting data"
)

// add reads a line of the log, and gives what is to be told at once.
func (l *logState) add(line []byte) (Event, bool) {
	var e entry
	if json.Unmarshal(line, &e) != nil || e.Message == "" {
		l.addPlain(string(line))
		return Event{}, false
	}
	switch {
	case strings.HasPrefix(e.Message, readyMessage):
		l.ready = true
	case strings.HasPrefix(e.Message, droppedMessage):
		l.lost += e.Records
		if e.Reason != "shutdown" || l.why == "" {
			l.why = e.Error
		}
		return Event{Kind: Dropped, Text: e.Error}, e.Reason != "shutdown" && l.first(e.Reason)
	case strings.HasPrefix(e.Message, refusedMessage):
		l.why = e.Error
		return Event{Kind: Refused, Text: e.Error}, l.first(refusedMessage)
	case strings.Contains(e.Message, exporterDropped):
		l.lost += e.Dropped
		l.why = e.Error
		return Event{Kind: Dropped, Text: e.Error}, l.first(exporterDropped)
	case strings.HasPrefix(e.Message, endMessage), strings.Contains(e.Message, rejectedMessage):
	case e.Level == "error" || e.Level == "fatal" || e.Level == "panic" || e.Level == "dpanic":
		text := e.Message
		if e.Error != "" {
			text += ": " + e.Error
		}
		l.lastly = text
		return Event{Kind: Failed, Text: text}, l.first(e.Message)
	}
	return Event{}, false
}

// first reports whether something is told for the first time.
func (l *logState) first(what string) bool {
	if l.told[what] || len(l.told) >= toldErrors {
		return false
	}
	if l.told == nil {
		l.told = map[string]bool{}
	}
	l.told[what] = true
	return true
}

func (l *logState) addPlain(line string) {
	if strings.TrimSpace(line) == "" {
		return
	}
	for _, beginning := range []string{"Error: ", "panic: ", "fatal error: "} {
		if !l.pinned && strings.HasPrefix(line, beginning) {
			l.plain, l.pinned = nil, true
		}
	}
	if len(l.plain) == plainLines {
		if l.pinned {
			return // a panic's stack
		}
		l.plain = l.plain[1:]
	}
	l.plain = append(l.plain, strings.ToValidUTF8(line[:min(len(line), plainBytes)], "\uFFFD"))
}

// lastWords is what the collector said before it ended.
func (l *logState) lastWords() string {
	if len(l.plain) == 0 {
		return l.lastly
	}
	return strings.Join(l.plain, "\n")
}
