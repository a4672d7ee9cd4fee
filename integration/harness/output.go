package harness

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
)

// maxOutput bounds what is kept of one program's output, in bytes. Past it,
// the oldest half goes: the end of a log says more than its middle.
const maxOutput = 16 << 20

// output collects what a program prints and tells those who wait for it.
type output struct {
	mu      sync.Mutex
	buf     []byte
	cut     bool
	changed chan struct{}
}

func newOutput() *output {
	return &output{changed: make(chan struct{})}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, p...)
	if len(o.buf) > maxOutput {
		rest := o.buf[len(o.buf)-maxOutput/2:]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			rest = rest[i+1:]
		}
		o.buf = append([]byte(nil), rest...)
		o.cut = true
	}
	close(o.changed)
	o.changed = make(chan struct{})
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.buf)
}

// watch gives the output so far, and a channel that is closed once there's more.
func (o *output) watch() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.buf), o.changed
}

// repeatedResource is what the collector's log says on every line about itself.
var repeatedResource = regexp.MustCompile(`"resource": \{[^{}]*\}(, )?`)

// tail gives at most the last n lines, without what the collector repeats on
// each of them.
func (o *output) tail(n int) string {
	text := strings.TrimRight(repeatedResource.ReplaceAllLiteralString(o.String(), ""), "\n")
	if text == "" {
		return "(nothing)"
	}
	lines := strings.Split(text, "\n")
	if len(lines) > n {
		lines = append([]string{"..."}, lines[len(lines)-n:]...)
	}
	return strings.Join(lines, "\n")
}
