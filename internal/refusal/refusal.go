// Package refusal reads what a next consumer says when it does not accept. Behind a
// receiver may stand a fan-out, which joins the errors of several pipelines: one of
// them may refuse for good while another is only busy, and must get its data.
package refusal

import (
	"errors"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Permanent reports whether none of those who refused will ever accept.
func Permanent(err error) bool {
	if joined, ok := several(err); ok {
		for _, e := range joined {
			if !Permanent(e) {
				return false
			}
		}
		return len(joined) > 0
	}
	return consumererror.IsPermanent(err)
}

// Rest is the part of the logs that is left to be handed over, where err is of one
// consumer that has accepted the others.
func Rest(err error) (logs plog.Logs, ok bool) {
	if _, joined := several(err); joined {
		return plog.Logs{}, false
	}
	var partial consumererror.Logs
	if !errors.As(err, &partial) {
		return plog.Logs{}, false
	}
	return partial.Data(), true
}

// several finds joined errors, under what wraps them.
func several(err error) ([]error, bool) {
	for err != nil {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			return joined.Unwrap(), true
		}
		if joined, ok := err.(interface{ Errors() []error }); ok { // go.uber.org/multierr
			return joined.Errors(), true
		}
		err = errors.Unwrap(err)
	}
	return nil, false
}
