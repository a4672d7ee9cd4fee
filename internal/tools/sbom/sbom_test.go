package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	bsd = `Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this
   list of conditions and the following disclaimer.
2. Redistributions in binary form must reproduce the above copyright notice,
   this list of conditions and the following disclaimer in the documentation
   and/or other materials provided with the distribution.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND
ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED
WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT OWNER OR CONTRIBUTORS BE LIABLE FOR
ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES
(INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES;
LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND
ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT
(INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS
SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
`
	gpl = `This program is free software: you can redistribute it and/or modify
it under the terms of the GNU Affero General Public License as published by
the Free Software Foundation, either version 3 of the License, or
(at your option) any later version.
`
)

func TestLicences(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  []string
		err   string
	}{
		"one":                     {map[string]string{"LICENSE": bsd}, []string{"BSD-2-Clause"}, ""},
		"of the documentation":    {map[string]string{"License.txt": bsd, "LICENSE.docs": gpl}, []string{"BSD-2-Clause"}, ""},
		"two":                     {map[string]string{"LICENSE": bsd, "COPYING": gpl}, []string{"AGPL-3.0-or-later", "BSD-2-Clause"}, ""},
		"none":                    {map[string]string{"README": bsd, "license.go": bsd}, nil, "has no licence"},
		"one with something else": {map[string]string{"LICENSE": bsd + "And you owe us a fortune for each year in which you use it, and for each one in which you do not. " + bsd[:200] + gpl[:90] + "Our friends and neighbours will come to your house and ask for what belongs to us, and you shall not shut the door on them, nor the window, nor any other opening of your dwelling or that of your relatives."}, nil, "known text"},
	} {
		dir := t.TempDir()
		for file, text := range tc.files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
		}
		got, err := licencesIn(dir)
		if tc.err != "" {
			require.ErrorContains(t, err, tc.err, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, tc.want, got, name)
	}
	require.NoError(t, module{licences: []string{"MIT", "MPL-2.0"}}.allowed())
	require.ErrorContains(t, module{licences: []string{"MIT", "AGPL-3.0-or-later"}}.allowed(), "AGPL-3.0-or-later is not on the list")
	require.ErrorContains(t, module{licences: []string{"MPL-2.0"}, shaken: true}.allowed(), "treeshake")
}

func TestModules(t *testing.T) {
	sums := filepath.Join(t.TempDir(), "go.sum")
	require.NoError(t, os.WriteFile(sums, []byte("example.com/cut v1.0.0 h1:AAAA\nexample.com/cut v1.0.0/go.mod h1:BBBB\n"), 0o600))
	known, err := readSums(sums)
	require.NoError(t, err)
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Deps: []*debug.Module{
		{Path: own, Version: "v0.0.0", Replace: &debug.Module{Path: "../"}},
		{Path: "example.com/Whole", Version: "v2.0.0+incompatible", Sum: "h1:CCCC"},
		{Path: "example.com/cut", Version: "v1.0.0", Replace: &debug.Module{Path: "../.cache/treeshake/example.com/cut"}},
	}}
	modules, err := modulesOf(info, "0.1.0", known)
	require.NoError(t, err)
	assert.Equal(t, []module{
		{path: "example.com/Whole", version: "v2.0.0+incompatible", sum: "h1:CCCC"},
		{path: "example.com/cut", version: "v1.0.0", sum: "h1:AAAA", shaken: true},
		{path: own, version: "0.1.0"},
		{path: standard, version: "1.26.8"},
	}, modules)
	c, err := component(modules[0])
	require.NoError(t, err)
	assert.Equal(t, "pkg:golang/example.com/whole@v2.0.0%2Bincompatible", c.PackageURL)

	info.Deps[2].Replace.Path = "../elsewhere"
	_, err = modulesOf(info, "0.1.0", known)
	require.ErrorContains(t, err, "example.com/cut is replaced by ../elsewhere")
	info.Deps = []*debug.Module{{Path: "example.com/bare", Version: "v1.0.0"}}
	_, err = modulesOf(info, "0.1.0", known)
	require.ErrorContains(t, err, "example.com/bare v1.0.0 has no sum")
}
