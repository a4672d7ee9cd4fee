package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

var healthCommand = command{
	name:    "health",
	summary: "ask a collector's health check, for containers without a shell",
	usage: `[flags]

Asks the health_check extension, and shows what it answers where that is no good news.

The exit status is 0 when it says that the collector is well, 1 when it does not, or
can't be reached.`,
	run: runHealth,
}

// shownAnswer is how much of an answer is shown, in bytes.
const shownAnswer = 4 << 10

func runHealth(ctx context.Context, _ *program, flags *flag.FlagSet, args []string) error {
	url := flags.String("url", "http://127.0.0.1:13133/", "the `URL` of the health check")
	timeout := flags.Duration("timeout", 4*time.Second, "how long it may take to answer")
	rest, err := parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usageError{fmt.Errorf("unexpected argument %q", rest[0])}
	case *timeout <= 0:
		return usageError{fmt.Errorf("--timeout is %v, want more than 0", *timeout)}
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, *url, http.NoBody)
	if err != nil {
		return usageError{err}
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, shownAnswer))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", *url, response.Status, strings.Map(printable, strings.TrimSpace(string(text))))
	}
	return nil
}
