package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

const (
	// own is the module of this repository, which the binary's build replaces by a folder.
	own = "github.com/heartwood-otel/heartwood"
	// standard is Go's own library, which is no module.
	standard = "std"
	// shaken marks modules of which treeshake has left parts out.
	shaken = "parts that nothing calls are left out at build time, by internal/tools/treeshake; the rest is unchanged"
)

// module is one that is in the binary.
type module struct {
	path, version string
	sum           string // as in go.sum; empty for those that have none
	shaken        bool
	licences      []string // SPDX, sorted
}

// modulesOf are the modules in a binary, by path.
func modulesOf(info *debug.BuildInfo, version string, sums map[string]string) ([]module, error) {
	modules := []module{{path: standard, version: strings.TrimPrefix(info.GoVersion, "go")}}
	for _, dep := range info.Deps {
		m := module{path: dep.Path, version: dep.Version, sum: dep.Sum}
		switch r := dep.Replace; {
		case r == nil:
		case dep.Path == own:
			m.version = version
		case strings.Contains(filepath.ToSlash(r.Path), "/treeshake/"):
			m.shaken, m.sum = true, sums[dep.Path+" "+dep.Version]
		default:
			return nil, fmt.Errorf("%s is replaced by %s, of which nothing is known", dep.Path, r.Path)
		}
		if m.sum == "" && m.path != own {
			return nil, fmt.Errorf("%s %s has no sum", m.path, m.version)
		}
		modules = append(modules, m)
	}
	slices.SortFunc(modules, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return modules, nil
}

// readSums reads a go.sum: by "path version", the sums of modules' contents.
func readSums(name string) (map[string]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	sums := map[string]string{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && !strings.HasSuffix(fields[1], "/go.mod") {
			sums[fields[0]+" "+fields[1]] = fields[2]
		}
	}
	return sums, lines.Err()
}

// billOf is the bill of materials of a binary.
func billOf(binary string, info *debug.BuildInfo, version string, modules []module) (*cdx.BOM, error) {
	file, err := os.Open(binary)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return nil, err
	}
	sum := hash.Sum(nil)
	bom := cdx.NewBOM()
	bom.SerialNumber = serialOf(sum)
	name := filepath.Base(binary)
	main := cdx.Component{
		BOMRef: purl(info.Main.Path, version), Type: cdx.ComponentTypeApplication, Name: name, Version: version,
		PackageURL: purl(info.Main.Path, version), Licenses: spdx([]string{"Apache-2.0"}),
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}},
	}
	bom.Metadata = &cdx.Metadata{
		Component: &main,
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "internal/tools/sbom", Version: version}}},
	}
	components := make([]cdx.Component, 0, len(modules))
	refs := make([]string, 0, len(modules))
	for _, m := range modules {
		c, err := component(m)
		if err != nil {
			return nil, err
		}
		components = append(components, c)
		refs = append(refs, c.BOMRef)
	}
	bom.Components = &components
	// Which module needs which is not in the binary: all that is known is that it holds them.
	bom.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	return bom, nil
}

func component(m module) (cdx.Component, error) {
	url := purl(m.path, m.version)
	c := cdx.Component{
		BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: m.path, Version: m.version, PackageURL: url,
		Scope: cdx.ScopeRequired, Licenses: spdx(m.licences),
	}
	if m.sum != "" {
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.sum, "h1:"))
		if err != nil || !strings.HasPrefix(m.sum, "h1:") {
			return c, fmt.Errorf("%s %s has the sum %q, which is none of go.sum", m.path, m.version, m.sum)
		}
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	}
	if m.shaken {
		c.Pedigree = &cdx.Pedigree{
			Ancestors: &[]cdx.Component{{Type: cdx.ComponentTypeLibrary, Name: m.path, Version: m.version, PackageURL: url}},
			Notes:     shaken,
		}
	}
	return c, nil
}

// purl is a package URL (https://github.com/package-url/purl-spec), in which paths of Go
// are in lower case.
func purl(path, version string) string {
	return "pkg:golang/" + strings.ToLower(path) + "@" + strings.ReplaceAll(version, "+", "%2B")
}

func spdx(ids []string) *cdx.Licenses {
	licences := cdx.Licenses{}
	for _, id := range ids {
		licences = append(licences, cdx.LicenseChoice{License: &cdx.License{ID: id}})
	}
	return &licences
}

// serialOf is a UUID out of a hash, version 8: the same binary has the same bill.
func serialOf(sum []byte) string {
	id := slices.Clone(sum[:16])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
