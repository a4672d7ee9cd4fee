package s3store

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/url"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// errNoNext says that a listing can't go on.
var errNoNext = errors.New("the listing has more, and does not say from where")

const (
	// pageAttempts is how often a page is asked for, that is not the first of its listing.
	// A listing that was begun may be a thousand pages long, and nobody could go on with it.
	pageAttempts = 6
	// pagePause is how long is waited then; it doubles.
	pagePause = 200 * time.Millisecond
)

// further asks for a page behind the first as often as it takes.
func further[O any](ctx context.Context, first bool, ask func() (O, error), explain func(error) error) (O, error) {
	pause := pagePause
	for attempt := 1; ; attempt++ {
		page, err := ask()
		if err == nil {
			return page, nil
		}
		if err = explain(err); first || attempt == pageAttempts || !errors.Is(err, objectstore.ErrBusy) {
			return page, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return page, err
		}
		pause *= 2
	}
}

// List implements objectstore.Reader.
func (s *Store) List(ctx context.Context, prefix, startAfter string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		s.pages(ctx, prefix, startAfter, "", func(page *s3.ListObjectsV2Output, err error) bool {
			if err != nil {
				yield(objectstore.Info{}, err)
				return false
			}
			for i := range page.Contents {
				o := &page.Contents[i]
				key, err := decode(aws.ToString(o.Key), page.EncodingType)
				if err != nil {
					yield(objectstore.Info{}, s.failure(ctx, "ListObjectsV2", prefix, err))
					return false
				}
				if !yield(objectstore.Info{Key: key, Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified).UTC()}, nil) {
					return false
				}
			}
			return true
		})
	}
}

// Folders implements objectstore.Reader.
func (s *Store) Folders(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		s.pages(ctx, prefix, "", "/", func(page *s3.ListObjectsV2Output, err error) bool {
			if err != nil {
				yield("", err)
				return false
			}
			for i := range page.CommonPrefixes {
				folder, err := decode(aws.ToString(page.CommonPrefixes[i].Prefix), page.EncodingType)
				if err != nil {
					yield("", s.failure(ctx, "ListObjectsV2", prefix, err))
					return false
				}
				if !yield(folder, nil) {
					return false
				}
			}
			return true
		})
	}
}

// pages gives one page after the other until there are no more, there is an error, or
// each says that it was enough.
func (s *Store) pages(ctx context.Context, prefix, startAfter, delimiter string, each func(*s3.ListObjectsV2Output, error) bool) {
	// Keys may have characters that XML has not.
	input := &s3.ListObjectsV2Input{Bucket: aws.String(s.set.Bucket), Prefix: aws.String(prefix), ExpectedBucketOwner: s.owner, EncodingType: types.EncodingTypeUrl}
	if startAfter != "" {
		input.StartAfter = aws.String(startAfter)
	}
	if delimiter != "" {
		input.Delimiter = aws.String(delimiter)
	}
	for first := true; ; first = false {
		page, err := further(ctx, first, func() (*s3.ListObjectsV2Output, error) { return s.client.ListObjectsV2(ctx, input) },
			func(err error) error { return s.failure(ctx, "ListObjectsV2", prefix, err) })
		if err != nil {
			each(nil, err)
			return
		}
		if !each(page, nil) || !aws.ToBool(page.IsTruncated) {
			return
		}
		if aws.ToString(page.NextContinuationToken) == "" {
			each(nil, s.failure(ctx, "ListObjectsV2", prefix, errNoNext))
			return
		}
		input.ContinuationToken = page.NextContinuationToken
	}
}

// decode undoes what encoding-type=url did to a key.
func decode(text string, encoding types.EncodingType) (string, error) {
	if encoding != types.EncodingTypeUrl {
		return text, nil
	}
	return url.QueryUnescape(text)
}

// Versions implements objectstore.Reader.
func (s *Store) Versions(ctx context.Context, prefix string) iter.Seq2[objectstore.Info, error] {
	return func(yield func(objectstore.Info, error) bool) {
		input := &s3.ListObjectVersionsInput{Bucket: aws.String(s.set.Bucket), Prefix: aws.String(prefix), ExpectedBucketOwner: s.owner, EncodingType: types.EncodingTypeUrl}
		var last objectstore.Info
		for first := true; ; first = false {
			page, err := further(ctx, first, func() (*s3.ListObjectVersionsOutput, error) { return s.client.ListObjectVersions(ctx, input) },
				func(err error) error { return s.failure(ctx, "ListObjectVersions", prefix, err) })
			if err != nil {
				yield(objectstore.Info{}, err)
				return
			}
			infos, err := versionsOf(page)
			if err != nil {
				yield(objectstore.Info{}, s.failure(ctx, "ListObjectVersions", prefix, err))
				return
			}
			for i, info := range infos {
				// versitygw begins a page with what the one before ended with.
				if i == 0 && info.Key == last.Key && info.VersionID == last.VersionID && last.Key != "" {
					continue
				}
				last = info
				if !yield(info, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			if aws.ToString(page.NextKeyMarker) == "" {
				yield(objectstore.Info{}, s.failure(ctx, "ListObjectVersions", prefix, errNoNext))
				return
			}
			marker, err := decode(*page.NextKeyMarker, page.EncodingType)
			if err != nil {
				yield(objectstore.Info{}, s.failure(ctx, "ListObjectVersions", prefix, err))
				return
			}
			input.KeyMarker, input.VersionIdMarker = aws.String(marker), page.NextVersionIdMarker
		}
	}
}

// versionsOf puts versions and delete markers, which stand in one order in the answer and
// in two lists in what the SDK makes of it, together again. Of one key's, LastModified has
// their order to the second; within one, the latest is first, and the rest is as each list
// has it, markers before versions.
func versionsOf(page *s3.ListObjectVersionsOutput) ([]objectstore.Info, error) {
	infos := make([]objectstore.Info, 0, len(page.Versions)+len(page.DeleteMarkers))
	add := func(key *string, info objectstore.Info) error {
		var err error
		info.Key, err = decode(aws.ToString(key), page.EncodingType)
		infos = append(infos, info)
		return err
	}
	for i := range page.DeleteMarkers {
		m := &page.DeleteMarkers[i]
		if err := add(m.Key, objectstore.Info{
			VersionID: aws.ToString(m.VersionId), Modified: aws.ToTime(m.LastModified).UTC(), Latest: aws.ToBool(m.IsLatest), DeleteMarker: true,
		}); err != nil {
			return nil, err
		}
	}
	for i := range page.Versions {
		v := &page.Versions[i]
		if err := add(v.Key, objectstore.Info{
			VersionID: aws.ToString(v.VersionId), Size: aws.ToInt64(v.Size), Modified: aws.ToTime(v.LastModified).UTC(), Latest: aws.ToBool(v.IsLatest),
		}); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(infos, func(a, b objectstore.Info) int {
		if c := cmp.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		switch {
		case a.Latest != b.Latest && a.Latest:
			return -1
		case a.Latest != b.Latest:
			return 1
		}
		return b.Modified.Compare(a.Modified)
	})
	return infos, nil
}
