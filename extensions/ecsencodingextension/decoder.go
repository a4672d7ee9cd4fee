package ecsencodingextension

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/encoding"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/internal/ecs/ecsjson"
)

// maxLine is the length in bytes beyond which a line of a stream is an error: nobody else
// says where the line ends, and it must fit in memory.
const maxLine = 64 << 20

var errLongLine = fmt.Errorf("the line is longer than %d bytes", maxLine)

// decoder makes batches of the lines of a stream. It is for one goroutine at a time.
type decoder struct {
	stream  *bufio.Reader
	options encoding.DecoderOptions
	reader  *ecsjson.Reader
	line    []byte
	lines   int   // that were taken
	read    int64 // bytes of the stream
	taken   int64 // bytes whose records were given
	err     error // for good
}

func newDecoder(stream io.Reader, options encoding.DecoderOptions) (*decoder, error) {
	if options.Offset > 0 {
		if _, err := io.CopyN(io.Discard, stream, options.Offset); err != nil {
			return nil, fmt.Errorf("skip %d bytes: %w", options.Offset, err)
		}
	}
	return &decoder{
		stream:  bufio.NewReaderSize(stream, 64<<10),
		options: options,
		reader:  ecsjson.NewReader(),
		read:    options.Offset,
		taken:   options.Offset,
	}, nil
}

// Offset is where the last batch ends.
func (d *decoder) Offset() int64 { return d.taken }

// DecodeLogs gives the records of the next lines, up to the limits that were set, and
// io.EOF when there are no more. When a line is no document, nothing of its batch is
// given, and no later batch either: the lines before it can be had again from Offset on.
func (d *decoder) DecodeLogs() (plog.Logs, error) {
	if d.err != nil {
		return plog.NewLogs(), d.err
	}
	start, lines := d.read, 0
	for {
		line, err := d.readLine()
		if err != nil && !errors.Is(err, io.EOF) {
			d.err = fmt.Errorf("read ECS documents: line %d: %w", d.lines+lines+1, err)
			return plog.NewLogs(), d.err
		}
		if len(line) > 0 {
			lines++
			if failure := d.reader.Add(line); failure != nil {
				if at, ok := errors.AsType[*ecsjson.LineError](failure); ok {
					at.Line = d.lines + lines // the reader counts those of a batch
				}
				d.err = fmt.Errorf("read ECS documents: %w", failure)
				return plog.NewLogs(), d.err
			}
		}
		ended := err != nil
		full := d.options.FlushBytes > 0 && d.read-start >= d.options.FlushBytes ||
			d.options.FlushItems > 0 && int64(d.reader.Len()) >= d.options.FlushItems
		if !ended && !full {
			continue
		}
		if ended {
			d.err = io.EOF
		}
		d.lines += lines
		d.taken = d.read
		if d.reader.Len() > 0 {
			return d.reader.Take(), nil
		}
		if ended {
			return plog.NewLogs(), io.EOF
		}
		d.reader.Take() // blank lines alone
		start, lines = d.read, 0
	}
}

// readLine reads a line with its end, good until the next.
func (d *decoder) readLine() ([]byte, error) {
	d.line = d.line[:0]
	for {
		part, err := d.stream.ReadSlice('\n')
		d.read += int64(len(part))
		if len(d.line) == 0 && err == nil {
			return part, nil
		}
		if len(d.line)+len(part) > maxLine {
			return nil, errLongLine
		}
		d.line = append(d.line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return d.line, err
		}
	}
}
