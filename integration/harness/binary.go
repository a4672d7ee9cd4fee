package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// BinaryEnv names the environment variable that points the tests at another
// binary than bin/otelcol-heartwood. Such a binary is taken as it is: its age
// isn't looked at.
const BinaryEnv = "HEARTWOOD_BINARY"

// collectorSources are the parts of the repository that end up in the binary.
var collectorSources = []string{
	"builder-config.yaml", "distribution", "go.mod", "go.sum",
	"receivers", "processors", "exporters", "connectors", "extensions", "converters", "internal",
}

// Binary gives the path of the collector under test. The test ends here when
// there's none, or when it is older than what it is made from: a test of
// yesterday's binary proves nothing.
func Binary(tb testing.TB) string {
	tb.Helper()
	if path := os.Getenv(BinaryEnv); path != "" {
		if err := checkExecutable(path); err != nil {
			tb.Fatalf("%s=%s: %v", BinaryEnv, path, err)
		}
		return path
	}
	return Program(tb, "otelcol-heartwood", collectorSources...)
}

// Program gives the path of bin/<name>, a program of this repository, and ends
// the test when it's absent or older than one of its sources (files or folders,
// relative to the repository's root).
func Program(tb testing.TB, name string, sources ...string) string {
	tb.Helper()
	root := Root(tb)
	path := filepath.Join(root, "bin", name)
	if err := checkFresh(root, path, sources); err != nil {
		hint := "run `make build` first"
		if name == "otelcol-heartwood" {
			hint += ", or set " + BinaryEnv + " to the binary you want tested"
		}
		tb.Fatalf("%v: %s", err, hint)
	}
	return path
}

// Root is the repository's root folder.
func Root(tb testing.TB) string {
	tb.Helper()
	root, err := findRoot()
	if err != nil {
		tb.Fatal(err)
	}
	return root
}

var findRoot = sync.OnceValues(func() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "builder-config.yaml")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no builder-config.yaml in %s or above it: run the tests inside the repository", start)
		}
	}
})

func checkExecutable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there's no such file")
	case err != nil:
		return err
	case info.IsDir() || info.Mode()&0o111 == 0:
		return errors.New("that's not a program that can be run")
	}
	return nil
}

func checkFresh(root, binary string, sources []string) error {
	if err := checkExecutable(binary); err != nil {
		return fmt.Errorf("%s: %w", binary, err)
	}
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	newest, when, err := newestSource(root, sources)
	if err != nil {
		return fmt.Errorf("look for the sources of %s: %w", binary, err)
	}
	if when.After(info.ModTime()) {
		return fmt.Errorf("%s is older than %s, which it is built from", binary, newest)
	}
	return nil
}

func newestSource(root string, sources []string) (newest string, when time.Time, err error) {
	for _, source := range sources {
		err := filepath.WalkDir(filepath.Join(root, source), func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a kind of component that isn't there yet, or a file just removed
			}
			if err != nil {
				return err
			}
			name := entry.Name()
			if entry.IsDir() {
				if name == "testdata" || name == "node_modules" || path == filepath.Join(root, "internal", "tools") {
					return fs.SkipDir
				}
				return nil
			}
			if !goesIntoBinary(path) {
				return nil
			}
			info, err := entry.Info()
			if err != nil {
				return nil //nolint:nilerr // removed between listing and looking
			}
			if info.ModTime().After(when) {
				newest, when = path, info.ModTime()
			}
			return nil
		})
		if err != nil {
			return "", time.Time{}, err
		}
	}
	return newest, when, nil
}

func goesIntoBinary(path string) bool {
	name := filepath.Base(path)
	switch name {
	case "go.mod", "go.sum", "builder-config.yaml":
		return true
	}
	if strings.Contains(filepath.ToSlash(path), "/web/dist/") { // it is embedded
		return true
	}
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}
