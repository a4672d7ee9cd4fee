package ecsprocessor

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/heartwood-otel/heartwood/internal/ecs"
)

// reader is the way back from ECS.
type reader struct{ *ecs.Unmapper }

func (r *reader) scope(resource pcommon.Resource, first bool, scope pcommon.InstrumentationScope) {
	if first {
		r.Attributes(resource.Attributes())
	}
	r.Scope(scope)
}

func (r *reader) log(record plog.LogRecord) { r.Log(record) }

func (r *reader) span(s ptrace.Span) { r.Span(s) }

func (r *reader) end(*ecs.Counts) { r.Forget() }
