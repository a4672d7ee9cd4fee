package logfmtreceiver

import (
	"errors"

	"github.com/heartwood-otel/heartwood/internal/logrecord"
)

// mapperSettings is the part of the configuration that says how a line becomes a
// record. The error names every field that is wrong.
func (c *Config) mapperSettings() (logrecord.Settings, error) {
	set := logrecord.Settings{Fields: c.Fields, KeepOriginal: c.KeepOriginal}
	choices := logrecord.Choices{Types: c.Types, Duplicates: c.Duplicates, SeverityNumbers: c.SeverityNumbers, Timezone: c.Timezone}
	err := choices.Apply(&set)
	_, mapping := logrecord.NewMapper(set)
	return set, errors.Join(err, mapping)
}
