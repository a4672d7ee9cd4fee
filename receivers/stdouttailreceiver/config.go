package stdouttailreceiver

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"

	"github.com/heartwood-otel/heartwood/internal/bytesize"
)

const (
	minLineSize = 256 * bytesize.Byte
	maxLineSize = 256 * bytesize.MiB
)

// Config is the receiver's part of the configuration. The README has the table of
// all fields.
type Config struct {
	// Stdin, Command, Files and Journald are the places where the stream is caught;
	// at least one must be there.
	Stdin    configoptional.Optional[stdinConfig]    `mapstructure:"stdin"`
	Command  configoptional.Optional[commandConfig]  `mapstructure:"command"`
	Files    configoptional.Optional[filesConfig]    `mapstructure:"files"`
	Journald configoptional.Optional[journaldConfig] `mapstructure:"journald"`

	// Storage keeps the places in files and the journal's cursor. Without it they
	// last as long as the process.
	Storage *component.ID `mapstructure:"storage"`

	// Format is "auto" (default), "json", "logfmt", "text" or "access".
	Format string `mapstructure:"format"`
	// Pattern is a regular expression with named groups, tried before all else.
	Pattern string `mapstructure:"pattern"`
	// Resource attributes that neither the line nor the source gives.
	Resource map[string]string `mapstructure:"resource"`
	// Fields maps a target of the record contract to the keys that fill it, in order
	// of preference.
	Fields map[string][]string `mapstructure:"fields"`
	// Types is "infer" (default) or "string", of logfmt values.
	Types string `mapstructure:"types"`
	// Duplicates is "last" (default), "first" or "list", of logfmt keys.
	Duplicates string `mapstructure:"duplicates"`
	// Timezone is an IANA name, for times that name no zone. Default UTC.
	Timezone string `mapstructure:"timezone"`
	// SeverityNumbers says whose numbers a numeric level is in. Default auto.
	SeverityNumbers string `mapstructure:"severity_numbers"`
	// KeepOriginal keeps each line as log.record.original.
	KeepOriginal bool `mapstructure:"keep_original"`

	Join joinConfig `mapstructure:"join"`

	// MaxLineSize is the longest line that comes as one record. Longer ones come in
	// pieces. Default 1MiB.
	MaxLineSize bytesize.Size `mapstructure:"max_line_size"`
	// Batch bounds what is handed over at once.
	Batch batchConfig `mapstructure:"batch"`
	// AcceptTimeout is how long one call of the next consumer may take. Default 5s.
	AcceptTimeout time.Duration `mapstructure:"accept_timeout"`

	// prevent unkeyed literal initialization
	_ struct{}
}

type joinConfig struct {
	// Enabled joins stack traces and other lines that continue a record. Default
	// true.
	Enabled bool `mapstructure:"enabled"`
	// Unindented joins also what begins at the margin and has no layout, behind a
	// record that has one. Default false.
	Unindented bool `mapstructure:"unindented"`
	// MaxLines of a record. Default 1000.
	MaxLines int `mapstructure:"max_lines"`
	// MaxSize of a record. Default 256KiB.
	MaxSize bytesize.Size `mapstructure:"max_size"`
	// Timeout is how long a record waits for a line that continues it. Default 500ms.
	Timeout time.Duration `mapstructure:"timeout"`
}

type batchConfig struct {
	// MaxRecords in one call. Default 1024.
	MaxRecords int `mapstructure:"max_records"`
	// MaxSize of the lines in one call. Default 1MiB.
	MaxSize bytesize.Size `mapstructure:"max_size"`
	// Linger is how long a batch waits for more. Default 50ms.
	Linger time.Duration `mapstructure:"linger"`
}

// pipeConfig is what stdin and command have in common.
type pipeConfig struct {
	// OnFull is "block" (default) or "drop_newest".
	OnFull string `mapstructure:"on_full"`
	// MaxBufferSize is what drop_newest holds. Default 16MiB.
	MaxBufferSize bytesize.Size `mapstructure:"max_buffer_size"`
}

type stdinConfig struct {
	pipeConfig `mapstructure:",squash"`

	// Framing is "lines" (default), "auto", "cri" or "docker".
	Framing string `mapstructure:"framing"`
	// OnEOF is "shutdown" (default) or "keep".
	OnEOF string `mapstructure:"on_eof"`
	// IOStream sets log.iostream: "stdout", "stderr" or nothing.
	IOStream string `mapstructure:"iostream"`
}

type commandConfig struct {
	pipeConfig `mapstructure:",squash"`

	// Argv is the program and its arguments.
	Argv []string `mapstructure:"argv"`
	// Dir is where it runs. Default: where the collector does.
	Dir string `mapstructure:"dir"`
	// Env is added to the collector's own.
	Env map[string]string `mapstructure:"env"`
	// User is a name or an id. Default: the collector's.
	User string `mapstructure:"user"`
	// Grace is the time between SIGTERM and SIGKILL. Default 10s.
	Grace   time.Duration `mapstructure:"grace"`
	Restart restartConfig `mapstructure:"restart"`
	// OnExit is "keep" (default) or "shutdown".
	OnExit string `mapstructure:"on_exit"`
}

type restartConfig struct {
	// Policy is "never", "on_failure" (default) or "always".
	Policy string `mapstructure:"policy"`
	// InitialInterval is the first pause. Default 1s.
	InitialInterval time.Duration `mapstructure:"initial_interval"`
	// MaxInterval is the longest pause. Default 1m.
	MaxInterval time.Duration `mapstructure:"max_interval"`
}

type filesConfig struct {
	// Include and Exclude are globs.
	Include []string `mapstructure:"include"`
	Exclude []string `mapstructure:"exclude"`
	// Framing is "auto" (default), "lines", "cri" or "docker".
	Framing string `mapstructure:"framing"`
	// StartAt is "end" (default) or "beginning".
	StartAt string `mapstructure:"start_at"`
	// PollInterval is how often files are looked at. Default 200ms.
	PollInterval time.Duration `mapstructure:"poll_interval"`
	// MaxOpenFiles at one time. Default 256.
	MaxOpenFiles int `mapstructure:"max_open_files"`
	// Compressed is "skip" (default) or "read".
	Compressed string `mapstructure:"compressed"`
	// FlushAfter delivers a last line without line end. Default 5s.
	FlushAfter time.Duration `mapstructure:"flush_after"`
}

type journaldConfig struct {
	// Journalctl is the program. Default journalctl.
	Journalctl string `mapstructure:"journalctl"`
	// Directory of the journal. Default: the system's.
	Directory string `mapstructure:"directory"`
	// Units, Identifiers and Matches say what to read. Default: everything.
	Units       []string `mapstructure:"units"`
	Identifiers []string `mapstructure:"identifiers"`
	Matches     []string `mapstructure:"matches"`
	// Priority is a name or a number: this and what is more urgent. Default: all.
	Priority string `mapstructure:"priority"`
	// StartAt is "end" (default) or "beginning".
	StartAt string `mapstructure:"start_at"`
}

var _ confmap.Validator = (*Config)(nil)

func createDefaultConfig() component.Config {
	pipe := pipeConfig{OnFull: "block", MaxBufferSize: 16 * bytesize.MiB}
	return &Config{
		Stdin: configoptional.Default(stdinConfig{pipeConfig: pipe, Framing: "lines", OnEOF: "shutdown"}),
		Command: configoptional.Default(commandConfig{
			pipeConfig: pipe,
			Grace:      10 * time.Second,
			Restart:    restartConfig{Policy: "on_failure", InitialInterval: time.Second, MaxInterval: time.Minute},
			OnExit:     "keep",
		}),
		Files: configoptional.Default(filesConfig{
			Framing: "auto", StartAt: "end", Compressed: "skip",
			PollInterval: 200 * time.Millisecond, MaxOpenFiles: 256, FlushAfter: 5 * time.Second,
		}),
		Journald:        configoptional.Default(journaldConfig{Journalctl: "journalctl", StartAt: "end"}),
		Format:          "auto",
		Types:           "infer",
		Duplicates:      "last",
		Timezone:        "UTC",
		SeverityNumbers: "auto",
		Join:            joinConfig{Enabled: true, MaxLines: 1000, MaxSize: 256 * bytesize.KiB, Timeout: 500 * time.Millisecond},
		MaxLineSize:     bytesize.MiB,
		Batch:           batchConfig{MaxRecords: 1024, MaxSize: bytesize.MiB, Linger: 50 * time.Millisecond},
		AcceptTimeout:   5 * time.Second,
	}
}

// Validate names the field, the value and what would be right. Nested fields are
// checked by their own Validate.
func (c *Config) Validate() error {
	var errs []error
	if !c.Stdin.HasValue() && !c.Command.HasValue() && !c.Files.HasValue() && !c.Journald.HasValue() {
		errs = append(errs, errors.New("no source: configure at least one of stdin, command, files, journald (an empty section takes the defaults)"))
	}
	if _, err := c.recordSettings(); err != nil {
		errs = append(errs, err)
	}
	if c.MaxLineSize < minLineSize || c.MaxLineSize > maxLineSize {
		errs = append(errs, fmt.Errorf("max_line_size is %s, but must be between %s and %s", c.MaxLineSize, minLineSize, maxLineSize))
	}
	errs = append(errs, positive("accept_timeout", c.AcceptTimeout, "5s"))
	return errors.Join(errs...)
}

// Validate checks the limits of a joined record.
func (c *joinConfig) Validate() error {
	var errs []error
	if c.MaxLines < 1 {
		errs = append(errs, fmt.Errorf("max_lines is %d, but must be at least 1; the default is 1000", c.MaxLines))
	}
	if c.MaxSize < bytesize.KiB {
		errs = append(errs, fmt.Errorf("max_size is %s, but must be at least 1KiB; the default is 256KiB", c.MaxSize))
	}
	if c.Timeout <= 0 || c.Timeout > time.Minute {
		errs = append(errs, fmt.Errorf("timeout is %s, but must be more than 0s and at most 1m; the default is 500ms", c.Timeout))
	}
	return errors.Join(errs...)
}

// Validate checks the limits of a batch.
func (c *batchConfig) Validate() error {
	var errs []error
	if c.MaxRecords < 1 {
		errs = append(errs, fmt.Errorf("max_records is %d, but must be at least 1; the default is 1024", c.MaxRecords))
	}
	if c.MaxSize < bytesize.KiB {
		errs = append(errs, fmt.Errorf("max_size is %s, but must be at least 1KiB; the default is 1MiB", c.MaxSize))
	}
	if c.Linger < 0 || c.Linger > time.Minute {
		errs = append(errs, fmt.Errorf("linger is %s, but must be between 0s (hand over at once) and 1m", c.Linger))
	}
	return errors.Join(errs...)
}

func (c *pipeConfig) validate() error {
	var errs []error
	errs = append(errs, oneOf("on_full", c.OnFull, "block", "drop_newest"))
	if c.MaxBufferSize < 256*bytesize.KiB {
		errs = append(errs, fmt.Errorf("max_buffer_size is %s, but must be at least 256KiB; the default is 16MiB", c.MaxBufferSize))
	}
	return errors.Join(errs...)
}

// Validate checks what stdin's section says.
func (c *stdinConfig) Validate() error {
	return errors.Join(
		c.validate(),
		oneOf("framing", c.Framing, framings...),
		oneOf("on_eof", c.OnEOF, "shutdown", "keep"),
		oneOf("iostream", c.IOStream, "", "stdout", "stderr"),
		c.checkIOStream(),
	)
}

func (c *stdinConfig) checkIOStream() error {
	if c.IOStream != "" && c.Framing != "lines" {
		return fmt.Errorf("iostream is %q, but framing %q tells the stream of each line: leave one of them out", c.IOStream, c.Framing)
	}
	return nil
}

// Validate checks what command's section says. Whether the program is there is
// found out when it starts.
func (c *commandConfig) Validate() error {
	errs := []error{c.validate(), oneOf("on_exit", c.OnExit, "keep", "shutdown")}
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		errs = append(errs, fmt.Errorf("argv is %q, but must name a program, such as [python, app.py]", c.Argv))
	}
	errs = append(errs, positive("grace", c.Grace, "10s"))
	return errors.Join(errs...)
}

// Validate checks policy and pauses.
func (c *restartConfig) Validate() error {
	errs := []error{
		oneOf("policy", c.Policy, "never", "on_failure", "always"),
		positive("initial_interval", c.InitialInterval, "1s"),
	}
	if c.MaxInterval < c.InitialInterval {
		errs = append(errs, fmt.Errorf("max_interval is %s, but must be at least initial_interval, %s", c.MaxInterval, c.InitialInterval))
	}
	return errors.Join(errs...)
}

// Validate checks the names and limits.
func (c *filesConfig) Validate() error {
	errs := []error{
		oneOf("framing", c.Framing, framings...),
		oneOf("start_at", c.StartAt, "end", "beginning"),
		oneOf("compressed", c.Compressed, "skip", "read"),
		positive("poll_interval", c.PollInterval, "200ms"),
		positive("flush_after", c.FlushAfter, "5s"),
	}
	if len(c.Include) == 0 {
		errs = append(errs, errors.New("include is empty: name at least one file or glob, such as /var/log/pods/*/*/*.log"))
	}
	if c.MaxOpenFiles < 1 {
		errs = append(errs, fmt.Errorf("max_open_files is %d, but must be at least 1; the default is 256", c.MaxOpenFiles))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return c.tailer().Validate()
}

// Validate checks the names.
func (c *journaldConfig) Validate() error {
	errs := []error{oneOf("start_at", c.StartAt, "end", "beginning")}
	if c.Journalctl == "" {
		errs = append(errs, errors.New("journalctl is empty: name the program, or leave the field out"))
	}
	set := c.reader()
	errs = append(errs, set.Validate())
	return errors.Join(errs...)
}

func oneOf(field, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s is %q, but must be one of %q", field, value, allowed)
}

func positive(field string, d time.Duration, example string) error {
	if d <= 0 {
		return fmt.Errorf("%s is %s, but must be more than 0; the default is %s", field, d, example)
	}
	return nil
}
