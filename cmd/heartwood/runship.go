package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/criframe"
	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/feed"
	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/sidecar"
)

const (
	// feedSize is what waits for the collector, and feedPatience how long a
	// collector that takes nothing is waited for when that is full.
	feedSize     = 32 << 20
	feedPatience = 5 * time.Second

	// maxAccept and minAccept bound how long a request may take. After SIGTERM the
	// receiver goes on delivering what it has read, for as long as that and
	// stopWindow, and then counts the rest; so it is told early enough.
	maxAccept  = 5 * time.Second
	minAccept  = time.Second
	stopWindow = 2 * time.Second
	// stopSlack is for the end of the process itself.
	stopSlack = time.Second
	// stillTime is how long a collector has to take nothing to be thought stuck.
	stillTime = 2 * time.Second
	// stopInterval is between two looks at that.
	stopInterval = 50 * time.Millisecond
	// waitNotice is after how long a wait at the end is told of.
	waitNotice = time.Second
)

// Variables of the collector's environment that hold its configuration: nothing of it
// is to be seen in a list of processes.
const (
	configVariable = "HEARTWOOD_RUN_CONFIG"
	overVariable   = "HEARTWOOD_RUN_OVERRIDES"
)

// shipment is what brings the program's lines to a collector.
type shipment struct {
	*runner
	feed      *feed.Feed
	collector *sidecar.Collector
	ending    chan struct{} // closed when the collector may end
	watched   chan struct{}
}

// ship starts the collector. Where that cannot be done it tells why, and gives nil:
// the program runs all the same.
func (r *runner) ship() *shipment {
	s, err := r.startShipment()
	if err != nil {
		r.say("records are not sent: %v", err)
		return nil
	}
	return s
}

func (r *runner) startShipment() (*shipment, error) {
	resource, err := r.resource()
	if err != nil {
		return nil, err
	}
	before, over, err := r.target.configs(resource, r.child.PID, r.acceptTime())
	if err != nil {
		return nil, err
	}
	args := []string{"--config", "env:" + configVariable}
	if r.target.file != "" {
		args = append(args, "--config", "file:"+r.target.file)
	}
	args = append(args, "--config", "env:"+overVariable)
	if _, err := os.Stat(r.collector); err != nil {
		return nil, fmt.Errorf("the collector: %w; --collector names another", err)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s := &shipment{runner: r, ending: make(chan struct{}), watched: make(chan struct{})}
	s.collector, err = sidecar.Start(sidecar.Spec{
		Path: r.collector, Args: args, Stdin: theirs,
		Env:  []string{configVariable + "=" + before, overVariable + "=" + over},
		Tell: s.tell,
	})
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	s.feed = feed.New(ours, feed.Settings{
		MaxBytes: feedSize, Patience: feedPatience, Notice: lossNotice, Unread: feed.Unread(ours),
	})
	go s.watch()
	return s, nil
}

// acceptTime is how long a request may take, so that the end of the collector fits
// into the time there is for it.
func (r *runner) acceptTime() time.Duration {
	return min(max(r.flushTimeout-stopWindow, minAccept), maxAccept)
}

// lossNotice is a line in the place of those that were dropped.
func lossNotice(dst []byte, lines int64) []byte {
	text, err := json.Marshal(map[string]any{
		"level": "WARN", "event": "heartwood.dropped", "dropped.lines": lines,
		"message": fmt.Sprintf("%d lines dropped here: they could not be sent, and no more of them could be kept", lines),
	})
	if err != nil {
		return dst
	}
	return criframe.New("stderr").Append(dst, append(text, '\n'), time.Now())
}

func (s *shipment) tell(e sidecar.Event) {
	switch e.Kind {
	case sidecar.Refused:
		s.say("%s takes no records now, so they wait: %s", s.target.shown, e.Text)
	case sidecar.Dropped:
		s.say("%s does not take some records at all: %s", s.target.shown, e.Text)
	case sidecar.Failed:
		s.say("the collector: %s", e.Text)
	}
}

// watch tells of a collector that ends before it should.
func (s *shipment) watch() {
	defer close(s.watched)
	<-s.collector.Done()
	select {
	case <-s.ending:
		return
	default:
	}
	s.feed.Abort()
	words := s.collector.Failure()
	if words == "" {
		words = "it was stopped"
	}
	if strings.Contains(words, "\n") {
		words = "\n" + words
	}
	s.say("records are not sent any more, for the collector has ended: %s", words)
}

// line sends one stream of the program's. A nil *line sends nothing.
type line struct {
	feed   *feed.Feed
	framer *criframe.Framer
	buf    []byte
}

func (s *shipment) stream(name string) *line {
	if s == nil {
		return nil
	}
	return &line{feed: s.feed, framer: criframe.New(name)}
}

func (l *line) add(data []byte) {
	if l == nil {
		return
	}
	l.buf = l.framer.Append(l.buf[:0], data, time.Now())
	if !l.feed.Add(l.buf) {
		l.framer.Dropped()
	}
}

func (l *line) end() {
	if l == nil {
		return
	}
	l.feed.Add(l.framer.AppendEnd(l.buf[:0], time.Now()))
}

// linger keeps the page of a program that has ended until somebody has seen enough. What is
// shown has been delivered then, so finish need not be hurried.
func (s *shipment) linger(hurry <-chan struct{}) <-chan struct{} {
	if s.target.view == nil {
		return hurry
	}
	s.say("the program has ended; the page stays until Ctrl-C: %s", s.target.view.url())
	select {
	case <-hurry:
		return nil
	case <-s.collector.Done():
		return hurry
	}
}

// finish waits until all is delivered, or the time for that is over, or somebody does
// not want to wait. It tells what did not arrive.
func (s *shipment) finish(hurry <-chan struct{}) {
	close(s.ending)
	s.feed.Close()
	killed := s.await(hurry)
	<-s.watched
	s.feed.Abort()
	<-s.feed.Done()

	lost := s.feed.Lost() + s.collector.Lost()
	if lost == 0 && !killed {
		if words := s.collector.Failure(); words != "" {
			s.say("the collector has ended with an error: %s", words)
		}
		return
	}
	var text string
	switch {
	case lost == 0:
		text = "nobody knows whether the last lines were delivered to " + s.target.shown + ": the collector had to be killed"
	case killed:
		text = fmt.Sprintf("%d lines were not delivered to %s, and perhaps some that the collector had at hand", lost, s.target.shown)
	default:
		text = fmt.Sprintf("%d lines were not delivered to %s", lost, s.target.shown)
	}
	if why := s.collector.Why(); why != "" {
		text += ": " + why
	}
	s.say("%s", text)
}

// await returns when the collector has ended. killed says that it was made to.
func (s *shipment) await(hurry <-chan struct{}) (killed bool) {
	begun := time.Now()
	tick := time.NewTicker(stopInterval)
	defer tick.Stop()
	var told, stopped bool
	stopTime := s.acceptTime() + stopWindow
	killAt := begun.Add(s.flushTimeout + stopSlack)
	if s.flushTimeout >= minAccept {
		killAt = begun.Add(max(s.flushTimeout, stopTime) + stopSlack)
	}
	for {
		select {
		case <-s.collector.Done():
			return killed
		case <-hurry:
			hurry = nil
			killed = true
			s.collector.Kill()
		case now := <-tick.C:
			waited := now.Sub(begun)
			switch {
			case killed:
			case now.After(killAt):
				killed = true
				s.collector.Kill()
			case !stopped && waited >= s.flushTimeout:
				stopped = true
				killAt = now.Add(stopTime + stopSlack)
				s.collector.Stop()
			case !stopped && waited >= s.flushTimeout-stopTime && s.collector.Ready() && s.allTaken():
				stopped = true
				s.collector.Stop()
			}
			if !told && waited >= waitNotice {
				told = true
				s.say("the program has ended; its last records go out to %s (Ctrl-C: do not wait)", s.target.shown)
			}
		}
	}
}

// allTaken reports whether the collector has taken all, or takes no more.
func (s *shipment) allTaken() bool {
	select {
	case <-s.feed.Done():
		return true
	default:
		return s.feed.Still() >= stillTime
	}
}
