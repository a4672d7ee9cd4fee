package stdouttailreceiver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
)

func TestDefaultConfigIsSound(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
}

func TestConfigsThatWork(t *testing.T) {
	for _, text := range []string{
		`{stdin: }`,
		`{command: {argv: [python, app.py], env: {A: b}, restart: {policy: always}}}`,
		`{files: {include: ["/var/log/pods/*/*/*.log"], exclude: ["*.gz"]}, storage: file_storage}`,
		`{journald: {units: [ssh], priority: warning}}`,
		`{stdin: , pattern: '^(?P<severity>\w+) (?P<message>.*)$'}`,
		`{stdin: , format: json, severity_numbers: python, timezone: Europe/Berlin}`,
	} {
		_, err := readConfig(text)
		assert.NoError(t, err, text)
	}
}

func TestConfigErrorsNameFieldValueAndRemedy(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                     `no source: configure at least one of stdin, command, files, journald`,
		`{command: {}}`:                          `argv is [], but must name a program, such as [python, app.py]`,
		`{files: {}}`:                            `include is empty: name at least one file or glob`,
		`{files: {include: ["a["]}}`:             `"a[" is not a pattern`,
		`{files: {include: [a], start_at: top}}`: `start_at is "top", but must be one of ["end" "beginning"]`,
		`{files: {include: [a], max_open_files: 0}}`:           `max_open_files is 0, but must be at least 1`,
		`{stdin: {on_full: explode}}`:                          `on_full is "explode", but must be one of ["block" "drop_newest"]`,
		`{stdin: {framing: xml}}`:                              `framing is "xml", but must be one of ["auto" "lines" "cri" "docker"]`,
		`{stdin: {framing: cri, iostream: stdout}}`:            `iostream is "stdout", but framing "cri" tells the stream of each line: leave one of them out`,
		`{stdin: {max_buffer_size: 1KiB}}`:                     `max_buffer_size is 1KiB, but must be at least 256KiB`,
		`{stdin: , format: xml}`:                               `format is "xml", but must be one of ["auto" "json" "logfmt" "text" "access"]`,
		`{stdin: , pattern: "("}`:                              `pattern: `,
		`{stdin: , format: json, pattern: "(?P<message>.*)"}`:  `pattern is for text, and format is "json": leave one of them out`,
		`{stdin: , timezone: Mars/Base}`:                       `timezone is "Mars/Base", which is no known zone`,
		`{stdin: , types: guess}`:                              `types is "guess", but must be infer`,
		`{stdin: , max_line_size: 3B}`:                         `max_line_size is 3B, but must be between 256B and 256MiB`,
		`{stdin: , join: {timeout: 0s}}`:                       `timeout is 0s, but must be more than 0s and at most 1m`,
		`{stdin: , join: {max_lines: 0}}`:                      `max_lines is 0, but must be at least 1`,
		`{stdin: , batch: {max_records: 0}}`:                   `max_records is 0, but must be at least 1`,
		`{stdin: , accept_timeout: 0s}`:                        `accept_timeout is 0s, but must be more than 0`,
		`{stdin: , fields: {level: [a]}}`:                      `fields: "level" is no target: did you mean "severity"?`,
		`{command: {argv: [a], restart: {policy: daily}}}`:     `policy is "daily", but must be one of ["never" "on_failure" "always"]`,
		`{command: {argv: [a], restart: {max_interval: 1ms}}}`: `max_interval is 1ms, but must be at least initial_interval, 1s`,
		`{command: {argv: [a], on_exit: celebrate}}`:           `on_exit is "celebrate", but must be one of ["keep" "shutdown"]`,
		`{journald: {journalctl: ""}}`:                         `journalctl is empty: name the program, or leave the field out`,
		`{journald: {priority: loud}}`:                         `priority`,
	} {
		_, err := readConfig(text)
		assert.ErrorContains(t, err, want, text)
	}
}
