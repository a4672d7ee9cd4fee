package logencoding

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Writable gives logs whose records may get the attribute name where they lack it, or have
// it empty: logs as they are, or a copy where others have them as well and a record lacks
// it. So two exporters need no copy each of records that all have theirs, and where nobody
// else has the records, who brings them a second time brings the same.
func Writable(logs plog.Logs, name string) plog.Logs {
	if !logs.IsReadOnly() || haveAll(logs, name) {
		return logs
	}
	own := plog.NewLogs()
	logs.CopyTo(own)
	return own
}

func haveAll(logs plog.Logs, name string) bool {
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				if v, ok := r.Attributes().Get(name); !ok || IsEmpty(v) {
					return false
				}
			}
		}
	}
	return true
}

// IsEmpty says that a value is none, or a text without characters.
func IsEmpty(v pcommon.Value) bool {
	return v.Type() == pcommon.ValueTypeEmpty || v.Type() == pcommon.ValueTypeStr && v.Str() == ""
}
