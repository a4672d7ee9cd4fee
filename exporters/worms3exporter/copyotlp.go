package worms3exporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/archiver"
	"github.com/heartwood-otel/heartwood/exporters/worms3exporter/internal/metadata"
	"github.com/heartwood-otel/heartwood/internal/archive"
	"github.com/heartwood-otel/heartwood/internal/recorduid"
)

// The record of a checkpoint. docs/format/archive.md has it.
const (
	checkpointEvent = "heartwood.checkpoint"
	originAttribute = "heartwood.checkpoint.origin"
	numberAttribute = "heartwood.checkpoint.number"
	sizeAttribute   = "heartwood.checkpoint.size"
	reasonAttribute = "heartwood.checkpoint.event"
)

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 64 << 10

// openOTLP makes the client of a receiver, which need not be there yet.
func (p *copyPlace) openOTLP(ctx context.Context, c *core, host component.Host, cfg *copyConfig) error {
	client, err := cfg.OTLP.ToClient(ctx, host.GetExtensions(), c.set.TelemetrySettings)
	if err != nil {
		return err
	}
	p.closeStore = client.CloseIdleConnections
	url := strings.TrimSuffix(cfg.OTLP.Endpoint, "/") + "/v1/logs"
	origin := archive.WriterOrigin(c.cfg.Origin, c.cfg.Writer)
	p.put = func(ctx context.Context, one archiver.Commit) error {
		body, err := plogotlp.NewExportRequestFromLogs(c.checkpointRecord(origin, one)).MarshalProto()
		if err != nil {
			return fmt.Errorf("encode the record of a checkpoint: %w", err)
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/x-protobuf")
		request.Header.Set("User-Agent", c.userAgent())
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return fmt.Errorf("read the answer of %s: %w", url, err)
		}
		return accepted(url, answer, text)
	}
	return nil
}

// accepted says whether an OTLP receiver has taken a record.
func accepted(url string, answer *http.Response, text []byte) error {
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, answer.Status)
	}
	response := plogotlp.NewExportResponse()
	if err := response.UnmarshalProto(text); err != nil {
		return fmt.Errorf("%s answered what is no answer of OTLP: %w", url, err)
	}
	if partial := response.PartialSuccess(); partial.RejectedLogRecords() > 0 {
		return fmt.Errorf("%s refused the record: %q", url, partial.ErrorMessage())
	}
	return nil
}

// checkpointRecord is a checkpoint as a log record. It has the same log.record.uid each time.
func (c *core) checkpointRecord(origin string, one archiver.Commit) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	c.set.Resource.CopyTo(resource.Resource())
	scope := resource.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	scope.Scope().SetVersion(c.set.BuildInfo.Version)
	r := scope.LogRecords().AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(one.To))
	r.SetObservedTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	r.SetSeverityNumber(plog.SeverityNumberInfo)
	r.SetSeverityText("INFO")
	r.SetEventName(checkpointEvent)
	r.Body().SetStr(string(one.Checkpoint))
	r.Attributes().PutStr(uidAttribute, recorduid.Hashed(one.Checkpoint).String())
	r.Attributes().PutStr(originAttribute, origin)
	r.Attributes().PutInt(numberAttribute, one.Number)
	r.Attributes().PutInt(sizeAttribute, one.Size)
	r.Attributes().PutStr(reasonAttribute, string(one.Event))
	return logs
}
