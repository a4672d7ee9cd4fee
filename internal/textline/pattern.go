package textline

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/internal/severity"
)

// Pattern is a user's own layout. It may be shared between goroutines.
type Pattern struct {
	re      *regexp.Regexp
	targets []target // by group
}

type target struct {
	set func(p *parser, value string) bool // nil for groups without a name
	key string
}

// CompilePattern reads a regular expression in Go's syntax (RE2) whose groups are
// named after what they hold: time, severity, message, logger, function, file,
// line, pid, thread, event_name. A group of any other name is a field of that
// name, in which two underscores stand for a point: (?P<request__id>...). A part
// in a group that is no time, severity or number becomes a field of the group's
// name.
//
// The errors say what is wrong and what would be right.
func CompilePattern(expression string) (*Pattern, error) {
	if expression == "" {
		return nil, errors.New(`pattern is empty: give a regular expression such as (?P<time>\S+ \S+) (?P<severity>[A-Z]+) (?P<message>.*)`)
	}
	re, err := regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w; the syntax is RE2's, which has neither lookaround nor references back to a group", expression, err)
	}
	pattern := &Pattern{re: re}
	named := false
	for i, name := range re.SubexpNames() {
		t := target{}
		if name != "" {
			named = true
			if previous := re.SubexpIndex(name); previous != i {
				return nil, fmt.Errorf("pattern %q has two groups named %q: give each its own name", expression, name)
			}
			t.key = strings.ReplaceAll(name, "__", ".")
			if t.set = setters[name]; t.set == nil {
				t.set = never
			}
		}
		pattern.targets = append(pattern.targets, t)
	}
	if !named {
		return nil, fmt.Errorf("pattern %q has no named group: write (?P<message>.*) for the message, (?P<time>...), (?P<severity>...) and so on", expression)
	}
	return pattern, nil
}

// String is the expression.
func (p *Pattern) String() string { return p.re.String() }

func never(*parser, string) bool { return false }

var setters = map[string]func(p *parser, value string) bool{
	"time": func(p *parser, s string) bool {
		t, n, ok := p.d.readTime(s, p.observed)
		if !ok || n != len(s) {
			return false
		}
		p.out.Time, p.out.HasTime = t, true
		return true
	},
	"severity": func(p *parser, s string) bool {
		n, ok := severity.FromText(s)
		if ok {
			p.severity(s, n)
		}
		return ok
	},
	"message":    func(p *parser, s string) bool { p.out.Message = s; return true },
	"logger":     func(p *parser, s string) bool { p.out.Logger = s; return true },
	"function":   func(p *parser, s string) bool { p.out.Function = s; return true },
	"file":       func(p *parser, s string) bool { p.out.File = s; return true },
	"thread":     func(p *parser, s string) bool { p.out.Thread = s; return true },
	"event_name": func(p *parser, s string) bool { p.out.EventName = s; return true },
	"line": func(p *parser, s string) (ok bool) {
		n, ok := number(s)
		if ok {
			p.out.LineNumber = n
		}
		return ok
	},
	"pid": func(p *parser, s string) (ok bool) {
		n, ok := number(s)
		if ok {
			p.out.PID = n
		}
		return ok
	},
}

// parse matches text against the pattern. Without a group for the message, and
// where that takes no part, the whole text is the message.
func (p *Pattern) parse(text string, d *Detector, observed time.Time, out *Line) bool {
	match := p.re.FindStringSubmatchIndex(text)
	if match == nil {
		return false
	}
	run := parser{d: d, text: text, line: text, out: out, observed: observed}
	messaged := false
	for i, t := range p.targets {
		from, to := match[2*i], match[2*i+1]
		if t.set == nil || from < 0 {
			continue
		}
		value := text[from:to]
		messaged = messaged || t.key == "message"
		if !t.set(&run, value) && value != "" {
			run.field(t.key, value)
		}
	}
	if !messaged {
		out.Message = text
	}
	return true
}
