// Package place finds the store that a person names: s3://bucket/prefix, or a folder
// downloaded from it.
package place

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/dirstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
)

// Place is where an archive is: in a bucket, below a prefix which is "" or ends with '/',
// or in a folder.
type Place struct {
	Bucket, Prefix string
	Folder         string
}

// Parse reads s3://bucket, s3://bucket/prefix or a folder's path. A prefix is taken as it
// stands, with one '/' behind it: nothing in it is an escape.
func Parse(text string) (Place, error) {
	rest, ok := strings.CutPrefix(text, "s3://")
	if !ok {
		if scheme, _, found := strings.Cut(text, "://"); found {
			return Place{}, fmt.Errorf("%q: %s is not known here; write s3://bucket/prefix or the path of a folder", text, scheme)
		}
		if text == "" {
			return Place{}, errors.New("the archive's place is empty; write s3://bucket/prefix or the path of a folder")
		}
		return Place{Folder: text}, nil
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	if bucket == "" {
		return Place{}, fmt.Errorf("%q names no bucket; write s3://bucket/prefix", text)
	}
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return Place{Bucket: bucket}, nil
	}
	if strings.HasPrefix(prefix, "/") || strings.HasSuffix(prefix, "/") || strings.Contains(prefix, "//") {
		return Place{}, fmt.Errorf("%q has an empty part in its prefix; write s3://bucket/prefix", text)
	}
	return Place{Bucket: bucket, Prefix: prefix + "/"}, nil
}

// String writes the place as Parse reads it.
func (p Place) String() string {
	if p.Bucket == "" {
		return p.Folder
	}
	return "s3://" + p.Bucket + "/" + p.Prefix
}

// Open opens the place. The settings' Bucket is the place's; a folder needs none of them.
// Whoever has no more use for it calls done.
func (p Place) Open(ctx context.Context, set s3store.Settings) (reader objectstore.Reader, done func(), err error) {
	if p.Bucket == "" {
		s, err := dirstore.Open(p.Folder)
		if err != nil {
			return nil, nil, err
		}
		return s, func() { _ = s.Close() }, nil
	}
	set.Bucket = p.Bucket
	s, err := s3store.New(ctx, set)
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}
