package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
)

var versionCommand = command{
	name:    "version",
	summary: "print the version",
	usage:   "\n\nPrints the version of heartwood and what it was built with.",
	run: func(_ context.Context, p *program, flags *flag.FlagSet, args []string) error {
		rest, err := parse(flags, args)
		if err != nil {
			return err
		}
		if len(rest) > 0 {
			return usageError{fmt.Errorf("%q is too much", rest)}
		}
		_, err = fmt.Fprintf(p.stdout, "heartwood %s (%s %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	},
}
