// Command stdout logs the scenario of ../README.md to stdout:
//
//	stdout list                  the libraries and formats
//	stdout <library> <format>    run one
package main

import (
	"fmt"
	"os"
	"strings"
)

var programs = []struct {
	name string
	run  func()
}{
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
	for _, each := range programs {
		switch name {
		case each.name:
			each.run()
			return
		case "list":
			fmt.Println(each.name) //nolint:forbidigo // this is what it is for
		}
	}
	if name != "list" {
		fmt.Fprintln(os.Stderr, "usage: stdout list | stdout <library> <format>")
		os.Exit(2) //nolint:forbidigo // the main function of a program
	}
}
