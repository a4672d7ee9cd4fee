// Command stdout logs the scenario of ../README.md to stdout:
//
//	stdout list                  the libraries and formats
//	stdout <library> <format>    run one
//	stdout ecs list              those that log fields of ECS
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

type program struct {
	name string
	run  func()
}

var ecsPrograms = []program{
	{"ecs zap", ecsZap},
	{"ecs logrus", ecsLogrus},
	{"ecs zerolog", ecsZerolog},
}

var programs = []program{
	{"slog json", slogJSON},
	{"slog source", slogSource},
	{"slog text", slogText},
	{"slog default", slogDefault},
	{"zap json", zapJSON},
	{"zap sugared", zapSugared},
	{"zap console", zapConsole},
	{"zerolog json", zerologJSON},
	{"zerolog unix", zerologUnix},
	{"zerolog console", zerologConsole},
	{"logrus json", logrusJSON},
	{"logrus text", logrusText},
	{"klog text", klogText},
	{"log standard", logStandard},
	{"log short", logShort},
	{"none crash", crash},
}

func main() {
	name := strings.Join(os.Args[1:], " ")
	switch name {
	case "list":
		list(programs)
	case "ecs list":
		list(ecsPrograms)
	default:
		for _, each := range slices.Concat(programs, ecsPrograms) {
			if each.name == name {
				each.run()
				return
			}
		}
		fmt.Fprintln(os.Stderr, "usage: stdout list | stdout <library> <format>")
		os.Exit(2) //nolint:forbidigo // the main function of a program
	}
}

func list(all []program) {
	for _, each := range all {
		fmt.Println(each.name) //nolint:forbidigo // this is what it is for
	}
}
