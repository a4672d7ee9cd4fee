// Package logencoding is how an exporter of ours has log records encoded one at a time,
// into memory of its own. Encoding extensions implement it beside the Collector's own
// interface, which makes one new buffer of a whole batch.
//
//	encoding, ok := host.GetExtensions()[id].(logencoding.Encoding)
//	...
//	encoder := encoding.NewLogEncoder()
//	defer encoder.End()
//	for each resource and scope {
//		encoder.Begin(resource, scope)
//		for each record {
//			start := len(buffer)
//			buffer, err = encoder.AppendLog(buffer, record)
//			// buffer[start:] is the record
//		}
//	}
package logencoding

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Encoding makes encoders. It may be used by any number of goroutines.
type Encoding interface {
	// NewLogEncoder gives an encoder. Taking one for each batch is cheap: they are used
	// again after End.
	NewLogEncoder() LogEncoder
}

// LogEncoder encodes records, each by itself: what it appends for one is a whole
// document, with no separator before or behind it and, in formats of lines, without a
// line's end in it. It is for one goroutine at a time.
type LogEncoder interface {
	// Begin says what the records that follow belong to. Both must stay unchanged until
	// the next Begin or End. It comes before the first AppendLog.
	Begin(resource pcommon.Resource, scope pcommon.InstrumentationScope)

	// AppendLog appends the record to dst, which is the caller's before and after, and
	// gives the result. The encoder keeps neither dst nor the record.
	//
	// An error is about this record alone and for good: it would be the same again. dst
	// is then given back as it was, and the encoder can go on with the next record.
	AppendLog(dst []byte, r plog.LogRecord) ([]byte, error)

	// End lets go of what Begin was given, and gives the encoder back. It is not used
	// after that.
	End()
}
