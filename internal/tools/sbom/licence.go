package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/licensecheck"
	xmodule "golang.org/x/mod/module"
)

// allow are the licences that a module of the binary may have: permissive ones, and the
// MPL, which asks for the source of its own files only, and these are used unchanged.
var allow = []string{
	"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0", "Unlicense", "Zlib",
}

// leastCoverage is how much of a file, in percent, must be known text of licences. Below,
// it could say something else besides.
const leastCoverage = 75

func (m module) allowed() error {
	for _, id := range m.licences {
		if !slices.Contains(allow, id) {
			return fmt.Errorf("licence %s is not on the list (%s)", id, strings.Join(allow, ", "))
		}
		if id == "MPL-2.0" && m.shaken {
			return fmt.Errorf("licence %s asks for the source of what is changed, and treeshake changes it", id)
		}
	}
	return nil
}

// licencesOf are those of the files of a module that say so.
func licencesOf(m module, cache string) ([]string, error) {
	switch m.path {
	case own:
		return []string{"Apache-2.0"}, nil
	case standard:
		return []string{"BSD-3-Clause"}, nil
	}
	path, err := xmodule.EscapePath(m.path)
	if err != nil {
		return nil, err
	}
	version, err := xmodule.EscapeVersion(m.version)
	if err != nil {
		return nil, err
	}
	return licencesIn(filepath.Join(cache, path+"@"+version))
}

func licencesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !isLicence(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		coverage := licensecheck.Scan(text)
		if coverage.Percent < leastCoverage {
			return nil, fmt.Errorf("%s: only %.0f %% of it is known text of a licence", entry.Name(), coverage.Percent)
		}
		for _, match := range coverage.Match {
			found = append(found, match.ID)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no licence", dir)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func isLicence(name string) bool {
	name = strings.ToUpper(name)
	for _, prefix := range []string{"LICENSE", "LICENCE", "COPYING", "UNLICENSE"} {
		rest, ok := strings.CutPrefix(name, prefix)
		if ok && (rest == "" || strings.ContainsAny(rest[:1], ".-_")) && !strings.HasSuffix(rest, ".GO") && rest != ".DOCS" { // code, and what holds for the documentation alone
			return true
		}
	}
	return false
}
