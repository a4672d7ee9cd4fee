package eventfoldprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
)

func TestDefaultConfigIsSound(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	require.NoError(t, createDefaultConfig().(*Config).Validate())
}

func TestConfigErrorsNameFieldValueAndRemedy(t *testing.T) {
	for text, want := range map[string]string{
		`{key: []}`:                                 `key is empty; name the attributes`,
		`{key: [a, ""]}`:                            `key is ["a" ""]; an attribute's name must not be empty`,
		`{key_expression: 'attributes['}`:           `key_expression is "attributes["; it must be an OTTL expression`,
		`{style: prose}`:                            `style is "prose"; it must be one of ["document" "logtrace" "canonical"]`,
		`{logtrace: {verbosity: vvvv}}`:             `logtrace::verbosity is "vvvv"; it must be one of ["v" "vv" "vvv"]`,
		`{merge: {default: most}}`:                  `merge::default is "most"; it must be one of`,
		`{merge: {keys: {a: most}}}`:                `merge::keys has "most" for "a"; it must be one of`,
		`{end_when: ['body = 1']}`:                  `end_when is ["body = 1"]; each must be an OTTL condition`,
		`{start_when: ['nope()']}`:                  `start_when is ["nope()"]; each must be an OTTL condition`,
		`{outcome: {failure_when: ['x == 1']}}`:     `outcome::failure_when is ["x == 1"]; each must be an OTTL condition`,
		`{late: drop}`:                              `late is "drop"; it must be one of ["new_event" "pass"]`,
		`{originals: keep}`:                         `originals is "keep"; it must be one of ["drop" "pass"]`,
		`{idle_timeout: 0s}`:                        `idle_timeout is 0s; it must be more than 0`,
		`{idle_timeout: 2m}`:                        `idle_timeout is 2m0s and max_duration is 1m0s; the first must not be longer`,
		`{repeat_window: -1s}`:                      `repeat_window is -1s; it must be more than 0`,
		`{max_records: 0}`:                          `max_records is 0; it must be at least 1`,
		`{max_remembered: -1}`:                      `max_remembered is -1; it must be at least 0`,
		`{max_bytes: 2GiB}`:                         `max_bytes is 2GiB; it must be from 1B to 1GiB`,
		`{max_state: 1KiB}`:                         `max_state is 1KiB; it must be at least 1MiB`,
		`{batch: {max_events: 0}}`:                  `batch::max_events is 0; it must be at least 1`,
		`{directory: ., }`:                          `directory is ".", where the collector runs; name a folder of its own`,
		`{directory: /d, max_directory_size: 1MiB}`: `max_directory_size is 1MiB and max_state is 256MiB; the journal must have room`,
	} {
		assert.ErrorContains(t, configured(t, text).Validate(), want, text)
	}
}
