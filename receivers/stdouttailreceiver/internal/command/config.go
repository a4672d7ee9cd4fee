package command

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Policy says when a program is started again.
type Policy string

// The policies. The empty one is Never.
const (
	Never     Policy = "never"
	OnFailure Policy = "on_failure" // after any end but exit status 0
	Always    Policy = "always"
)

// Config says what to run. The zero value of each field but Argv is usable.
type Config struct {
	// Argv is the program and its arguments. A program without a slash is looked
	// for in PATH. No shell reads it.
	Argv []string
	// Dir is the working directory; "" is this process's own.
	Dir string
	// Env is added to this process's environment, and wins over it.
	Env map[string]string
	// User is a name or a number, and may have :group behind it. "" is this
	// process's own; any other needs root. HOME, USER and LOGNAME are set to the
	// user's.
	User string
	// Grace is the time between SIGTERM and SIGKILL. Default 10 s.
	Grace time.Duration
	// Restart says when to start it again.
	Restart Restart
}

// Restart says when and how soon a program is started again.
type Restart struct {
	Policy Policy
	// Initial is the wait before the first restart, doubled for each further one up
	// to Max. A run of at least ResetAfter begins anew with Initial. Defaults: 1 s, 1
	// min, 1 min. The actual wait is between half of that and all of it, so that many
	// programs do not start at the same moment.
	Initial, Max, ResetAfter time.Duration
	// Limit is how many restarts there are at most; 0 is no limit.
	Limit int
}

const (
	defaultGrace      = 10 * time.Second
	defaultInitial    = time.Second
	defaultMax        = time.Minute
	defaultResetAfter = time.Minute
)

func (c *Config) setDefaults() {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.Grace, defaultGrace)
	set(&c.Restart.Initial, defaultInitial)
	set(&c.Restart.Max, max(defaultMax, c.Restart.Initial))
	set(&c.Restart.ResetAfter, defaultResetAfter)
	if c.Restart.Policy == "" {
		c.Restart.Policy = Never
	}
}

// Validate names each field that is wrong, its value and the remedy.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(c.Argv) == 0 || c.Argv[0] == "" {
		bad("argv: is empty: give the program and its arguments as a list")
	}
	for i, a := range c.Argv {
		if strings.ContainsRune(a, 0) {
			bad("argv[%d]: %.80q holds a NUL byte, which no argument can", i, a)
		}
	}
	for key, value := range c.Env {
		if key == "" || strings.ContainsAny(key, "=\x00") || strings.ContainsRune(value, 0) {
			bad("env: %.80q is no name of a variable, or its value holds a NUL byte", key)
		}
	}
	switch c.Restart.Policy {
	case "", Never, OnFailure, Always:
	default:
		bad("restart.policy: %q is none of never, on_failure, always", c.Restart.Policy)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"grace", c.Grace},
		{"restart.initial", c.Restart.Initial},
		{"restart.max", c.Restart.Max},
		{"restart.reset_after", c.Restart.ResetAfter},
	} {
		if d.value < 0 {
			bad("%s: %s is negative", d.name, d.value)
		}
	}
	if c.Restart.Max != 0 && c.Restart.Max < c.Restart.Initial {
		bad("restart.max: %s is less than restart.initial, %s", c.Restart.Max, c.Restart.Initial)
	}
	if c.Restart.Limit < 0 {
		bad("restart.limit: %d is negative: 0 is no limit", c.Restart.Limit)
	}
	return errors.Join(errs...)
}

// environment is this process's, then the user's, then Env.
func (c *Config) environment(user []string) []string {
	env := append(os.Environ(), user...)
	added := len(env)
	for key, value := range c.Env {
		env = append(env, key+"="+value)
	}
	slices.Sort(env[added:])
	return env
}
