package memstore_test

import (
	"testing"

	"github.com/heartwood-otel/heartwood/internal/objectstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/memstore"
	"github.com/heartwood-otel/heartwood/internal/objectstore/storetest"
)

func TestMemstoreIsAStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Subject {
		s := memstore.New(nil)
		return storetest.Subject{
			Store: s, Mark: func(key string) { s.Mark(key) },
			Overwrite: func(key, data string) { s.Overwrite(key, []byte(data), objectstore.Lock{}) },
		}
	})
}
