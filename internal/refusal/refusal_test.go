package refusal

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/multierr"
)

func TestPermanentOnlyIfAllAre(t *testing.T) {
	busy := errors.New("busy")
	never := consumererror.NewPermanent(errors.New("never"))
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{busy, false},
		{never, true},
		{fmt.Errorf("deliver: %w", never), true},
		{errors.Join(never, busy), false},
		{errors.Join(busy, never), false},
		{errors.Join(never, never), true},
		{fmt.Errorf("deliver: %w", errors.Join(never, busy)), false},
		{multierr.Append(never, busy), false},
		{multierr.Append(never, never), true},
		{errors.Join(never, multierr.Append(never, busy)), false},
	} {
		assert.Equal(t, c.want, Permanent(c.err), "%v", c.err)
	}
}

func TestRestIsOfOneConsumer(t *testing.T) {
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty()
	part := consumererror.NewLogs(errors.New("busy"), logs)
	rest, ok := Rest(fmt.Errorf("deliver: %w", part))
	assert.True(t, ok)
	assert.Equal(t, 1, rest.ResourceLogs().Len())
	for _, err := range []error{nil, errors.New("busy"), errors.Join(part, errors.New("busy")), multierr.Append(part, part)} {
		_, ok = Rest(err)
		assert.False(t, ok, "%v", err)
	}
}
