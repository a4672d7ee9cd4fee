package viewerexporter

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/query"
	"github.com/heartwood-otel/heartwood/exporters/viewerexporter/internal/store"
)

const (
	maxQuery      = 4096
	defaultWindow = time.Hour
)

// parameters are those of a request. The first that is wrong is the answer.
type parameters struct {
	values  url.Values
	now     time.Time
	problem *problem
}

func parametersOf(r *http.Request) *parameters {
	p := &parameters{now: time.Now()}
	var err error
	if p.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		p.fail("the URL's query can't be read", err.Error())
	}
	return p
}

func (p *parameters) fail(title, detail string) {
	if p.problem == nil {
		p.problem = &problem{Title: title, Status: http.StatusBadRequest, Detail: detail}
	}
}

// query is the one of the query language.
func (p *parameters) query() query.Query {
	text := p.values.Get("query")
	if len(text) > maxQuery {
		p.fail("query is too long", fmt.Sprintf("it has %d bytes; it may have %d", len(text), maxQuery))
		return query.Query{}
	}
	q, err := query.Parse(text)
	if err != nil {
		p.fail("query can't be read", err.Error())
		if wrong, ok := asQueryError(err); ok && p.problem.At == nil {
			p.problem.Detail, p.problem.At = wrong.Text, &wrong.At
		}
	}
	return q
}

// window is from and to.
func (p *parameters) window() store.Range {
	r := store.Range{To: p.time("to", p.now)}
	r.From = p.time("from", r.To.Add(-defaultWindow))
	if !r.From.Before(r.To) {
		p.fail("from is not before to", fmt.Sprintf("from is %s, to is %s", r.From.UTC().Format(time.RFC3339Nano), r.To.UTC().Format(time.RFC3339Nano)))
	}
	return r
}

// units of relative times.
var units = map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}

// time reads RFC 3339, Unix milliseconds, "now", or "now-15m".
func (p *parameters) time(name string, standard time.Time) time.Time {
	text := p.values.Get(name)
	if text == "" {
		return standard
	}
	if at, ok := p.relative(text); ok {
		return at
	}
	if ms, err := strconv.ParseFloat(text, 64); err == nil && ms >= 0 && ms < 253402300800e3 { // until the year 9999
		return time.UnixMicro(int64(ms * 1000))
	}
	// A plus sign of a zone that was not escaped is a blank here.
	if at, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1)); err == nil && at.Year() >= 1970 && at.Year() < 2262 {
		return at
	}
	p.fail(name+" is no time", fmt.Sprintf("%s is %q; write 2026-03-01T08:40:00Z, Unix milliseconds, now, or now-15m", name, printable(text)))
	return standard
}

func (p *parameters) relative(text string) (time.Time, bool) {
	rest, ok := strings.CutPrefix(text, "now")
	if !ok {
		return time.Time{}, false
	}
	if rest == "" {
		return p.now, true
	}
	if len(rest) < 3 || rest[0] != '-' && rest[0] != '+' && rest[0] != ' ' {
		return time.Time{}, false
	}
	unit, ok := units[rest[len(rest)-1]]
	n, err := strconv.ParseUint(rest[1:len(rest)-1], 10, 31)
	if !ok || err != nil || time.Duration(n) > 100*365*24*time.Hour/unit {
		return time.Time{}, false
	}
	if rest[0] == '-' {
		return p.now.Add(-time.Duration(n) * unit), true
	}
	return p.now.Add(time.Duration(n) * unit), true
}

// integer is one from least to most.
func (p *parameters) integer(name string, standard, least, most int) int {
	text := p.values.Get(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		p.fail(name+" is out of range", fmt.Sprintf("%s is %q; it must be from %d to %d", name, printable(text), least, most))
		return standard
	}
	return n
}

// choice is one of several words; the first is the default.
func (p *parameters) choice(name string, words ...string) string {
	text := p.values.Get(name)
	if text == "" {
		return words[0]
	}
	for _, word := range words {
		if text == word {
			return word
		}
	}
	p.fail(name+" is not known", fmt.Sprintf("%s is %q; it must be one of %s", name, printable(text), strings.Join(words, ", ")))
	return words[0]
}
