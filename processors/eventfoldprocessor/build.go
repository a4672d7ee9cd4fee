package eventfoldprocessor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/pdata/plog"

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

// build makes one record of each event; parts are those of all, in order.
func (s *shard) build(batch []*foldtable.Closed, parts []foldtable.StoredPart) (plog.Logs, error) {
	out := plog.NewLogs()
	out.ResourceLogs().EnsureCapacity(len(batch))
	defer s.assembly.forget()
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

// mayTakeOut is the builder's, of a name in encoded bytes.
func (p *foldProcessor) mayTakeOut(name []byte) bool { return p.builder.MayTakeOut(string(name)) }
