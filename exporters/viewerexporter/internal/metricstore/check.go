package metricstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/index"
	"go.uber.org/zap"
)

// blockNameLength is that of a ULID; of the TSDB's other directories none has such a name.
const blockNameLength = 26

// removeDamaged removes the blocks that can't be read, and says so: one of them would let the TSDB not open, or each
// query of its time fail. The TSDB itself repairs its log.
func (s *Settings) removeDamaged(ctx context.Context, logger *slog.Logger) error {
	entries, err := os.ReadDir(s.Directory)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if len(entry.Name()) != blockNameLength || !entry.IsDir() {
			continue
		}
		path := filepath.Join(s.Directory, entry.Name())
		damage := check(ctx, path, logger)
		if damage == nil {
			continue
		}
		s.Logger.Error("A block of metrics can't be read and is removed", zap.String("block", entry.Name()), zap.Error(damage))
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove a block that can't be read: %w", err)
		}
	}
	return nil
}

// check reads all of a block.
func check(ctx context.Context, path string, logger *slog.Logger) (err error) {
	block, err := tsdb.OpenBlock(logger, path, nil, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, block.Close()) }()
	series, err := block.Index()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, series.Close()) }()
	data, err := block.Chunks()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	name, value := index.AllPostingsKey()
	all, err := series.Postings(ctx, name, value)
	if err != nil {
		return err
	}
	var builder labels.ScratchBuilder
	var metas []chunks.Meta
	for all.Next() {
		if err := series.Series(all.At(), &builder, &metas); err != nil {
			return err
		}
		for _, meta := range metas {
			if _, _, err := data.ChunkOrIterable(meta); err != nil {
				return err
			}
		}
	}
	return all.Err()
}
