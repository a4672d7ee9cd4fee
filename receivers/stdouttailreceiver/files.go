package stdouttailreceiver

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/heartwood-otel/heartwood/internal/containerlog"
	"github.com/heartwood-otel/heartwood/internal/logrecord"
	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver/internal/filetail"
)

const (
	attrFilePath     = "log.file.path"
	attrFileName     = "log.file.name"
	attrFileResolved = "log.file.path_resolved"
)

// fileCapture reads files.
type fileCapture struct {
	in     *intake
	cfg    *filesConfig
	tailer *filetail.Tailer
	store  storage.Client // nil: memory
}

func newFileCapture(in *intake, cfg *filesConfig) *fileCapture {
	return &fileCapture{in: in, cfg: cfg}
}

func (c *fileCapture) start(ctx context.Context, host component.Host) error {
	client, err := c.in.storageClient(ctx, host, "files")
	if err != nil {
		return err
	}
	c.store = client
	set := c.cfg.tailer()
	set.MaxLine = int(c.in.cfg.MaxLineSize)
	set.BatchWait = max(c.in.cfg.Batch.Linger, 1) // 0 would be filetail's default
	set.ShutdownWait = time.Hour                  // the deliveries' context ends first
	store := filetail.Store(new(filetail.MemoryStore))
	if client == nil {
		set.Volatile = true
		c.in.set.Logger.Warn("No storage is configured: after a restart, files are begun anew by start_at. Name a storage extension to go on where reading ended.")
	} else {
		store = checkpointStore{client}
	}
	c.tailer, err = filetail.New(set, store, func(int) filetail.Handler { return &fileHandler{capture: c, sink: c.in.newSink()} }, c.in.set.Logger)
	if err == nil {
		err = c.tailer.Start(ctx)
	}
	if err == nil {
		err = c.observe()
	}
	if err != nil && client != nil {
		_ = client.Close(ctx)
	}
	return err
}

// observe lets the numbers of files be asked for.
func (c *fileCapture) observe() error {
	err := c.in.tel.RegisterReceiverStdoutTailFilesOpenCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(c.tailer.Stats().Open)
		return nil
	})
	if err != nil {
		return err
	}
	return c.in.tel.RegisterReceiverStdoutTailFilesWatchedCallback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(c.tailer.Stats().Files)
		return nil
	})
}

func (c *filesConfig) tailer() filetail.Config {
	return filetail.Config{
		Include: c.Include, Exclude: c.Exclude,
		StartAt: filetail.StartAt(c.StartAt), Compressed: filetail.Compressed(c.Compressed),
		PollInterval: c.PollInterval, MaxOpenFiles: c.MaxOpenFiles, FlushAfter: c.FlushAfter,
	}
}

func (c *fileCapture) shutdown(ctx context.Context) error {
	err := c.tailer.Shutdown(ctx)
	if c.store != nil {
		if closed := c.store.Close(ctx); err == nil {
			err = closed
		}
	}
	return err
}

// fileHandler makes records of the lines of a worker's files.
type fileHandler struct {
	capture      *fileCapture
	sink         *sink
	lines, bytes int64
	// err is why a batch was not accepted and will not be: nothing behind it is.
	err error
}

// Open begins a file.
func (h *fileHandler) Open(info filetail.FileInfo) filetail.Stream {
	from := h.capture.in.baseSource()
	from.Offsets = true
	from.ID = info.ID
	from.Origin.Attributes = []logrecord.Attribute{
		{Key: attrFileName, Value: filepath.Base(info.Path)},
		{Key: attrFilePath, Value: info.Path},
	}
	if info.Resolved != info.Path {
		from.Origin.Attributes = append(from.Origin.Attributes, logrecord.Attribute{Key: attrFileResolved, Value: info.Resolved})
	}
	from.Origin.Resource = h.capture.resource(info)
	f := h.sink.newFeed(h.capture.cfg.Framing, from)
	f.flushAfter = h.capture.cfg.FlushAfter
	return &fileStream{handler: h, feed: f}
}

// resource is what the path of a file tells, before what the configuration says.
func (c *fileCapture) resource(info filetail.FileInfo) map[string]string {
	var told []containerlog.Attribute
	for _, path := range []string{info.Path, info.Resolved} {
		if pod, ok := containerlog.KubernetesPath(path); ok {
			told = pod.AppendAttributes(told)
		}
		if container, ok := containerlog.DockerPath(path); ok {
			told = container.AppendAttributes(told)
			config, err := containerlog.ReadDockerConfig(filepath.Dir(path))
			if err != nil {
				c.in.set.Logger.Warn("Cannot read a container's name and image", zap.String("log", path), zap.Error(err))
				continue
			}
			told = config.AppendAttributes(told)
		}
	}
	if len(told) == 0 {
		return c.in.cfg.Resource
	}
	resource := maps.Clone(c.in.cfg.Resource)
	if resource == nil {
		resource = make(map[string]string, len(told))
	}
	for _, a := range told {
		resource[a.Key] = a.Value
	}
	return resource
}

// Full says that the batch is to be delivered.
func (h *fileHandler) Full() bool { return h.sink.full() }

// Pending says whether there is something to deliver, and since when.
func (h *fileHandler) Pending() (since time.Time, ok bool) {
	return h.sink.since, h.sink.batch.Len() > 0 || h.err != nil
}

// Deliver hands the batch over. It tries until the receiver shuts down.
//
//nolint:contextcheck // deliveries have the receiver's context, which Shutdown ends
func (h *fileHandler) Deliver(context.Context) error {
	if h.err != nil {
		return h.err
	}
	in := h.capture.in
	in.tel.ReceiverStdoutTailLinesRead.Add(in.work, h.lines, in.attrs)
	in.tel.ReceiverStdoutTailBytesRead.Add(in.work, h.bytes, in.attrs)
	h.lines, h.bytes = 0, 0
	if err := h.sink.deliver(); err != nil {
		h.err = fmt.Errorf("not accepted: %w", err)
		return h.err
	}
	return nil
}

// fileStream is one file.
type fileStream struct {
	handler *fileHandler
	feed    *feed
}

// Line takes a line.
func (s *fileStream) Line(l filetail.Line) {
	h := s.handler
	h.bytes += l.End - l.Offset
	if l.Index == 0 {
		h.lines++
	}
	h.sink.observe(l.Read)
	var piece logrecord.Piece
	if l.Cut {
		piece = logrecord.Piece{ID: s.feed.pieceID(l.Start), Index: l.Index, Last: l.Last}
	}
	s.feed.add(l.Data, l.Offset, piece, "", l.Read)
}

// Held is the first line that is held back.
func (s *fileStream) Held() (offset int64, ok bool) { return s.feed.held() }

// Expire gives out what has been held back for long enough.
func (s *fileStream) Expire(now time.Time) {
	s.handler.sink.observe(now)
	s.feed.expire(now)
}

// Close gives out what is held back.
func (s *fileStream) Close() { s.feed.end(s.handler.sink.clock()) }
