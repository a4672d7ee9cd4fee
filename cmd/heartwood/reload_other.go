//go:build !linux

package main

import (
	"context"
	"errors"
	"flag"
)

var reloadCommand = command{
	name:    "reload",
	summary: "have a running collector take its changed configuration (on Linux)",
	usage:   "Is there on Linux only: it reads /proc.",
	run: func(context.Context, *program, *flag.FlagSet, []string) error {
		return errors.New("it is there on Linux only")
	},
}
