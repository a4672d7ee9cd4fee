package worms3exporter

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/heartwood-otel/heartwood/internal/diskfs"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/s3store"
	"github.com/heartwood-otel/heartwood/internal/throttle"
)

// copies puts checkpoints to second places, in order, each place at its own pace. What
// waits is in memory: what a crash takes, the next checkpoint covers.
type copies struct {
	places  []*copyPlace
	stop    context.CancelFunc
	running sync.WaitGroup
}

// copyPlace is one of the places.
type copyPlace struct {
	kind, name string
	put        func(ctx context.Context, c archiver.Commit) error
	closeStore func() // nil for a file
	retry      retryConfig
	timeout    time.Duration
	tel        *telemetry
	failLog    throttle.Counter

	// mu guards the following.
	mu      sync.Mutex
	waiting []archiver.Commit
	closing bool
	// wake has room for one.
	wake chan struct{}
}

// maxWaiting is how many checkpoints wait for a place: the oldest go, since what they say
// the later ones say, too. They have up to 2 KiB each.
const maxWaiting = 4096

var errOtherCheckpoint = errors.New("there is another checkpoint of this number")

func openCopies(ctx context.Context, c *core, host component.Host) (*copies, error) {
	out := &copies{}
	for i := range c.cfg.CheckpointCopies {
		one := &c.cfg.CheckpointCopies[i]
		p := &copyPlace{retry: c.cfg.Retry, timeout: c.cfg.Timeout, tel: c.tel, wake: make(chan struct{}, 1)}
		var err error
		switch {
		case one.File != "":
			p.kind, p.name = "file", one.File
			err = p.openFile()
		case one.OTLP != nil:
			p.kind, p.name = "otlp", one.OTLP.Endpoint
			err = p.openOTLP(ctx, c, host, one)
		default:
			p.kind, p.name = "bucket", one.Bucket
			err = p.openBucket(ctx, c, one)
		}
		if err != nil {
			out.closeStores()
			return nil, fmt.Errorf("checkpoint_copies[%d] is %q; see to that it can be written: %w", i, p.name, err)
		}
		out.places = append(out.places, p)
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	out.stop = stop
	for _, p := range out.places {
		out.running.Go(func() { p.run(work) })
	}
	return out, nil
}

// openFile makes the file. It has the checkpoints as they are, one behind the other.
func (p *copyPlace) openFile() error {
	if err := diskfs.MkdirAll(filepath.Dir(p.name)); err != nil {
		return err
	}
	p.put = func(_ context.Context, c archiver.Commit) error { return appendFile(p.name, c.Checkpoint) }
	return appendFile(p.name, nil)
}

// appendFile opens the file each time: someone may have taken it away to keep it. What a
// crash has left of a checkpoint goes.
func appendFile(name string, checkpoint []byte) error {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = appendTo(file, checkpoint)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func appendTo(file *os.File, checkpoint []byte) error {
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	tail := make([]byte, min(end, 2*archive.MaxCheckpoint))
	if _, err := file.ReadAt(tail, end-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	keep := end - int64(len(tail)-wholeCheckpoints(tail))
	if err := file.Truncate(keep); err != nil {
		return err
	}
	_, err = file.WriteAt(checkpoint, keep)
	return err
}

var (
	signatureLine = []byte("\n\u2014 ")
	lineFeed      = []byte("\n")
)

// wholeCheckpoints is how much of the end of a file is whole: up to the end of its last
// line of a signature.
func wholeCheckpoints(tail []byte) int {
	for end := len(tail); ; {
		at := bytes.LastIndex(tail[:end], signatureLine)
		if at < 0 {
			return 0
		}
		if n := bytes.Index(tail[at+1:], lineFeed); n >= 0 {
			return at + 1 + n + 1
		}
		end = at
	}
}

func (p *copyPlace) openBucket(ctx context.Context, c *core, cfg *copyConfig) error {
	store, closeStore, err := newCopyStore(ctx, cfg, c.userAgent())
	if err != nil {
		return err
	}
	p.closeStore = closeStore
	layout, writer := archive.Layout{Prefix: folder(cfg.Prefix)}, c.cfg.Writer
	p.put = func(ctx context.Context, c archiver.Commit) error {
		key := layout.Checkpoint(writer, c.Number)
		_, err := store.Put(ctx, objectstore.Object{
			Key: key, Body: bytes.NewReader(c.Checkpoint), Size: int64(len(c.Checkpoint)), SHA256: sha256.Sum256(c.Checkpoint),
			ContentType: "text/plain; charset=utf-8",
		})
		if !errors.Is(err, objectstore.ErrExists) {
			return err
		}
		body, _, err := store.Get(ctx, key, "", 0, -1)
		if err != nil {
			return err
		}
		there, err := io.ReadAll(io.LimitReader(body, archive.MaxCheckpoint+1))
		if err = errors.Join(err, body.Close()); err != nil {
			return err
		}
		if !bytes.Equal(there, c.Checkpoint) {
			return fmt.Errorf("%s: %w", key, errOtherCheckpoint)
		}
		return nil
	}
	return nil
}

// newCopyStore is replaced by tests.
var newCopyStore = func(ctx context.Context, cfg *copyConfig, userAgent string) (objectstore.Store, func(), error) {
	s, err := s3store.New(ctx, s3store.Settings{
		Bucket: cfg.Bucket, Region: cfg.Region, Endpoint: cfg.Endpoint, PathStyle: cfg.Endpoint != "",
		RoleARN: cfg.RoleARN, ExternalID: cfg.ExternalID, UserAgent: userAgent, MaxConnections: 1,
	})
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}

// add has a checkpoint put to all places. It does not wait.
func (s *copies) add(c archiver.Commit) {
	for _, p := range s.places {
		p.mu.Lock()
		if p.waiting = append(p.waiting, c); len(p.waiting) > maxWaiting {
			p.waiting = p.waiting[1:]
		}
		p.mu.Unlock()
		p.poke()
	}
}

func (p *copyPlace) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// close puts what waits, for as long as the context allows.
func (s *copies) close(ctx context.Context) {
	for _, p := range s.places {
		p.mu.Lock()
		p.closing = true
		p.mu.Unlock()
		p.poke()
	}
	defer context.AfterFunc(ctx, s.stop)()
	s.running.Wait()
	s.stop()
	s.closeStores()
}

func (s *copies) closeStores() {
	for _, p := range s.places {
		if p.closeStore != nil {
			p.closeStore()
		}
	}
}

// next gives the checkpoint to be put; false: there is none, and it is over.
func (p *copyPlace) next(ctx context.Context) (archiver.Commit, bool) {
	for {
		p.mu.Lock()
		if len(p.waiting) > 0 {
			c := p.waiting[0]
			p.waiting = p.waiting[1:]
			p.mu.Unlock()
			return c, true
		}
		closing := p.closing
		p.mu.Unlock()
		if closing {
			return archiver.Commit{}, false
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
			return archiver.Commit{}, false
		}
	}
}

func (p *copyPlace) run(ctx context.Context) {
	for {
		c, ok := p.next(ctx)
		if !ok || !p.deliver(ctx, c) {
			return
		}
	}
}

// deliver puts a checkpoint, as often as it takes. False: it is over.
func (p *copyPlace) deliver(ctx context.Context, c archiver.Commit) bool {
	pause := p.retry.InitialInterval
	for {
		call, cancel := context.WithTimeout(ctx, p.timeout)
		err := p.put(call, c)
		cancel()
		switch {
		case err == nil:
			return true
		case errors.Is(err, errOtherCheckpoint):
			p.tel.ExporterWormS3Deviations.Add(ctx, 1)
			p.tel.log.Error("In a second place there is another checkpoint of this number: two writers have this name, or someone else has the key",
				zap.String("place", p.name), zap.Int64("number", c.Number), zap.Error(err))
			return true
		}
		p.tel.ExporterWormS3CheckpointFailures.Add(ctx, 1, labelled("place", p.kind))
		if n, ok := p.failLog.Add(1); ok {
			p.tel.log.Warn("A checkpoint can't be copied; it is tried again", zap.String("place", p.name), zap.Int64("times", n), zap.Error(err))
		}
		select {
		case <-time.After(rand.N(pause) + 1): //nolint:gosec // nothing is secret about it
		case <-ctx.Done():
			return false
		}
		pause = min(2*pause, p.retry.MaxInterval)
	}
}
