package eventfoldprocessor

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/pdataslab"
	"github.com/heartwood-otel/heartwood/internal/recordwire"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/story"
)

const (
	// maxOrigins of up to maxOrigin bytes are kept decoded.
	maxOrigins = 32
	maxOrigin  = 8 << 10
)

// assembly makes events of stored parts. It is for one goroutine at a time.
//
// An event's parts are one string, and the texts of its records are parts of that; its
// other memory is in slabs of its own. So who keeps a piece of an event may keep all of
// it, and nothing of another.
type assembly struct {
	common  recordwire.Common
	slabs   pdataslab.Builder
	stored  [][]byte
	parts   []story.Part
	slots   []slot
	scratch pdataslab.Scratch // what the parts are decoded to; the content goes into the event

	// origins are decoded ones; nobody changes them.
	origins map[string]origin
	wire    recordwire.Assembly
}

// origin is a decoded recordwire.Origin.
type origin struct {
	resource plog.ResourceLogs
	scope    plog.ScopeLogs
}

// slot is an origin of an event.
type slot struct {
	number uint32
	origin origin
}

func newAssembly() assembly {
	return assembly{slabs: pdataslab.New(), origins: make(map[string]origin)}
}

// forget lets go of the last event.
func (a *assembly) forget() {
	a.scratch.Reset()
	a.slabs.Release()
	a.common.Forget()
}

// event decodes the parts; the attributes that all have alike only once. Parts of one
// origin share a resource, and keep their order among all.
func (a *assembly) event(c *foldtable.Closed, stored []foldtable.StoredPart, mayTakeOut func([]byte) bool) (story.Event, error) {
	a.scratch.Reset()
	a.slots, a.stored = a.slots[:0], a.stored[:0]
	a.parts = a.parts[:0] // what they pointed to is used again
	for i := range stored {
		a.stored = append(a.stored, stored[i].Record)
	}
	common := a.common.Find(a.stored, mayTakeOut)
	var text string
	if common {
		text = a.common.Joined()
	} else {
		text = joined(a.stored)
	}
	a.slabs.Separate(len(text))
	for i := range stored {
		size := len(stored[i].Record)
		if common {
			size = len(a.common.Rest(i))
		}
		from, err := a.originOf(&stored[i])
		if err != nil {
			return story.Event{}, err
		}
		record, err := a.scratch.Decode(&a.slabs, text[:size])
		if err != nil {
			return story.Event{}, err
		}
		text = text[size:]
		part := a.nextPart()
		part.ResourceLogs, part.ScopeLogs, part.Record = from.resource, from.scope, record
	}
	event := story.Event{
		ID: c.ID, Previous: c.Previous, Reason: storyReasons[c.Reason], Complete: c.Complete, Early: c.Early, Parts: a.parts,
		Slabs: &a.slabs,
	}
	if common {
		shared, err := a.scratch.DecodeAttributes(&a.slabs, text)
		if err != nil {
			return story.Event{}, err
		}
		event.Common = shared.Attributes()
	}
	return event, nil
}

// nextPart appends a part that is not cleared.
func (a *assembly) nextPart() *story.Part {
	n := len(a.parts)
	if n < cap(a.parts) {
		a.parts = a.parts[:n+1]
	} else {
		a.parts = append(a.parts, story.Part{})
	}
	return &a.parts[n]
}

func joined(records [][]byte) string {
	size := 0
	for _, r := range records {
		size += len(r)
	}
	var text strings.Builder
	text.Grow(size)
	for _, r := range records {
		text.Write(r)
	}
	return text.String()
}

// originOf finds the part's origin. An event has few, and the next one mostly the same.
func (a *assembly) originOf(p *foldtable.StoredPart) (origin, error) {
	for _, s := range slices.Backward(a.slots) {
		if s.number == p.OriginSlot {
			return s.origin, nil
		}
	}
	o, ok := a.origins[string(p.Origin)]
	if !ok {
		a.wire.Reset()
		a.wire.Origin(p.Origin)
		logs, err := a.wire.Logs()
		if err != nil {
			return origin{}, err
		}
		o.resource = logs.ResourceLogs().At(0)
		o.scope = o.resource.ScopeLogs().At(0)
		if len(a.origins) == maxOrigins {
			clear(a.origins)
		}
		if len(p.Origin) <= maxOrigin {
			a.origins[string(p.Origin)] = o
		}
	}
	a.slots = append(a.slots, slot{p.OriginSlot, o})
	return o, nil
}
