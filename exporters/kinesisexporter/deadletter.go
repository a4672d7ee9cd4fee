package kinesisexporter

import "github.com/heartwood-otel/heartwood/internal/deadletter"

// Why something becomes a dead letter. The list is that of metadata.yaml.
const (
	reasonTooLarge     = "too_large"
	reasonNotEncodable = "not_encodable"
	reasonRefused      = "refused"
	reasonNoRoom       = "no_room"
)

// openDeadLetters makes the folder: docs/format/kinesis.md.
func openDeadLetters(directory, stream, signal string) (*deadletter.Folder, error) {
	return deadletter.Open(deadletter.Settings{
		Directory: directory,
		Members:   []deadletter.Member{{Name: "stream", Value: stream}, {Name: "signal", Value: signal}},
		Key:       "partition_key",
	})
}
