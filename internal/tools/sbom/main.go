// Command sbom says what a binary is made of: a bill of materials in CycloneDX, and a list
// of licences. Both come from what the Go linker has written into the binary, so that they
// are of what it holds, not of what was asked for.
//
// The same binary gives the same files. A module under a licence that is not on the list in
// licence.go is an error, after both files are written.
package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	binary := flags.String("binary", "", "the program")
	version := flags.String("version", "", "its version")
	sums := flags.String("sums", "", "the go.sum that the program was built with")
	cache := flags.String("cache", "", "the folder of Go's module cache")
	bomFile := flags.String("bom", "", "file to write the bill of materials to")
	licenceFile := flags.String("licences", "", "file to write the list of licences to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(*binary)
	if err != nil {
		return err
	}
	known, err := readSums(*sums)
	if err != nil {
		return err
	}
	modules, err := modulesOf(info, *version, known)
	if err != nil {
		return err
	}
	var refused []error
	for i, m := range modules {
		if m.licences, err = licencesOf(m, *cache); err == nil {
			err = m.allowed()
		}
		if err != nil {
			refused = append(refused, fmt.Errorf("%s %s: %w", m.path, m.version, err))
		}
		modules[i] = m
	}
	if *bomFile != "" {
		bom, err := billOf(*binary, info, *version, modules)
		if err != nil {
			return err
		}
		if err := write(*bomFile, func(out io.Writer) error {
			return cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6)
		}); err != nil {
			return err
		}
	}
	if *licenceFile != "" {
		if err := write(*licenceFile, func(out io.Writer) error { return writeLicences(out, modules) }); err != nil {
			return err
		}
	}
	return errors.Join(refused...)
}

// write makes a file whole or not at all.
func write(name string, content func(io.Writer) error) error {
	var buffer bytes.Buffer
	if err := content(&buffer); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, buffer.Bytes(), 0o644)
}

func writeLicences(out io.Writer, modules []module) error {
	table := csv.NewWriter(out)
	rows := [][]string{{"module", "version", "licences"}}
	for _, m := range modules {
		rows = append(rows, []string{m.path, m.version, strings.Join(m.licences, " ")})
	}
	return table.WriteAll(rows)
}
