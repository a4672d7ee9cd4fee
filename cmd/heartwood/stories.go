package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/recordtext"
	"github.com/heartwood-otel/heartwood/cmd/heartwood/internal/tailfile"
)

var storiesCommand = command{
	name:    "stories",
	summary: "show what the quickstart's services said about each request, as one story",
	usage: `[flags]

Shows the documents that the quickstart's collector makes of requests: a heading with
outcome, duration and services, and below it a line for each record, whichever service
it is from. A request is shown once its services have been quiet about it for some
seconds. Records of no request are shown as they come. Ctrl-C ends it.`,
	run: runStories,
}

func runStories(ctx context.Context, p *program, flags *flag.FlagSet, args []string) error {
	style := recordtext.Style{Color: coloured(p.stdout, p.getenv)}
	runDir := flags.String("run-dir", filepath.Join(homeDir(), ".run"), "`directory` of the quickstart")
	flags.BoolVar(&style.Full, "full", false, "show every attribute, and ids and stack traces whole")
	once := flags.Bool("once", false, "show what there is, and end")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", rest[0])}
	}
	follower := tailfile.New(filepath.Join(*runDir, "records", "stories.jsonl"), followMaxLine)
	defer func() { _ = follower.Close() }()
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	for {
		if err := showStories(p.stdout, style, follower); err != nil || *once {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// showStories shows what has come.
func showStories(out io.Writer, style recordtext.Style, follower *tailfile.Follower) error {
	for {
		line, err := follower.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, tailfile.ErrTooLong):
			continue
		case err != nil:
			return fmt.Errorf("follow the stories: %w", err)
		case len(line) == 0:
			continue // a file that was turned over between a request and its end of line
		}
		logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
		if err != nil {
			return fmt.Errorf("read a story: %w", err)
		}
		if _, err := out.Write(style.AppendStories(nil, logs)); err != nil {
			return fmt.Errorf("show the stories: %w", err)
		}
	}
}
