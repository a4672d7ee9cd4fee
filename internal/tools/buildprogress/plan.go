package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"
)

// notInstalled is what go list says of a main package that has been compiled and
// is only to be linked.
const notInstalled = "not installed but available in build cache"

// makePlan asks go list what is to be compiled. A plan that could not be made is
// empty: progress is then counted without an end.
func makePlan(ctx context.Context, b buildCommand) plan {
	// Where EmbedFiles is not asked for, go list leaves embedded files out of its
	// reckoning and takes each package that has some for stale, and all above it.
	arguments := append([]string{"list", "-deps", "-e", "-json=ImportPath,Dir,GoFiles,EmbedFiles,Stale,StaleReason"}, b.flags...)
	command := exec.CommandContext(ctx, b.program, append(arguments, b.rest...)...)
	out, err := command.Output()
	p := plan{weights: make(map[string]int64)}
	if err != nil {
		return p
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var listed struct {
			ImportPath, Dir string
			GoFiles         []string
			Stale           bool
			StaleReason     string
		}
		if err := decoder.Decode(&listed); err != nil {
			if !errors.Is(err, io.EOF) {
				return plan{weights: make(map[string]int64)}
			}
			return p
		}
		var weight int64
		for _, name := range listed.GoFiles {
			if info, err := os.Stat(filepath.Join(listed.Dir, name)); err == nil {
				weight += info.Size()
			}
		}
		p.all += weight
		if listed.Stale && listed.StaleReason != notInstalled {
			p.weights[listed.ImportPath] = weight
		}
	}
}

// missingModules counts the modules that the main module requires and that are
// not in the module cache: the most that can still be fetched.
func missingModules(ctx context.Context, b buildCommand) int {
	out, err := exec.CommandContext(ctx, b.program, "env", "GOMODCACHE", "GOMOD").Output()
	if err != nil {
		return 0
	}
	cache, file, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	for i, flag := range b.flags {
		if value, ok := strings.CutPrefix(strings.TrimLeft(flag, "-"), "modfile="); ok {
			file = value
		} else if strings.TrimLeft(flag, "-") == "modfile" && i+1 < len(b.flags) {
			file = b.flags[i+1]
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	missing := 0
	for _, m := range required(string(content)) {
		zip := filepath.Join(cache, "cache", "download", escape(m.path), "@v", escape(m.version)+".zip")
		if _, err := os.Stat(zip); err != nil {
			missing++
		}
	}
	return missing
}

type module struct{ path, version string }

// required reads the requirements of a go.mod, as far as one needs to count them.
func required(gomod string) []module {
	var modules []module
	block := false
	for line := range strings.Lines(gomod) {
		line, _, _ = strings.Cut(line, "//")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "require" && fields[1] == "(":
			block = true
		case len(fields) == 1 && fields[0] == ")":
			block = false
		case len(fields) == 3 && fields[0] == "require":
			modules = append(modules, module{fields[1], fields[2]})
		case block && len(fields) == 2:
			modules = append(modules, module{fields[0], fields[1]})
		}
	}
	return modules
}

// escape writes a path or a version as the module cache does: capital letters as
// an exclamation mark and the small one (Go Modules Reference, Module cache).
func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsUpper(r) {
			b.WriteByte('!')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}
