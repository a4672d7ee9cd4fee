package archiver

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/heartwood-otel/heartwood/internal/diskfs"

	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
)

// errOther says that what is under a key is not what was to be put there.
var errOther = errors.New("there is another object under this key")

// uploadAll puts sealed objects, until there will be none.
func (a *Archiver) uploadAll(ctx context.Context) {
	for {
		o, err := a.nextUpload(ctx)
		if err != nil || o == nil {
			return
		}
		if err := a.upload(ctx, o); err != nil {
			if ctx.Err() == nil {
				a.fail(err)
			}
			return
		}
	}
}

// nextUpload waits for an object to put; nil is none any more.
func (a *Archiver) nextUpload(ctx context.Context) (*object, error) {
	for {
		a.mu.Lock()
		for _, o := range a.sealed {
			if o.uploaded == nil && !o.taken {
				o.taken = true
				a.mu.Unlock()
				return o, nil
			}
		}
		changed, pumped := a.changed, a.pumped
		a.mu.Unlock()
		if pumped {
			return nil, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// upload puts an object, and has it in the journal that it is there.
func (a *Archiver) upload(ctx context.Context, o *object) error {
	path := a.file(o.File, dataFile)
	var file diskfs.File
	err := a.retry.do(ctx, "open a sealed object", func(context.Context) (err error) {
		file, err = a.set.FS.Open(path)
		return err
	})
	if err != nil {
		return err
	}
	began := time.Now()
	info, err := a.put(ctx, objectstore.Object{
		Key: o.Key, Body: file, Size: o.Size, SHA256: o.SHA256, StorageClass: o.Storage,
		ContentType: contentType(o.Encoding), Tags: a.set.Tags,
	}, Retention{o.Mode, o.Period}, o.SealedAt, a.lookForContent)
	_ = file.Close()
	if err != nil {
		return err
	}
	u := &uploadedEntry{File: o.File, VersionID: info.VersionID, Mode: info.Lock.Mode, Until: info.Lock.RetainUntil, Storage: cmp.Or(info.StorageClass, "STANDARD")}
	entry, err := appendEntry(kindUploaded, u)
	if err != nil {
		return err
	}
	id, err := a.journal.append(ctx, "uploaded "+o.Key, entry)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.sealedBytes -= o.onDisk()
	o.uploaded, o.uploadedID = u, id
	a.sealedBytes += o.onDisk()
	a.announceLocked()
	a.mu.Unlock()
	a.remove(o.File, dataFile)
	a.set.Observer.Uploaded(o.manifestObject(), time.Since(began))
	return nil
}

func contentType(encoding string) string {
	if !archive.HasLines(encoding) {
		return "application/x-protobuf"
	}
	return "application/x-ndjson"
}

// put puts an object as often as it takes: it is there, with these bytes, when the error is
// nil. since is when it may have been put at the earliest. Where there is something under
// the key already, look says what that is; an errOther of it is given back.
func (a *Archiver) put(ctx context.Context, o objectstore.Object, r Retention, since time.Time, look lookFunc) (objectstore.Info, error) {
	var info objectstore.Info
	put := false
	err := a.retry.do(ctx, "put "+o.Key, func(ctx context.Context) error {
		lock, err := a.lock(r)
		if err != nil {
			return err
		}
		o.Lock = lock
		ctx, cancel := context.WithTimeout(ctx, a.set.CallTimeout)
		defer cancel()
		info, err = a.set.Store.Put(ctx, o)
		if errors.Is(err, objectstore.ErrExists) {
			info, err = a.occupied(ctx, o, look)
			return err
		}
		put = err == nil
		return err
	})
	if err != nil {
		return info, err
	}
	if put {
		info.StorageClass = o.StorageClass
		if info.Lock.Mode == objectstore.Unlocked {
			info.Lock = o.Lock
		}
		if share := a.set.VerifyShare; share < 1 && rand.Float64() >= share { //nolint:gosec // a sample
			return info, nil
		}
		version := info.VersionID
		err := a.retry.do(ctx, "ask for "+o.Key, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, a.set.CallTimeout)
			defer cancel()
			found, err := a.set.Store.Head(ctx, o.Key, version)
			for i := 1; i < looks && err == nil && different(&o, &found); i++ {
				found, err = a.set.Store.Head(ctx, o.Key, version)
			}
			if errors.Is(err, objectstore.ErrNotFound) || errors.Is(err, objectstore.ErrDenied) {
				a.deviates(o.Key, fmt.Errorf("version %q was just put, and can't be looked at: %w", version, err))
				return nil
			}
			if err == nil {
				info = found
			}
			return err
		})
		if err != nil {
			return info, err
		}
	}
	a.compare(&o, &info, r, since)
	return info, nil
}

// deviates tells of what is not as it should be.
func (a *Archiver) deviates(key string, err error) {
	a.logger.Error("An object in the bucket is not as it was put", zap.String("key", key), zap.Error(err))
	a.set.Observer.Deviation(key, err)
}

// different says that an answer tells of another content.
func different(o *objectstore.Object, info *objectstore.Info) bool {
	return info.Size != 0 && info.Size != o.Size || info.HasSHA256 && info.SHA256 != o.SHA256
}

// compare tells where an object that is there is not locked, or not of the content, that it
// should have.
func (a *Archiver) compare(o *objectstore.Object, info *objectstore.Info, r Retention, since time.Time) {
	if different(o, info) {
		a.deviates(o.Key, fmt.Errorf("it has %d bytes and the SHA-256 %x, and was put with %d bytes and %x", info.Size, info.SHA256, o.Size, o.SHA256))
	}
	if r.Mode == objectstore.Unlocked {
		return // a bucket's default may lock it
	}
	if info.Lock.Mode != r.Mode {
		a.deviates(o.Key, fmt.Errorf("its lock is %q, not %q", info.Lock.Mode, r.Mode))
	} else if info.Lock.RetainUntil.Before(since.Add(r.Period).Truncate(time.Second)) {
		a.deviates(o.Key, fmt.Errorf("it is locked until %s, and should be for %s from %s", info.Lock.RetainUntil, r.Period, since))
	}
}

func (a *Archiver) sum(ctx context.Context, key, version string) (sum [sha256.Size]byte, err error) {
	body, _, err := a.set.Store.Get(ctx, key, version, 0, -1)
	if err != nil {
		return sum, fmt.Errorf("read what is under %s: %w", key, err)
	}
	defer body.Close() //nolint:errcheck // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return sum, fmt.Errorf("read what is under %s: %w", key, err)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// lock is a retention from now on, by the server's clock, rounded up to the hour.
func (a *Archiver) lock(r Retention) (objectstore.Lock, error) {
	if r.Mode == objectstore.Unlocked {
		return objectstore.Lock{}, nil
	}
	now, ok := a.set.Store.Now()
	if !ok {
		return objectstore.Lock{}, fmt.Errorf("%w: the server was not heard yet, and only its clock says until when to lock", ErrClock)
	}
	if off := time.Until(now); r.Mode == objectstore.Compliance && off.Abs() > maxClockSkew {
		return objectstore.Lock{}, fmt.Errorf("%w: they are %s apart, and what is locked by COMPLIANCE can't be unlocked: it waits; set the clock right", ErrClock, off.Abs().Round(time.Second))
	}
	until := now.UTC().Add(r.Period)
	if whole := until.Truncate(time.Hour); whole.Before(until) {
		until = whole.Add(time.Hour)
	}
	return objectstore.Lock{Mode: r.Mode, RetainUntil: until}, nil
}
