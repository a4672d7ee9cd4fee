package main

import (
	"fmt"
	"strings"
	"time"
)

type kind int

const (
	other kind = iota
	compiled
	fetched
)

// classify tells what a line of go's is: with -v, the path of each package when
// its compilation begins; "go: downloading path version" for each module; and
// anything else, which is for a person.
func classify(line string) (kind, string) {
	line = strings.TrimRight(line, "\r\n")
	if module, ok := strings.CutPrefix(line, "go: downloading "); ok {
		return fetched, module
	}
	if line == "" || strings.ContainsAny(line, " \t:#\"'()") {
		return other, ""
	}
	return compiled, line
}

// plan is what there is to be compiled.
type plan struct {
	// weights of the packages that were stale when it was made, by import path:
	// the size of their source, to which the time to compile them is nearly
	// proportional.
	weights map[string]int64
	all     int64 // weight of all packages, stale or not
}

const (
	// usualWeight is that of a package whose size is not known.
	usualWeight = 30_000
	// linkShare of the weight of all packages is what linking weighs: 8.5 s of the
	// collector's 4 min 48 s from cold, on 2 cores.
	linkShare = 0.03
	// credible is the share of the work after which an estimate is worth showing.
	credible = 0.02
)

// progress of a build. The zero value with workers set is ready.
type progress struct {
	workers int // compilations at one time

	fetched, missing int
	began            time.Time // of the first compilation
	started          []string  // packages, in the order in which their compilation began
	seen             map[string]bool
	planned          *plan
}

func (p *progress) fetch() { p.fetched++ }

func (p *progress) compile(name string, now time.Time) {
	if p.seen == nil {
		p.seen = make(map[string]bool)
		p.began = now
	}
	if !p.seen[name] {
		p.seen[name] = true
		p.started = append(p.started, name)
	}
}

func (p *progress) plan(made plan) { p.planned = &made }

// total is the number of packages that are compiled in the end. The plan was made
// while the build was running: what had been compiled by then is not in it.
func (p *progress) total() int {
	n := len(p.started)
	for name := range p.planned.weights {
		if !p.seen[name] {
			n++
		}
	}
	return n
}

// share of the work that is done, 0 to 1. Compilations under way count half.
func (p *progress) share() float64 {
	var done, left float64
	for i, name := range p.started {
		weight := p.weight(name)
		if i >= len(p.started)-p.workers && len(p.started) < p.total() {
			done, left = done+weight/2, left+weight/2
			continue
		}
		done += weight
	}
	for name := range p.planned.weights {
		if !p.seen[name] {
			left += p.weight(name)
		}
	}
	left += linkShare * float64(p.planned.all)
	if done+left == 0 {
		return 1
	}
	return done / (done + left)
}

func (p *progress) weight(name string) float64 {
	if w, known := p.planned.weights[name]; known {
		return float64(max(w, 1000))
	}
	return usualWeight
}

// text says on a short line how far the build is; "" says nothing.
func (p *progress) text(now time.Time) string {
	switch {
	case len(p.started) == 0 && p.fetched > 0 && p.missing >= p.fetched:
		return fmt.Sprintf("fetching modules, %d of at most %d", p.fetched, p.missing)
	case len(p.started) == 0 && p.fetched > 0:
		return fmt.Sprintf("fetching modules, %d so far", p.fetched)
	case len(p.started) == 0:
		return "reading packages, then linking"
	case p.planned == nil:
		return fmt.Sprintf("compiling, %s so far", packages(len(p.started)))
	}
	total := p.total()
	if len(p.started) == total {
		return fmt.Sprintf("compiled %s, linking", packages(total))
	}
	share := p.share()
	text := fmt.Sprintf("compiling %d of %s (%.0f %%)", len(p.started), packages(total), 100*share)
	if elapsed := now.Sub(p.began); share >= credible && elapsed >= 3*time.Second {
		left := time.Duration(float64(elapsed) * (1 - share) / share)
		text += ", about " + short(left) + " left"
	}
	return text
}

func packages(n int) string {
	if n == 1 {
		return "1 package"
	}
	return fmt.Sprintf("%d packages", n)
}

// short writes a duration with as much of it as a person wants to know.
func short(d time.Duration) string {
	seconds := int(d.Round(time.Second).Seconds())
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	}
	return fmt.Sprintf("%d min %02d s", seconds/60, seconds%60)
}
