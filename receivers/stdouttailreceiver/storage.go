package stdouttailreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/heartwood-otel/heartwood/receivers/stdouttailreceiver/internal/filetail"
)

// storageClient is nil where no storage is configured.
func (in *intake) storageClient(ctx context.Context, host component.Host, name string) (storage.Client, error) {
	id := in.cfg.Storage
	if id == nil {
		return nil, nil //nolint:nilnil // no storage is no error
	}
	extension, ok := host.GetExtensions()[*id]
	if !ok {
		return nil, fmt.Errorf("storage is %q, but no extension of that name runs: add it to extensions and to service::extensions", id)
	}
	store, ok := extension.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage is %q, which is no storage extension: use one such as file_storage", id)
	}
	return store.GetClient(ctx, component.KindReceiver, in.set.ID, name)
}

// checkpointStore keeps checkpoints in a storage extension.
type checkpointStore struct{ client storage.Client }

// Get gives nil for a key that is not there.
func (s checkpointStore) Get(ctx context.Context, key string) ([]byte, error) {
	return s.client.Get(ctx, key)
}

// Batch does all at once.
func (s checkpointStore) Batch(ctx context.Context, ops []filetail.Op) error {
	all := make([]*storage.Operation, len(ops))
	for i, op := range ops {
		if op.Value == nil {
			all[i] = storage.DeleteOperation(op.Key)
		} else {
			all[i] = storage.SetOperation(op.Key, op.Value)
		}
	}
	return s.client.Batch(ctx, all...)
}
