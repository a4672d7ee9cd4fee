package worms3exporter

import (
	"context"
	"errors"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
)

// memBucket answers Check by what S3's store says of a bucket.
type memBucket struct{ *memstore.Store }

func (m memBucket) Check(ctx context.Context, c s3store.Check) ([]s3store.Problem, error) {
	b, err := m.Bucket(ctx)
	if errors.Is(err, objectstore.ErrDenied) {
		return []s3store.Problem{{Kind: s3store.NoRight, Text: err.Error()}}, nil
	}
	if err != nil {
		return nil, err
	}
	return s3store.Judge("example-archive", b, c.Max), nil
}
