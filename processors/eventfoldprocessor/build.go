package eventfoldprocessor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/recordwire"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/foldtable"
	"github.com/heartwood-otel/heartwood/processors/eventfoldprocessor/internal/story"
)

var styles = map[string]story.Style{
	styleDocument:  story.Document,
	styleLogTrace:  story.LogTrace,
	styleCanonical: story.Canonical,
}

var strategies = map[string]story.Strategy{
	"first": story.First, "last": story.Last, "min": story.Min, "max": story.Max,
	"sum": story.Sum, "count": story.Count, "list": story.List, "unique": story.Unique,
}

func strategyNames() []string { return slices.Sorted(maps.Keys(strategies)) }

// settings are of a configuration that is valid.
func (m *mergeConfig) settings() story.MergeSettings {
	out := story.MergeSettings{Default: strategies[m.Default], Keys: make(map[string]story.Strategy, len(m.Keys))}
	for key, name := range m.Keys {
		out.Keys[key] = strategies[name]
	}
	return out
}

// storyReasons translates what the table says.
var storyReasons = [foldtable.Reasons]story.Reason{
	foldtable.Ended:       story.Ended,
	foldtable.Idle:        story.Idle,
	foldtable.MaxDuration: story.MaxDuration,
	foldtable.MaxRecords:  story.MaxRecords,
	foldtable.MaxBytes:    story.MaxBytes,
	foldtable.Memory:      story.Memory,
	foldtable.Shutdown:    story.Shutdown,
}

// newBuilder makes a builder that asks conditions in a context that must not end.
func newBuilder(ctx context.Context, cfg *Config, c *compiled, failed func(error)) *story.Builder {
	asked := func(c *condition) func(story.Part) bool {
		if c == nil {
			return nil
		}
		return func(p story.Part) bool {
			tc := transformContext(p.ResourceLogs, p.ScopeLogs, p.Record)
			defer tc.Close()
			return c.holds(ctx, tc, failed)
		}
	}
	return story.New(story.Settings{
		Style: styles[cfg.Style],
		LogTrace: story.LogTraceSettings{
			Verbosity: cfg.LogTrace.Verbosity, Delimiter: cfg.LogTrace.Delimiter, Tag: cfg.LogTrace.Tag, UID: cfg.LogTrace.UID,
		},
		Merge:   cfg.Merge.settings(),
		Success: asked(c.success), Failure: asked(c.failure),
	})
}

// assembly makes events of stored parts. It is for one goroutine at a time.
type assembly struct {
	wire    recordwire.Assembly
	common  recordwire.Common
	records [][]byte
	slots   []slot
	where   []place
	parts   []story.Part
}

// slot is an origin of an event, and where it is in the assembly.
type slot struct {
	origin uint32
	index  int
}

// place is where a part is in the assembly.
type place struct{ resource, record int }

// build makes one record of each event; s.parts are the parts of all, in order.
func (s *shard) build(batch []*foldtable.Closed) (plog.Logs, error) {
	out := plog.NewLogs()
	parts := s.parts
	for _, c := range batch {
		event, err := s.assembly.event(c, parts[:c.Parts()], s.mayTakeOut)
		if err != nil {
			return plog.Logs{}, fmt.Errorf("event %s: %w", c.ID, err)
		}
		s.builder.AppendTo(out.ResourceLogs(), event)
		parts = parts[c.Parts():]
	}
	return out, nil
}

// event decodes the parts; the attributes that all have alike only once. Parts of one
// origin share a resource, and keep their order among all.
func (a *assembly) event(c *foldtable.Closed, stored []foldtable.StoredPart, mayTakeOut func([]byte) bool) (story.Event, error) {
	a.wire.Reset()
	a.slots, a.where, a.parts, a.records = a.slots[:0], a.where[:0], a.parts[:0], a.records[:0]
	for i := range stored {
		a.records = append(a.records, stored[i].Record)
	}
	common := a.common.Find(a.records, mayTakeOut)
	for i := range stored {
		record := stored[i].Record
		if common {
			record = a.common.Rest(i)
		}
		resource := a.indexOf(&stored[i])
		a.where = append(a.where, place{resource, a.wire.Record(resource, record)})
	}
	shared := place{}
	if common {
		shared.resource = a.wire.Origin(noOrigin)
		shared.record = a.wire.Record(shared.resource, a.common.Shared())
	}
	logs, err := a.wire.Logs()
	if err != nil {
		return story.Event{}, err
	}
	for _, w := range a.where {
		rl := logs.ResourceLogs().At(w.resource)
		sl := rl.ScopeLogs().At(0)
		a.parts = append(a.parts, story.Part{ResourceLogs: rl, ScopeLogs: sl, Record: sl.LogRecords().At(w.record)})
	}
	event := story.Event{
		ID: c.ID, Previous: c.Previous, Reason: storyReasons[c.Reason], Complete: c.Complete, Early: c.Early, Parts: a.parts,
	}
	if common {
		event.Common = logs.ResourceLogs().At(shared.resource).ScopeLogs().At(0).LogRecords().At(shared.record).Attributes()
	}
	return event, nil
}

// noOrigin is that of what has no resource.
var noOrigin = recordwire.Origin{0}

// mayTakeOut is the builder's, of a name in encoded bytes.
func (p *foldProcessor) mayTakeOut(name []byte) bool { return p.builder.MayTakeOut(string(name)) }

// indexOf finds the part's origin in the assembly. An event has few.
func (a *assembly) indexOf(p *foldtable.StoredPart) int {
	for _, s := range slices.Backward(a.slots) {
		if s.origin == p.OriginSlot {
			return s.index
		}
	}
	index := a.wire.Origin(p.Origin)
	a.slots = append(a.slots, slot{p.OriginSlot, index})
	return index
}
